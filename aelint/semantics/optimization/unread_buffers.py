"""Updates of a network's state that are written to another name than the one that is read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.surroundings import texts_around
from aelint.syntax.names import is_own_attribute
from aelint.syntax.registrations import registered
from aelint.syntax.walk import every

__all__ = ["UnreadBuffer", "unread_buffers"]

_ALIKE = 0.75
"""Share of letters in common from which two names may be meant to be one."""


@dataclass(frozen=True, slots=True)
class UnreadBuffer:
    """A store into an attribute that nothing reads, and the buffer that nothing updates."""

    written: str
    site: Site
    meant: str
    registered: Site


def unread_buffers(program: Program) -> Iterator[UnreadBuffer]:
    """`self._weight = self._ema_w / counts`, where the forward pass reads the buffer `_w` and nothing ever changes that."""
    for network in program.own_classes:
        buffers = registered(network.node)
        if not buffers:
            continue
        stored, read = _stored(network.node), {a.attr for a in _own(network.node)}
        changed = stored.keys() | _changed_in_place(network.node)
        stale = {name: call for name, call in buffers.items() if name in read and name not in changed}
        for name, statement in stored.items():
            meant = [one for one in stale if _is_like(name, one)]
            if len(meant) != 1 or not _uses(statement, buffers.keys() & changed):
                continue
            if not _is_read(program, name) and not any(_spells(text, name) for text in texts_around(program, network)):
                registration = Site(program.unit, stale[meant[0]])
                yield UnreadBuffer(name, Site(program.unit, statement), meant[0], registration)


def _own(node: ast.AST) -> Iterator[ast.Attribute]:
    return (a for a in every(ast.Attribute, node) if is_own_attribute(a))


def _stored(network: ast.ClassDef) -> dict[str, ast.Assign]:
    """What the methods assign to `self`, behind the constructor."""
    methods = (m for m in network.body if isinstance(m, ast.FunctionDef) and m.name != "__init__")
    assigned = (s for m in methods for s in every(ast.Assign, m))
    return {a.attr: s for s in assigned for target in s.targets for a in _own(target)}


def _changed_in_place(network: ast.ClassDef) -> set[str]:
    """What is augmented, indexed as a target, the receiver of a method that ends in `_`, or handed to a function that may write."""
    augmented = {a.attr for s in every(ast.AugAssign, network) for a in _own(s.target)}
    targets = (
        t for s in every(ast.Assign, network) for t in s.targets if isinstance(t, (ast.Subscript, ast.Attribute))
    )
    inside = {a.attr for t in targets for a in _own(t.value)}
    calls = every(ast.Call, network)
    in_place = (c.func.value for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr.endswith("_"))
    received = {a.attr for value in in_place for a in _own(value)}
    handed = {
        a.attr
        for c in calls
        if not ast.unparse(c.func).startswith(("torch.", "F.", "nn."))
        for given in (*c.args, *(k.value for k in c.keywords))
        if is_own_attribute(given)
        for a in _own(given)
    }
    return augmented | inside | received | handed


def _uses(statement: ast.Assign, names: set[str]) -> bool:
    return any(a.attr in names for a in _own(statement.value))


def _is_read(program: Program, name: str) -> bool:
    """Whether anything of the file reads an attribute of that name, or spells it."""
    loads = (a.attr for a in every(ast.Attribute, program.tree) if isinstance(a.ctx, ast.Load))
    spelled = (c.value for c in every(ast.Constant, program.tree) if isinstance(c.value, str))
    return any(one == name for one in loads) or any(_spells(text, name) for text in spelled)


def _spells(text: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", text) is not None


def _is_like(one: str, other: str) -> bool:
    one, other = one.strip("_").lower(), other.strip("_").lower()
    return one.startswith(other) or other.startswith(one) or SequenceMatcher(None, one, other).ratio() >= _ALIKE
