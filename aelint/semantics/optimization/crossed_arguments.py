"""Arguments of which one is handed on twice: under its own name, and under the name of another that nothing reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.callables import positional_names
from aelint.semantics.dataflow.liveness import names_read
from aelint.semantics.dataflow.mentions import READS_ANYTHING, attributes_read, strings
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.written_arguments import shows_all
from aelint.semantics.domain.values import ClassValue, Function, Value
from aelint.semantics.optimization.crossed_options import CrossedOption
from aelint.syntax.kept import kept
from aelint.syntax.names import is_own_attribute, last_name
from aelint.syntax.signatures import parameters
from aelint.syntax.walk import every

__all__ = ["crossed_arguments"]


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """What a call gives for a parameter, and the name of the function or class that is called."""

    call: ast.Call
    owner: str
    parameter: str
    value: ast.expr


def crossed_arguments(program: Program) -> Iterator[CrossedOption]:
    """`Encoder(widths=self.widths)` and `Decoder(out_widths=self.widths)`, where nothing reads `self.out_widths`."""
    by_function: dict[int, list[_Given]] = {}
    for call in program.calls:
        if call.context.function is not None:
            by_function.setdefault(id(call.context.function.node), []).extend(_given(call.callee, call.site.node))
    for function in program.own_functions:
        given = by_function.get(id(function.node), [])
        waiting = _unread(program, function) if given else {}
        for one in given if waiting else ():
            named, meant = ast.unparse(one.value), one.parameter
            held = f"self.{meant}" if is_own_attribute(one.value) else meant
            alike = (o for o in given if o.call is not one.call and ast.unparse(o.value) == named)
            if held in waiting and named != held and any(o.parameter == last_name(o.value) for o in alike):
                unit = function.module.unit
                yield CrossedOption(
                    Site(unit, one.value), last_name(one.value), meant, one.owner, Site(unit, waiting[held])
                )


def _given(callee: Value, call: ast.AST) -> list[_Given]:
    """The names and attributes that a call of a class, or of a function that is no method, hands on as they are."""
    if not isinstance(call, ast.Call) or not shows_all(call):
        return []
    if not isinstance(callee, ClassValue) and not (isinstance(callee, Function) and callee.owner is None):
        return []
    pairs = [*zip(positional_names(callee), call.args, strict=False), *((k.arg or "", k.value) for k in call.keywords)]
    held = [(name, value) for name, value in pairs if isinstance(value, ast.Name) or is_own_attribute(value)]
    return [_Given(call, callee.name, name, value) for name, value in held]


def _unread(program: Program, function: Function) -> dict[str, ast.AST]:
    """What a function was given and does not read, and what its class was given, keeps, and reads nowhere, as it is written."""
    read = names_read(function.node)
    if read & READS_ANYTHING:
        return {}
    unread: dict[str, ast.AST] = {a.arg: a for a in parameters(function.node) if a.arg not in read}
    kept = _kept(function.owner) if function.owner is not None else {}
    mentioned = attributes_read(program) | strings(program) if kept else frozenset()
    return unread | {f"self.{name}": node for name, node in kept.items() if name not in mentioned}


def _kept(cls: ClassValue) -> dict[str, ast.AST]:
    """The attributes that the constructor of a class sets to arguments of the same name."""
    start = cls.find("__init__")
    stored = kept(every(ast.Assign, start.node)) if isinstance(start, Function) else ()
    return {one.name: one.statement for one in stored if one.attribute == one.name}
