"""An option that is called by one name builds something else.

## What it does

Reports `if activation == "relu": self.act = nn.Sigmoid()` and `{"relu": nn.Tanh}`: the option names one activation,
loss, normalisation or optimiser of torch, and the branch builds another.

## Why is this bad?

Whoever chooses "relu" gets a sigmoid, every run says the same in its configuration, and the comparison of the two
options compares one with itself. Such lines come from copying the branch above.

## Example

```python
from torch import nn


class Decoder(nn.Module):
    def __init__(self, activation="relu"):
        super().__init__()
        self.fc = nn.Linear(8, 50)
        if activation == "sigmoid":
            self.act = nn.Sigmoid()
        elif activation == "relu":
            self.act = nn.Sigmoid()

    def forward(self, z):
        return self.act(self.fc(z))
```

## Use instead

```python
from torch import nn


class Decoder(nn.Module):
    def __init__(self, activation="relu"):
        super().__init__()
        self.fc = nn.Linear(8, 50)
        if activation == "sigmoid":
            self.act = nn.Sigmoid()
        elif activation == "relu":
            self.act = nn.ReLU()

    def forward(self, z):
        return self.act(self.fc(z))
```

## Known limits

Only options whose name is the name of something in torch, and branches of a single statement.

## References

- https://docs.pytorch.org/docs/stable/nn.html#non-linear-activations-weighted-sum-nonlinearity
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule, Site
from aelint.semantics import Program
from aelint.syntax.walk import every, walk

RULE = Rule(
    code="AEL126",
    name="mismatched-choice",
    summary="an option named after one layer, loss or optimiser builds another",
    severity=Severity.WARNING,
    triggers=(("torch",),),
)

_FAMILIES: tuple[dict[str, frozenset[str]], ...] = (
    {
        "relu": frozenset({"relu"}),
        "leakyrelu": frozenset({"leakyrelu"}),
        "lrelu": frozenset({"leakyrelu"}),
        "prelu": frozenset({"prelu"}),
        "elu": frozenset({"elu"}),
        "selu": frozenset({"selu"}),
        "celu": frozenset({"celu"}),
        "gelu": frozenset({"gelu"}),
        "silu": frozenset({"silu"}),
        "swish": frozenset({"silu", "hardswish"}),
        "mish": frozenset({"mish"}),
        "sigmoid": frozenset({"sigmoid", "logsigmoid", "hardsigmoid"}),
        "tanh": frozenset({"tanh", "hardtanh"}),
        "softplus": frozenset({"softplus"}),
        "softmax": frozenset({"softmax", "logsoftmax", "softmax2d"}),
    },
    {
        "mse": frozenset({"mseloss"}),
        "l2": frozenset({"mseloss"}),
        "l1": frozenset({"l1loss", "smoothl1loss"}),
        "mae": frozenset({"l1loss"}),
        "bce": frozenset({"bceloss", "bcewithlogitsloss", "binarycrossentropy", "binarycrossentropywithlogits"}),
        "huber": frozenset({"huberloss", "smoothl1loss"}),
    },
    {
        "adam": frozenset({"adam", "adamw"}),
        "adamw": frozenset({"adamw", "adam"}),
        "sgd": frozenset({"sgd"}),
        "rmsprop": frozenset({"rmsprop"}),
        "adagrad": frozenset({"adagrad"}),
        "adamax": frozenset({"adamax"}),
    },
)
_ROOTS = frozenset({"nn", "torch", "F", "functional", "optim"})


def check(program: Program) -> Iterator[Finding]:
    """Yield each branch that builds something else than what its option is called."""
    for node in walk(program.tree):
        for names, built in _choices(node):
            found = _contradiction(names, built)
            if found is not None:
                reference, name, text = found
                message = f'the option "{name}" builds `{text}` here; build what it is called, or rename the option'
                yield Finding(Site(program.unit, reference), message)
    yield from _namesakes(program)


def _namesakes(program: Program) -> Iterator[Finding]:
    """`self.dice = BCELoss()` beside `self.bce = BCELoss()`, where a class `DiceLoss` of the same file is never built."""
    named = {c.name: _plain(c.name) for c in program.own_classes}
    built = {n.id for n in every(ast.Name, program.tree)}
    built |= {n.value for n in every(ast.Constant, program.tree) if isinstance(n.value, str)}
    for cls in program.own_classes:
        parts = [part for part in (_part(n) for n in walk(cls.node)) if part is not None and part[1] in named]
        for attribute, name, call in parts:
            meant = [c for c, plain in named.items() if _plain(attribute) in plain and c not in built | {cls.name}]
            rightly = [a for a, other, _ in parts if other == name and _plain(a) in named[name]]
            if len(_plain(attribute)) >= _SHORTEST and meant and rightly and _plain(attribute) not in named[name]:
                message = (
                    f"`self.{attribute}` is built as `{name}`, as `self.{rightly[0]}` is, and nothing builds `{meant[0]}`: "
                    "build what it is called"
                )
                yield Finding(Site(program.unit, call), message)


_SHORTEST = 4
"""Shorter names stand in longer ones by chance."""


def _part(node: ast.AST) -> tuple[str, str, ast.Call] | None:
    """The attribute, the class and the call of `self.part = Class(...)`."""
    match node:
        case ast.Assign(
            targets=[ast.Attribute(value=ast.Name(id="self"), attr=attribute)],
            value=ast.Call(func=ast.Name(id=name)) as call,
        ):
            return attribute, name, call
        case _:
            return None


def _choices(node: ast.AST) -> Iterator[tuple[list[str], ast.AST]]:
    """The names of an option, and what is built for it."""
    match node:
        case ast.If(test=test, body=[statement]):
            yield _names(test), statement
        case ast.IfExp(test=test, body=body):
            yield _names(test), body
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield [key.value], value
        case ast.match_case(pattern=ast.MatchValue(value=ast.Constant(value=str(name))), body=[statement]):
            yield [name], statement


def _names(test: ast.expr) -> list[str]:
    match test:
        case ast.Compare(ops=[ast.Eq()], comparators=[ast.Constant(value=str(name))]):
            return [name]
        case ast.Compare(
            ops=[ast.In()], comparators=[ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items)]
        ):
            return [i.value for i in items if isinstance(i, ast.Constant) and isinstance(i.value, str)]
        case _:
            return []


def _contradiction(names: list[str], built: ast.AST) -> tuple[ast.AST, str, str] | None:
    """The one reference into torch that has the right kind and the wrong name."""
    references = list(_references(built))
    if len(references) != 1 or not names:
        return None
    node, what = references[0]
    for family in _FAMILIES:
        accepted = [family.get(_plain(name)) for name in names]
        known = frozenset[str]().union(*family.values())
        if what in known and all(group is not None and what not in group for group in accepted):
            return node, names[0], ast.unparse(node)
    return None


def _references(built: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """References into torch whose own name is that of something that options are named after."""
    everything = frozenset[str]().union(*(group for family in _FAMILIES for group in family.values()))
    if isinstance(built, (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.FunctionDef, ast.ClassDef)):
        return
    nodes = list(walk(built))
    if any(isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) for node in nodes):
        return  # a formula: `x * torch.sigmoid(1.702 * x)` is a GELU
    for node in nodes:
        if isinstance(node, ast.Attribute) and _root(node) in _ROOTS and _plain(node.attr) in everything:
            yield node, _plain(node.attr)


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")
