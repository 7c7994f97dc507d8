"""Sums that every round overwrites."""

from __future__ import annotations

import pytest

from aelint.rules.objective import overwritten_sum as rule
from tests.rules.harness import rows

BODY = """import torch.nn.functional as F

def total(codes, loader):
    loss, count = 0.0, 0
{body}
"""


def body(*lines: str) -> str:
    return BODY.format(body="\n".join("    " + line for line in lines))


@pytest.mark.parametrize(
    ("reason", "lines"),
    [
        (
            "added",
            ["for c in codes:", "    loss = loss + F.mse_loss(codes[0], c)", "    count += 1", "return loss / count"],
        ),
        ("added in place", ["for c in codes:", "    loss += c.mean()", "return loss / len(codes)"]),
        ("read in the loop", ["for c in codes:", "    loss = c.mean()", "    print(loss)", "return loss / len(codes)"]),
        ("another divisor", ["for c in codes:", "    loss = c.mean()", "return loss / 10"]),
        ("not divided", ["for c in codes:", "    loss = c.mean()", "return loss"]),
        ("the first that fits", ["for c in codes:", "    loss = c.mean()", "    break", "return loss / len(codes)"]),
        (
            "set anew behind the loop",
            ["for c in codes:", "    loss = c.mean()", "loss = sum(codes)", "return loss / len(codes)"],
        ),
        ("set in a branch", ["for c in codes:", "    if c:", "        loss = c.mean()", "return loss / len(codes)"]),
    ],
)
def test_silent_when(reason: str, lines: list[str]) -> None:
    assert rows(rule, body(*lines)) == [], reason


@pytest.mark.parametrize(
    "lines",
    [
        ["for c in codes[1:]:", "    loss = F.mse_loss(codes[0], c)", "    count += 1", "return loss / count"],
        ["for c in codes:", "    loss = c.mean()", "return 0.5 * loss / len(codes)"],
        ["for i in range(len(codes)):", "    loss = codes[i].mean()", "out = (loss * 2) / len(codes)", "return out"],
        ["for i, (x, _) in enumerate(loader):", "    loss = F.mse_loss(x, x)", "print(loss / len(loader))"],
    ],
)
def test_fires(lines: list[str]) -> None:
    assert rows(rule, body(*lines)) == [6]
