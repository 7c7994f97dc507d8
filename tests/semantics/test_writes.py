"""What is said of a tensor's values holds after something was written into it by another name, a view, or a later round."""

import math
from textwrap import indent

import pytest
import torch

from aelint.semantics import understand
from aelint.semantics.domain.values import Sym
from aelint.sources.unit import SourceUnit

PROGRAM = """
import torch

def fill(t):
    t[0] = 3

def perhaps(t, n):
    if n > 2:
        t[0] = 3

def fresh(t):
    t = t + 3
    t[0] = 5

class Store:
    def __init__(self):
        self.rows = torch.zeros(4, 8)
        for row in self.rows:
            row[0] = 4

    def first(self):
        return self.rows[0]

def run(n):
    x = torch.zeros(4, 8)
{body}
    return x

found = run({rounds})
"""

WRITES = {
    "rows of a loop": "for row in x:\n    row[2] = 5.0",
    "rows, in place": "for row in x:\n    row.add_(3)",
    "a row of a row": "x[0][1] = 7",
    "a method of a row": "x[0].fill_(7)",
    "a view with a name": "y = x.view(-1)\ny[3] = 2",
    "a view without": "x.view(-1)[3] = 2",
    "turned": "x.t().uniform_(1, 2)",
    "a second name": "y = x\ny[0] = 4",
    "parts": "left, right = x.chunk(2)\nleft += 2",
    "a function": "fill(x)",
    "a function, for a row": "fill(x[1])",
    "a function on one branch": "if n > 2:\n    fill(x)",
    "a function that may write": "perhaps(x, n)",
    "a list of rows": "rows = [r for r in x]\nrows[0].copy_(torch.full((8,), 9.0))",
    "rows beside numbers": "for r, v in zip(x, [1, 2, 3, 4]):\n    r[0] = v",
    "an attribute": "x = Store().first()",
    "more in each round": "for _ in range(n):\n    x = x + 1",
    "more in each round, in place": "for _ in range(n):\n    x.add_(1)",
    "less in each round": "while n > 0:\n    n -= 1\n    x = x - 2",
    "rows by their number": "for i in range(4):\n    x[i] = i",
}


def _said(body: str, rounds: str) -> Sym:
    program = understand(SourceUnit("main.py", PROGRAM.format(body=indent(body, "    "), rounds=rounds)))
    found = [b.value for b in program.bindings_of("found")]
    assert len(found) == 1
    assert isinstance(found[0], Sym)
    return found[0]


@pytest.mark.parametrize("rounds", ["7", "int(input())"])
@pytest.mark.parametrize("body", WRITES.values(), ids=WRITES)
def test_values_lie_where_they_are_said_to_lie(body: str, rounds: str) -> None:
    names: dict[str, torch.Tensor] = {}
    exec(PROGRAM.format(body=indent(body, "    "), rounds="7"), names)
    real, said = names["found"], _said(body, rounds)
    assert real.abs().sum() > 0, "something was written"
    assert said.range.low <= real.min().item()
    assert real.max().item() <= said.range.high


@pytest.mark.parametrize(
    ("body", "op"),
    [("pass", "zeros"), ("for row in x:\n    row[2] = 0.0", "written"), ("x[0][1] = x[1][0]", "written")],
)
def test_what_is_written_into_is_no_constant_any_more(body: str, op: str) -> None:
    assert _said(body, "7").op == op


@pytest.mark.parametrize(
    ("body", "low", "high"),
    [
        pytest.param("pass", 0, 0, id="nothing is written"),
        pytest.param("y = x.clone()\ny[0] = 4", 0, 0, id="into a copy"),
        pytest.param("fresh(x)", 0, 0, id="into what a function made of it"),
        pytest.param("for row in x:\n    row[2] = 5.0", 0, 5, id="the same number in each round"),
        pytest.param("for _ in range(n):\n    x = x.clamp(0, 1)", 0, 0, id="a bound that stays"),
        pytest.param("for _ in range(n):\n    x = x + 1", 1, math.inf, id="an end that moves, the other stays"),
    ],
)
def test_what_is_known_is_kept(body: str, low: float, high: float) -> None:
    said = _said(body, "int(input())")
    assert (said.range.low, said.range.high) == (low, high)
