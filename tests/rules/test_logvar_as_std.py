"""A scale head that the sample and the divergence read differently."""

from __future__ import annotations

import pytest

from aelint.diagnostics import Severity
from aelint.rules.latent import logvar_as_std as rule
from tests.rules.harness import rows, run

MODEL = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(30, 16), nn.ReLU())
        self.mean, self.scale = nn.Linear(16, 4), nn.Linear(16, 4)

    def forward(self, x):
        h = self.body(x)
        return self.mean(h), self.scale(h)

def divergence(m, h):
    return {kl}

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), nn.Linear(4, 30)

    def forward(self, x):
        m, h = self.encoder(x)
        z = {sample}
        return F.mse_loss(self.decoder(z), x) + divergence(m, h)
"""
KL_LOGVAR = "-0.5 * torch.sum(1 + h - m.pow(2) - h.exp(), dim=1).mean()"
KL_LOGSTD = "0.5 * (m ** 2 + torch.exp(2 * h) - 1 - 2 * h).sum(1).mean()"
KL_INPLACE = "m.pow(2).add_(h.exp()).mul_(-1).add_(1).add_(h).sum().mul_(-0.5)"
KL_TORCH = "kl_divergence(Normal(m, (0.5 * h).exp()), Normal(0, 1)).sum()"
KL_PRECISION = "0.5 * torch.sum(m ** 2 + torch.exp(-h) - 1 + h) / m.size(0)"
KL_STD = "0.5 * (m ** 2 + h ** 2 - 1).sum() - torch.log(h).sum()"


def source(sample: str, kl: str) -> str:
    return MODEL.format(sample=sample, kl=kl)


@pytest.mark.parametrize(
    ("sample", "kl"),
    [
        pytest.param("m + torch.exp(h / 2) * torch.randn_like(m)", KL_LOGVAR, id="half-log-variance"),
        pytest.param("m + h.exp().sqrt() * torch.randn_like(m)", KL_INPLACE, id="root-of-variance"),
        pytest.param("m + torch.exp(h) * torch.randn_like(m)", KL_LOGSTD, id="log-std-that-the-divergence-shares"),
        pytest.param("Normal(m, torch.exp(0.5 * h)).rsample()", KL_LOGVAR, id="distribution"),
        pytest.param("Normal(m, h.exp() ** 0.5).rsample()", KL_TORCH, id="both-are-distributions"),
        pytest.param("m + torch.exp(h) * torch.randn_like(m)", "(m ** 2).sum()", id="one-use-is-no-proof"),
        pytest.param("m + torch.exp(0.5 * h).clamp(1e-3) * torch.randn_like(m)", KL_LOGVAR, id="clamped"),
        pytest.param("m + 0.7 * torch.exp(0.5 * h) * torch.randn_like(m)", KL_LOGVAR, id="temperature"),
        pytest.param("m + torch.exp(-0.5 * h) * torch.randn_like(m)", KL_PRECISION, id="log-precision"),
        pytest.param("m + torch.exp(0.1 * h) * torch.randn_like(m)", KL_STD, id="a-law-of-its-own"),
        pytest.param("m + torch.exp(0.1 * h) * torch.randn_like(m)", "(m ** 2).sum()", id="no-divergence"),
        pytest.param("x[:, :4] + 0.1 * torch.randn(4)", KL_LOGVAR, id="corruption"),
        pytest.param("m + (h := F.softplus(h)) * torch.randn_like(m)", KL_LOGVAR, id="the-divergence-is-at-fault"),
        pytest.param("Normal(m, positive(h)).rsample()", "(m ** 2).sum()", id="an-unknown-function-for-normal"),
        pytest.param("Normal(m, h ** 2).rsample()", "(m ** 2).sum()", id="squared-for-normal"),
        pytest.param("Normal(m, F.softplus(h)).rsample()", "(m ** 2).sum()", id="softplus-for-normal"),
        pytest.param("Normal(m, h.abs()).rsample()", "(m ** 2).sum()", id="absolute-for-normal"),
        pytest.param("Normal(m, h.clamp(min=1e-3)).rsample()", "(m ** 2).sum()", id="clamped-for-normal"),
        pytest.param("Normal(m, h, validate_args=False).rsample()", "(m ** 2).sum()", id="unchecked-by-normal"),
    ],
)
def test_silent(sample: str, kl: str) -> None:
    assert rows(rule, source(sample, kl)) == []


@pytest.mark.parametrize(
    ("sample", "kl"),
    [
        pytest.param("m + torch.exp(h) * torch.randn_like(m)", KL_LOGVAR, id="exp"),
        pytest.param("m + torch.exp(0.1 * h) * torch.randn_like(m)", KL_LOGVAR, id="a-tenth"),
        pytest.param("m + torch.exp(h / 2 / 2) * torch.randn_like(m)", KL_INPLACE, id="halved-twice"),
        pytest.param("torch.randn_like(m).mul(h.exp()).add_(m)", KL_INPLACE, id="in-place"),
        pytest.param("torch.addcmul(m, torch.randn(4), torch.exp(h))", KL_TORCH, id="addcmul"),
        pytest.param("Normal(m, h.exp()).rsample()", KL_LOGVAR, id="variance-for-normal"),
        pytest.param("m + 0.5 * torch.exp(h) * torch.randn_like(m)", KL_LOGVAR, id="half-of-the-variance"),
        pytest.param("m + torch.exp(0.5 * h) * torch.randn_like(m)", KL_LOGSTD, id="half-of-a-log-std"),
        pytest.param("m + h * torch.randn_like(m)", KL_LOGVAR, id="log-variance-itself"),
        pytest.param("m + F.softplus(h) * torch.randn_like(m)", KL_LOGVAR, id="softplus"),
        pytest.param("m + torch.exp(0.5 * h) * torch.randn_like(m)", KL_STD, id="divergence-of-a-raw-std"),
    ],
)
def test_fires(sample: str, kl: str) -> None:
    assert rows(rule, source(sample, kl)) == [27]


@pytest.mark.parametrize(
    ("sample", "used"),
    [
        ("m + 0.5 * torch.exp(h) * torch.randn_like(m)", "`0.5 * exp(h)`"),
        ("m + torch.exp(h) * torch.randn_like(m)", "`exp(h)`"),
        ("m + F.softplus(h) * torch.randn_like(m)", "`softplus(h)`"),
        ("m + h * torch.randn_like(m)", "`h`"),
    ],
)
def test_says_how_the_head_is_used(sample: str, used: str) -> None:
    (finding,) = run(rule, source(sample, KL_LOGVAR))
    assert f"scales its noise by {used}" in finding.message


def test_offers_no_fix_where_a_factor_stands_before_the_exponential() -> None:
    (finding,) = run(rule, source("m + 0.5 * torch.exp(h) * torch.randn_like(m)", KL_LOGVAR))
    assert finding.rewrite is None


def test_the_scale_may_be_made_elsewhere() -> None:
    files = {
        "train.py": "from model import Model\nimport torch\nmodel = Model()\n"
        "mean, logvar, out = model(torch.rand(8, 30))\n"
        "kl = -0.5 * torch.mean(1 + logvar - mean ** 2 - torch.exp(logvar))\n",
        "model.py": "import torch\nfrom torch import nn\n\ndef reparameterize(mean, logvar):\n"
        "    std = torch.exp(logvar)\n    eps = torch.empty_like(std).normal_()\n    return eps * std + mean\n\n"
        "class Model(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.e, self.d = nn.Linear(30, 8), nn.Linear(4, 30)\n\n    def forward(self, x):\n"
        "        mean, logvar = self.e(x).chunk(2, dim=1)\n"
        "        return mean, logvar, self.d(reparameterize(mean, logvar))\n",
    }
    (finding,) = run(rule, files)
    assert finding.site.row == 5
    assert finding.site.unit.path == "model.py"
    assert "exp(0.5 * logvar)" in finding.message


def test_the_fix_halves_the_log_variance() -> None:
    (finding,) = run(rule, source("m + torch.exp(h) * torch.randn_like(m)", KL_LOGVAR))
    assert finding.rewrite is not None
    assert [text for _, text in finding.rewrite.replacements] == ["torch.exp(0.5 * h)"]


APART = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.scale, self.decoder = nn.Linear(30, 4), nn.Linear(30, 4), nn.Linear(4, 30)

    def draw(self, mean, logvar):
        std = {std}
        return mean + std * torch.randn_like(std)

    def forward(self, x):
        mean, logvar = self.mean(x), self.scale(x)
        return self.decoder(self.draw(mean, logvar)), mean, logvar

def loss(out, x, mean, {name}):
    return (out - x).pow(2).mean() - 0.5 * torch.sum(1 + {name} - mean.pow(2) - {name}.exp())
"""


