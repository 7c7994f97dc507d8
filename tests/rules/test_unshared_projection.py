"""Random directions that are drawn for each side of a comparison."""

from __future__ import annotations

import pytest

from aelint.rules.latent import unshared_projection as rule
from tests.rules.harness import rows

HEAD = """import torch
import torch.nn.functional as F

z, prior = torch.rand(64, 8), torch.randn(64, 8)

def features(t):
    w = torch.randn(8, 50)
    return torch.cos(t @ w).mean(0)

def along(t, w):
    return torch.cos(t @ w).mean(0)

"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("w = torch.randn(8, 50)\nd = (along(z, w) - along(prior, w)).norm()", id="one-draw"),
        pytest.param("d = features(z)", id="one-side"),
        pytest.param("d = (z + torch.randn(64, 8)) - (z + torch.randn(64, 8))", id="noise-that-is-added"),
        pytest.param("d = z @ torch.randn(8, 5) - prior[:, :5]", id="one-side-projected"),
        pytest.param("d = features(z) + features(prior)", id="not-compared"),
        pytest.param("d = features(z) - features(z)", id="one-set-along-two-directions"),
        pytest.param("d = z @ torch.randn(8, 50) - prior @ torch.randn(8, 1)", id="another-number-of-directions"),
        pytest.param("d = z @ torch.randn(8) - prior @ torch.randn(8)", id="one-number-for-each-sample"),
        pytest.param(
            "net = torch.nn.Linear(50, 1)\nd = net(z @ torch.randn(8, 50)) - net(prior @ torch.randn(8, 50))",
            id="seen-by-a-network",
        ),
        pytest.param(
            "d = torch.eye(8) @ torch.randn(8, 1) - torch.eye(8) @ torch.randn(8, 1)", id="factor-of-a-covariance"
        ),
        pytest.param("d = torch.eye(8) @ torch.randn(8) - torch.eye(8) @ torch.randn(8)", id="samples-of-a-covariance"),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == []


@pytest.mark.parametrize(
    ("body", "row"),
    [
        pytest.param("d = (features(z) - features(prior)).norm()", 7, id="in-a-function"),
        pytest.param("d = F.mse_loss(features(z), features(prior))", 7, id="loss"),
        pytest.param(
            "a = torch.sort(z @ torch.randn(8, 50), 0)[0]\nb = torch.sort(prior @ torch.randn(8, 50), 0)[0]\nd = (a - b).pow(2).mean()",
            14,
            id="sliced",
        ),
    ],
)
def test_fires(body: str, row: int) -> None:
    assert rows(rule, HEAD + body + "\n") == [row]


def test_silent_where_each_draw_starts_from_the_same_seed() -> None:
    compared = "d = (features(z) - features(prior)).norm()\n"
    drawn = "    w = torch.randn(8, 50)\n"
    assert rows(rule, HEAD.replace(drawn, "    torch.manual_seed(0)\n" + drawn) + compared) == []
    assert rows(rule, HEAD + "torch.manual_seed(0)\n" + compared) == [7]
