"""Noise of a posterior sample with another standard deviation than one."""

from __future__ import annotations

import pytest

from aelint.rules.latent import wrong_noise_scale as rule
from tests.rules.harness import rows

MODEL = """
import torch
from torch import nn
import torch.nn.functional as F

class Model(nn.Module):
    def __init__(self, temperature=0.7):
        super().__init__()
        self.mean, self.scale, self.decoder = nn.Linear(30, 4), nn.Linear(30, 4), nn.Linear(4, 30)
        self.temperature = temperature

    def forward(self, x):
        m, h = self.mean(x), self.scale(x)
        {sample}
        return F.mse_loss(self.decoder(z), x) + {kl}
"""
KL = "-0.5 * (1 + h - m ** 2 - h.exp()).mean()"


@pytest.mark.parametrize(
    ("sample", "kl"),
    [
        pytest.param("z = m + torch.exp(0.5 * h) * torch.randn_like(m)", KL, id="standard"),
        pytest.param("z = m + torch.exp(0.5 * h) * torch.normal(0.0, 1.0, size=m.shape)", KL, id="normal-with-std-one"),
        pytest.param("z = m + torch.exp(0.5 * h) * torch.randn_like(m) * self.temperature", KL, id="temperature"),
        pytest.param(
            "e = self.temperature * torch.randn_like(m); z = m + torch.exp(0.5 * h) * e", KL, id="temperature-apart"
        ),
        pytest.param("e = torch.randn_like(m); z = m + torch.exp(0.5 * h) * e", KL, id="noise-apart"),
        pytest.param("z = m + 0.1 * torch.exp(0.5 * h) * torch.randn_like(m)", "m.pow(2).mean()", id="no-divergence"),
        pytest.param("x = x + 0.1 * torch.randn_like(x); z = m", KL, id="corruption"),
        pytest.param(
            "with torch.no_grad():\n            z = m + 0.5 * (h / 2).exp() * torch.randn_like(m)", KL, id="no-grad"
        ),
    ],
)
def test_silent(sample: str, kl: str) -> None:
    assert rows(rule, MODEL.format(sample=sample, kl=kl)) == []


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param("z = m + torch.exp(0.5 * h) * torch.normal(0.0, 0.1, size=m.shape)", id="torch-normal"),
        pytest.param("z = m + torch.exp(0.5 * h) * torch.empty_like(m).normal_(0, 0.01)", id="in-place"),
        pytest.param("z = m + torch.exp(0.5 * h) * torch.empty_like(m).normal_(mean=1.0)", id="mean"),
        pytest.param("z = m + 0.1 * torch.exp(0.5 * h) * torch.randn_like(m)", id="factor"),
        pytest.param("z = m + torch.randn_like(m) * h.mul(0.5).exp() / 10", id="quotient"),
    ],
)
def test_fires(sample: str) -> None:
    assert rows(rule, MODEL.format(sample=sample, kl=KL)) == [14]


@pytest.mark.parametrize(
    ("apart", "sample"),
    [
        pytest.param("e = 1e-2 * torch.randn_like(h)", "m + torch.exp(0.5 * h) * e", id="noise"),
        pytest.param("e = torch.randn_like(h) / 10", "torch.exp(0.5 * h).mul(e).add(m)", id="quotient"),
        pytest.param("s = 0.1 * torch.exp(h / 2)", "m + s * torch.randn_like(s)", id="scale"),
    ],
)
def test_a_factor_with_a_line_of_its_own_is_reported_there(apart: str, sample: str) -> None:
    assert rows(rule, MODEL.format(sample=f"{apart}\n        z = {sample}", kl=KL)) == [14]


@pytest.mark.parametrize(
    ("width", "found"),
    [pytest.param("1.0", [], id="one"), pytest.param("0.01", [2], id="other")],
)
@pytest.mark.parametrize(
    "noise",
    [
        pytest.param("torch.normal(0.0, WIDTH, size=m.shape)", id="torch-normal"),
        pytest.param("torch.normal(mean=0.0, std=WIDTH, size=m.shape)", id="by-name"),
        pytest.param("torch.empty_like(m).normal_(0, WIDTH)", id="in-place"),
    ],
)
def test_a_setting_of_the_script_is_reported_where_it_is_set(noise: str, width: str, found: list[int]) -> None:
    model = MODEL.format(sample=f"z = m + torch.exp(0.5 * h) * {noise}", kl=KL)
    assert rows(rule, f"\nWIDTH = {width}\n{model}") == found


def test_silent_on_a_sample_that_is_only_shown():
    source = """
import torch
from torch import nn

head = nn.Linear(8, 4)

def step(x):
    mu, logvar = head(x).chunk(2, dim=1)
    kl = -0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())
    shown = mu + 0.5 * torch.exp(0.5 * logvar) * torch.randn_like(mu)
    return {result}, kl
"""
    assert rows(rule, source.format(result="shown")) == []
    assert rows(rule, source.format(result="nn.functional.relu(shown)")) == [10]