@pytest.mark.parametrize(
    ("std", "name"),
    [
        pytest.param("torch.exp(0.5 * logvar)", "logvar", id="right"),
        pytest.param("torch.exp(logvar)", "h", id="another-name"),
    ],
)
def test_a_divergence_that_nothing_calls(std: str, name: str) -> None:
    assert rows(rule, APART.format(std=std, name=name)) == []


def test_a_divergence_that_nothing_calls_has_a_parameter_of_the_same_name() -> None:
    (finding,) = run(rule, APART.format(std="torch.exp(logvar)", name="logvar"))
    assert finding.site.row == 11
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "scale",
    ["torch.exp(h)", "h.abs()", "nn.functional.softplus(h)", "h, validate_args=False", "nn.functional.relu(h) + 1e-6"],
)
def test_a_scale_that_is_positive_or_unchecked(scale: str) -> None:
    assert rows(rule, source(f"Normal(m, {scale}).rsample()", "0")) == []


def test_a_scale_with_both_signs() -> None:
    assert rows(rule, source("Normal(m, h).rsample()", "0")) == [27]


def test_half_of_the_log_variance_without_its_exponential() -> None:
    source = """
    import torch
    from torch import nn

    mean, head, decoder = nn.Linear(9, 3), nn.Linear(9, 3), nn.Linear(3, 9)

    def loss(x):
        mu, logvar = mean(x), head(x)
        std = logvar / 2
        z = mu + torch.randn_like(mu) * {}
        return (decoder(z) - x).pow(2).sum() - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    """
    assert rows(rule, source.format("std")) == [9]
    assert not rows(rule, source.format("std.exp()"))


