"""Sums over all samples beside values of single samples."""

from __future__ import annotations

import pytest

from aelint.rules.objective import premature_batch_sum as rule
from tests.rules.harness import rows

HEAD = """import torch
import torch.nn.functional as F

enc, dec = torch.nn.Linear(30, 8), torch.nn.Linear(4, 30)
x = torch.rand(16, 30)
mu, logvar = enc(x).chunk(2, 1)
out = dec(mu + torch.randn_like(mu) * torch.exp(0.5 * logvar))
element = 1 + logvar - mu.pow(2) - logvar.exp()
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            "(F.mse_loss(out, x, reduction='none').sum(1) - 0.5 * element.sum(1)).mean()", id="both-per-sample"
        ),
        pytest.param("F.mse_loss(out, x, reduction='sum') - 0.5 * element.sum()", id="both-over-everything"),
        pytest.param("(F.mse_loss(out, x) - 0.5 * element.sum(1)).mean()", id="an-average-fits-any-sample"),
        pytest.param("(F.mse_loss(out, x, reduction='sum') / 16 - 0.5 * element.sum(1)).mean()", id="divided"),
        pytest.param(
            "(F.mse_loss(out, x, reduction='sum') * 0.0625 / 2 - 0.5 * element.sum(1)).mean()", id="divided-later"
        ),
        pytest.param("(1e-3 * enc.weight.pow(2).sum() - 0.5 * element.sum(1)).mean()", id="penalty-on-weights"),
        pytest.param("x.sum() + element.sum(1)", id="never-reduced"),
        pytest.param("(x.sum() + torch.ones(7)).mean()", id="another-number-of-samples"),
        pytest.param("(weight * F.mse_loss(out, x, reduction='sum') + element.sum(1)).mean()", id="weight-unknown"),
        pytest.param("sum(x[0]) + element.sum()", id="python-sum-over-one-sample"),
        pytest.param(
            "(mean(x).pow(2).sum().expand(16) + mean(x).abs().sum(1)).mean()",
            id="a-number-that-is-spread-over-the-samples-by-hand",
        ),
        pytest.param(
            "p = torch.linalg.inv(prior).abs()\n(p.sum() + (mean(x) * (mean(x) @ p)).sum(1)).mean()",
            id="a-sum-over-a-matrix-that-every-sample-is-multiplied-by",
        ),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("loss = (F.mse_loss(out, x, reduction='sum') - 0.5 * element.sum(1)).mean()", id="summed-loss"),
        pytest.param("loss = torch.mean(-0.5 * torch.sum(element) + ((out - x) ** 2).sum(dim=-1))", id="summed-kl"),
        pytest.param(
            "loss = (F.l1_loss(out, x, reduction='none').sum(1) - sum(element.sum(1))).mean()", id="python-sum"
        ),
        pytest.param("loss = torch.sum(0.5 * ((out - x) ** 2).sum() + element.sum(1).neg())", id="summed-in-the-end"),
    ],
)
def test_fires(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == [9]


def test_where_the_sum_is_in_a_function_of_its_own() -> None:
    source = (
        HEAD
        + "def nll(a, b):\n    return torch.sum((a - b) ** 2)\nkl = element.sum(1)\nloss = (nll(out, x) + kl).mean()\n"
    )
    assert rows(rule, source) == [10]


def test_silent_on_a_batch_of_one() -> None:
    body = "loss = (F.mse_loss(out, x, reduction='sum') - 0.5 * element.sum(1)).mean()\n"
    assert rows(rule, HEAD + body) == [9]
    assert rows(rule, HEAD.replace("rand(16, 30)", "rand(1, 30)") + body) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("(F.mse_loss(out, x, reduction='sum') / element.sum(1)).mean()", id="a-ratio"),
        pytest.param("(F.mse_loss(out, x, reduction='none').sum(0).sum() * 1e-9 - element.sum(1)).mean()", id="tiny"),
        pytest.param("(x.sum(1).max() - element.sum(1)).mean()", id="the-largest-of-the-samples"),
        pytest.param("(F.mse_loss(out, x, reduction=how) - element.sum(1)).mean()", id="a-reduction-that-nobody-knows"),
        pytest.param("(x.sum() + element.sum(1)).max()", id="not-averaged"),
    ],
)
def test_silent_on_other_numbers(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == []


UNSEEN = HEAD.replace("x = torch.rand(16, 30)", "from data import x")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("(((out - x) ** 2).sum(1) - 0.5 * element.sum(1)).mean()", id="both-per-sample"),
        pytest.param("(((out - x) ** 2).sum() - 0.5 * element.sum(0)).mean()", id="over-the-samples"),
        pytest.param("(((out - x) ** 2).sum() - 0.5 * element.sum((0, 1))).mean()", id="over-the-samples-too"),
        pytest.param("(((out - x) ** 2).sum() - 0.5 * element.sum(-1)).mean()", id="may-be-a-single-sample"),
        pytest.param("(((out - x) ** 2).mean() - 0.5 * element.sum(1)).mean()", id="an-average"),
        pytest.param("(((out - x) ** 2).sum() / len(x) - 0.5 * element.sum(1)).mean()", id="divided"),
        pytest.param("(enc.weight.pow(2).sum() - 0.5 * element.sum(1)).mean()", id="penalty-on-weights"),
        pytest.param("((enc.weight @ dec.weight).sum() - 0.5 * element.sum(1)).mean()", id="penalty-on-both"),
        pytest.param("((out - x) ** 2).sum() - 0.5 * element.sum(1).mean()", id="averaged-before"),
        pytest.param("(F.mse_loss(out, x, reduction='mean') - 0.5 * element.sum(1)).mean()", id="an-averaged-loss"),
    ],
)
def test_silent_where_the_number_of_samples_is_unknown(body: str) -> None:
    assert rows(rule, UNSEEN + body + "\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("loss = (F.mse_loss(out, x, reduction='sum') - 0.5 * element.sum(1)).mean()", id="summed-loss"),
        pytest.param("loss = torch.mean(0.5 * torch.sum((out - x) ** 2) - torch.sum(element, 1))", id="summed-squares"),
        pytest.param("loss = torch.mean(-torch.sum(element) + ((out - x) ** 2).sum(dim=1))", id="summed-kl"),
        pytest.param("loss = (((out - x) ** 2).mean(dim=1) - 0.5 * element.sum()).sum()", id="beside-averages"),
    ],
)
def test_fires_where_the_number_of_samples_is_unknown(body: str) -> None:
    assert rows(rule, UNSEEN + body + "\n") == [9]


REDUCED = """
import torch

