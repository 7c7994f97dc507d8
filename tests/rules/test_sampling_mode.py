"""AEL215: in which mode a posterior is sampled, and what is left of it in the other."""

from __future__ import annotations

import pytest

from aelint.rules.latent import sampling_mode as rule
from tests.rules.harness import rows

MODEL = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar, self.decoder = nn.Linear(9, 3), nn.Linear(9, 3), nn.Linear(3, 9)

    def sample(self, mu, logvar):
        std = torch.exp(logvar / 2)
        {body}

    def forward(self, x):
        return self.decoder(self.sample(self.mean(x), self.logvar(x)))

out = Model()(torch.rand(4, 9))
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("return mu + std * torch.randn_like(std) if self.training else mu", id="noise-in-training"),
        pytest.param(
            "return mu if not self.training else mu + std * torch.randn_like(std)", id="the-same-turned-round"
        ),
        pytest.param("return mu + std * torch.randn_like(std)", id="noise-in-both"),
        pytest.param(
            "if self.training: return mu + std * torch.randn_like(std)\n        return mu + 0.1 * std * torch.randn_like(std)",
            id="less-noise-in-evaluation",
        ),
        pytest.param(
            "noise = torch.randn_like(std) if self.training else torch.zeros_like(std)\n        return mu + std * noise",
            id="no-noise-is-zero",
        ),
        pytest.param(
            "if not self.training: return mu\n        if self.training: std = torch.randn_like(std).mul(std)\n        return std + mu",
            id="returned-before",
        ),
        pytest.param(
            "return mu + std * torch.randn_like(std) if self.training else mu + 0.1 * std * torch.randn_like(std)",
            id="less-noise-in-evaluation-as-an-expression",
        ),
        pytest.param("return mu if self.exact else mu + std * torch.randn_like(std)", id="another-switch"),
        pytest.param(
            "return mu + std * torch.randn_like(std) if not self.exact else mu", id="another-switch-turned-round"
        ),
        pytest.param(
            "if not self.training: return mu\n        return mu + std * torch.randn_like(std)", id="left-in-evaluation"
        ),
        pytest.param(
            "if self.exact: return mu\n        return mu + std * torch.randn_like(std)", id="left-by-another-switch"
        ),
        pytest.param(
            "if self.training: return self.draw(mu, std)\n        return mu + std * torch.randn_like(std)",
            id="drawn-elsewhere",
        ),
        pytest.param("if self.training: mu = mu + std * torch.randn_like(std)\n        return mu", id="in-place"),
    ],
)
def test_silent(body: str) -> None:
    assert not rows(rule, MODEL.format(body=body))


@pytest.mark.parametrize(
    ("body", "row"),
    [
        pytest.param("return mu + std * torch.randn_like(std) if not self.training else mu", 12, id="expression"),
        pytest.param(
            "if self.training: std = torch.randn_like(std).mul(std)\n        return std.add_(mu)", 13, id="shifted"
        ),
        pytest.param(
            "if self.training:\n            std = std * torch.randn_like(std)\n        return mu + std", 14, id="sum"
        ),
    ],
)
def test_fires(body: str, row: int) -> None:
    assert rows(rule, MODEL.format(body=body)) == [row]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("if self.training: std = 2 * std\n        return mu + std", id="no-noise-in-sight"),
        pytest.param(
            "noise = torch.randn_like(std)\n        if self.training: std = std * noise\n        else: std = 0 * std\n        return mu + std",
            id="scaled-to-nothing",
        ),
        pytest.param(
            "if self.config.training: std = std * torch.randn_like(std)\n        return mu * 1.0 if std is None else mu",
            id="the-training-of-something-else",
        ),
        pytest.param(
            "if self.training: std = std + torch.randn_like(std)\n        return mu + std", id="noise-that-is-added"
        ),
        pytest.param(
            "if self.training: std = 0.1 * torch.randn_like(std)\n        return mu + std", id="noise-of-another-scale"
        ),
        pytest.param(
            "if self.training: logvar = logvar * torch.randn_like(logvar)\n        return mu + logvar",
            id="a-shift-that-the-network-learns",
        ),
        pytest.param(
            "shift = 0 * std\n        if self.training: shift = std * torch.randn_like(std)\n        return mu + shift",
            id="a-shift-of-zero",
        ),
    ],
)
def test_silent_where_the_scale_does_not_stay_behind(body: str) -> None:
    assert not rows(rule, MODEL.format(body=body))


def test_silent_where_a_caller_chooses_between_two_ways_that_both_draw():
    source = """
import torch
from torch import nn

def draw(mu, sigma):
    return mu + sigma * torch.randn_like(mu)

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.mu, self.head, self.out = nn.Linear(8, 2), nn.Linear(8, 2), nn.Linear(2, 8)

    def loss(self, x, weight):
        z = draw(self.mu(x), torch.exp(0.5 * self.head(x)))
        return weight * ((self.out(z) - x) ** 2).sum()

    def forward(self, x):
        if self.training:
            return self.loss(x, 1.0)
        else:
            return self.loss(x, 2.0)
"""
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "body",
    [
        "if self.training: return mu\n        return mu + std * torch.randn_like(std)",
        "if self.training:\n            return mu\n        eps = torch.randn_like(std)\n        return mu + std * eps",
    ],
    ids=["at once", "step by step"],
)
def test_fires_on_noise_behind_what_training_leaves(body):
    assert rows(rule, MODEL.format(body=body)) == [12]


def test_silent_on_a_sample_that_a_lambda_draws():
    source = MODEL.format(
        body="draw = lambda m, s: m + s * torch.randn_like(s)\n        return draw(mu, std) if self.training else mu"
    )
    assert rows(rule, source) == []
