"""`Unflatten` is given one number: parentheses around a product do not make a tuple.

## What it does

Reports `nn.Unflatten(dim, size)`, `torch.unflatten` and `Tensor.unflatten` whose size is a number.

## Why is this bad?

`(8 * 16 * 16)` is 2048, not a tuple. torch raises `TypeError: unflattened_size must be a tuple of ints`
when the layer is built. The feature map needs its channels and its sides as separate numbers, and the
layer behind must take that number of channels.

## Example

```python
import torch.nn as nn

decoder = nn.Sequential(
    nn.Linear(256, 8 * 16 * 16),
    nn.Unflatten(1, (8 * 16 * 16)),
    nn.ConvTranspose2d(8, 3, 3),
)
```

## Use instead

```python
import torch.nn as nn

decoder = nn.Sequential(
    nn.Linear(256, 8 * 16 * 16),
    nn.Unflatten(1, (8, 16, 16)),
    nn.ConvTranspose2d(8, 3, 3),
)
```

## Known limits

Sizes that are only known when the program runs are left alone.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.Unflatten.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rewrite, Rule, Site
from aelint.semantics import Program
from aelint.semantics.architecture.contradictions import constructions
from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.values import Object, Value
from aelint.semantics.explanation.wording import place, size_text

RULE = Rule(
    code="AEL101",
    name="unflatten-size-not-a-tuple",
    summary="`Unflatten` is given a number where a tuple of sizes is needed",
    severity=Severity.ERROR,
    triggers=(("unflatten",),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each layer or call whose size is one number."""
    for layer in constructions(program, "Unflatten"):
        size = layer.bound.get("unflattened_size")
        if layer.site is not None and _is_number(size):
            consumers = list(_consumers(program, layer))
            yield _finding(layer.site, size, [Note(site, message) for site, message in consumers])
            yield from (
                Finding(site, message, (Note(layer.site, "this size is no tuple"),)) for site, message in consumers
            )
    for call in program.calls_to("unflatten"):
        size = call.bound.get("sizes")
        if _is_number(size) and isinstance(call.site.node, ast.Call):
            yield _finding(call.site, size, [])


def _is_number(size: Value) -> bool:
    return isinstance(size, (int, Poly)) and not isinstance(size, bool)


def _finding(site: Site, size: Value, notes: list[Note]) -> Finding:
    argument = _size_argument(site.node)
    message = (
        f"`{_text(site, argument)}` is the number {size_text(size)}, not a tuple of sizes; "
        "torch raises TypeError here. Write the channels and the sides apart"
    )
    factors = _factors(argument)
    rewrite = None
    if argument is not None and len(factors) > 1:
        sizes = ", ".join(_text(site, f) for f in factors)
        message += f": ({sizes})"
        rewrite = Rewrite(
            "make it a tuple",
            ((Site(site.unit, argument), sizes if _in_parentheses(site, argument) else f"({sizes})"),),
        )
    return Finding(site, message, tuple(notes), rewrite)


def _consumers(program: Program, layer: Object) -> Iterator[tuple[Site, str]]:
    """The convolution behind the layer, where it takes another number of channels than the first factor."""
    factors = _factors(_size_argument(layer.site.node)) if layer.site is not None else []
    given = factors[0].value if factors and isinstance(factors[0], ast.Constant) else None
    for container in program.layers:
        children = list((container.children or {}).values())
        if layer not in children[:-1] or not isinstance(given, int):
            continue
        after = children[children.index(layer) + 1]
        if isinstance(after, Object) and after.site is not None and after.bound.get("in_channels", given) != given:
            taken = size_text(after.bound["in_channels"])
            message = (
                f"`{after.class_name}` takes {taken} channels and cannot follow: as a tuple, the size in "
                f"front of it ({place(layer.site, after.site)}) gives {given}. Change both"
            )
            yield after.site, message


def _size_argument(node: ast.AST) -> ast.expr | None:
    if not isinstance(node, ast.Call):
        return None
    named = [k.value for k in node.keywords if k.arg in {"unflattened_size", "sizes"}]
    return named[0] if named else node.args[-1] if node.args else None


def _factors(node: ast.expr | None) -> list[ast.expr]:
    match node:
        case ast.BinOp(op=ast.Mult(), left=left, right=right):
            return [*_factors(left), *_factors(right)]
        case None:
            return []
        case _:
            return [node]


def _text(site: Site, node: ast.expr | None) -> str:
    return site.unit.text_of(node) if node is not None else "the size"


def _in_parentheses(site: Site, node: ast.expr) -> bool:
    before = site.unit.lines[node.lineno - 1].encode()[: node.col_offset].decode().rstrip()
    if not before.endswith("("):
        return False
    # In `f(8 * 16)` the parenthesis belongs to the call.
    rest = before[:-1].rstrip()
    return not rest or not (rest[-1].isalnum() or rest[-1] in "_)]")