def divergence(mu, logvar):
    element = 1 + logvar - mu.pow(2) - logvar.exp()
    {body}

enc = torch.nn.Linear(30, 8)
divergence(*enc(torch.rand(16, 30)).chunk(2, 1)).mean().backward()
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("return -0.5 * torch.sum(element)", id="averaged-by-the-caller"),
        pytest.param("return -0.5 * torch.sum(element, dim=1).mean(dim=0)", id="one-value-per-sample"),
        pytest.param("total = torch.sum(element)\n    return total.mean()", id="averaged-over-devices"),
        pytest.param("return -0.5 * torch.mean(torch.sum(element, 1))", id="average-of-sums"),
        pytest.param("return -0.5 * element.mean(0).sum()", id="sum-of-averages"),
    ],
)
def test_silent_on_sums_that_keep_what_is_averaged(body: str) -> None:
    assert rows(rule, REDUCED.format(body=body)) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("kl = -0.5 * torch.sum(element)\n    return torch.mean(kl, dim=0)", id="over-an-axis"),
        pytest.param("kl = element.sum()\n    return -0.5 * kl.mean(0)", id="methods"),
        pytest.param("return torch.mean(-0.5 * torch.sum(element))", id="around-the-sum"),
        pytest.param("return element.sum().mean()", id="one-after-the-other"),
    ],
)
def test_a_mean_of_one_number(body: str) -> None:
    assert rows(rule, REDUCED.format(body=body)) == [6]
