"""Numbers that are compared with `True`, where the source says that they are numbers.

A value of 0.1 alone does not tell: `pad=0.1` may be what a caller gives in the place of `True`. An annotation does, the
`type=float` of an option, and a constant that nothing else is ever assigned to.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import last_name, scopes
from aelint.syntax.options import destination
from aelint.syntax.signatures import parameters
from aelint.syntax.walk import every, own_nodes

__all__ = ["NumberAsFlag", "numbers_as_flags"]

Function = ast.FunctionDef | ast.AsyncFunctionDef
_NUMBERS = frozenset({"float", "int"})


@dataclass(frozen=True, slots=True, eq=False)
class NumberAsFlag:
    """A comparison with `True`, what is compared, and the number that it is."""

    site: Site
    name: str
    number: float
    declared: Site


def numbers_as_flags(program: Program) -> Iterator[NumberAsFlag]:
    """Comparisons with `True` of what is a number other than 0 and 1 whenever the comparison is made."""
    seen: dict[int, list[object]] = {}
    places: dict[int, Site] = {}
    for event in program.flag_tests:
        seen.setdefault(id(event.site.node), []).append(event.value)
        places[id(event.site.node)] = event.site
    for key, values in seen.items():
        site = places[key]
        numbers = [n for n in values if _is_no_flag(n)]
        if len(numbers) < len(values) or not isinstance(site.node, ast.Compare):
            continue
        declared = _declared(program, site, site.node.left)
        if declared is not None:
            yield NumberAsFlag(site, ast.unparse(site.node.left), numbers[0], declared)


def _is_no_flag(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and value not in {0, 1}  # `True` is 1


def _declared(program: Program, site: Site, node: ast.expr) -> Site | None:
    """Where the source says of an attribute or a variable that it is a number; None where it does not, or says more."""
    match node:
        case ast.Attribute(attr=name):
            found = list(_fields(program, name)) or list(_options(program, name))
        case ast.Name(id=name):
            found = list(_assigned(program, site, name))
        case _:
            return None
    return found[0] if found and all(found) else None


def _fields(program: Program, name: str) -> Iterator[Site | None]:
    """The annotations of every attribute of that name in a class; None for one that is no number."""
    for unit in program.files:
        for cls in every(ast.ClassDef, unit.tree):
            for statement in cls.body:
                match statement:
                    case ast.AnnAssign(target=ast.Name(id=found), annotation=kind) if found == name:
                        yield Site(unit, statement) if _is_number(kind) else None


def _options(program: Program, name: str) -> Iterator[Site | None]:
    """The options of the command line of that name; None for one that is not read as a number."""
    for unit in program.files:
        for call in every(ast.Call, unit.tree):
            if destination(call) == name:
                kind = next((k.value for k in call.keywords if k.arg == "type"), None)
                yield Site(unit, call) if _is_number(kind) else None


def _assigned(program: Program, site: Site, name: str) -> Iterator[Site | None]:
    """What gives a variable its values: an annotated parameter, constants, or an attribute that is declared."""
    for scope in scopes(site.unit.tree):
        own = own_nodes(scope)
        if site.node not in own:
            continue
        for parameter in parameters(scope) if isinstance(scope, Function) else ():
            if parameter.arg == name:
                yield Site(site.unit, parameter) if _is_number(parameter.annotation) else None
        targets = [n for n in own if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)]
        known = {id(target): s for s in own if isinstance(s, ast.Assign) for target in s.targets}
        for target in targets:
            statement = known.get(id(target))
            yield _given(program, site, statement) if statement is not None else None


def _given(program: Program, site: Site, statement: ast.Assign) -> Site | None:
    match statement.value:
        case ast.Constant(value=float()):
            return Site(site.unit, statement)
        case ast.Attribute() as read:
            return _declared(program, site, read)
        case _:
            return None


def _is_number(kind: ast.expr | None) -> bool:
    """Whether an annotation, or a type that converts, is that of numbers alone."""
    match kind:
        case None:
            return False
        case ast.Constant(value=quoted):
            return quoted in _NUMBERS
        case _:
            return last_name(kind) in _NUMBERS
