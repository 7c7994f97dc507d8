"""Kernels without their minus sign."""

from __future__ import annotations

import pytest

from aelint.rules.objective import growing_kernel as rule
from tests.rules.harness import rows

HEAD = "import math\nimport torch\n\ndef kernel(x, y, s, mu, logvar):\n    return "


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("torch.exp(-(x - y) ** 2 / (2 * s ** 2))", id="minus-in-front"),
        pytest.param("torch.exp((x - y) ** 2 / (-2 * s ** 2))", id="minus-below"),
        pytest.param("torch.exp(-((x - y) ** 2) / (2 * s ** 2))", id="minus-outside"),
        pytest.param("(-(x - y).pow(2) / (2 * s ** 2)).exp()", id="method"),
        pytest.param("torch.exp(mu + s ** 2 / 2)", id="mean-of-a-log-normal"),
        pytest.param("torch.exp((x - mu) / s)", id="no-square"),
        pytest.param("torch.exp((x - mu) ** 2 / (2 * s ** 2) - (x - y) ** 2 / (2 * s ** 2))", id="ratio-of-densities"),
        pytest.param("(x - mu) ** 2 / (2 * s ** 2) + torch.exp(logvar)", id="density"),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("torch.exp((x - y) ** 2 / (2 * s ** 2))", id="torch"),
        pytest.param("[math.exp((i - 3) ** 2 / (2 * s ** 2)) for i in range(7)]", id="math"),
        pytest.param("((x - y).pow(2).sum(-1) / (2 * s ** 2)).exp()", id="method"),
        pytest.param("torch.exp(torch.sum((x - y) ** 2, dim=-1) / (2.0 * s * s))", id="summed"),
    ],
)
def test_fires(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == [5]
