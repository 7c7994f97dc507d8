"""A loop over the layers singles out one layer by an index that the loop never reaches.

## What it does

Reports a comparison of a loop's counter with a number that is one past its last value, or beyond: `i == len(layers)`
in `for i, layer in enumerate(layers)`, `i < len(sizes) - 1` where there are only `len(sizes) - 1` layers.

## Why is this bad?

The test is meant to leave the activation out behind the last layer. It has the same outcome in every round, so the
output is rectified or squashed like the hidden layers: data beyond the activation's range can never be reconstructed.

## Example

```python
import torch
from torch import nn


class Decoder(nn.Module):
    def __init__(self, sizes=(8, 32, 64)):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])])

    def forward(self, z):
        for i, layer in enumerate(self.layers):
            z = layer(z)
            if i != len(self.layers):
                z = torch.relu(z)
        return z
```

## Use instead

```python
import torch
from torch import nn


class Decoder(nn.Module):
    def __init__(self, sizes=(8, 32, 64)):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])])

    def forward(self, z):
        for i, layer in enumerate(self.layers):
            z = layer(z)
            if i != len(self.layers) - 1:
                z = torch.relu(z)
        return z
```

## Known limits

The loop's length and the number must be written over the same list or size, or be known attributes of every instance.

## References

- https://docs.python.org/3/library/functions.html#enumerate
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.domain.values import Function, Instance, ListValue, Object, Value
from aelint.syntax.names import is_own_attribute
from aelint.syntax.walk import every, walk

RULE = Rule(
    code="AEL128",
    name="index-test-never-holds",
    summary="a test on the index of a layer has the same outcome for every layer",
    severity=Severity.WARNING,
    triggers=(("enumerate", "range"), ("for ",)),
)

_LAST = re.compile(r"last|final", re.IGNORECASE)
_MUTATING = frozenset({"append", "extend", "insert", "pop", "remove", "clear", "add_module"})


@dataclass(frozen=True, slots=True)
class _Size:
    """`of + offset`; `of` is the text of an expression: `n`, `len(layers)`."""

    of: str
    offset: int


def check(program: Program) -> Iterator[Finding]:
    """Yield each comparison of a counter with a number that it never reaches."""
    for function in program.own_functions:
        if isinstance(function.node, ast.Lambda):
            continue
        for loop in walk(function.node):
            if isinstance(loop, (ast.For, ast.AsyncFor)):
                yield from _in_loop(program, function, loop)


def _in_loop(program: Program, function: Function, loop: ast.For | ast.AsyncFor) -> Iterator[Finding]:
    counter, length = _counted(loop)
    if not counter or length is None or not _is_steady(loop, counter, length):
        return
    nodes = [n for statement in loop.body for n in walk(statement)]
    guards = {id(v) for n in nodes if isinstance(n, ast.BoolOp) for v in _repeated(n)}
    for node in nodes:
        match node:
            case ast.Compare() if id(node) in guards:
                continue
            case ast.Compare(left=ast.Name(id=name), ops=[operator], comparators=[bound]) if name == counter:
                limit = _size(bound)
            case _:
                continue
        outcome = None
        if limit is not None and limit.of == length.of:
            outcome = _outcome(operator, limit.offset - length.offset)
        elif isinstance(operator, (ast.Eq, ast.NotEq)) and _is_beyond(program, function, loop, bound):
            outcome = _outcome(operator, 0)
        if outcome is not None:
            test, counted = Site(program.unit, node), Note(Site(program.unit, loop.iter), "the loop counts this")
            message = (
                f"`{ast.unparse(node)}` is {outcome} in every round: `{counter}` counts from 0 and ends one before "
                f"`{ast.unparse(bound)}`. The last one has the index `{_last(length, bound)}`"
            )
            origin = _only_origin(program, function, bound)
            if origin is None:
                yield Finding(test, message, (counted,))
            else:
                yield Finding(origin, f"{message}, so store one less here", (Note(test, "the test"), counted))


def _only_origin(program: Program, function: Function, bound: ast.expr) -> Site | None:
    """Where an attribute of the network gets its number, if one test alone reads it."""
    if not isinstance(bound, ast.Attribute) or not is_own_attribute(bound):
        return None
    own = [i for i in program.networks if function.owner in i.cls.mro()]
    sites = {id(s.site.node): s.site for i in own for s in program.stores_to(i, bound.attr)}
    named = [n for unit in program.files for n in every(ast.Attribute, unit.tree) if n.attr == bound.attr]
    reads = [n for n in named if isinstance(n.ctx, ast.Load)]
    return next(iter(sites.values())) if len(sites) == len(reads) == 1 else None


def _repeated(test: ast.BoolOp) -> list[ast.expr]:
    """Parts of `j < n and i < n`, which bounds several indices alike: that one of them is never beyond is harmless."""
    bounds = [ast.unparse(v.comparators[0]) for v in test.values if isinstance(v, ast.Compare)]
    return [v for v in test.values if isinstance(v, ast.Compare) and bounds.count(ast.unparse(v.comparators[0])) > 1]


def _last(length: _Size, bound: ast.expr) -> str:
    if isinstance(bound, ast.Attribute):
        return f"{ast.unparse(bound)} - 1"
    return length.of + (f" - {1 - length.offset}" if length.offset < 1 else f" + {length.offset - 1}")


def _outcome(operator: ast.cmpop, ahead: int) -> str | None:
    """What the test is in every round, when the number is `ahead` of the loop's length; None if it varies."""
    if ahead < 0:
        return None
    match operator:
        case ast.Eq() | ast.GtE() | ast.Gt():
            return "False"
        case ast.NotEq() | ast.Lt():
            return "True"
        case _:
            return None


