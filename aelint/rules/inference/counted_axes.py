"""The axes of an array are counted where its matches are meant: `len(np.where(error > t))`.

## What it does

Reports `len` of what `where` with one argument, or NumPy's `nonzero`, returns.

## Why is this bad?

Both return a tuple with one array of indices per axis. Its length is the number of axes, for every array of that
kind: a count of anomalous points that is 2 for each picture, and a score that says nothing.

## Example

```python
import numpy as np


def anomalous(errors, threshold):
    return len(np.where(errors > threshold))
```

## Use instead

```python
import numpy as np


def anomalous(errors, threshold):
    return int(np.count_nonzero(errors > threshold))
```

## Known limits

A tuple that is handed to another function, or kept in an attribute, is not followed.

## References

- https://numpy.org/doc/stable/reference/generated/numpy.where.html
- https://docs.pytorch.org/docs/stable/generated/torch.where.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule, Site
from aelint.semantics import Program
from aelint.semantics.domain.trace import Call
from aelint.syntax.names import scopes
from aelint.syntax.walk import own_nodes

RULE = Rule(
    code="AEL611",
    name="counted-axes",
    summary="the axes of an array are counted in place of its matches",
    severity=Severity.ERROR,
    triggers=(("len(",), ("where", "nonzero")),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each length of a tuple of indices."""
    tuples = {id(c.site.node): c for c in program.calls if _gives_indices(c)}
    if not tuples:
        return
    for scope in scopes(program.tree):
        for length, found in _lengths(own_nodes(scope), tuples):
            message = (
                f"`{found.site.text}` is a tuple with one array of indices per axis: its length is the number of axes, "
                f"however many elements match; use `len(...[0])`, or `count_nonzero` of the condition"
            )
            yield Finding(Site(program.unit, length), message)


def _gives_indices(call: Call) -> bool:
    # `torch.nonzero` gives one row per match.
    of_condition = call.name in {"where", "numpy.nonzero"}
    return of_condition and len(call.args) == 1 and not call.kwargs and call.receiver is None


def _lengths(nodes: list[ast.AST], tuples: dict[int, Call]) -> Iterator[tuple[ast.expr, Call]]:
    """`len(where(x))`, and `len(hits)` where `hits = where(x)` is all that the name ever holds."""
    stored = [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    held: dict[str, Call] = {}
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if (
                stored.count(name) == 1 and id(value) in tuples
            ):
                held[name] = tuples[id(value)]
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)]) if name in held:
                yield node, held[name]
            case ast.Call(func=ast.Name(id="len"), args=[counted]) if id(counted) in tuples:
                yield node, tuples[id(counted)]
