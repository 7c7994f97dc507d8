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


ROUNDED = "import torch\n\n\ndef quantize(z, levels):\n    n = levels - 1\n    y = (torch.tanh(z) + 1) / 2\n    "


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("return torch.round(y * n) / n", id="rounded-first"),
        pytest.param("return torch.round(y * n) * (2.0 / n) - 1", id="scaled-back-behind"),
        pytest.param("return torch.round(y / n * n)", id="brought-back-to-whole-numbers"),
        pytest.param("return torch.round(y * n / levels)", id="another-divisor"),
        pytest.param("return y * n / n", id="not-rounded"),
        pytest.param("return torch.round(y * 255 / 255)", id="numbers"),
    ],
)
def test_silent_on_roundings(body: str) -> None:
    assert rows(rule, ROUNDED + body + "\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("return torch.round(y * n / n)", id="plain"),
        pytest.param("return torch.floor(y * n / n + 0.5)", id="floor"),
        pytest.param("scale = 2.0 / n; return (scale * (n * y) - 1.0).round()", id="a-factor-that-divides"),
        pytest.param("return torch.round(n * y * (1 / n))", id="a-reciprocal"),
    ],
)
def test_a_rounding_of_what_was_scaled_back(body: str) -> None:
    assert len(rows(rule, ROUNDED + body.replace("; ", "\n    ") + "\n")) == 1


def test_silent_on_a_number_of_samples_that_is_shared_among_processes() -> None:
    source = """
import math
from accelerate import Accelerator

accelerator = Accelerator()

def shares(count, size):
    full, rest = count // size, count % size
    return full * [size] if rest == 0 else full * [size] + [rest]

for size in shares(1000, 50 * accelerator.num_processes):
    print(min(50, math.ceil(size / accelerator.num_processes)))
"""
    assert rows(rule, source) == []
