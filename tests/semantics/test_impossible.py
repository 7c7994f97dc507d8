"""Expressions that Python rejects, or that would fill the machine, end nothing: what stands beside them is understood."""

import pytest

from aelint.semantics import understand
from aelint.sources.unit import SourceUnit

IMPOSSIBLE = [
    "round()",
    "round(1, 'a')",
    "range(1, 2, 3, 4)",
    "range()",
    "abs()",
    "reversed()",
    "sorted()",
    "any()",
    "max()",
    "list(map())",
    "isinstance()",
    "int('x')",
    "int(float('inf'))",
    "'a'.split('')",
    "'a'.startswith(['b'])",
    "'a'.join([1])",
    "'{}'.format()",
    "1 // 0",
    "0 ** -1",
    "math.sqrt(-1)",
    "math.prod(['a'])",
    "[1, 2][5]",
    "{}['a']",
    "(1, 2)[1:0:0]",
    "10 ** 100000",
    "1 << 10 ** 9",
    "[0] * 10 ** 10",
    "(0,) * 10 ** 9",
    "'x' * 10 ** 10",
    "list(range(10 ** 12))",
    "sum(range(10 ** 12))",
    "sorted(range(10 ** 9))",
    "[i for i in range(10 ** 9)]",
    "{i: i for i in range(10 ** 9)}",
]


@pytest.mark.parametrize("expression", IMPOSSIBLE)
def test_the_rest_of_the_program_is_understood(expression):
    program = understand(SourceUnit("main.py", f"import math\nx = {expression}\nafter = 1\n"))
    assert [b.value for b in program.bindings if b.name == "after"] == [1]
