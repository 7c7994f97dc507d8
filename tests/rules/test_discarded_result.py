import pytest

from aelint.rules.architecture import discarded_result as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nx = torch.rand(2, 4)\nm = x > 0\n"


@pytest.mark.parametrize(
    "statement",
    [
        "x.clamp_(0, 1)",
        "torch.clamp(x, 0, 1, out=x)",
        "F.relu(x, inplace=True)",
        "nn.ReLU(inplace=True)(x)",
        "nn.Linear(4, 2).to('cpu')",
        "print(x.view(8))",
        "torch.manual_seed(0)",
        "x.requires_grad_(True)",
    ],
)
def test_silent_on_calls_that_do_something(statement):
    assert rows(rule, HEAD + statement + "\n") == []


def test_silent_on_own_objects_with_such_methods():
    source = HEAD + "class Board:\n    def view(self, a):\n        print(a)\nBoard().view(3)\n"
    assert rows(rule, source) == []
    assert rows(rule, HEAD + "def show(board):\n    board.view(3)\n    board.permute(1)\n") == []


def test_silent_where_an_exception_is_expected():
    source = (
        HEAD
        + "import pytest\nwith pytest.raises(RuntimeError):\n    x.view(3, 3)\ntry:\n    x.view(8)\nexcept RuntimeError:\n    pass\n"
    )
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "statement",
    [
        "x.masked_fill(m, 0.0)",
        "x.view(8)",
        "torch.clamp(x, 0, 1)",
        "x.detach()",
        "F.relu(x)",
        "torch.stack([x, x])",
        "x.to('cpu')",
    ],
)
def test_fires_on_results_that_nobody_gets(statement):
    assert rows(rule, HEAD + statement + "\n") == [6]


def test_offers_to_assign_the_result():
    source = (
        HEAD
        + "def f(scores, mask):\n    scores = torch.matmul(scores, scores)\n    scores.masked_fill(mask, -1e9)\n    return scores\n"
    )
    found = run(rule, source)
    assert [f.site.row for f in found] == [8]
    assert found[0].rewrite.replacements[0][1] == "scores = scores.masked_fill(mask, -1e9)"
