"""Training data under the name of held-out data, while the held-out data of that name lies unread."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.data.batches import is_held_out_name, is_training_name
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import last_name
from aelint.syntax.walk import every, walk

__all__ = ["StandIn", "looked_at", "stand_ins"]

_HELD_OUT = ("test", "validation", "valid", "val", "eval", "dev")


@dataclass(frozen=True, slots=True, eq=False)
class StandIn:
    """`target` is made from `given`, and nothing looks at the items of `unread`."""

    site: Site
    target: str
    given: str
    unread: str


def stand_ins(program: Program) -> Iterator[StandIn]:
    """`test_loader = DataLoader(train_set)` and `batches = iter(self.train_loader)` beside an unread `test_...`."""
    candidates = [
        StandIn(Site(program.unit, source), target, given, other)
        for node in every(ast.Assign, program.tree)
        if len(node.targets) == 1
        for target, source in _made_from(node)
        if is_held_out_name(target) and is_training_name(given := last_name(source))
        for other in _counterparts(given, target)
    ]
    if not candidates:
        return
    stored, read = set[str](), set[str]()
    for unit in program.files:
        stored |= _stored(unit.tree)
        read |= looked_at(unit.tree)
    yield from (c for c in candidates if c.unread in stored and c.unread not in read)


def _made_from(node: ast.Assign) -> Iterator[tuple[str, ast.expr]]:
    target = last_name(node.targets[0])
    match node.value:
        case (
            ast.Call(func=ast.Name(id="iter"), args=[source])
            | ast.Call(func=ast.Attribute(value=source, attr="__iter__"), args=[])
        ):
            yield target, source
        case ast.Call(func=ast.Name(id="DataLoader") | ast.Attribute(attr="DataLoader"), args=args, keywords=keywords):
            options = {k.arg: k.value for k in keywords}
            data = args[0] if args else options.get("dataset")
            # A sampler picks the part of a common set.
            if data is not None and not options.keys() & {"sampler", "batch_sampler", None}:
                yield target, data


def _counterparts(given: str, target: str) -> Iterator[str]:
    """The name of the held-out data that the target asks for: `test_set` where `train_set` is given."""
    words = [w for w in _HELD_OUT if w in target.lower()]
    for part in ("training", "train"):
        if part in given:
            yield from (given.replace(part, word, 1) for word in words)
            return


def _stored(tree: ast.AST) -> set[str]:
    found = {n.id for n in every(ast.Name, tree) if isinstance(n.ctx, ast.Store)}
    found |= {n.attr for n in every(ast.Attribute, tree) if isinstance(n.ctx, ast.Store)}
    return found


def looked_at(tree: ast.AST) -> set[str]:
    """Names that something reads, but to count (`len(x)`) or to keep (`self.x = x`); strings may name them too."""
    found: set[str] = set()
    passed_on: set[int] = set()
    for node in walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="len"), args=[(ast.Name() | ast.Attribute()) as counted]):
                passed_on.add(id(counted))
            case ast.Assign(targets=[ast.Attribute(attr=kept)], value=ast.Name(id=name) as value) if kept == name:
                passed_on.add(id(value))
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name, ctx=ast.Load()):
                if id(node) not in passed_on:
                    found.add(name)
            case ast.Constant(value=str() as name):
                found.add(name)
    return found
