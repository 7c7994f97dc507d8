"""A divergence that takes a standard deviation for a logarithm."""

from __future__ import annotations

from types import ModuleType

import pytest

from aelint.rules.latent import logvar_as_std
from aelint.rules.latent import std_in_kl as rule
from tests.rules.harness import rows, run

MODEL = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence

def divergence(m, logvar):
    return -0.5 * torch.sum(1 + logvar - m.pow(2) - logvar.exp(), dim=1).mean()

def guarded(m, logsigma):
    s = torch.exp(0.1 + 0.9 * F.softplus(logsigma))
    return kl_divergence(Normal(m, s), Normal(0.0, 1.0)).sum()

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.scale, self.decoder = nn.Linear(30, 4), nn.Linear(30, 4), nn.Linear(4, 30)

    def forward(self, x):
        m, h = self.mean(x), self.scale(x)
        std = {std}
        z = m + std * torch.randn_like(std)
        return self.decoder(z), {kl}
"""


def source(std: str, kl: str) -> str:
    return MODEL.format(std=std, kl=kl)


@pytest.mark.parametrize(
    ("std", "kl"),
    [
        pytest.param("torch.exp(0.5 * h)", "divergence(m, h)", id="log-variance"),
        pytest.param("F.softplus(h)", "divergence(m, 2 * torch.log(std))", id="logarithm-of-the-std"),
        pytest.param("F.softplus(h) + 1e-4", "divergence(m, (std ** 2).log())", id="logarithm-of-the-variance"),
        pytest.param("torch.exp(h)", "divergence(m, 2 * h)", id="doubled-log-std"),
        pytest.param("torch.exp(0.5 * h)", "guarded(m, 0.5 * h)", id="guarded-log-std"),
        pytest.param("torch.exp(0.5 * h)", "kl_divergence(Normal(m, std), Normal(0.0, 1.0)).sum()", id="distribution"),
    ],
)
def test_silent(std: str, kl: str) -> None:
    assert rows(rule, source(std, kl)) == []


@pytest.mark.parametrize(
    ("std", "kl"),
    [
        pytest.param("torch.exp(0.5 * h)", "divergence(m, std)", id="passed-to-a-function"),
        pytest.param("torch.exp(h)", "divergence(logvar=std, m=m)", id="by-keyword"),
        pytest.param("F.softplus(h)", "divergence(m, std)", id="softplus"),
        pytest.param("torch.exp(0.5 * h)", "guarded(m, std)", id="guarded-by-softplus"),
        pytest.param("h.exp().sqrt()", "(m ** 2 + std.exp() - std - 1).sum()", id="written-out"),
    ],
)
def test_fires_where_it_is_passed(std: str, kl: str) -> None:
    text = source(std, kl)
    assert rows(rule, text) == [23]
    assert rows(logvar_as_std, text) == []


def test_in_another_file() -> None:
    files = {
        "model.py": "import torch\nfrom torch import nn\nfrom losses import kl_loss\n\nclass Model(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.e = nn.Linear(30, 8)\n\n"
        "    def forward(self, x):\n        mean, h = self.e(x).chunk(2, dim=1)\n        sigma = h.mul(0.5).exp()\n"
        "        z = torch.normal(0.0, 1.0, mean.shape) * sigma + mean\n        return z, kl_loss(mean, sigma)\n",
        "losses.py": "import torch\n\ndef kl_loss(mean, log_var):\n"
        "    return torch.mean(-0.5 * torch.sum(1 + log_var - mean ** 2 - log_var.exp(), dim=1), dim=0)\n",
    }
    (finding,) = run(rule, files)
    assert finding.site.row == 14
    assert finding.site.unit.path == "model.py"
    assert "`sigma`" in finding.message


def test_a_formula_that_takes_its_own_log_scale_for_a_log_variance() -> None:
    source = """
    import torch
    from torch import nn

    def loss(mu, {name}):
        return -0.5 * torch.sum(1 + {name} - mu.pow(2) - {name}.exp())

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.mu, self.ls, self.out = nn.Linear(9, 3), nn.Linear(9, 3), nn.Linear(3, 9)

        def forward(self, x):
            mu, logsigma = self.mu(x), self.ls(x)
            return self.out(mu + torch.randn_like(mu) * logsigma.exp()), mu, logsigma

    y, mu, other = Model()(torch.rand(4, 9))
    total = loss(mu, other)
    """
    # Both call it a log standard deviation: the formula is wrong. One calls it a log-variance: the call is.
    assert rows(rule, source.format(name="logsigma")) == [6]
    assert rows(rule, source.format(name="logvar")) == [18]


def test_formula_that_takes_the_logarithm_of_a_log_variance() -> None:
    source = """
    import torch
    from torch import nn


    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean, self.logvar = nn.Linear(30, 4), nn.Linear(30, 4)

        def forward(self, x):
            mu, logvar = self.mean(x), self.logvar(x)
            return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar), divergence(mu, logvar)


    def divergence(mu, logvar):
        return 0.5 * torch.mean(mu ** 2 + logvar ** 2 - torch.log(logvar ** 2) - 1, -1)
    """
    assert rows(rule, source) == [17]


def test_silent_where_a_sample_is_written_out_in_its_own_density():
    source = """
        import math
        import torch
        import torch.nn as nn

        class Layer(nn.Module):
            def __init__(self):
                super().__init__()
                self.mu = nn.Parameter(torch.randn(8, 4))
                self.rho = nn.Parameter(torch.randn(8, 4))

            def forward(self, x):
                sigma = torch.log1p(torch.exp(self.rho))
                w = self.mu + sigma * torch.randn_like(self.mu)
                posterior = (-torch.log(sigma) - (w - self.mu) ** 2 / (2 * sigma**2)).sum()
                prior = (-0.5 * w**2).sum()
                return x @ w.t(), posterior - prior

        net = Layer()
        out, kl = net(torch.rand(2, 4))
        (out.pow(2).sum() + kl).backward()
    """
    assert rows(rule, source) == []


DENSITY = """
import torch
from torch import nn
import torch.nn.functional as F