CHOSEN = """
import torch
from torch import nn
from settings import args

class Net(nn.Module):
    def __init__(self, n=4):
        super().__init__()
        self.heads, self.decoder, self.n = nn.Linear(9, 2 * n), nn.Linear(n, 9), n

    def forward(self, x):
        m, h = self.heads(x)[:, :self.n], self.heads(x)[:, self.n:]
        z = m + {scale} * torch.randn_like(m)
        return self.decoder(z), m, h

class Other(Net):
    pass

model = {model}
x = torch.rand(8, 9)
r, m, h = model(x)
loss = (r - x).pow(2).sum() - 0.5 * torch.sum(1 + h - m.pow(2) - h.exp())
"""
CHOICES = ["Net()", "Net() if args.small else Other(6)", "{'a': Net, 'b': Other}[args.name]()"]


@pytest.mark.parametrize("model", CHOICES)
def test_the_network_may_be_one_of_several(model):
    assert rows(rule, CHOSEN.format(model=model, scale="torch.exp(0.5 * h)")) == []
    assert rows(rule, CHOSEN.format(model=model, scale="torch.exp(h)")) == [13]


def test_silent_on_a_posterior_that_is_merged_by_precision_with_what_the_prior_says():
    source = """
    import torch
    from torch import nn

    below, above = nn.Linear(16, 8), nn.Linear(4, 8)

    def merge(mu_1, mu_2, log_var_1, log_var_2):
        p_1, p_2 = torch.exp(-log_var_1), torch.exp(-log_var_2)
        return (mu_1 * p_1 + mu_2 * p_2) / (p_1 + p_2), -torch.log(p_1 + p_2)

    def kl(q, p):
        mu_q, log_var_q = q
        mu_p, log_var_p = p
        return 0.5 * (log_var_p - log_var_q + (log_var_q.exp() + (mu_q - mu_p) ** 2) / log_var_p.exp() - 1)

    def sample(mu, log_var):
        return mu + torch.exp({factor} * log_var) * torch.randn_like(mu)

    x, z = torch.rand(5, 16), torch.randn(5, 4)
    mu_e, log_var_e = below(x).chunk(2, 1)
    mu_t, log_var_t = above(z).chunk(2, 1)
    mu, log_var = merge(mu_e, mu_t, log_var_e, log_var_t)
    loss = kl((mu, log_var), (mu_t, log_var_t)).sum() + sample(mu, log_var).sum() + sample(mu_t, log_var_t).sum()
    """
    assert rows(rule, source.replace("{factor}", "0.5")) == []
    assert rows(rule, source.replace("{factor}", "1.0")) == [17]
