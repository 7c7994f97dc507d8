"""Exponentials of heads that nothing bounds."""

from __future__ import annotations

import pytest

from aelint.rules.latent import unbounded_log_variance as rule
from tests.rules.harness import rows

MODEL = """
import torch
from torch import nn
import torch.nn.functional as F

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.scale, self.both = nn.Linear(30, 4), nn.Linear(30, 4), nn.Linear(30, 8)
        self.gain = nn.Parameter(torch.zeros(4))

    def forward(self, x):
        m, h = {heads}
        return m + {std} * torch.randn_like(m)
"""
EXP = "torch.exp(0.5 * h)"


@pytest.mark.parametrize(
    ("heads", "std"),
    [
        pytest.param("self.mean(x), self.scale(x).clamp(-30, 20)", EXP, id="clamped"),
        pytest.param("self.mean(x), self.scale(x)", "torch.exp(0.5 * torch.clamp(h, max=20))", id="clamped-later"),
        pytest.param("self.mean(x), 7 * torch.tanh(self.scale(x))", EXP, id="tanh"),
        pytest.param("self.mean(x), self.scale(x)", "F.softplus(h)", id="softplus"),
        pytest.param("self.mean(x), self.gain", EXP, id="parameter"),
    ],
)
def test_silent(heads: str, std: str) -> None:
    assert rows(rule, MODEL.format(heads=heads, std=std)) == []


@pytest.mark.parametrize(
    ("heads", "std"),
    [
        pytest.param("self.mean(x), self.scale(x)", EXP, id="linear"),
        pytest.param("self.both(x).chunk(2, dim=1)", "h.div(2).exp()", id="halves"),
        pytest.param("self.mean(x), self.scale(x)", "h.exp().sqrt()", id="root"),
        pytest.param("self.mean(x), self.scale(x).clamp(min=-10)", EXP, id="bounded-below-only"),
    ],
)
def test_fires(heads: str, std: str) -> None:
    assert rows(rule, MODEL.format(heads=heads, std=std)) == [14]