net, scale = nn.Linear(8, 8), nn.Linear(8, 8)
x = torch.rand(4, 8)
out, sigma = net(x), F.softplus(scale(x))
eps = torch.randn_like(out)
w = out + sigma * eps
value = {density}
value.sum().backward()
"""


@pytest.mark.parametrize(
    "density",
    [
        "torch.log(sigma) + (x - out) ** 2 / (2 * sigma**2)",
        "0.1 * sigma + (x - out) ** 2 / (2 * sigma**2)",
        "sigma + (x - out) ** 2",
        "sigma + torch.log(sigma) + (x - out) ** 2 / (2 * sigma**2)",
        "-torch.log(sigma) - (w - out) ** 2 / (2 * sigma**2)",
    ],
    ids=["log-std", "a-penalty", "no-variance", "both", "own-sample"],
)
def test_silent_on_densities(density):
    assert rows(rule, DENSITY.format(density=density)) == []


@pytest.mark.parametrize(
    "density",
    [
        "sigma + (x - out) ** 2 / (2 * sigma**2)",
        "-0.9 - sigma - 0.5 * ((x - out) / sigma) ** 2",
        "0.5 * (sigma + (x - out) ** 2 / sigma)",
        "-sigma - (w - out) ** 2 / (2 * sigma**2)",
    ],
)
def test_fires_on_a_scale_in_place_of_its_logarithm(density):
    assert rows(rule, DENSITY.format(density=density)) == [11]


def test_silent_on_a_log_variance_that_is_never_positive() -> None:
    text = source("torch.exp(logvar / 2)", "0.5 * torch.sum(m * m + torch.exp(logvar) - 1 - logvar) / m.size(0)")
    text = text.replace("        std = ", "        logvar = -torch.abs(h)\n        std = ")
    assert "logvar = -torch.abs(h)" in text
    assert rows(rule, text) == []
    assert rows(logvar_as_std, text) == []


WEIGHTS = """
import torch
from torch import nn
import torch.nn.functional as F

class Bayesian(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.randn(8, 30))
        self.h = nn.Parameter(torch.full((8, 30), -9.0))

    def kl(self):
        return {kl}

    def forward(self, x):
        mean = {layer}(x, self.mean{turned})
        var = {layer}({square}, {spread}{turned})
        return mean + torch.sqrt(var + 1e-12) * torch.randn_like(mean)

layer = Bayesian()
loss = layer(torch.rand(4, 30)).pow(2).mean() + layer.kl()
"""
OF_LOGVAR = "0.5 * torch.sum(self.h.exp() + self.mean ** 2 - self.h - 1)"
OF_LOGSTD = "torch.sum(0.5 * (self.h.exp().pow(2) + self.mean ** 2) - self.h - 0.5)"


@pytest.mark.parametrize(
    ("kl", "layer", "square", "spread"),
    [
        pytest.param(OF_LOGVAR, "F.linear", "x.pow(2)", "self.h.exp()", id="log-variances"),
        pytest.param(OF_LOGSTD, "F.linear", "x * x", "self.h.exp() ** 2", id="log-std"),
        pytest.param(OF_LOGSTD, "F.linear", "x", "self.h.exp()", id="no-variance-of-weights"),
        pytest.param(OF_LOGSTD, "F.linear", "x.pow(2)", "F.softplus(self.h)", id="another-map"),
    ],
)
def test_silent_on_weights_that_are_drawn_by_their_activations(kl: str, layer: str, square: str, spread: str) -> None:
    assert rows(rule, WEIGHTS.format(kl=kl, layer=layer, square=square, spread=spread, turned="")) == []


@pytest.mark.parametrize(
    ("layer", "square", "spread", "turned"),
    [
        ("F.linear", "x.pow(2)", "self.h.exp()", ""),
        ("torch.matmul", "x ** 2", "torch.exp(self.h)", ".t()"),
        ("nn.functional.linear", "x * x", "torch.exp(0.5 * self.h) ** 2", ""),
    ],
)
def test_fires_on_weights_that_are_drawn_by_their_activations(
    layer: str, square: str, spread: str, turned: str
) -> None:
    named = WEIGHTS.replace("self.h", "self.logvar").format(
        kl=OF_LOGSTD.replace("self.h", "self.logvar"),
        layer=layer,
        square=square,
        spread=spread.replace("self.h", "self.logvar"),
        turned=turned,
    )
    assert rows(rule, named) == [13]
    assert rows(logvar_as_std, named) == []


def test_silent_on_activations_whose_variance_is_not_that_of_weights() -> None:
    named = WEIGHTS.replace("self.h", "self.logvar").format(
        kl=OF_LOGSTD.replace("self.h", "self.logvar"),
        layer="F.linear",
        square="x",
        spread="self.logvar.exp()",
        turned="",
    )
    assert rows(rule, named) == []


@pytest.mark.parametrize(("name", "module"), [("logvar", rule), ("log_var", rule), ("h", logvar_as_std)])
def test_a_head_that_is_sampled_as_its_name_says_is_misread_by_the_divergence(name: str, module: ModuleType) -> None:
    text = source(f"torch.exp(0.5 * {name})", f"divergence(m, 2 * {name})").replace("m, h =", f"m, {name} =")
    assert [bool(rows(one, text)) for one in (rule, logvar_as_std)] == [module is rule, module is logvar_as_std]
