"""A layer is appended to a list after the list was put into the network.

## What it does

Reports `layers.append(...)` behind the last `nn.Sequential(*layers)` or `nn.ModuleList(layers)`, where nothing reads
the list afterwards.

## Why is this bad?

`Sequential` and `ModuleList` take the layers that are there at that moment. What is appended later is in no network:
an activation that was meant for the decoder, appended to the encoder's list, leaves the decoder linear, and
nothing raises.

## Example

```python
from torch import nn


class Autoencoder(nn.Module):
    def __init__(self, sizes=(784, 128, 16)):
        super().__init__()
        encoder_layers = []
        for a, b in zip(sizes[:-1], sizes[1:]):
            encoder_layers += [nn.Linear(a, b), nn.ReLU()]
        self.encoder = nn.Sequential(*encoder_layers)
        decoder_layers = []
        for a, b in zip(sizes[:0:-1], sizes[-2::-1]):
            decoder_layers.append(nn.Linear(a, b))
            encoder_layers.append(nn.ReLU())
        self.decoder = nn.Sequential(*decoder_layers)

    def forward(self, x):
        return self.decoder(self.encoder(x))
```

## Use instead

```python
from torch import nn


class Autoencoder(nn.Module):
    def __init__(self, sizes=(784, 128, 16)):
        super().__init__()
        encoder_layers = []
        for a, b in zip(sizes[:-1], sizes[1:]):
            encoder_layers += [nn.Linear(a, b), nn.ReLU()]
        self.encoder = nn.Sequential(*encoder_layers)
        decoder_layers = []
        for a, b in zip(sizes[:0:-1], sizes[-2::-1]):
            decoder_layers.append(nn.ReLU())
            decoder_layers.append(nn.Linear(a, b))
        self.decoder = nn.Sequential(*decoder_layers)

    def forward(self, x):
        return self.decoder(self.encoder(x))
```

## Known limits

Only local names whose every use is in sight: a list that is stored, returned or passed on elsewhere is left alone.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.syntax.names import last_name, uses
from aelint.syntax.walk import every, holds, walk

RULE = Rule(
    code="AEL127",
    name="layers-added-too-late",
    summary="layers are appended to a list that was already put into the network",
    severity=Severity.ERROR,
    triggers=(("sequential", "modulelist"), ("append", "extend", "insert", "+=")),
)

_GROWING = frozenset({"append", "extend", "insert"})
_CONTAINERS = frozenset({"Sequential", "ModuleList"})
_LOOPS = (ast.For, ast.While, ast.AsyncFor)


def check(program: Program) -> Iterator[Finding]:
    """Yield the first addition to each list that no container takes any more."""
    for function in program.own_functions:
        if isinstance(function.node, ast.Lambda):
            continue
        for name in _local_lists(function.node):
            late = _late_additions(function.node, name)
            if late:
                container, additions = late
                unit = program.unit
                added, taken = Site(unit, additions[0]), Site(unit, container)
                message = (
                    f"this layer is added to `{name}` after the network took its layers ({place(taken, added)}), and "
                    f"nothing reads `{name}` again: the layer is in no network. Append it to the list that is still to be used"
                )
                yield Finding(added, message, (Note(taken, "taken over here"),))


def _local_lists(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Names that are bound once, to a new list."""
    stores: dict[str, list[ast.expr | None]] = {}
    for node in walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    stores.setdefault(target.id, []).append(node.value)
    bound = [n.id for n in every(ast.Name, function) if isinstance(n.ctx, ast.Store)]
    grown = [n.target.id for n in every(ast.AugAssign, function) if isinstance(n.target, ast.Name)]
    return [
        name
        for name, values in stores.items()
        if len(values) == 1 and bound.count(name) - grown.count(name) == 1 and isinstance(values[0], ast.List)
    ]


def _late_additions(
    function: ast.FunctionDef | ast.AsyncFunctionDef, name: str
) -> tuple[ast.Call, list[ast.Call | ast.AugAssign]] | None:
    additions, containers, understood = _mentions(function, name)
    reads = [n for n in uses(function, name) if isinstance(n.ctx, ast.Load)]
    if not containers or any(id(n) not in understood for n in reads):
        return None
    last = max(containers, key=lambda n: n.lineno)
    late = [a for a in additions if a.lineno > (last.end_lineno or last.lineno) and _adds_layers(a)]
    if not late or _share_a_loop(function, last, late[0]) or _nested(function, reads):
        return None
    return last, late


def _mentions(function: ast.AST, name: str) -> tuple[list[ast.Call | ast.AugAssign], list[ast.Call], set[int]]:
    """What is added to a list, the containers that take it over, and by id the reads of its name that this explains."""
    additions: list[ast.Call | ast.AugAssign] = []
    containers: list[ast.Call] = []
    understood: set[int] = set()
    for node in walk(function):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=one) as read, attr=attr), args=[_, *_]) if (
                one == name and attr in _GROWING
            ):
                additions.append(node)
                understood.add(id(read))
            case ast.AugAssign(target=ast.Name(id=one) as read) if one == name:
                additions.append(node)
                understood.add(id(read))
            case ast.Call(func=func, args=[argument]) if last_name(func) in _CONTAINERS:
                taken = argument.value if isinstance(argument, ast.Starred) else argument
                if isinstance(taken, ast.Name) and taken.id == name:
                    containers.append(node)
                    understood.add(id(taken))
    return additions, containers, understood


def _adds_layers(addition: ast.AST) -> bool:
    return any(isinstance(n, ast.Call) and last_name(n.func)[:1].isupper() for n in walk(addition))


def _share_a_loop(function: ast.AST, one: ast.AST, other: ast.AST) -> bool:
    loops = (n for n in walk(function) if isinstance(n, _LOOPS))
    return any(holds(loop, one) and holds(loop, other) for loop in loops)


def _nested(function: ast.AST, reads: list[ast.Name]) -> bool:
    """Whether a function inside of the function uses the list: then the order of the text says nothing."""
    inner: set[int] = set()
    for node in walk(function):
        if node is not function and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            inner.update(id(n) for n in walk(node))
    return any(id(n) in inner for n in reads)
