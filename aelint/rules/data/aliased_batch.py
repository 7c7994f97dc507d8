"""All items of a list share one piece of memory, so that they end up equal.

## What it does

Reports tensors and arrays that are appended to a list in a loop although every round overwrites the same
buffer, lists made by `[x] * n` whose items are changed one by one, and lists that a loop appends to themselves. Also
`random.shuffle` on a tensor, or on an array of several axes.

## Why is this bad?

The list holds the same object many times, or itself in place of the value that was meant (`targets.append(targets)`). Collected codes, reconstructions or samples all show the values
of the last round.

Python's shuffle exchanges two items by `x[i], x[j] = x[j], x[i]`. Items of a list are references, but those of a tensor are
views of its memory: the first is overwritten before the second is read, and both become one. After a shuffle over 64
indices half of them are gone, and others stand there several times. Numbers in an array of one axis are copied and survive.

## Example

```python
import torch

def collect(model, loader):
    buffer = torch.empty(32, 8)
    codes = []
    for x in loader:
        buffer.copy_(model.encode(x))
        codes.append(buffer)
    return torch.cat(codes)
```

```python
def by_class(samples):
    groups = [[]] * 10
    for x, label in samples:
        groups[label].append(x)
    return groups
```

```python
import random
import torch

order = torch.arange(64)
random.shuffle(order)
```

## Use instead

```python
import torch

order = torch.arange(64)
order = order[torch.randperm(len(order))]
```

```python
import torch

def collect(model, loader):
    buffer = torch.empty(32, 8)
    codes = []
    for x in loader:
        buffer.copy_(model.encode(x))
        codes.append(buffer.clone())
    return torch.cat(codes)
```

```python
def by_class(samples):
    groups = [[] for _ in range(10)]
    for x, label in samples:
        groups[label].append(x)
    return groups
```

## Known limits

A buffer that is moved to another device or type when it is appended is taken for a copy.

## References

- https://docs.python.org/3/library/stdtypes.html#common-sequence-operations (note 2)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.data.shuffled_views import shuffled_views
from aelint.semantics.data.storage import changes, owner
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym, Value
from aelint.syntax.names import scopes
from aelint.syntax.walk import own_nodes, walk

RULE = Rule(
    code="AEL511",
    name="aliased-batch",
    summary="all items of a list share one piece of memory",
    severity=Severity.ERROR,
    triggers=(("append", "] *", "]*", "shuffle"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield findings for buffers that are collected, for shuffled views, and for repeated lists."""
    yield from _collected(program)
    yield from _shuffled(program)
    for root in scopes(program.tree):
        for node, name in _own_items(root):
            message = f"each round puts the list `{name}` into itself; append the value of this round"
            yield Finding(Site(program.unit, node), message)
        for node, use in _repeated(root):
            message = (
                f"`{ast.unparse(node)}` holds one object many times, so what changes one of its items changes all; "
                "build each item anew, in a comprehension"
            )
            yield Finding(
                Site(program.unit, node), message, (Note(Site(program.unit, use), "an item is changed here"),)
            )


def _shuffled(program: Program) -> Iterator[Finding]:
    for call, of_torch in shuffled_views(program):
        what, how = ("a tensor", "x[torch.randperm(len(x))]") if of_torch else ("an array", "numpy.random.shuffle")
        yield Finding(
            call.site,
            f"`random.shuffle` exchanges items through views of {what}: one is overwritten before it is read, so that some items are "
            f"lost and others stand there twice; use `{how}`, or shuffle a list",
        )


def _own_items(root: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """`targets.append(targets)` in a loop, where `targets = []`."""
    nodes = list(own_nodes(root))
    lists = {
        ast.unparse(target)
        for node in nodes
        if isinstance(node, ast.Assign) and isinstance(node.value, (ast.List, ast.Tuple))
        for target, value in _pairs(node)
        if isinstance(value, ast.List)
    }
    looped = (inner for node in nodes if isinstance(node, (ast.For, ast.While)) for inner in walk(node))
    for node in {id(n): n for n in looped}.values():
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"), args=[ast.Name(id=item)]):
                if name == item and name in lists:
                    yield node, name


def _pairs(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Targets and values of `a = []` and of `a, b = [], []`."""
    for target in node.targets:
        match target, node.value:
            case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
                yield from zip(targets, values, strict=True)
            case _:
                yield target, node.value


def _collected(program: Program) -> Iterator[Finding]:
    rounds: dict[int, list[tuple[Call, Value, Sym]]] = {}
    for call in program.calls:
        match call:
            case Call(method="append", args=(Sym() as item,)) if call.context.loops:
                root, steps = owner(program, item)
                written = [s for s in steps if s.op == "setitem" or s.id in changes(program)]
                if written:
                    rounds.setdefault(id(call.site.node), []).append((call, root, written[0]))
    for seen in rounds.values():
        for (first, root, _), (second, again, change) in pairwise(seen):
            if root is again and _next_round(first, second) and _rewrites_all(program, change):
                buffer = f"`{root.name}`" if isinstance(root, Sym) and root.name else "one buffer"
                notes = (Note(change.site, "every round overwrites it here"),) if change.site is not None else ()
                message = f"the list collects {buffer} itself in every round, not its values: all items are equal in the end; "
                yield Finding(second.site, message + "append a copy (`.clone()`)", notes)
                break


def _next_round(first: Call, second: Call) -> bool:
    a, b = first.context.loops[-1], second.context.loops[-1]
    return a.node is b.node and b.round == a.round + 1 and len(first.context.loops) == len(second.context.loops)


_WHOLE = frozenset({"copy_", "zero_", "fill_", "normal_", "uniform_", "set_"})


def _rewrites_all(program: Program, change: Sym) -> bool:
    """Whether the whole buffer is written anew: a sum that grows in place may be collected on purpose."""
    call = changes(program).get(change.id)
    if call is not None:
        return call.method in _WHOLE
    index = change.attrs.get("index")
    return index is ... or (isinstance(index, slice) and index == slice(None))


_MAKERS = frozenset("zeros ones empty full tensor array list dict set defaultdict randn rand".split())


def _repeated(root: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """`[x] * n` under a name, and the place where an item of it is changed."""
    nodes = list(own_nodes(root))
    for node in nodes:
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.BinOp(left=ast.List(elts=[item]), op=ast.Mult()) as made
            ):
                pass
            case _:
                continue
        if not _is_mutable(item) or any(_replaces_item(n, name) for n in nodes):
            continue
        use = next((u for n in nodes if (u := _changed_item(n, name)) is not None), None)
        if use is not None:
            yield made, use


def _is_mutable(item: ast.expr) -> bool:
    match item:
        case ast.List() | ast.Dict() | ast.Set():
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in _MAKERS
        case _:
            return False


def _replaces_item(node: ast.AST, name: str) -> bool:
    """Whether a place of the list is given an object of its own: `name[i] = []`."""
    match node:
        case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=found))], value=value):
            return found == name and _is_mutable(value)
        case _:
            return False


def _changed_item(node: ast.AST, name: str) -> ast.expr | None:
    """`name[i].append(x)`, `name[i].copy_(x)`, `name[i][j] = x`."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Subscript(value=ast.Name(id=found)), attr=method)) if found == name:
            changes_it = method in {"append", "extend", "add", "update"} or (
                method.endswith("_") and method != "requires_grad_"
            )
            return node if changes_it else None
        case ast.Subscript(value=ast.Subscript(value=ast.Name(id=found)), ctx=ast.Store()) if found == name:
            return node
        case _:
            return None
