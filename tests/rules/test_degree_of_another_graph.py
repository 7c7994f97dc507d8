"""AEL133: degrees that lack the self-loops of the matrix that is divided by them."""

import pytest

from aelint.rules.architecture import degree_of_another_graph as rule
from tests.rules.harness import rows, run

DENSE = """
import numpy as np
import scipy.sparse as sp
import torch
from torch import nn

class GraphConvolution(nn.Module):
    def __init__(self, d_in, d_out):
        super().__init__()
        self.weight = nn.Linear(d_in, d_out, bias=False)

    def propagation(self, A, X):
        n = A.shape[0]
        {looped}
        {degree}
        {scaled}

    def forward(self, A, X):
        return self.propagation(A, self.weight(X))

layer = GraphConvolution(6, 3)
layer((torch.rand(20, 20) > 0.5).float(), torch.randn(20, 6))
"""
GOOD = {
    "looped": "A_hat = A + torch.eye(n)",
    "degree": "degree = A_hat.sum(dim=1)",
    "scaled": "D = torch.diag(degree ** -0.5); return D @ A_hat @ D @ X",
}
BAD = {**GOOD, "degree": "degree = A.sum(dim=1)"}
ROW = 15


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="degrees-of-the-matrix-with-self-loops"),
        pytest.param({"degree": "degree = A.sum(dim=1) + 1"}, id="one-is-added-to-the-degrees"),
        pytest.param(
            {"degree": "degree = A.sum(dim=1)", "scaled": "D = torch.diag(degree ** -0.5); return D @ A @ D @ X"},
            id="a-matrix-without-self-loops",
        ),
        pytest.param(
            {
                "degree": "degree = A.sum(dim=1)",
                "scaled": "D = torch.diag(degree ** -0.5); return (torch.eye(n) - D @ A @ D) @ X",
            },
            id="a-normalised-laplacian",
        ),
        pytest.param(
            {"degree": "degree = A.sum(dim=1)", "scaled": "return (torch.diag(degree) - A_hat) @ X"}, id="a-laplacian"
        ),
        pytest.param(
            {"degree": "degree = A.sum(dim=1)", "scaled": "return A_hat @ torch.cat([X, degree[:, None]], dim=1)"},
            id="degrees-as-features",
        ),
        pytest.param(
            {"degree": "degree = A.sum(dim=1)", "scaled": "return (A_hat @ X) * degree.sqrt()[:, None]"},
            id="multiplied-by-degrees",
        ),
        pytest.param(
            {"degree": "degree = A.sum(dim=1)", "scaled": "return A_hat @ X @ degree.rsqrt()"},
            id="summed-up-by-degrees",
        ),
        pytest.param(
            {"degree": "degree = A.sum(dim=1)", "scaled": "return A_hat @ X / degree.max()"}, id="the-largest-degree"
        ),
        pytest.param({"degree": "degree = A.sum()", "scaled": "return A_hat @ X / degree"}, id="the-number-of-edges"),
        pytest.param(
            {
                "degree": "degree, prior = A_hat.sum(dim=1), A.sum(dim=1)",
                "scaled": "return (A_hat / degree[:, None]) @ X / prior[:, None]",
            },
            id="divided-by-its-own-degrees-too",
        ),
        pytest.param(
            {"looped": "A_hat = A; A_hat.fill_diagonal_(1)", "degree": "degree = A.sum(dim=1)"},
            id="self-loops-written-into-the-matrix-itself",
        ),
        pytest.param(
            {"looped": "A_hat = A; A_hat += torch.eye(n)", "degree": "degree = A.sum(dim=1)"},
            id="self-loops-added-to-the-matrix-itself",
        ),
        pytest.param(
            {"looped": "A_hat = A; A_hat.add_(torch.eye(n))", "degree": "degree = A.sum(dim=1)"},
            id="self-loops-added-in-place",
        ),
        pytest.param(
            {"looped": "A_hat = A.clone(); A_hat.fill_diagonal_(0)", "degree": "degree = A.sum(dim=1)"},
            id="self-loops-taken-away",
        ),
        pytest.param(
            {"looped": "A_hat = A.clone(); A_hat[0, 1] = 1", "degree": "degree = A.sum(dim=1)"}, id="an-edge-is-added"
        ),
        pytest.param(
            {"looped": "A_hat = A.clone(); i = torch.arange(n); A_hat[i, i] = 0", "degree": "degree = A.sum(dim=1)"},
            id="the-diagonal-is-emptied",
        ),
        pytest.param(
            {
                "looped": "A_hat = A.clone(); i, j = torch.arange(n), torch.randperm(n); A_hat[i, j] = 1",
                "degree": "degree = A.sum(dim=1)",
            },
            id="edges-are-added",
        ),
        pytest.param({"looped": "A_hat = X @ X.t() + A", "degree": "degree = A.sum(dim=1)"}, id="further-edges"),
        pytest.param(
            {"degree": "degree = A.sum(dim=1)", "scaled": "return degree[:, None] / (A_hat @ torch.ones(n, 1))"},
            id="a-share-of-the-degrees",
        ),
        pytest.param(
            {"degree": "degree = A.sum(dim=1)", "scaled": "return ((A_hat @ X - X).pow(2).sum(dim=1) / degree).mean()"},
            id="weights-of-an-error",
        ),
        pytest.param(
            {"looped": "A_hat = A + torch.diag(X[:, 0])", "degree": "degree = A.sum(dim=1)"}, id="another-diagonal"
        ),
        pytest.param(
            {"looped": "B = torch.rand(n, n); A_hat = A + torch.eye(n)", "degree": "degree = B.sum(dim=1)"},
            id="degrees-of-an-unrelated-graph",
        ),
    ],
)
def test_silent(changes: dict[str, str]) -> None:
    assert rows(rule, DENSE.format(**{**GOOD, **changes})) == []


