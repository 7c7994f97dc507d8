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
