"""An iterator or a loop takes the same part of the data every time.

## What it does

Reports `__next__` methods, generators and batch loops that give `data[:batch_size]` (or another part
with fixed ends) in every round, although a counter moves on.

## Why is this bad?

The model only ever sees the first batch. Its loss falls and every reconstruction looks like that batch,
which is easily mistaken for a collapsed code. Comparing samples *within* a batch does not reveal it.

## Example

```python
class Batches:
    def __init__(self, dataset, batch_size):
        self.dataset, self.batch_size, self.current = dataset, batch_size, 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.current >= len(self.dataset) // self.batch_size:
            raise StopIteration
        images = self.dataset[:self.batch_size]
        self.current += 1
        return images
```

```python
def batches(images, batch_size):
    for start in range(0, len(images), batch_size):
        yield images[:batch_size]
```

## Use instead

```python
class Batches:
    def __init__(self, dataset, batch_size):
        self.dataset, self.batch_size, self.current = dataset, batch_size, 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.current >= len(self.dataset) // self.batch_size:
            raise StopIteration
        start = self.current * self.batch_size
        self.current += 1
        return self.dataset[start:start + self.batch_size]
```

```python
def batches(images, batch_size):
    for start in range(0, len(images), batch_size):
        yield images[start:start + batch_size]
```

## Known limits

Anything that may change between two rounds keeps the rule silent: unknown calls, shuffling, attributes
that some other method sets. An endless generator without a counter is taken for an intended one.

## References

- https://docs.python.org/3/library/stdtypes.html#iterator-types
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rewrite, Rule, Site
from aelint.semantics import Program
from aelint.semantics.data.repetition import Constancy, attribute_of_self, changed_attributes
from aelint.semantics.domain.values import ClassValue, External, Function
from aelint.sources.unit import SourceUnit
from aelint.syntax.walk import every, own_nodes, walk

RULE = Rule(
    code="AEL501",
    name="repeated-batch",
    summary="an iterator or a loop takes the same part of the data every time",
    severity=Severity.ERROR,
    triggers=(("__next__", "yield", "range("),),
)

_HARMLESS = ("builtins.", "typing.", "collections.", "abc.", "torch.utils.data.")


def check(program: Program) -> Iterator[Finding]:
    """Yield one finding for each part of the data that is taken again and again."""
    for cls in program.own_classes:
        yield from _iterator(cls)
    for function in program.own_functions:
        if not isinstance(function.node, ast.Lambda):
            yield from _generator(function)
            yield from _batch_loops(function.node, function.module.unit)
    yield from _batch_loops(program.tree, program.unit)


def _iterator(cls: ClassValue) -> Iterator[Finding]:
    function = cls.namespace.get("__next__")
    if not isinstance(function, Function) or isinstance(function.node, ast.Lambda) or not _readable(cls):
        return
    state = Constancy(function.node, _changing(cls))
    returned = [n.value for n in own_nodes(function.node) if isinstance(n, ast.Return) and n.value is not None]
    parts = [part for value in returned if state.constant(value) for part in state.slices(value)]
    counter = _counter(function.node, state)
    if counter is None and _is_ended_by_a_flag(function.node):
        return
    if parts and all(state.constant(value) for value in returned):
        yield _finding(function.module.unit, parts[0], "every call of `__next__` gives", counter)


def _is_ended_by_a_flag(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """`self.done = True` beside `raise StopIteration`: one batch is meant."""
    nodes = own_nodes(function)
    ends = any(isinstance(n, ast.Raise) and "StopIteration" in ast.unparse(n) for n in nodes)
    set_once = (n for n in nodes if isinstance(n, ast.Assign) and isinstance(n.value, ast.Constant))
    return ends and any(attribute_of_self(t) is not None for n in set_once for t in n.targets)


def _readable(cls: ClassValue) -> bool:
    """Whether no ancestor can change attributes unseen."""
    bases = [b for c in cls.mro() for b in c.bases if not isinstance(b, ClassValue)]
    return all(isinstance(b, External) and b.name.startswith(_HARMLESS) for b in bases)


def _changing(cls: ClassValue) -> set[str]:
    """Attributes that may differ from one call to the next; what restarts the iteration is not in between."""
    methods = {n: f for c in reversed(cls.mro()) for n, f in c.namespace.items() if isinstance(f, Function)}
    own = {
        name
        for n, f in methods.items()
        if n not in {"__init__", "__iter__", "reset"}
        for name in changed_attributes(f.node)
    }
    computed = {n for n, f in methods.items() if any("property" in d for d in f.decorators)}
    return own | computed


def _generator(function: Function) -> Iterator[Finding]:
    if isinstance(function.node, ast.Lambda):
        return
    state: Constancy | None = None
    for loop in own_nodes(function.node):
        if not isinstance(loop, (ast.For, ast.While)):
            continue
        for node in _directly_in(loop):
            if not isinstance(node, ast.Yield) or node.value is None:
                continue
            if state is None:
                changing = _changing(function.owner) if function.owner is not None else set()
                state = Constancy(function.node, changing)
            counter = _moving(loop)
            if counter is not None and state.constant(node.value):
                for part in list(state.slices(node.value))[:1]:
                    yield _finding(function.module.unit, part, "every round yields", counter)


def _moving(loop: ast.For | ast.While) -> ast.expr | None:
    """What says that the loop means to move on: its own variable, or a counter that it increases."""
    if isinstance(loop, ast.For):
        counts = (
            isinstance(loop.iter, ast.Call) and isinstance(loop.iter.func, ast.Name) and loop.iter.func.id == "range"
        )
        return loop.target if counts else None
    return next((n.target for n in _directly_in(loop) if isinstance(n, ast.AugAssign)), None)


def _directly_in(loop: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a loop's body, without those of loops in it."""
    for child in ast.iter_child_nodes(loop):
        yield child
        if not isinstance(child, (ast.For, ast.While, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            yield from _directly_in(child)


def _batch_loops(root: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef, unit: SourceUnit) -> Iterator[Finding]:
    """Loops over the starts of batches that train on `data[:batch_size]`."""
    for loop in own_nodes(root):
        match loop:
            case ast.For(target=ast.Name(id=name) as target, iter=ast.Call(func=ast.Name(id="range"), args=args)):
                size = _batch_size(args)
            case _:
                continue
        body = [n for statement in loop.body for n in walk(statement)]
        used = any(isinstance(n, ast.Name) and n.id == name for n in body if not _is_printed(n, loop))
        trains = any(isinstance(n, ast.Attribute) and n.attr == "backward" for n in body)
        if size is None or used or not trains:
            continue
        for node in body:
            if isinstance(node, ast.Subscript) and _starts(node.slice) == ast.dump(size):
                state = Constancy(root, set())
                if state.constant(node.value) and state.constant(size):
                    yield _finding(unit, node, "every round of the loop takes", target)
                    break


def _is_printed(node: ast.AST, loop: ast.For) -> bool:
    calls = (n for n in every(ast.Call, loop) if isinstance(n.func, ast.Name) and n.func.id == "print")
    return any(node is inner for call in calls for inner in walk(call))


def _batch_size(args: list[ast.expr]) -> ast.expr | None:
    match args:
        case [_, _, step]:
            return step
        case [ast.BinOp(op=ast.FloorDiv(), right=size)] | [_, ast.BinOp(op=ast.FloorDiv(), right=size)]:
            return size
        case _:
            return None


def _starts(index: ast.expr) -> str | None:
    """The upper end of `[:size]`, possibly with further axes behind it."""
    match index:
        case ast.Slice(lower=None | ast.Constant(value=0), upper=ast.expr() as upper, step=None):
            return ast.dump(upper)
        case ast.Tuple(elts=[ast.Slice() as first, *_]):
            return _starts(first)
        case _:
            return None


def _counter(function: ast.FunctionDef | ast.AsyncFunctionDef, state: Constancy) -> ast.expr | None:
    """The counter that `__next__` moves on."""
    moved = [n.target for n in own_nodes(function) if isinstance(n, ast.AugAssign)]
    return next((t for t in moved if attribute_of_self(t) in state.changing), None)


def _finding(unit: SourceUnit, part: ast.Subscript, who: str, counter: ast.expr | None) -> Finding:
    site = Site(unit, part)
    message = f"{who} the same `{site.text}`"
    if counter is None:
        return Finding(site, f"{message}: nothing in it changes from one time to the next")
    name = ast.unparse(counter)
    note = Note(Site(unit, counter), f"`{name}` moves on, but the part that is taken does not depend on it")
    return Finding(site, f"{message}: `{name}` is not used in it", (note,), _rewrite(unit, part, counter))


def _rewrite(unit: SourceUnit, part: ast.Subscript, counter: ast.expr) -> Rewrite | None:
    """`[:size]` becomes `[start:start + size]`, where the counter is a start."""
    match part.slice:
        case ast.Slice(lower=None, upper=ast.expr() as upper, step=None):
            size = ast.unparse(upper)
        case _:
            return None
    data, name = ast.unparse(part.value), ast.unparse(counter)
    if isinstance(counter, ast.Name) and not name.startswith(("start", "begin", "offset", "i")):
        return None
    if isinstance(counter, ast.Name):
        new = f"{data}[{name}:{name} + {size}]"
        return Rewrite("start each part where the loop stands", ((Site(unit, part), new),))
    new = f"{data}[{name} * {size}:({name} + 1) * {size}]"
    return Rewrite("take the part that the counter points at", ((Site(unit, part), new),))
