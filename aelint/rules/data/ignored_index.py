"""A data set's `__getitem__` gives the same sample for every index.

## What it does

Reports a `__getitem__` that never uses its index, and takes a fixed part of the data instead. Where the index picks
the label, or another companion, reports the one fixed entry of the list that `__len__` counts.

## Why is this bad?

The loader counts to `len(dataset)`, but every sample of every batch is the same one. The model learns to
output it, whatever comes in.

## Example

```python
from torch.utils.data import Dataset

class Digits(Dataset):
    def __init__(self, images, transform=None):
        self.images, self.transform = images, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[0]
        return self.transform(image) if self.transform else image
```

## Use instead

```python
from torch.utils.data import Dataset

class Digits(Dataset):
    def __init__(self, images, transform=None):
        self.images, self.transform = images, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        return self.transform(image) if self.transform else image
```

## Known limits

Silent on data sets of length one, on those that draw their samples at random or from a stream, on
abstract methods, and where the index is used for anything but a bounds check.

## References

- https://docs.pytorch.org/docs/stable/data.html#map-style-datasets
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rewrite, Rule, Site
from aelint.semantics import Program
from aelint.semantics.data.repetition import Constancy, attribute_of_self, changed_attributes
from aelint.semantics.domain.values import ClassValue, Function
from aelint.syntax.names import uses
from aelint.syntax.signatures import positional
from aelint.syntax.walk import every, own_nodes, walk

RULE = Rule(
    code="AEL502",
    name="ignored-index",
    summary="a data set's `__getitem__` gives the same sample for every index",
    severity=Severity.ERROR,
    triggers=(("__getitem__",),),
)

_RANDOM = ("rand", "random", "choice", "sample", "shuffle", "next", "normal", "uniform", "perm", "get", "recv", "read")


def check(program: Program) -> Iterator[Finding]:
    """Yield one finding for each `__getitem__` whose samples are all the same."""
    for cls in program.own_classes:
        function = cls.namespace.get("__getitem__")
        if not isinstance(function, Function) or isinstance(function.node, ast.Lambda):
            continue
        names = positional(function.node)
        if len(names) != 2 or _draws(function.node):
            continue
        used = _uses(function.node, names[1])
        part = _one_of_several(cls, function.node, names[1]) if used else _fixed_part(cls, function.node)
        if part is not None:
            yield _finding(function, names[1], part, others=used)


def _one_of_several(
    cls: ClassValue, function: ast.FunctionDef | ast.AsyncFunctionDef, index: str
) -> ast.Subscript | None:
    """A fixed entry of the list whose length is the data set's, where the index picks from other lists only."""
    method = cls.find("__len__")
    length = _length(method) if isinstance(method, Function) else None
    counted = _counted(length) if length is not None else None
    parts = [n for n in every(ast.Subscript, function) if counted is not None and attribute_of_self(n.value) == counted]
    measured = {n.value for n in every(ast.Attribute, function) if n.attr in {"shape", "size", "dtype", "ndim"}}
    inner = {n.value for n in every(ast.Subscript, function)}
    falls_back = any(isinstance(n, (ast.Try, ast.If, ast.IfExp)) for n in own_nodes(function))
    if falls_back or any(uses(part.slice, index) for part in parts):
        return None
    fixed = [p for p in parts if _is_position(p.slice) and p not in measured and p not in inner]
    return fixed[0] if len(fixed) == 1 else None


def _uses(function: ast.AST, index: str) -> bool:
    """Whether the index is read, other than to refuse it or to print it."""
    for node in ast.iter_child_nodes(function):
        match node:
            case ast.Name(id=name) if name == index:
                return True
            case ast.If(body=body, orelse=[]) if all(isinstance(s, ast.Raise) for s in body):
                continue
            case ast.Assert() | ast.Expr(value=ast.Call(func=ast.Name(id="print"))) | ast.arguments():
                continue
            case _ if _uses(node, index):
                return True
    return False


def _draws(function: ast.AST) -> bool:
    """Whether a sample may be drawn, or come from a stream."""
    for node in own_nodes(function):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).rsplit(".", 1)[-1].lower()
            if any(word in called for word in _RANDOM):
                return True
        if isinstance(node, (ast.Yield, ast.YieldFrom, ast.Await, ast.Global)):
            return True
    return False


def _fixed_part(cls: ClassValue, function: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.expr | None:
    """The part of the data that is given for every index; None if there is only one, or it may change."""
    methods = {n: f for c in reversed(cls.mro()) for n, f in c.namespace.items() if isinstance(f, Function)}
    changing = {name for n, f in methods.items() if n != "__init__" for name in changed_attributes(f.node)}
    computed = {n for n, f in methods.items() if any("property" in d for d in f.decorators)}
    state = Constancy(function, changing | computed)
    length = _length(methods.get("__len__"))
    if isinstance(length, ast.Constant):
        return None
    counted = _counted(length) if length is not None else None
    moving = {n for s in every(ast.Subscript, function) if not state.constant(s.slice) for n in walk(s)}
    for node in own_nodes(function):
        if isinstance(node, ast.Subscript) and any(part is node for part in state.slices(node)) and node not in moving:
            owner = attribute_of_self(node.value)
            if owner is not None and (counted == owner or _is_position(node.slice)):
                return node
    for node in own_nodes(function):
        # Everything at once, although the length counts its rows.
        if (
            isinstance(node, ast.Return)
            and node.value is not None
            and counted is not None
            and state.constant(node.value)
        ):
            for inner in walk(node.value):
                if attribute_of_self(inner) == counted and isinstance(inner, ast.expr):
                    return inner
    return None


def _length(method: Function | None) -> ast.expr | None:
    if method is None or isinstance(method.node, ast.Lambda):
        return None
    returned = [n.value for n in own_nodes(method.node) if isinstance(n, ast.Return)]
    return returned[0] if len(returned) == 1 else None


def _counted(length: ast.expr) -> str | None:
    """`images` for `len(self.images)`, `self.images.shape[0]` and `self.images.size(0)`."""
    match length:
        case ast.Call(func=ast.Name(id="len"), args=[data]):
            return attribute_of_self(data)
        case ast.Subscript(value=ast.Attribute(value=data, attr="shape")):
            return attribute_of_self(data)
        case ast.Call(func=ast.Attribute(value=data, attr="size")):
            return attribute_of_self(data)
        case _:
            return None


def _is_position(index: ast.expr) -> bool:
    """`[0]`, `[-1]`: one fixed sample."""
    match index:
        case ast.Constant(value=int()) | ast.UnaryOp(operand=ast.Constant(value=int())):
            return True
        case _:
            return False


def _finding(function: Function, index: str, part: ast.expr, *, others: bool) -> Finding:
    unit = function.module.unit
    site = Site(unit, part)
    note = Note(Site(unit, function.node.args), f"`{index}` is not used" + (" here" if others else ""))
    rewrite = None
    if isinstance(part, ast.Subscript) and _is_position(part.slice):
        new = f"{ast.unparse(part.value)}[{index}]"
        rewrite = Rewrite("take the sample that is asked for", ((site, new),))
    what = "holds" if others else "is"
    message = f"`__getitem__` does not use `{index}`{' here' if others else ''}: every sample of the data set {what} `{site.text}`"
    return Finding(site, message, (note,), rewrite)
