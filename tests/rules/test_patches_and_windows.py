"""Patches and windows that a reshape puts side by side (layout-reinterpreted)."""

from __future__ import annotations

import pytest

from aelint.rules.architecture import layout_reinterpreted as rule
from tests.rules.harness import rows

HEAD = """import torch
x = torch.rand(8, 3, 32, 32)
tokens = torch.rand(8, 36, 16, 4)
"""


@pytest.mark.parametrize(
    "body",
    [
        "x.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 1, 4, 5).reshape(8, 16, 192)",
        "torch.rand(8, 1, 32, 32).unfold(2, 8, 8).unfold(3, 8, 8).reshape(8, 16, 64)",
        "x.unfold(2, 8, 8).unfold(3, 8, 8).reshape(8, 48, 64)",
        "tokens.reshape(8, 6, 6, 4, 4, 4).permute(0, 1, 3, 2, 4, 5).reshape(8, 24, 24, 4)",
        "torch.rand(8, 35, 16, 4).reshape(8, 28, 20, 4)",
        "tokens.reshape(8, 576, 4)",
    ],
    ids=["permuted", "one-channel", "channel-by-channel", "patches-permuted", "no-square", "flattened"],
)
def test_silent(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == []


@pytest.mark.parametrize(
    "body",
    [
        "x.unfold(2, 8, 8).unfold(3, 8, 8).contiguous().view(8, 16, 192)",
        "p = 4; x.unfold(2, p, p).unfold(3, p, p).reshape(x.size(0), -1, 3 * p * p)",
        "tokens.reshape(8, 24, 24, 4)",
        "torch.rand(8, 16, 64, 3).view(-1, 32, 32, 3)",
    ],
)
def test_fires(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == [4]


FLOW = """import torch

class Flow(torch.nn.Module):
    def forward(self, x):
        a, b = {split_x}
        return torch.cat([a, b * 2], dim=1)

    def inverse(self, z):
        a, b = {split_z}
        return torch.cat([a, b / 2], dim=1)

flow = Flow()
y = flow(torch.rand(16, {width}))
"""


@pytest.mark.parametrize(
    ("split_x", "split_z", "width"),
    [
        ("x[:, :4], x[:, 4:]", "z[:, :4], z[:, 4:]", 8),
        ("x[:, ::2], x[:, 1::2]", "z[:, :4], z[:, 4:]", 8),
        ("x[:, ::2], x[:, 1::2]", "z[:, ::2], z[:, 1::2]", 2),
    ],
    ids=["at-the-middle", "a-permutation-that-is-undone", "two-columns"],
)
def test_silent_on_halves(split_x: str, split_z: str, width: int) -> None:
    assert rows(rule, FLOW.format(split_x=split_x, split_z=split_z, width=width)) == []


def test_fires_on_halves_that_are_not_put_back() -> None:
    source = FLOW.format(split_x="x[:, ::2], x[:, 1::2]", split_z="z[:, 0::2], z[:, 1::2]", width=8)
    assert rows(rule, source) == [6]
    assert rows(rule, source.replace("torch.cat([a, b * 2], dim=1)", "torch.cat((b + a, a), 1)")) == [6]
