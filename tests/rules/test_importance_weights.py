"""Weights of several samples per datum."""

from __future__ import annotations

import pytest

from aelint.rules.objective import importance_weights as rule
from tests.rules.harness import rows

HEAD = """import math
import torch
from torch import nn
import torch.nn.functional as F

net, x = nn.Linear(30, 30), torch.rand(16, 5, 30)
error = F.mse_loss(net(x), x, reduction="none").sum(-1)
scores = nn.Linear(30, 1)(x).squeeze(-1)
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("(-(torch.logsumexp(-error, 1) - math.log(5))).mean().backward()", id="bound"),
        pytest.param("(-torch.logsumexp(-error, dim=1).sum()).backward()", id="bound-without-constant"),
        pytest.param("torch.logsumexp(scores, 1).mean().backward()", id="scores"),
        pytest.param("w = F.softmax(-error, -1).detach()\n(w * error).sum(-1).mean().backward()", id="detached"),
        pytest.param("w = F.softmax(scores, -1)\n(w * error).sum(-1).mean().backward()", id="attention"),
        pytest.param("p = F.softmax(scores, -1)\n(p * scores).sum(-1).mean().backward()", id="scores-of-themselves"),
        pytest.param("torch.log1p(error).sum(1).mean().backward()", id="another-function-of-losses"),
        pytest.param("(-torch.logsumexp(error, 1)).mean().backward()", id="maximised"),
        pytest.param("(scores[:, 0] * torch.logsumexp(error, 1)).mean().backward()", id="weighted-by-a-network"),
        pytest.param("w = F.softmax(-error, -1)\n(w + error).mean().backward()", id="added"),
        pytest.param("(torch.sigmoid(-error) * -error).mean().backward()", id="a-gate"),
        pytest.param(
            "other = (net(x) - x).abs().sum(-1)\nw = F.softmax(-other, -1)\n(w * error).sum(-1).mean().backward()",
            id="weights-from-another-loss",
        ),
        pytest.param("print(torch.logsumexp(error, 1))\nerror.mean().backward()", id="reported-only"),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("torch.logsumexp(error, dim=1).sum().backward()", id="losses"),
        pytest.param("(0.5 * (error + 1).logsumexp(1)).mean().backward()", id="losses-by-method"),
        pytest.param(
            "w = F.softmax(-error, -1)\n(w * -error).sum(-1).mean().neg().backward()", id="weights-with-gradient"
        ),
        pytest.param("w = torch.softmax(-error, dim=1)\n(-w * -error).sum(-1).mean().backward()", id="by-torch"),
    ],
)
def test_fires(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == [9]
