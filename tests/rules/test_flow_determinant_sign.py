"""Log-determinants of flows."""

from __future__ import annotations

import pytest

from aelint.rules.objective import flow_determinant_sign as rule
from tests.rules.harness import rows

STEP = """import torch
from torch import nn

class Coupling(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.net = nn.Linear(dim // 2, dim)

    def forward(self, x):
        x0, x1 = x.chunk(2, dim=1)
        s, t = self.net(x0).chunk(2, dim=1)
        return {out}

Coupling()(torch.rand(4, 8))
"""


@pytest.mark.parametrize(
    "out",
    [
        pytest.param("torch.cat([x0, x1 * torch.exp(s) + t], dim=1), s.sum(dim=1)", id="forward"),
        pytest.param("torch.cat([x0, (x1 - t) * torch.exp(-s)], dim=1), -s.sum(dim=1)", id="inverse"),
        pytest.param("(x1 - t) / torch.exp(s), (-s).sum(dim=1)", id="divided"),
        pytest.param(
            "t + s.exp() * torch.randn_like(t), -(s + 0.5 * torch.randn_like(t) ** 2).sum(1)", id="density-of-a-sample"
        ),
        pytest.param("x1 * torch.exp(s), t.sum(dim=1)", id="another-tensor"),
        pytest.param("x1 * torch.exp(s)", id="no-determinant"),
    ],
)
def test_silent_on_steps(out: str) -> None:
    assert rows(rule, STEP.format(out=out)) == []


@pytest.mark.parametrize(
    "out",
    [
        pytest.param("torch.cat([x0, x1 * torch.exp(s) + t], dim=1), -s.sum(dim=1)", id="forward"),
        pytest.param("torch.cat([x0, (x1 - t) * torch.exp(-s)], dim=1), s.sum(dim=1)", id="inverse"),
        pytest.param("(x1 - t) / s.exp(), torch.sum(s, dim=-1)", id="divided"),
    ],
)
def test_fires_on_steps(out: str) -> None:
    assert rows(rule, STEP.format(out=out)) == [12]


LOSS = """import torch
from torch import nn

w, u, b = nn.Parameter(torch.randn(4)), nn.Parameter(torch.randn(4)), nn.Parameter(torch.zeros(1))
x = torch.randn(16, 4)
lin = x @ w + b
z = x + u * torch.tanh(lin).unsqueeze(-1)
log_det = torch.log(torch.abs(1 + (1 - torch.tanh(lin) ** 2) * (w @ u)) + 1e-8)
log_p = -0.5 * (z ** 2).sum(1)
loss = {loss}
loss.mean().backward()
"""


@pytest.mark.parametrize("loss", ["-log_p - log_det", "-(log_p + log_det)", "-log_p", "log_det + (x ** 2).sum(1)"])
def test_silent_on_losses(loss: str) -> None:
    assert rows(rule, LOSS.format(loss=loss)) == []


@pytest.mark.parametrize("loss", ["log_det - log_p", "-(log_p - log_det)", "0.5 * z.pow(2).sum(1) + log_det"])
def test_fires_on_losses(loss: str) -> None:
    assert rows(rule, LOSS.format(loss=loss)) == [10]


def test_silent_on_a_step_that_hands_on_the_density_of_what_it_was_given() -> None:
    code = STEP.replace("def forward(self, x):", "def forward(self, x, {name}):").replace(
        "{out}", "x1 * s.exp(), {name} - s.sum(1)"
    )
    code = code.replace("torch.rand(4, 8))", "torch.rand(4, 8), torch.zeros(4))")
    assert rows(rule, code.format(name="logpx")) == []
    assert rows(rule, code.format(name="logdet")) == [12]
