"""AEL139: masks that keep with one probability and are rescaled by the other."""

from __future__ import annotations

import pytest

from aelint.rules.architecture import unbalanced_dropout as rule
from tests.rules.harness import rows

BODY = """import numpy as np
import torch

def corrupt(self, x, p):
{body}
"""


def body(*lines: str) -> str:
    return BODY.format(body="\n".join("    " + line for line in lines))


@pytest.mark.parametrize(
    "lines",
    [
        ["return x * (torch.rand_like(x) < p).float() / (1 - p)"],
        ["return x.div(1 - p) * torch.floor(p + torch.rand(x.shape))"],
        ["return x * (p > torch.rand(x.shape)).to(x) / (1.0 - p)"],
        ["return x * torch.bernoulli(torch.full_like(x, p)).mul(1 / (1 - p))"],
        ["return x * torch.bernoulli(p * torch.ones_like(x)) / (1 - p)"],
        ["return np.random.binomial(1, self.p, size=x.shape) / (1 - self.p) * x"],
        ["return x * ~(torch.rand_like(x) < p) / p"],
        ["return x * (1 - (x.new_empty(3).uniform_() < p).float()) / p"],
    ],
)
def test_fires(lines: list[str]) -> None:
    assert rows(rule, body(*lines)) == [5]


@pytest.mark.parametrize(
    "lines",
    [
        ["keep = 1 - p", "mask = x.new_empty(x.shape).bernoulli_(p)", "return x.div(keep) * mask"],
        ["mask = torch.rand_like(x)", "mask = (mask > p).float()", "return x * mask / p"],
    ],
)
def test_fires_through_names(lines: list[str]) -> None:
    assert rows(rule, body(*lines)) == [7]


@pytest.mark.parametrize(
    ("reason", "lines"),
    [
        ("kept with what is left", ["return x * (torch.rand_like(x) >= p).float() / (1 - p)"]),
        ("divided by the same", ["return x * (torch.rand_like(x) < p).float() / p"]),
        ("the mask of the dropped", ["drop = torch.rand_like(x) < p", "return x * ~drop / (1 - p)"]),
        ("kept by name", ["keep = 1 - p", "mask = torch.floor(keep + torch.rand_like(x))", "return x / keep * mask"]),
        ("not rescaled", ["return x * (torch.rand_like(x) < p).float()"]),
        ("divided by both", ["return x * (torch.rand_like(x) < p).float() / (p * (1 - p))"]),
        ("another number", ["return x * (torch.rand_like(x) < p).float() / (1 - self.q)"]),
        ("not drawn evenly", ["return x * (torch.randn_like(x) < p).float() / (1 - p)"]),
        ("no random mask", ["return x * (x < p).float() / (1 - p)"]),
        ("a test of equality", ["return x * (torch.rand_like(x) == p).float() / (1 - p)"]),
        ("many probabilities", ["return x * torch.bernoulli(x.sigmoid()) / (1 - p)"]),
        ("a range of its own", ["return x * (x.new_empty(3).uniform_(0, 2) < p).float() / (1 - p)"]),
        (
            "one of two masks",
            [
                "if self.training:",
                "    mask = (torch.rand_like(x) < p).float()",
                "else:",
                "    mask = (torch.rand_like(x) > p).float()",
                "return x * mask / (1 - p)",
            ],
        ),
    ],
)
def test_silent_when(reason: str, lines: list[str]) -> None:
    assert rows(rule, body(*lines)) == [], reason
