"""Reparameterised samples are found under every spelling, with what their scale is made of."""

from __future__ import annotations

import pytest

from aelint.semantics.latent.posteriors import posteriors
from aelint.semantics.latent.readings import readings
from tests.rules.harness import program

SOURCE = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.autograd import Variable
from torch.distributions import Independent, Normal

mean_head, scale_head = nn.Linear(9, 4), nn.Linear(9, 4)
x = torch.zeros(5, 9)
m, h = mean_head(x), scale_head(x)
{line}
"""


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("z = m + torch.exp(0.5 * h) * torch.randn_like(m)", "logvar"),
        ("z = torch.randn(5, 4).mul(h.div(2).exp_()).add_(m)", "logvar"),
        ("eps = Variable(h.data.new(h.size()).normal_()); z = m + h.exp().sqrt() * eps", "logvar"),
        ("z = torch.addcmul(m, torch.sqrt(torch.exp(h) + 1e-8), torch.randn(5, 4))", "logvar"),
        ("z = m.clone(); z += torch.exp(h) * torch.empty_like(h).normal_()", "logstd"),
        ("z = Normal(m, torch.exp(h)).rsample()", "logstd"),
        ("z = Independent(Normal(m, F.softplus(h)), 1).sample()", "std"),
        ("z = torch.normal(m, F.softplus(h).sqrt())", "var"),
        ("z = m - torch.randn(5, 4).to(m.device) * h", "std"),
        ("z = m + torch.exp(0.2 * h) * torch.randn_like(m)", "unknown"),
    ],
)
def test_spellings(line: str, kind: str) -> None:
    (found,) = posteriors(program(SOURCE.format(line=line)))
    assert found.scale_kind == kind
    assert found.learned
    assert found.mean is not None


@pytest.mark.parametrize(
    "line",
    ["z = m * (1 + torch.randn_like(m))", "z = torch.randn_like(m)", "z = m + h", "z = torch.normal(0.0, 1.0, (5, 4))"],
)
def test_what_is_no_sample(line: str) -> None:
    assert posteriors(program(SOURCE.format(line=line))) == ()


def test_fixed_noise_on_data_is_not_learned() -> None:
    (found,) = posteriors(program(SOURCE.format(line="z = x + 0.1 * torch.randn_like(x)")))
    assert not found.learned


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("kl = -0.5 * torch.sum(1 + h - m ** 2 - h.exp())", ["logvar"]),
        ("kl = m.pow(2).add_(h.exp()).mul_(-1).add_(1).add_(h).sum().mul_(-0.5)", ["logvar"]),
        ("kl = 0.5 * (torch.sum(m ** 2) + torch.sum(torch.exp(h)) - torch.sum(h) - 4)", ["logvar"]),
        ("kl = 0.5 * (torch.exp(2 * h) + m * m - 1) - h", ["logstd"]),
        ("s = F.softplus(h) + 1e-6; kl = (s ** 2 + m ** 2 - 1 - torch.log(s ** 2)).sum() / 2", ["std"]),
        ("s = F.softplus(h); kl = (s + m ** 2 - 1 - torch.log(s)).sum() / 2", ["var"]),
        ("nll = 0.5 * (h + (x[:, :4] - m) ** 2 * torch.exp(-h)).mean()", ["logvar"]),
        ("nll = -Normal(m, torch.exp(0.5 * h)).log_prob(x[:, :4]).mean()", ["logvar"]),
        ("nll = -Independent(Normal(m, torch.exp(h)), 1).log_prob(x[:, :4])", ["logstd"]),
        ("bonus = Normal(m, F.softplus(h)).entropy().mean()", ["std"]),
        ("z = Normal(m, torch.exp(h)).rsample()", []),
        ("other = (torch.exp(h) - h * x.mean()).mean()", []),
        ("wrong = -0.5 * torch.sum(1 + h - m ** 2 - torch.exp(0.5 * h))", []),
    ],
)
def test_readings(line: str, kinds: list[str]) -> None:
    found = readings(program(SOURCE.format(line=line)))
    assert [r.law.kind for r in found if r.law is not None] == kinds
