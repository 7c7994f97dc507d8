"""Matrices of squared distances, written out."""

from __future__ import annotations

import pytest

from aelint.rules.objective import pairwise_distance as rule
from tests.rules.harness import rows

HEAD = """import torch
from torch import nn

x, y = nn.Linear(9, 4)(torch.rand(16, 9)), torch.randn(16, 4)
a, b = x.pow(2).sum(1, keepdim=True), (y ** 2).sum(1)
codes = nn.Parameter(torch.randn(32, 4))
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("d = a + b - 2 * x @ y.t()", id="right"),
        pytest.param("d = a + b.unsqueeze(0) - 2.0 * torch.mm(x, y.t())", id="right-with-mm"),
        pytest.param("d = a - 2 * torch.matmul(x, y.T) + b", id="in-another-order"),
        pytest.param("d = a + (x * x).sum(1) - 2 * (x @ x.t())", id="with-itself"),
        pytest.param("d = x.sum(1, keepdim=True) + y.sum(1)", id="no-product"),
        pytest.param("d = a + b + x @ y.t()", id="another-form"),
        pytest.param("d = a + b - 2 * x @ torch.randn(4, 16)", id="another-matrix"),
        pytest.param("d = a + (codes ** 2).sum(1) + 2 * x @ codes.t()", id="codebook"),
        pytest.param("d = a + y.sum(1) - x @ y.t()", id="one-of-two-squared"),
        pytest.param("d = (x ** 2).mean(1, True) + (y ** 2).mean(1) - x @ y.t()", id="averages-over-the-features"),
        pytest.param("d = (x ** 2).sum(0) + (y ** 2).sum(0) - x @ y.t()", id="sums-over-the-samples"),
        pytest.param("d = (x * y).sum(1, keepdim=True) + b - x @ y.t()", id="a-product-of-two"),
        pytest.param("d = (a + b - x @ y.t()) + torch.randn(16, 16)", id="part-of-a-longer-sum"),
        pytest.param("d = a + b - (x @ y.t()).relu()", id="norms-and-something-else"),
        pytest.param("d = a - b - x @ y.t()", id="a-difference-of-norms"),
        pytest.param("d = -a - b - 2 * x @ y.t()", id="negated"),
        pytest.param("d = x.sum(1, keepdim=True) + y.sum(1) - x @ y.t()", id="sums-and-products"),
        pytest.param("d = a + b - torch.mm(x.sum(1).unsqueeze(1), y.sum(1).unsqueeze(0))", id="sums-multiplied-once"),
        pytest.param("d = a + b - 2 * torch.mm(x.mean(1).unsqueeze(1), y.mean(1).unsqueeze(0))", id="means-multiplied"),
        pytest.param(
            "d = x.sum(1, True) + y.sum(1) - 2 * torch.mm(x.sum(1).unsqueeze(1), y.sum(1).unsqueeze(0))",
            id="sums-alone",
        ),
        pytest.param("d = x.exp().sum(1, keepdim=True) + y.exp().sum(1) - 2 * x @ y.t()", id="no-norms"),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("d = x.sum(1, keepdim=True) + y.sum(1) - 2 * x @ y.t()", id="not-squared"),
        pytest.param("d = a + b + 2 * x @ y.t()", id="added"),
        pytest.param("d = a + b - torch.matmul(x, y.t())", id="taken-once"),
        pytest.param("d = a + b - 2 * torch.mm(x.sum(1).unsqueeze(1), y.sum(1).unsqueeze(0))", id="sums-multiplied"),
    ],
)
def test_fires(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == [7]


PLACES = """import torch
from torch import nn

codes = nn.Parameter(torch.randn(16, 4))


def nearest(z):
    flat = z.reshape(-1, 4)
    z2, e2 = {z2}, {e2}
    return {sum}


nearest(nn.Linear(9, 4)(torch.rand(16, 9)))
"""
Z2, E2 = "flat.pow(2).sum(1, keepdim=True)", "(codes ** 2).sum(1)"


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"e2": "(codes ** 2).sum(1).unsqueeze(0)"},
        {"z2": "flat.detach().pow(2).sum(1)[:, None]"},
        {"sum": "torch.addmm(z2 + e2, flat, codes.t(), alpha=-2.0)"},
        {
            "z2": "flat.pow(2).sum(1)",
            "e2": "codes.pow(2).sum(1, keepdim=True)",
            "sum": "e2 + z2 - 2 * codes @ flat.t()",
        },
        {"z2": "flat.pow(2).sum(1)", "sum": "(flat @ codes.t()) * z2 - e2"},
        {"z2": "flat.pow(2).sum(1)", "sum": "z2 + e2 - 2 * (flat * codes).sum(1)"},
    ],
    ids=["right", "both by hand", "by None", "addmm", "codes in the rows", "another formula", "pair by pair"],
)
def test_silent_on_norms_at_their_axes(parts):
    given = {"z2": Z2, "e2": E2, "sum": "z2 + e2 - 2 * flat @ codes.t()"}
    assert rows(rule, PLACES.format(**given | parts)) == []


@pytest.mark.parametrize(
    "parts",
    [
        {"z2": "flat.pow(2).sum(1)"},
        {"z2": "torch.sum(flat * flat, dim=-1)", "sum": "e2 - 2 * torch.matmul(flat, codes.T) + z2"},
        {"z2": "flat.detach().square().sum(dim=1)", "sum": "torch.addmm(e2 + z2, flat, codes.t(), alpha=-2.0)"},
        {"e2": "codes.pow(2).sum(1, keepdim=True)", "sum": "-(z2 + e2 - 2 * flat @ codes.t())"},
        {"z2": "flat.pow(2).sum(1)", "sum": "(flat @ codes.t()).mul(-2).add(z2).add(e2)"},
    ],
    ids=["rows", "another order", "addmm", "columns", "by methods"],
)
def test_norms_at_the_axis_of_the_other_batch(parts):
    given = {"z2": Z2, "e2": E2, "sum": "z2 + e2 - 2 * flat @ codes.t()"}
    assert rows(rule, PLACES.format(**given | parts)) == [9]
