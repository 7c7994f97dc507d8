"""Divisors that a normalisation cancels."""

from __future__ import annotations

import pytest

from aelint.rules.objective import cancelled_factor as rule
from tests.rules.harness import rows

HEAD = "import torch\n\ndef assign(d, alpha=1.0, n=2):\n    q = 1.0 / (1.0 + d / alpha)\n    "


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("q = q ** ((alpha + 1.0) / 2.0); return q / q.sum(1, keepdim=True)", id="right"),
        pytest.param("q = q.pow((alpha + 1) / 2); return (q.t() / q.sum(1)).t()", id="right-by-method"),
        pytest.param("q = q ** (alpha + 1.0) / 2.0; return q", id="not-normalised"),
        pytest.param("q = q ** 2 / 2; return q / q.sum(1, keepdim=True)", id="exponent-is-no-sum"),
        pytest.param("q = q ** (alpha + 1.0) / 2.0; return q / d.sum(1, keepdim=True)", id="another-sum"),
        pytest.param("q = q ** (alpha + 1.0) / n; return q / q.sum(1, keepdim=True)", id="no-plain-number"),
        pytest.param("q = q ** (alpha + 1.0) / 2.0; return q * q.sum(1, keepdim=True)", id="multiplied-by-the-sum"),
        pytest.param("q = q ** (alpha + 1.0) / 2.0; return q.exp() / q.exp().sum(1, keepdim=True)", id="softmax"),
        pytest.param("q = q ** (alpha + 1.0) / 2.0; return 1.0 / q", id="below-a-number"),
        pytest.param("p = q ** 2 / q.sum(0); return p / p.sum(1, keepdim=True)", id="target-distribution"),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, HEAD + body.replace("; ", "\n    ") + "\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("q = q ** (alpha + 1.0) / 2.0; return q / torch.sum(q, dim=1, keepdim=True)", id="operator"),
        pytest.param("q = q.pow(alpha + 1) / 2; return (q.t() / q.sum(1)).t()", id="method"),
        pytest.param("q = torch.pow(q, 1.0 + alpha) / 2.0; return q / q.sum(dim=1).unsqueeze(1)", id="function"),
    ],
)
def test_fires(body: str) -> None:
    assert rows(rule, HEAD + body.replace("; ", "\n    ") + "\n") == [5]