def _counted(loop: ast.For | ast.AsyncFor) -> tuple[str, _Size | None]:
    """The name that counts from 0, and how many rounds there are."""
    match loop.target, loop.iter:
        case ast.Name(id=name), ast.Call(func=ast.Name(id="range"), args=[stop]):
            return name, _size(stop)
        case ast.Tuple(elts=[ast.Name(id=name), _]), ast.Call(func=ast.Name(id="enumerate"), args=[items], keywords=[]):
            return name, _length(items)
        case _:
            return "", None


def _length(items: ast.expr) -> _Size | None:
    match items:
        case ast.Name() | ast.Attribute():
            return _Size(f"len({ast.unparse(items)})", 0)
        case ast.Subscript(value=base, slice=ast.Slice(lower=None, upper=upper, step=None)) if _is_number(upper, -1):
            return _shorter(_length(base))
        case ast.Subscript(value=base, slice=ast.Slice(lower=lower, upper=None, step=None)) if _is_number(lower, 1):
            return _shorter(_length(base))
        case ast.Call(func=ast.Name(id="zip"), args=[first, second], keywords=[]):
            a, b = _length(first), _length(second)
            return _Size(a.of, min(a.offset, b.offset)) if a is not None and b is not None and a.of == b.of else None
        case _:
            return None


def _shorter(size: _Size | None) -> _Size | None:
    return None if size is None else _Size(size.of, size.offset - 1)


def _is_number(node: ast.expr | None, number: int) -> bool:
    return node is not None and ast.unparse(node) == str(number)


def _size(node: ast.expr) -> _Size | None:
    """A number as a length or a name, plus or minus a number."""
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as sign, right=ast.Constant(value=int(number))):
            inner = _size(left)
            return (
                None
                if inner is None
                else _Size(inner.of, inner.offset + (number if isinstance(sign, ast.Add) else -number))
            )
        case ast.Call(func=ast.Name(id="len"), args=[ast.Name() | ast.Attribute() as items]):
            return _length(items)
        case ast.Name() | ast.Attribute():
            return _Size(ast.unparse(node), 0)
        case _:
            return None


def _is_steady(loop: ast.For | ast.AsyncFor, counter: str, length: _Size) -> bool:
    """Whether neither the counter nor what is counted changes in the loop."""
    counted = length.of.removeprefix("len(").removesuffix(")")
    for node in (n for statement in loop.body for n in walk(statement)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) if name in {counter, counted}:
                return False
            case ast.Attribute(ctx=ast.Store()) if ast.unparse(node) == counted:
                return False
            case ast.Call(func=ast.Attribute(value=owner, attr=attr)) if (
                attr in _MUTATING and ast.unparse(owner) == counted
            ):
                return False
    return True


def _is_beyond(program: Program, function: Function, loop: ast.For | ast.AsyncFor, bound: ast.expr) -> bool:
    """Whether an attribute that is called the last index is the number of layers, in every instance that is known."""
    if not (isinstance(bound, ast.Attribute) and _LAST.search(bound.attr) and is_own_attribute(bound)):
        return False
    known = [i for i in program.networks if function.owner in i.cls.mro()]
    match loop.iter:
        case ast.Call(args=[ast.Attribute(attr=attr) as items]) if is_own_attribute(items):
            counts = [(i, _count(i.attrs.get(attr))) for i in known]
        case ast.Call(args=[ast.Name(id=name)]):
            mine = [b for b in program.bindings_of(name) if b.context.function is function]
            counts = [(b.context.stack[-1].receiver, _count(b.value)) for b in mine]
        case _:
            return False
    return bool(counts) and all(_is_one_too_far(i, count, bound.attr) for i, count in counts)


def _is_one_too_far(instance: Value, count: int | None, last: str) -> bool:
    number = instance.attrs.get(last) if isinstance(instance, Instance) else None
    return count is not None and isinstance(number, int) and not isinstance(number, bool) and number == count > 1


def _count(value: Value) -> int | None:
    match value:
        case ListValue(items=items, complete=True):
            return len(items)
        case Object(children=dict() as children, complete=True):
            return len(children)
        case _:
            return None
