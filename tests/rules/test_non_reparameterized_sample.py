"""Samples that cut the gradient to the encoder."""

from __future__ import annotations

import pytest

from aelint.diagnostics import Severity
from aelint.rules.latent import non_reparameterized_sample as rule
from tests.rules.harness import rows, run

MODEL = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.distributions import Independent, Normal, kl_divergence

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.scale, self.decoder = nn.Linear(30, 4), nn.Linear(30, 4), nn.Linear(4, 30)

    def forward(self, x):
        m, s = self.mean(x), self.scale(x).exp()
        q = Normal(m, s)
        {sample}
        return F.mse_loss(self.decoder(z), x) + {kl}
"""
KL = "kl_divergence(q, Normal(0.0, 1.0)).sum()"
FORMULA = "0.5 * (m ** 2 + s ** 2 - 1 - 2 * torch.log(s)).sum()"


@pytest.mark.parametrize(
    ("sample", "kl"),
    [
        pytest.param("z = q.rsample()", KL, id="rsample"),
        pytest.param("z = m + s * torch.randn_like(s)", FORMULA, id="written-out"),
        pytest.param("z = torch.normal(torch.zeros(8, 4), 1.0) * s + m", FORMULA, id="noise-from-normal"),
        pytest.param("z = q.sample()", "(q.log_prob(z) * x.mean()).mean()", id="score-function"),
        pytest.param("z = q.sample()", "0", id="no-divergence"),
        pytest.param("z = q.rsample() if self.training else q.sample()", KL, id="only-in-evaluation"),
        pytest.param("with torch.no_grad():\n            w = q.sample()\n        z = m", KL, id="no-grad"),
    ],
)
def test_silent(sample: str, kl: str) -> None:
    assert rows(rule, MODEL.format(sample=sample, kl=kl)) == []


@pytest.mark.parametrize(
    ("sample", "kl"),
    [
        pytest.param("z = q.sample()", KL, id="sample"),
        pytest.param("z = Independent(q, 1).sample()", KL, id="independent"),
        pytest.param("z = torch.normal(m, s)", FORMULA, id="torch-normal"),
        pytest.param("z = torch.normal(mean=m, std=s)", KL, id="by-keyword"),
    ],
)
def test_fires(sample: str, kl: str) -> None:
    assert rows(rule, MODEL.format(sample=sample, kl=kl)) == [15]


def test_the_fix_is_one_letter() -> None:
    (finding,) = run(rule, MODEL.format(sample="z = q.sample()", kl=KL))
    assert finding.rewrite is not None
    assert [text for _, text in finding.rewrite.replacements] == ["q.rsample()"]


def test_a_log_variance_without_a_divergence_in_sight_is_a_warning() -> None:
    source = MODEL.format(sample="z = torch.normal(m, torch.exp(0.5 * self.scale(x)))", kl="0")
    assert [(f.site.row, f.severity) for f in run(rule, source)] == [(15, Severity.WARNING)]
