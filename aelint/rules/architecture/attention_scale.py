"""Attention scores that are scaled the wrong way round, or whose scale is never applied.

## What it does

Reports attention in which the products of queries and keys of `d` numbers are multiplied by `sqrt(d)`, where they
must be divided by it; and a block that computes its own softmax of such products and stores a `scale` that
nothing reads.

## Why is this bad?

Products of two random vectors of `d` numbers have a standard deviation of `sqrt(d)`. Divided by it they are of order one.
Unscaled, and all the more multiplied, they saturate the softmax: every query attends to one key, and the gradient
through the scores vanishes.

## Example

```python
import math
import torch
from torch import nn

to_q, to_k = nn.Linear(64, 64), nn.Linear(64, 64)
x = torch.rand(8, 10, 64)
scores = torch.matmul(to_q(x), to_k(x).transpose(-1, -2)) * math.sqrt(64)
weights = torch.softmax(scores, dim=-1)
```

## Use instead

```python
import math
import torch
from torch import nn

to_q, to_k = nn.Linear(64, 64), nn.Linear(64, 64)
x = torch.rand(8, 10, 64)
scores = torch.matmul(to_q(x), to_k(x).transpose(-1, -2)) / math.sqrt(64)
weights = torch.softmax(scores, dim=-1)
```

## Known limits

Queries and keys that are normalised first are left alone: their products are cosines, which are scaled up on purpose.

## References

- Vaswani et al., Attention Is All You Need, 2017, section 3.2.1: https://arxiv.org/abs/1706.03762
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, source, through_reshapes
from aelint.semantics.dataflow.mentions import attributes_read_in, strings_in
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.interpreter.kinds import is_network
from aelint.semantics.operators.api import to_number
from aelint.syntax.walk import walk

RULE = Rule(
    code="AEL129",
    name="attention-scale",
    summary="attention scores are scaled the wrong way round, or not at all",
    severity=Severity.WARNING,
    triggers=(("softmax",), ("matmul", "einsum", "bmm", "@")),
)

_PRODUCTS = frozenset({"matmul", "einsum"})
_NAMED_PRODUCTS = frozenset({"matmul", "einsum", "bmm", "baddbmm"})
_BETWEEN = RESHAPES | {"add", "masked_fill", "where", "clamp", "sub"}
_NORMALISED = frozenset({"normalize", "layer_norm", "rms_norm", "truediv", "rsqrt", "group_norm"})
_SCALE = re.compile(r"^(attn_|qk_|softmax_)?scale$")
_SCALED_BY_TORCH = re.compile(r"scaled_dot_product|xformers|flash|memory_efficient")


def check(program: Program) -> Iterator[Finding]:
    """Yield scores that are multiplied by the root, then scales that nothing reads."""
    for call in program.calls_to("softmax"):
        logits = call.bound.get("input")
        scaled = _scaled(logits)
        site = scaled[0].site if scaled is not None else None
        if scaled is None or site is None:
            continue
        _, factor, size = scaled
        message = (
            f"the products of queries and keys of {size} numbers are multiplied by {factor:g}, the root of {size}: "
            "divide by it, or the softmax picks one key and passes no gradient"
        )
        yield Finding(site, message, (Note(call.site, "the softmax of the scores"),))
    yield from _unread(program)


def _scaled(value: Value) -> tuple[Sym, float, int] | None:
    """The product with a factor, the factor, and the numbers that were multiplied and summed, where it is their root."""
    for _ in range(8):
        if not isinstance(value, Sym):
            return None
        if value.op in {"mul", "truediv"}:
            return _by_root(value)
        if value.op not in _BETWEEN:
            return None
        value = source(value)
    return None


def _by_root(value: Sym) -> tuple[Sym, float, int] | None:
    left, right = value.attrs.get("input"), value.attrs.get("other")
    number, product = to_number(right), left
    if number is None and value.op == "mul":
        number, product = to_number(left), right
    product = through_reshapes(product)
    if number is None or number <= 0 or not isinstance(product, Sym) or product.op not in _PRODUCTS:
        return None
    factor = number if value.op == "mul" else 1 / number
    size = round(factor**2)
    if size < 4 or not math.isclose(factor, math.sqrt(size), rel_tol=1e-6) or not _is_width(product, size):
        return None
    operands = [i for i in product.inputs if isinstance(i, Sym)]
    return None if any(_is_normalised(i) for i in operands) else (value, factor, size)


def _is_width(product: Sym, size: int) -> bool:
    """Whether both operands have an axis of that size at their ends: what was multiplied and summed."""
    operands = [i for i in product.inputs if isinstance(i, Sym) and i.shape is not None and len(i.shape) >= 2]
    return len(operands) == 2 and all(size in operand.shape[-2:] for operand in operands if operand.shape)


def _is_normalised(operand: Sym) -> bool:
    stop = frozenset({"linear", "conv1d", "conv2d", "conv3d"})
    return any(one.op in _NORMALISED for one in ancestors(operand, stop))


def _unread(program: Program) -> Iterator[Finding]:
    """A stored scale in a class that computes the softmax of products itself, in a file that never reads it."""
    mentioned = attributes_read_in(program.tree) | strings_in(program.tree)
    for owner in program.own_classes:
        if not is_network(owner) or not _attends(owner.node):
            continue
        for node in walk(owner.node):
            match node:
                case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=attr)], value=value) if (
                    _SCALE.match(attr) and attr not in mentioned and _is_root(value)
                ):
                    message = (
                        f"`self.{attr}` is stored and never read: the products of queries and keys reach the softmax "
                        "unscaled. Multiply them by it"
                    )
                    yield Finding(Site(program.unit, node), message)


def _attends(owner: ast.ClassDef) -> bool:
    """Whether the class takes the softmax of products in its own code, and torch's attention is not in it."""
    names = {n.attr for n in walk(owner) if isinstance(n, ast.Attribute)}
    names |= {n.id for n in walk(owner) if isinstance(n, ast.Name)}
    operators = (n.op for n in walk(owner) if isinstance(n, ast.BinOp))
    products = bool(_NAMED_PRODUCTS & names) or any(isinstance(operator, ast.MatMult) for operator in operators)
    soft = any(name.lower() == "softmax" for name in names)
    scaled = any(_SCALED_BY_TORCH.search(name) for name in names)
    normalised = any(name in {"normalize", "l2norm"} for name in names)
    return products and soft and not scaled and not normalised and "sqrt" not in _outside_of_init(owner)


def _outside_of_init(owner: ast.ClassDef) -> set[str]:
    found: set[str] = set()
    for method in owner.body:
        if isinstance(method, ast.FunctionDef) and method.name != "__init__":
            found |= {n.attr for n in walk(method) if isinstance(n, ast.Attribute)}
            found |= {"sqrt" for n in walk(method) if isinstance(n, ast.BinOp) and isinstance(n.op, (ast.Pow, ast.Div))}
    return found


def _is_root(value: ast.expr) -> bool:
    """`dim ** -0.5`, `1 / sqrt(dim)`."""
    text = ast.unparse(value)
    return "** -0.5" in text or "sqrt" in text or "** (-0.5)" in text