@pytest.mark.parametrize(
    "looped",
    [
        pytest.param("A_hat = torch.eye(n) + A", id="the-other-way-round"),
        pytest.param("A_hat = A + torch.diag(torch.ones(n))", id="a-diagonal-of-ones"),
        pytest.param("A_hat = torch.add(A, torch.eye(n).to(A)[None].repeat(1, 1, 1))", id="converted"),
        pytest.param("A_hat = A.clone(); A_hat.fill_diagonal_(1)", id="filled"),
        pytest.param("A_hat = A.clone(); i = torch.arange(n); A_hat[i, i] = 1", id="written-into-a-copy"),
        pytest.param("A_hat = A.clone(); A_hat += torch.eye(n)", id="added-to-a-copy"),
        pytest.param("A_hat = A + np.eye(n)", id="numpy"),
        pytest.param("A_hat = (A + torch.eye(n)).float()", id="converted-afterwards"),
    ],
)
def test_self_loops(looped: str) -> None:
    assert rows(rule, DENSE.format(**{**GOOD, "looped": looped})) == []
    assert rows(rule, DENSE.format(**{**BAD, "looped": looped})) == [ROW]


@pytest.mark.parametrize(
    "scaled",
    [
        pytest.param("D = torch.diag(degree.pow(-0.5)); return D.mm(A_hat).mm(D).mm(X)", id="products-of-matrices"),
        pytest.param("r = degree.rsqrt(); return (r[:, None] * A_hat * r[None, :]) @ X", id="elementwise"),
        pytest.param("return A_hat @ X / degree.unsqueeze(1)", id="a-mean-of-neighbours"),
        pytest.param("return torch.inverse(torch.diag(degree)) @ A_hat @ X", id="an-inverse"),
        pytest.param("return torch.diag(1 / torch.sqrt(degree + 1e-8)) @ A_hat @ X", id="a-guarded-root"),
        pytest.param(
            "r = torch.pow(degree, -0.5); r[torch.isinf(r)] = 0.0; return torch.diag(r) @ A_hat @ X",
            id="without-infinities",
        ),
        pytest.param(
            "r = torch.where(degree == 0, torch.zeros(n), 1 / degree); return torch.diag_embed(r) @ A_hat @ X",
            id="chosen",
        ),
        pytest.param(
            "r = degree.clamp(min=1).reciprocal(); return torch.einsum('i,ij,jk->ik', r, A_hat, X)", id="einsum"
        ),
        pytest.param("D = np.diag(np.power(degree, -0.5)); return D.dot(A_hat).dot(D)", id="numpy"),
        pytest.param(
            "D = sp.diags(np.power(np.array(degree), -0.5).flatten()); return A_hat.dot(D).transpose().dot(D).tocoo()",
            id="scipy",
        ),
        pytest.param("return torch.matrix_power(torch.diag(degree), -1) @ A_hat @ X", id="a-power-of-a-matrix"),
        pytest.param(
            "from scipy.linalg import fractional_matrix_power; return fractional_matrix_power(np.diag(degree), -0.5) @ A_hat",
            id="a-fractional-power",
        ),
    ],
)
def test_products(scaled: str) -> None:
    assert rows(rule, DENSE.format(**{**GOOD, "scaled": scaled})) == []
    assert rows(rule, DENSE.format(**{**BAD, "scaled": scaled})) == [ROW]


@pytest.mark.parametrize(
    "matrix",
    [
        *("A.to_dense()", "A.to_sparse()", "A.astype(float)", "A.toarray()", "A.todense()", "A.tocoo()", "A.tocsr()"),
        *("np.array(A)", "np.asarray(A)", "sp.coo_matrix(A)", "sp.csr_matrix(A)", "torch.tensor(A)"),
        *("np.copy(A)", "deepcopy(A)", "A.float()"),
    ],
)
def test_degrees_of_the_converted_matrix(matrix: str) -> None:
    source = DENSE.format(**{**GOOD, "degree": f"degree = {matrix}.sum(1)"})
    assert rows(rule, source.replace("import numpy", "from copy import deepcopy\nimport numpy")) == [ROW + 1]


def test_degrees_that_are_summed_before_self_loops_are_written() -> None:
    source = DENSE.format(looped="degree = A.sum(dim=1)", degree="A += torch.eye(n); A_hat = A", scaled=GOOD["scaled"])
    assert rows(rule, source) == [ROW - 1]


def test_self_loops_and_product_are_told() -> None:
    (found,) = run(rule, DENSE.format(**BAD))
    assert [note.site.row for note in found.notes] == [ROW - 1, ROW + 1]
    assert "(line 16)" in found.message
