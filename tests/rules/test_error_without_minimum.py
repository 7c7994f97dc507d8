"""Errors that a perfect reconstruction does not minimise."""

from __future__ import annotations

import pytest

from aelint.rules.objective import error_without_minimum as rule
from tests.rules.harness import rows

HEAD = """import torch
from torch import nn

net, critic, x = nn.Sequential(nn.Linear(30, 4), nn.Linear(4, 30)), nn.Linear(30, 1), torch.rand(16, 30)
recon = net(x)
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("((recon - x) ** 2).mean().backward()", id="squared"),
        pytest.param("((recon - x) * (recon - x)).mean().backward()", id="times-itself"),
        pytest.param("((net(x) - x) * (net(x) - x)).mean().backward()", id="computed-twice"),
        pytest.param("(x - recon).abs().sum(1).mean().backward()", id="absolute"),
        pytest.param("(recon ** 2 - 2 * recon * x + x ** 2).mean().backward()", id="written-out"),
        pytest.param("(critic(recon) - critic(x)).mean().backward()", id="critic"),
        pytest.param("loss = (recon - x).mean()", id="never-minimised"),
        pytest.param("(torch.nn.functional.softplus(recon) - x * recon).sum().backward()", id="logits"),
        pytest.param("(recon.exp() - x * recon).sum().backward()", id="poisson"),
        pytest.param("(recon - net(x + 1)).mean().backward()", id="two-outputs"),
        pytest.param("(recon + x).mean().backward()", id="no-difference"),
        pytest.param("(recon - -1 * x).mean().backward()", id="a-sum-by-two-signs"),
        pytest.param("(net(recon) - recon).mean().backward()", id="an-output-of-an-output"),
        pytest.param("((x.cumsum(1) - x).mean() + recon.pow(2).mean()).backward()", id="data-with-data"),
        pytest.param("(critic(x) - x).mean().backward()", id="another-size"),
        pytest.param("(net(torch.rand(16, 30)) - x).mean().backward()", id="made-of-noise"),
        pytest.param("(recon[:, :30] - x).mean().backward()", id="picked-features"),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("(recon - x).mean().backward()", id="not-squared"),
        pytest.param("torch.sum(0.5 * x - recon ** 2, 1).mean().backward()", id="parenthesis"),
        pytest.param("(0.1 * torch.sum(recon.view(16, -1) - x.view(16, -1) ** 2)).backward()", id="data-squared"),
        pytest.param("torch.sum(x * 0.5 - recon ** 2, 1).mean().backward()", id="a-factor-behind"),
        pytest.param("torch.sum(x / 2 - recon ** 2, 1).mean().backward()", id="a-divisor"),
        pytest.param("((x - recon) * torch.rand(30)).mean().backward()", id="weighed"),
        pytest.param("(2 * (x - recon).sum(dim=1)).mean().backward()", id="summed"),
    ],
)
def test_fires(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == [6]