SCALED = """
import torch
from torch import nn
from torch.distributions import Normal

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.log_std = nn.Linear(8, 2), nn.Linear(8, 2)
        self.decoder = nn.Linear(2, 8)

    def forward(self, x):
        mu, log_std = self.mean(x), self.log_std(x)
        sigma = torch.exp(log_std)
        kl = 0.5 * (sigma**2 + mu**2 - 1 - 2 * log_std).sum()
        noise = Normal(torch.zeros_like(mu), torch.ones_like(mu))
        z = {sample}
        return self.decoder(z), kl

VAE()(torch.rand(4, 8))
"""


@pytest.mark.parametrize(
    "sample",
    [
        "mu + sigma * torch.randn_like(mu)",
        "noise.sample() * sigma + mu",
        "(torch.randn_like(mu) + 0.1) * sigma + mu",
        "(mu + sigma * torch.randn_like(mu)) * torch.sigmoid(mu)",
    ],
    ids=["sum", "distribution", "shifted-noise", "gated-afterwards"],
)
def test_silent_on_means_that_are_left_alone(sample):
    assert rows(rule, SCALED.format(sample=sample)) == []


@pytest.mark.parametrize(
    "sample",
    ["(torch.randn_like(mu) + mu) * sigma", "(noise.sample() + mu) * sigma", "sigma * (mu + torch.randn_like(sigma))"],
)
def test_fires_on_a_mean_that_is_scaled_with_the_noise(sample):
    assert rows(rule, SCALED.format(sample=sample)) == [17]


SETTING = """
import torch
from torch import nn

class Sampling(nn.Module):
    def __init__(self, width, {name}=1.0):
        super().__init__()
        self.{name} = {name}
        self.mean, self.logvar = nn.Linear(16, width), nn.Linear(16, width)

    def forward(self, x):
        m, h = self.mean(x), self.logvar(x)
        return m + torch.exp(0.5 * h) * (self.{name} * torch.randn_like(m)), m, h

class Model(nn.Module):
    def __init__(self, spread={default}):
        super().__init__()
        self.sampling, self.decoder = Sampling(4, {name}={given}), nn.Linear(4, 16)

    def forward(self, x):
        z, m, h = self.sampling(x)
        return self.decoder(z), m, h

x = torch.rand(8, 16)
y, m, h = Model()(x)
loss = (y - x).pow(2).sum() - 0.5 * torch.sum(1 + h - m ** 2 - h.exp())
loss.backward()
"""


@pytest.mark.parametrize(("name", "given"), [("epsilon_std", "1.0"), ("temperature", "0.01"), ("gain", "0.01")])
def test_silent_on_settings_of_one_and_of_another_name(name, given):
    assert rows(rule, SETTING.format(name=name, given=given, default="1.0")) == []


@pytest.mark.parametrize("name", ["epsilon_std", "eps_std", "noise_scale"])
def test_a_setting_named_after_the_noise_is_reported_where_its_number_is_written(name):
    assert rows(rule, SETTING.format(name=name, given="0.01", default="1.0")) == [18]
    assert rows(rule, SETTING.format(name=name, given="spread", default="0.1")) == [16]


TWICE = """
import torch
from torch import nn
from torch.distributions import Normal

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.scale, self.decoder = nn.Linear(30, 4), nn.Linear(30, 4), nn.Linear(4, 30)

    def forward(self, x, weight):
        m, h = self.mean(x), self.scale(x)
        std = torch.exp(0.5 * h)
        {sample}
        return self.decoder(z)
"""


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param("z = m + torch.normal(0.0, std)", id="drawn with the scale"),
        pytest.param("z = torch.normal(m, std)", id="drawn with both"),
        pytest.param("z = m + std * torch.normal(0.0, 1.0, size=m.shape)", id="scaled once"),
        pytest.param("z = m + weight * torch.normal(0.0, std)", id="a weight of another origin"),
        pytest.param("z = m + torch.sigmoid(h) * torch.normal(0.0, std)", id="a gate from the same head"),
        pytest.param("z = torch.ones_like(m) + std * torch.normal(0.0, std)", id="around a constant"),
        pytest.param("z = m * (std * torch.normal(0.0, std))", id="a factor of the mean"),
        pytest.param("z = std * torch.normal(m, std)", id="a sample that is scaled, with nothing added"),
        pytest.param("z = weight + std * torch.normal(m, std)", id="a sample around a mean of its own"),
    ],
)
def test_silent_on_draws_that_are_scaled_once(sample: str) -> None:
    assert rows(rule, TWICE.format(sample=sample)) == []


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param("z = m + std * torch.normal(0.0, std)", id="torch-normal"),
        pytest.param("z = torch.normal(torch.zeros_like(m), std) * std + m", id="zeros for the mean"),
        pytest.param("z = m - std * torch.normal(0.0, std)", id="taken away"),
        pytest.param("e = m + std * torch.randn_like(m); z = m + std * e", id="a sample for the noise"),
        pytest.param("z = m + std * Normal(0.0, std).rsample()", id="a distribution"),
        pytest.param("z = m + torch.exp(h / 2) * torch.normal(m, std)", id="the mean twice as well"),
    ],
)
def test_fires_on_draws_that_are_scaled_again(sample: str) -> None:
    assert rows(rule, TWICE.format(sample=sample)) == [14]
