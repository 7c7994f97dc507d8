"""A Gaussian kernel whose exponent is positive: it grows with the distance.

## What it does

Reports `exp((a - b) ** 2 / (2 * sigma ** 2))`, where the minus sign of a Gaussian kernel or window is missing.

## Why is this bad?

A kernel is a similarity: 1 for equal points, near 0 for distant ones. Without the sign it explodes with the
distance: an MMD pulls codes apart, a blurring window weighs the borders most, and large distances overflow.

## Example

```python
import torch


def gaussian_window(size, sigma):
    x = torch.arange(size).float()
    kernel = torch.exp((x - size // 2) ** 2 / (2 * sigma ** 2))
    return kernel / kernel.sum()
```

## Use instead

```python
import torch


def gaussian_window(size, sigma):
    x = torch.arange(size).float()
    kernel = torch.exp(-(x - size // 2) ** 2 / (2 * sigma ** 2))
    return kernel / kernel.sum()
```

## Known limits

The square of the difference and the scale must stand inside of the exponential itself.

## References

- Gretton et al., A Kernel Two-Sample Test, 2012
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Applicability, Severity
from aelint.rule import Finding, Rewrite, Rule, Site
from aelint.semantics import Program
from aelint.syntax.walk import walk

RULE = Rule(
    code="AEL324",
    name="growing-kernel",
    summary="a Gaussian kernel lacks its minus sign and grows with the distance",
    severity=Severity.ERROR,
    triggers=(("exp",), ("**", "pow", "square")),
)

_POOLED = frozenset({"sum", "mean"})


def check(program: Program) -> Iterator[Finding]:
    """Yield each exponential of a squared difference over a squared scale."""
    for node in walk(program.tree):
        argument = _exponent(node)
        if argument is not None and _is_scaled_square(argument):
            site = Site(program.unit, argument)
            message = (
                f"`{ast.unparse(argument)}` grows with the distance, and so does its exponential: a Gaussian kernel "
                "is exp(-distance^2 / (2 * sigma^2))"
            )
            rewrite = Rewrite("add the minus sign", ((site, f"-({site.text})"),), Applicability.UNSAFE)
            yield Finding(site, message, rewrite=rewrite)


def _exponent(node: ast.AST) -> ast.expr | None:
    """What `exp` is taken of: `torch.exp(a)`, `math.exp(a)`, `a.exp()`."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="torch" | "math" | "np" | "numpy"), attr="exp"), args=[argument]
        ):
            return argument
        case ast.Call(func=ast.Name(id="exp"), args=[argument]):
            return argument
        case ast.Call(func=ast.Attribute(value=ast.BinOp() as argument, attr="exp"), args=[]):
            return argument
        case _:
            return None


def _is_scaled_square(node: ast.expr) -> bool:
    match node:
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _is_squared_difference(left) and _is_squared_scale(right)
        case _:
            return False


def _is_squared_difference(node: ast.expr) -> bool:
    match node:
        case ast.BinOp(left=ast.BinOp(op=ast.Sub()), op=ast.Pow(), right=ast.Constant(value=2 | 2.0)):
            return True
        case ast.Call(
            func=ast.Attribute(value=ast.BinOp(op=ast.Sub()), attr="pow"), args=[ast.Constant(value=2 | 2.0)]
        ):
            return True
        case ast.Call(func=ast.Attribute(value=ast.BinOp(op=ast.Sub()), attr="square"), args=[]):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr="pow" | "square"), args=[ast.BinOp(op=ast.Sub()), *_]):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name(id="torch" | "np"), attr=attr), args=[inner, *_]) if (
            attr in _POOLED
        ):
            return _is_squared_difference(inner)
        case ast.Call(func=ast.Attribute(value=inner, attr=attr)) if attr in _POOLED:
            return _is_squared_difference(inner)
        case _:
            return False


def _is_squared_scale(node: ast.expr) -> bool:
    """`2 * sigma ** 2`, `sigma ** 2`, `2 * sigma * sigma`: positive, and no minus in sight."""
    if any(isinstance(one, ast.UnaryOp) for one in walk(node)):
        return False
    factors = [ast.unparse(one) for one in _factors(node) if not isinstance(one, ast.Constant)]
    return any(factors.count(one) > 1 for one in factors) or any(_is_square(one) for one in walk(node))


def _factors(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*_factors(node.left), *_factors(node.right)]
    return [node]


def _is_square(node: ast.AST) -> bool:
    match node:
        case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=2 | 2.0)):
            return True
        case ast.Call(func=ast.Attribute(attr="pow" | "square")):
            return True
        case _:
            return False
