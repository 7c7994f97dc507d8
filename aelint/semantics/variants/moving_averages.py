"""Moving averages of tensors that a network keeps: how much of the old value stays, and who reads the result."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import through_reshapes
from aelint.semantics.dataflow.mentions import attributes_read, strings
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Instance, Sym, Value
from aelint.semantics.formulas.linear_forms import linear
from aelint.semantics.operators.api import to_number
from aelint.semantics.optimization.unread_buffers import unread_buffers
from aelint.syntax.registrations import registered
from aelint.syntax.walk import every, walk

__all__ = ["Forgetful", "Unread", "forgetful_averages", "unread_results"]

_SMALL = 0.2
"""An average that keeps no more than this of itself hardly averages."""


@dataclass(frozen=True, slots=True, eq=False)
class Forgetful:
    """An average that keeps `old` of its value and takes `new` of the batch's."""

    site: Site
    old: float
    new: float


@dataclass(frozen=True, slots=True, eq=False)
class Unread:
    """An attribute that is computed from averages and that nothing reads."""

    site: Site
    name: str
    averages: tuple[str, ...]
    registered: Site


def forgetful_averages(program: Program) -> Iterator[Forgetful]:
    """Averages whose weights add up to one and keep little of the old value, each time that they are taken."""
    by_place: dict[ast.AST, list[Forgetful]] = {}
    for average in (*_assigned(program), *_taken_in_place(program)):
        by_place.setdefault(average.site.node, []).append(average)
    for averages in by_place.values():
        # A decay that is set anew while training goes on is a schedule.
        if all(_is_turned(one.old, one.new) for one in averages):
            yield averages[0]


def _assigned(program: Program) -> Iterator[Forgetful]:
    held = _registered(program)
    for store in program.stores:
        key = (id(store.target), store.name)
        if isinstance(store.target, Instance) and key in held and isinstance(store.value, Sym):
            before = held[key]
            shares = linear(store.value)
            if shares is not None and before in shares and len(shares) > 1:
                new = sum(c.value for k, c in shares.items() if k != before)
                yield Forgetful(store.site, shares[before].value, new)
            if not store.context.guards:
                # What only one branch sets, such as a first value, is not what the other one finds.
                held[key] = _identity(store.value)


def _taken_in_place(program: Program) -> Iterator[Forgetful]:
    for call in program.method_calls("add_", "lerp_"):
        found = _in_place(call.result)
        if found is not None:
            yield Forgetful(call.site, *found)


def _is_turned(old: float, new: float) -> bool:
    return 0 < old <= _SMALL and abs(old + new - 1) < 1e-9


def _registered(program: Program) -> dict[tuple[int, str], int]:
    """The buffers of every network by name, as the identity of their tensors before reshapes."""
    found: dict[tuple[int, str], int] = {}
    for call in program.method_calls("register_buffer"):
        if len(call.args) > 1 and isinstance(call.args[0], str):
            owner = call.context.stack[-1].receiver if call.context.stack else call.receiver
            owner = owner if isinstance(owner, Instance) else call.receiver
            found[id(owner), call.args[0]] = _identity(call.args[1])
    return found


def _identity(value: Value) -> int:
    inner = through_reshapes(value)
    return inner.id if isinstance(inner, Sym) else -1


def _in_place(result: Value) -> tuple[float, float] | None:
    """The shares in `average.mul_(old).add_(batch, alpha=new)` and `average.lerp_(batch, new)`."""
    match result:
        case Sym(
            op="add", attrs={"input": Sym(op="mul", attrs={"input": Sym(), "other": old}), "other": other} as given
        ):
            alpha = to_number(given.get("alpha", 1))
            kept, factor = to_number(old), _factor(other)
            return (kept, alpha * factor) if kept is not None and alpha is not None else None
        case Sym(op="lerp", attrs={"weight": weight}) if (share := to_number(weight)) is not None:
            return 1 - share, share
        case _:
            return None


def _factor(value: Value) -> float:
    match value:
        case Sym(op="mul", attrs={"input": one, "other": other}):
            number = to_number(other) if to_number(other) is not None else to_number(one)
            return number if number is not None else 1.0
        case _:
            return 1.0


def unread_results(program: Program) -> Iterator[Unread]:
    """Attributes set from averages in a buffer although their name occurs nowhere else.

    Where the buffer that was meant is known, that is told of a misspelled attribute.
    """
    mentioned = attributes_read(program) | strings(program) | {one.written for one in unread_buffers(program)}
    for cls in (c for c in program.own_classes if c.fully_known):
        buffers = registered(cls.node)
        averages = {name for _, name, value in _own_stores(cls.node) if name in buffers and name in _loads(value)}
        for target, name, value in _own_stores(cls.node):
            used = tuple(sorted(averages & _loads(value)))
            if len(used) > 1 and name not in mentioned | buffers.keys():
                first = buffers[used[0]]
                yield Unread(Site(program.unit, target), name, used, Site(program.unit, first))


def _own_stores(cls: ast.ClassDef) -> Iterator[tuple[ast.AST, str, ast.expr]]:
    for method in cls.body:
        if isinstance(method, ast.FunctionDef) and method.name != "__init__":
            for node in walk(method):
                match node:
                    case ast.Assign(
                        targets=[ast.Attribute(value=ast.Name(id="self"), attr=name) as target], value=value
                    ):
                        yield target, name, value


def _loads(value: ast.expr) -> set[str]:
    return {n.attr for n in every(ast.Attribute, value) if isinstance(n.value, ast.Name) and n.value.id == "self"}
