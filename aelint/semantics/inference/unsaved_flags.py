"""Flags of networks that say whether weights were initialised from data, and that no state holds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.surroundings import texts_around
from aelint.semantics.domain.values import ClassValue
from aelint.semantics.interpreter.kinds import is_network
from aelint.syntax.names import is_own_attribute, last_name
from aelint.syntax.registrations import registered
from aelint.syntax.signatures import positional
from aelint.syntax.walk import every

__all__ = ["UnsavedFlag", "unsaved_flags"]

_OF_STATE = frozenset(
    {"state_dict", "load_state_dict", "_load_from_state_dict", "_save_to_state_dict", "set_extra_state"}
)


@dataclass(frozen=True, slots=True)
class UnsavedFlag:
    """An attribute of Python's own, what it starts as, where it is turned over, and the weights that are written from data under it."""

    name: str
    start: bool
    site: Site
    turned: Site
    written: Site
    weights: str


def unsaved_flags(program: Program) -> Iterator[UnsavedFlag]:
    """`self.initialised = False` in a network that fills a parameter from the first batch and sets the flag then."""
    for network in (cls for cls in program.own_classes if is_network(cls)):
        methods = [m for m in network.node.body if isinstance(m, ast.FunctionDef)]
        built = next((m for m in methods if m.name == "__init__"), None)
        if built is None or any(m.name in _OF_STATE for m in methods):
            continue
        held = _held(built)
        for name, (start, value) in _flags(built).items():
            for method in (m for m in methods if m is not built):
                turned = next((s for s in _sets(method, name) if _constant(s) is (not value)), None)
                written = next(_written_from_data(method, held), None)
                if turned is None or written is None or not _is_asked(network.node, name):
                    continue
                if not _is_set_elsewhere(program, network, name):
                    weights, statement = written
                    site, turn, write = (Site(program.unit, one) for one in (start, turned, statement))
                    yield UnsavedFlag(name, value, site, turn, write, weights)


def _flags(built: ast.FunctionDef) -> dict[str, tuple[ast.Assign, bool]]:
    found: dict[str, tuple[ast.Assign, bool]] = {}
    for statement in every(ast.Assign, built):
        match statement:
            case ast.Assign(targets=[ast.Attribute(attr=name) as target], value=ast.Constant(value=bool() as value)):
                if is_own_attribute(target):
                    found[name] = (statement, value)
    return found


def _held(built: ast.FunctionDef) -> set[str]:
    """What the state holds: attributes that are made by a call of torch's, and registered buffers and parameters."""
    made = {
        target.attr
        for s in every(ast.Assign, built)
        for target in s.targets
        if isinstance(target, ast.Attribute)
        and isinstance(s.value, ast.Call)
        and ast.unparse(s.value.func).startswith(("nn.", "torch.nn."))
    }
    return made | registered(built, "register_buffer", "register_parameter").keys()


def _sets(method: ast.FunctionDef, name: str) -> Iterator[ast.Assign]:
    for statement in every(ast.Assign, method):
        if any(is_own_attribute(t) and last_name(t) == name for t in statement.targets):
            yield statement


def _constant(statement: ast.Assign) -> object:
    return statement.value.value if isinstance(statement.value, ast.Constant) else None


def _written_from_data(method: ast.FunctionDef, held: set[str]) -> Iterator[tuple[str, ast.stmt]]:
    """Statements that overwrite what the state holds with something made of what the method is given."""
    data = _made_of(method, set(positional(method)) - {"self"})
    for statement in every(ast.stmt, method):
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr="copy_", value=target), args=[value, *_])):
                pass
            case ast.Assign(targets=[(ast.Attribute() | ast.Subscript()) as target], value=value):
                pass
            case _:
                continue
        root = next((a.attr for a in every(ast.Attribute, target) if is_own_attribute(a)), "")
        if root in held and any(n.id in data for n in every(ast.Name, value)):
            yield root, statement


def _made_of(method: ast.FunctionDef, given: set[str]) -> set[str]:
    """The local names that are made of some names, these included."""
    found, grown = set(given), True
    while grown:
        made = {
            t.id
            for s in every(ast.Assign, method)
            if any(n.id in found for n in every(ast.Name, s.value))
            for target in s.targets
            for t in every(ast.Name, target)
            if isinstance(t.ctx, ast.Store)
        }
        grown = not made <= found
        found |= made
    return found


def _is_asked(network: ast.ClassDef, name: str) -> bool:
    """Whether a condition of the network depends on the flag."""
    tests = [*(n.test for n in every(ast.If, network)), *(n.test for n in every(ast.IfExp, network))]
    return any(is_own_attribute(a) and a.attr == name for test in tests for a in every(ast.Attribute, test))


def _is_set_elsewhere(program: Program, network: ClassValue, name: str) -> bool:
    """Whether other code switches the flag, say after it has loaded a state."""
    inside = {id(a) for a in every(ast.Attribute, network.node)}
    stores = (a for unit in program.files for a in every(ast.Attribute, unit.tree) if isinstance(a.ctx, ast.Store))
    spelled = re.compile(rf"\.{name}\b\s*=[^=]")
    return any(a.attr == name and id(a) not in inside for a in stores) or any(
        spelled.search(text) for text in texts_around(program, network)
    )
