"""An affine map that is written out is told from other arithmetic with parameters."""

import pytest

from aelint.semantics.formulas.projections import is_projection
from tests.semantics.reading import read

GIVEN = """
x = torch.randn(8, 16)
W, V = nn.Parameter(torch.randn(16, 4)), nn.Parameter(torch.randn(4, 16))
first, second, score = nn.Linear(16, 4), nn.Linear(16, 4), nn.Linear(16, 1)
b, c = nn.Parameter(torch.zeros(4)), nn.Parameter(torch.ones(4))
y = {}
"""


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("x", id="one value"),
        pytest.param("b", id="a parameter alone"),
        pytest.param("x @ x.t()", id="a product without weights"),
        pytest.param("x @ x.t() + nn.Parameter(torch.zeros(8))", id="a bias, but no weights"),
        pytest.param("x[:, :4] + b", id="a bias on something else"),
        pytest.param("x[:, :4] * b", id="a scale"),
        pytest.param("b + c", id="a sum of parameters"),
        pytest.param("torch.relu(x @ W) + b", id="an activation in between"),
        pytest.param("x @ W - b", id="a centre that is taken away"),
        pytest.param("first(x) - second(x)", id="a distance between two heads"),
        pytest.param("first(x) + x[:, :4]", id="a shortcut past a layer"),
        pytest.param("first(x) + torch.relu(second(x))", id="an activation beside a layer"),
        pytest.param("score(x) + score(2 * x)", id="two scores"),
    ],
)
def test_no_affine_map(written):
    assert not is_projection(read(GIVEN.format(written)))


@pytest.mark.parametrize(
    "written",
    [
        "x @ W",
        "x @ W + b",
        "b + torch.matmul(x, W)",
        "x @ V.t() + b",
        "x @ V.T",
        "first(x) + second(x)",
        "first(x) + x @ W + second(x)",
    ],
)
def test_affine_maps(written):
    assert is_projection(read(GIVEN.format(written)))
