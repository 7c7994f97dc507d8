"""A divisor that was meant for an exponent: `q ** (alpha + 1) / 2`, and a normalisation cancels it.

## What it does

Reports a power that is divided by a number and then by its own sum, where the exponent is written as a sum:
`q = q ** (alpha + 1.0) / 2.0; q = q / q.sum(dim=1, keepdim=True)`. Also a tensor that is multiplied with a number of levels,
divided by it again, and only then rounded.

## Why is this bad?

`**` binds more strongly than `/`: the number divides the power, not the exponent, and the normalisation cancels it.
In a Student-t assignment (DEC, parametric t-SNE) the exponent is then twice as large as the law says, and clusters
are assigned much more sharply. A rounding behind the division makes the same few steps however many levels there are.

## Example

```python
import torch


def assign(distances, alpha=1.0):
    q = 1.0 / (1.0 + distances / alpha)
    q = q ** (alpha + 1.0) / 2.0
    return q / q.sum(dim=1, keepdim=True)
```

## Use instead

```python
import torch


def assign(distances, alpha=1.0):
    q = 1.0 / (1.0 + distances / alpha)
    q = q ** ((alpha + 1.0) / 2.0)
    return q / q.sum(dim=1, keepdim=True)
```

## Known limits

The division must follow the power in one expression.

## References

- Xie et al., Unsupervised Deep Embedding for Clustering Analysis, 2016: https://arxiv.org/abs/1511.06335
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Applicability, Severity
from aelint.rule import Finding, Note, Rewrite, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import consumers, nodes
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.objective.cancelled_scales import cancelled_scales

RULE = Rule(
    code="AEL325",
    name="cancelled-factor",
    summary="a factor cancels before it can act: under a normalisation, or before a rounding",
    severity=Severity.WARNING,
    triggers=(("**", "pow", "round", "floor", "ceil", "trunc"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each divided power that is divided by its own sum."""
    users = consumers(program)
    for node in nodes(program):
        if node.op != "truediv" or node.site is None:
            continue
        parts = _power_over_number(node.site.node)
        if parts is None or not any(_normalises(u, node) for u in _users(node, users)):
            continue
        exponent, divisor = parts
        right = f"({ast.unparse(exponent)}) / {ast.unparse(divisor)}"
        message = (
            f"`/ {ast.unparse(divisor)}` divides the power, not the exponent, and the division by the sum cancels it: the "
            f"exponent is `{ast.unparse(exponent)}`. For an exponent of {right} put that into parentheses"
        )
        unit = node.site.unit
        replacements = ((node.site, _rewritten(node.site.node, exponent, divisor)),)
        yield Finding(
            Site(unit, node.site.node),
            message,
            rewrite=Rewrite("divide the exponent", replacements, Applicability.UNSAFE),
        )
    for one in cancelled_scales(program):
        name = f"`{one.factor.name}`" if one.factor.name else "the factor"
        message = (
            f"{name} is multiplied with and divided by before this is rounded ({place(one.rounding.site, one.site)}), so it has no effect on the "
            "rounding: the steps are as wide without it. Round first, then divide"
        )
        notes = () if one.rounding.site is None else (Note(one.rounding.site, "rounded here"),)
        yield Finding(one.site, message, notes)


def _users(node: Sym, users: dict[int, list[Sym]]) -> list[Sym]:
    """What is computed from the value, or from the value in another shape."""
    found = list(users.get(node.id, []))
    for one in found:  # grows while it is read
        if one.op in RESHAPES:
            found.extend(users.get(one.id, []))
    return found


def _power_over_number(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """The exponent, written as a sum, and the number, in `base ** (a + 1) / number` or `base.pow(a + 1) / number`."""
    match node:
        case ast.BinOp(left=power, op=ast.Div(), right=ast.Constant(value=int() | float()) as divisor):
            pass
        case _:
            return None
    match power:
        case ast.BinOp(op=ast.Pow(), right=ast.BinOp(op=ast.Add()) as exponent):
            return exponent, divisor
        case ast.Call(func=ast.Attribute(attr="pow"), args=[ast.BinOp(op=ast.Add()) as exponent]):
            return exponent, divisor
        case ast.Call(func=ast.Attribute(attr="pow"), args=[_, ast.BinOp(op=ast.Add()) as exponent]):
            return exponent, divisor
        case _:
            return None


def _rewritten(node: ast.AST, exponent: ast.expr, divisor: ast.expr) -> str:
    assert isinstance(node, ast.BinOp)
    return ast.unparse(node.left).replace(
        ast.unparse(exponent), f"({ast.unparse(exponent)}) / {ast.unparse(divisor)}", 1
    )


def _normalises(user: Sym, value: Sym) -> bool:
    """Whether a value is divided by its own sum."""
    match user:
        case Sym(op="truediv", inputs=(Sym(), Sym() as below)):
            return any(one.op == "sum" and any(a is value for a in ancestors(one)) for one in ancestors(below))
        case _:
            return False
