"""Similarities that are minimised and errors that are maximised (error-without-minimum)."""

from __future__ import annotations

import pytest

from aelint.rules.objective import error_without_minimum as rule
from tests.rules.harness import rows

HEAD = """import torch, pytorch_msssim
import torch.nn.functional as F
from torch import nn
net, other = nn.Linear(30, 30), nn.Linear(30, 30)
x = torch.rand(16, 30)
recon = net(x)
scale = nn.functional.softplus(other(x))
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("(1 - F.cosine_similarity(recon, x)).mean().backward()", id="one-minus-cosine"),
        pytest.param("(-F.cosine_similarity(recon, x).mean()).backward()", id="negated-cosine"),
        pytest.param("F.cosine_similarity(recon, other(x)).mean().backward()", id="two-outputs-kept-apart"),
        pytest.param("(1 - pytorch_msssim.ssim(recon, x)).backward()", id="one-minus-ssim"),
        pytest.param("print(F.cosine_similarity(recon, x).mean())", id="told"),
        pytest.param("(F.mse_loss(recon, x) - 0.1 * F.mse_loss(other(recon), x)).backward()", id="two-players"),
        pytest.param("F.mse_loss(recon, x).backward()", id="an-error"),
        pytest.param("(-(-0.5 * ((x - recon) / scale) ** 2 - scale.log()).sum()).backward()", id="likelihood"),
        pytest.param("(-F.mse_loss(recon, other(x))).backward()", id="outputs-driven-apart"),
        pytest.param("(-((x - 0.5) ** 2).mean() + recon.pow(2).mean()).backward()", id="data-alone"),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("F.cosine_similarity(recon, x).mean().backward()", id="cosine"),
        pytest.param("(1 - (1 - F.cosine_similarity(x, recon))).mean().backward()", id="turned-twice"),
        pytest.param("(0.8 * pytorch_msssim.ms_ssim(recon, x) + 0.2 * F.l1_loss(recon, x)).backward()", id="ssim"),
        pytest.param("pytorch_msssim.SSIM(channel=1)(recon, x).backward()", id="ssim-module"),
        pytest.param("(-F.mse_loss(recon, x)).backward()", id="negated-loss"),
        pytest.param(
            "(-(scale.log() - 0.5 * -((x - recon) / scale) ** 2 + scale.log()).sum()).backward()", id="parenthesis"
        ),
        pytest.param("(1.0 - 2 * (recon - x).abs().sum()).backward()", id="absolute"),
    ],
)
def test_fires(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == [8]
