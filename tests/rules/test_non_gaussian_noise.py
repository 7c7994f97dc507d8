"""Noise of a Gaussian sample that is not normal."""

from __future__ import annotations

import pytest

from aelint.diagnostics import Severity
from aelint.rules.latent import non_gaussian_noise as rule
from tests.rules.harness import rows, run

MODEL = """
import torch
from torch import nn
import torch.nn.functional as F

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.scale, self.decoder = nn.Linear(30, 4), nn.Linear(30, 4), nn.Linear(4, 30)

    def forward(self, x):
        m, h = self.mean(x), self.scale(x)
        {sample}
        return self.decoder(z), m, h
"""
LOSS = """
def loss(model, x):
    out, m, h = model(x)
    return F.mse_loss(out, x) - 0.5 * (1 + h - m ** 2 - h.exp()).mean()
"""


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param("z = m + torch.exp(0.5 * h) * torch.randn_like(m)", id="normal"),
        pytest.param("z = m + torch.exp(0.5 * h) * torch.empty_like(m).normal_()", id="normal-in-place"),
        pytest.param("z = m + (torch.rand_like(m) - 0.5) / 256 + h", id="dequantisation"),
        pytest.param("z = m + torch.exp(0.5 * h) * (torch.randn_like(m) * 2 - 1)", id="normal-shifted"),
        pytest.param("z = m + torch.exp(0.5 * h) * (m - torch.rand_like(m))", id="shifted-by-a-tensor"),
        pytest.param("z = m * torch.bernoulli(torch.full_like(m, 0.5)) + h", id="mask"),
        pytest.param("w = torch.rand(x.size(0), 1); z = w * m + (1 - w) * h", id="mixup"),
        pytest.param("z = F.softmax(m - torch.log(-torch.log(torch.rand_like(m))), dim=-1)", id="gumbel"),
        pytest.param("z = m + torch.rand_like(m) * 0.1", id="fixed-scale"),
    ],
)
def test_silent(sample: str) -> None:
    assert rows(rule, MODEL.format(sample=sample) + LOSS) == []


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param("z = m + torch.exp(0.5 * h) * torch.rand_like(m)", id="rand-like"),
        pytest.param("eps = torch.rand(m.shape); z = eps.mul(h.mul(0.5).exp()).add_(m)", id="rand"),
        pytest.param("z = torch.addcmul(m, (h / 2).exp(), torch.empty_like(m).uniform_())", id="uniform"),
        pytest.param("z = m + F.softplus(h) * torch.rand_like(m).to(m.device)", id="softplus"),
    ],
)
def test_fires(sample: str) -> None:
    assert rows(rule, MODEL.format(sample=sample)) == [13]


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param("2 * torch.rand_like(m) - 1", id="twice-minus-one"),
        pytest.param("torch.rand(m.shape) - 0.5", id="centred"),
        pytest.param("(1 - 2 * torch.rand_like(m)).to(m.device)", id="turned"),
    ],
)
def test_uniform_noise_around_zero(noise: str) -> None:
    (finding,) = run(rule, MODEL.format(sample=f"e = {noise}; z = m + torch.exp(0.5 * h) * e"))
    assert "is uniform;" in finding.message
    assert finding.rewrite is None, "normal noise in its place would keep the shift"


def test_a_divergence_makes_it_certain() -> None:
    source = MODEL.format(sample="z = m + torch.exp(0.5 * h) * torch.rand_like(m)")
    assert [f.severity for f in run(rule, source)] == [Severity.WARNING]
    used = source + LOSS + "\nloss(Model(), torch.rand(8, 30)).backward()\n"
    (finding,) = run(rule, used)
    assert finding.severity is Severity.ERROR
    assert finding.rewrite is not None
    assert [text for _, text in finding.rewrite.replacements] == ["torch.randn_like(m)"]


def test_in_another_file() -> None:
    files = {
        "main.py": "import torch\nfrom torch import nn\nfrom sampling import draw\n\nhead = nn.Linear(10, 8)\n"
        "mean, logvar = head(torch.zeros(4, 10)).chunk(2, -1)\nz = draw(mean, logvar)\n",
        "sampling.py": "import torch\n\ndef draw(mean, logvar):\n    return mean + torch.rand_like(mean) * (logvar / 2).exp()\n",
    }
    assert [(f.site.unit.path, f.site.row) for f in run(rule, files)] == [("sampling.py", 4)]
