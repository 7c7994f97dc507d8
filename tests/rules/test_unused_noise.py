"""Noise, and joined conditions, that are computed and never used."""

from __future__ import annotations

import pytest

from aelint.rules.latent import unused_condition
from aelint.rules.latent import unused_noise as rule
from tests.rules.harness import rows

MODEL = """
import torch
from torch import nn
import torch.nn.functional as F

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.scale = nn.Linear(30, 4), nn.Linear(30, 4); self.label, self.decoder = nn.Embedding(3, 2), nn.Linear(4, 30)

    def forward(self, x, c):
        m, s = self.mean(x), F.softplus(self.scale(x))
        {body}
"""


def source(body: str) -> str:
    return MODEL.format(body=body.replace("; ", "\n        "))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("eps = torch.randn_like(s); return m + s * eps", id="used"),
        pytest.param("eps = torch.randn_like(s); eps = eps * s; return m + eps", id="used-by-its-own-new-value"),
        pytest.param("eps = 0.5 * torch.randn_like(s); return m + s * eps", id="scaled-and-used"),
        pytest.param("_ = torch.randn_like(s); return m", id="said-to-be-unused"),
        pytest.param("eps = torch.randn_like(s); self.last = eps; return m", id="stored"),
        pytest.param("eps = torch.randn_like(s); return {'z': m, 'eps': eps}", id="returned-in-a-dictionary"),
        pytest.param("eps = torch.randn_like(s); print(eps.shape); return m", id="read-for-its-shape"),
        pytest.param("eps = torch.randn_like(s); return m + s * eps if self.training else m", id="in-training-only"),
        pytest.param("return m + s * torch.randn_like(s)", id="without-a-name"),
        pytest.param("z = torch.randn_like(s); for _ in range(3): z = z + s; return z", id="start-of-a-loop"),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, source(body)) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("eps = torch.randn_like(s); return m + s", id="forgotten"),
        pytest.param("eps = torch.randn(m.shape); eps = torch.zeros_like(s); return m + s * eps", id="overwritten"),
        pytest.param("eps = torch.empty_like(s).normal_(); return m, s", id="in-place"),
        pytest.param("noise = torch.rand_like(x); return self.mean(x)", id="denoiser-without-noise"),
        pytest.param("eps = torch.randn_like(s) * 0.5; return m + s * 0.5", id="scaled-and-forgotten"),
    ],
)
def test_fires(body: str) -> None:
    assert rows(rule, source(body)) == [13]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("h = torch.cat([m, self.label(c)], 1); return h", id="returned"),
        pytest.param("h = torch.cat([m, self.label(c)], 1); return self.head(h)", id="given-to-an-unknown"),
        pytest.param("e = self.label(c); m = m + e.sum(); return m", id="used"),
        pytest.param("h = torch.cat([m, self.label(c)], 1); return m", id="no-layer-goes-on-without-it"),
    ],
)
def test_a_condition_that_is_used(body: str) -> None:
    assert rows(unused_condition, source(body)) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("h = torch.cat([m, self.label(c)], 1); return self.decoder(m)", id="concatenated"),
        pytest.param("e = self.label(c); return m, s", id="embedded"),
        pytest.param("y = F.one_hot(c, 3); return m + s", id="encoded"),
    ],
)
def test_a_condition_that_is_not_used(body: str) -> None:
    assert rows(unused_condition, source(body)) == [13]


SAMPLED = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.mu, self.logvar, self.decoder = nn.Linear(9, 3), nn.Linear(9, 3), nn.Linear(3, 9)

    def sample(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)

    def forward(self, x):
        mu, logvar = self.mu(x), self.logvar(x)
        z = self.sample(mu, logvar)
        return {}

out = Model()(torch.rand(4, 9))
"""


def test_a_sample_that_is_used() -> None:
    for used in ("self.decoder(z)", "self.decoder(mu), z", "self.decoder(mu) + 0 * z.sum()"):
        assert not rows(rule, SAMPLED.format(used)), used


@pytest.mark.parametrize(
    "body",
    [
        "return mu + logvar.exp() * torch.randn_like(mu) if self.training else mu",
        "return torch.distributions.Normal(mu, logvar.exp()).rsample()",
    ],
)
def test_a_sample_that_only_training_draws_or_a_distribution_gives(body: str) -> None:
    method = SAMPLED[SAMPLED.index("    def sample") : SAMPLED.index("    def forward")]
    drawn = SAMPLED.replace(method, f"    def sample(self, mu, logvar):\n        {body}\n\n")
    assert rows(rule, drawn.format("self.decoder(z), mu")) == []
    assert len(rows(rule, drawn.format("self.decoder(mu), mu"))) == 1


def test_a_sample_that_is_not_used() -> None:
    assert rows(rule, SAMPLED.format("self.decoder(mu), mu, logvar")) == [15]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param("x = x + torch.randn_like(x); return self.mean(x)", [], id="read"),
        pytest.param("h = x + torch.randn_like(x); h = self.mean(h); return h", [], id="taken-further"),
        pytest.param("h = x + torch.randn_like(x); h = x * torch.bernoulli(x); return h", [], id="other-noise"),
        pytest.param("h = x * 0.5; h = x; return self.mean(h)", [], id="no-noise"),
        pytest.param("h = x + torch.randn_like(x); h = x; return self.mean(h)", [14], id="clean-again"),
        pytest.param(
            "h = x * torch.randint(0, 2, x.shape); h = x.view(-1, 30); return self.mean(h)", [14], id="reshaped"
        ),
        pytest.param("h = F.dropout(x) + 0 * torch.rand_like(x); h = 2 * x; return self.mean(h)", [14], id="scaled"),
    ],
)
def test_corrupted_input_that_is_assigned_again(body: str, found: list[int]) -> None:
    assert rows(rule, source(body)) == found


SETTINGS = """import torch
from torch import nn

def corrupt(x):
    return x * (torch.rand_like(x) > 0.3)

class AE(nn.Module):
    def __init__(self, convolutional={default}):
        super().__init__()
        self.convolutional = convolutional
        self.net = nn.Linear(144, 144)

    def forward(self, x):
        h = x
        if self.training:
            h = corrupt(x)
        {between}
        if self.convolutional:
            h = {again}.view(-1, 144)
        return self.net(h)

model = AE({given})
for x in loader:
    (model(x) - x).pow(2).mean().backward()
print((model(corrupt(torch.rand(8, 144))) - x).pow(2).mean())
"""
SET = {"default": "True", "between": "pass", "again": "x", "given": ""}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"again": "h"}, id="goes on from the corrupted one"),
        pytest.param({"default": "False"}, id="a setting that leaves the corrupted one"),
        pytest.param({"given": "False"}, id="a setting of the program that leaves it"),
        pytest.param({"between": "print(h.mean())"}, id="something reads it"),
        pytest.param({"given": "options()"}, id="an unknown setting"),
    ],
)
def test_silent_where_a_setting_may_leave_the_corrupted_input(changes) -> None:
    assert rows(rule, SETTINGS.format(**{**SET, **changes})) == []


@pytest.mark.parametrize("changes", [{}, {"default": "False", "given": "True"}])
def test_fires_where_the_programs_own_settings_overwrite_the_corrupted_input(changes) -> None:
    assert rows(rule, SETTINGS.format(**{**SET, **changes})) == [19]
