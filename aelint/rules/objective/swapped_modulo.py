"""`interval % step == 0`: the operands of a modulo are exchanged.

## What it does

Reports a test `interval % step == 0` in which the counter of the training is the divisor and a setting is divided.

## Why is this bad?

`step % interval == 0` holds every `interval` steps. The other way round it holds for the divisors of the interval
alone, never again afterwards, and raises `ZeroDivisionError` at step 0: the weight of the KL divergence is annealed
a handful of times at the start of training and then stays where it is.

## Example

```python
class Annealing:
    def __init__(self, update_step=100):
        self.update_step, self.weight = update_step, 0.0

    def update(self, iteration):
        if self.update_step % iteration == 0:
            self.weight = min(1.0, self.weight + 0.01)
```

## Use instead

```python
class Annealing:
    def __init__(self, update_step=100):
        self.update_step, self.weight = update_step, 0.0

    def update(self, iteration):
        if iteration % self.update_step == 0:
            self.weight = min(1.0, self.weight + 0.01)
```

## Known limits

The divisor must be called like a counter (`step`, `epoch`, `iteration`, `batch_idx`), and what is divided be an
attribute or a number.

## References

- https://docs.python.org/3/reference/expressions.html#binary-arithmetic-operations
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from aelint.diagnostics import Applicability, Severity
from aelint.rule import Finding, Rewrite, Rule, Site
from aelint.semantics import Program
from aelint.syntax.walk import walk

RULE = Rule(
    code="AEL327",
    name="swapped-modulo",
    summary="an interval is divided by the step counter, not the counter by the interval",
    severity=Severity.WARNING,
    triggers=(("%",), ("step", "epoch", "iter", "batch")),
)

_COUNTER = re.compile(
    r"^(global_?|current_?|cur_?|train_?)?(step|iter(ation)?|it|epoch|batch_(idx|i|id|index))(_?(idx|i|num))?$"
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each remainder of a setting divided by a counter."""
    for node in walk(program.tree):
        match node:
            case ast.Compare(
                left=ast.BinOp(left=divided, op=ast.Mod(), right=ast.Name(id=counter)) as remainder,
                ops=[ast.Eq() | ast.NotEq()],
                comparators=[ast.Constant(value=0)],
            ) if _COUNTER.match(counter.lower()) and _is_setting(divided):
                site = Site(program.unit, remainder)
                right = f"{counter} % {ast.unparse(divided)}"
                message = (
                    f"`{ast.unparse(remainder)}` is zero only while `{counter}` is a divisor of "
                    f"`{ast.unparse(divided)}`, and raises at 0; for every so many steps write `{right}`"
                )
                rewrite = Rewrite("exchange the operands", ((site, right),), Applicability.UNSAFE)
                yield Finding(site, message, rewrite=rewrite)


def _is_setting(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=int(number)):
            return number > 1
        case ast.Attribute(attr=attr):
            return not _COUNTER.match(attr.lower())
        case _:
            return False
