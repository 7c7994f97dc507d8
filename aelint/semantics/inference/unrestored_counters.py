"""Counters that a class writes into its checkpoints, and that taking a run up again leaves at zero."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import is_own_attribute, last_name, uses
from aelint.syntax.walk import every, walk

__all__ = ["UnrestoredCounter", "unrestored_counters"]

_RESUMED = 2
"""States that are loaded at least where a run is taken up again: the model's and the optimiser's."""


@dataclass(frozen=True, slots=True, eq=False)
class UnrestoredCounter:
    """The last state that is loaded, the entry that is saved beside it, and where the counter is used."""

    loaded: Site
    saved: Site
    key: str
    counter: str
    used: Site


def unrestored_counters(program: Program) -> Iterator[UnrestoredCounter]:
    """Counters of a class that its checkpoints hold, that its training goes by, and that nothing reads back."""
    unit = program.unit
    for cls in every(ast.ClassDef, program.tree):
        counters = {
            s.target.attr
            for s in every(ast.AugAssign, cls)
            if isinstance(s.target, ast.Attribute) and is_own_attribute(s.target)
        }
        saved = [(key, entry) for key, entry in _saved(cls) if last_name(entry) in counters] if counters else []
        loaded = _resuming(cls) if saved else None
        for key, entry in saved:
            counter = last_name(entry)
            used = _use(cls, counter)
            if loaded is None or used is None or _is_read(program, key, cls, counter):
                continue
            yield UnrestoredCounter(Site(unit, loaded), Site(unit, entry), key, counter, Site(unit, used))


def _saved(cls: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    """The attributes of its own that the class puts beside states into a dictionary, each under its key."""
    for table in every(ast.Dict, cls):
        if not any(isinstance(v, ast.Call) and last_name(v.func) == "state_dict" for v in table.values):
            continue
        for key, value in zip(table.keys, table.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and is_own_attribute(value):
                yield key.value, value


def _resuming(cls: ast.ClassDef) -> ast.AST | None:
    """The last state that a method loads from the entries of one file, where it loads several and does nothing else with it."""
    for method in every(ast.FunctionDef, cls):
        for statement in every(ast.Assign, method):
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=function)) if (
                    ast.unparse(function) == "torch.load"
                ):
                    entries = {id(n.value) for n in every(ast.Subscript, method)}
                    reads = [n for n in uses(method, name) if isinstance(n.ctx, ast.Load)]
                    given = [
                        c
                        for c in every(ast.Call, method)
                        if last_name(c.func) == "load_state_dict" and any(uses(a, name) for a in c.args)
                    ]
                    if len(given) >= _RESUMED and all(id(n) in entries for n in reads):
                        return given[-1]
    return None


def _use(cls: ast.ClassDef, counter: str) -> ast.AST | None:
    """Where the class compares the counter, reckons with it, or hands it to a function that gives something back."""
    for node in walk(cls):
        parts: list[ast.expr] = []
        match node:
            case ast.Compare():
                parts = [node.left, *node.comparators]
            case ast.BinOp(op=op) if not isinstance(
                op, ast.Mod
            ):  # every so many steps is no matter of how many there were
                parts = [node.left, node.right]
            case ast.Assign(value=ast.Call(args=arguments)):
                parts = arguments
        if any(is_own_attribute(part) and last_name(part) == counter for part in parts):
            return node
    return None


def _is_read(program: Program, key: str, cls: ast.ClassDef, counter: str) -> bool:
    """Whether any file reads the key, or the counter is set other than by counting and by a number at the start."""
    saved = {
        id(k) for unit in program.files for table in every(ast.Dict, unit.tree) for k in table.keys if k is not None
    }
    constants = (n for unit in program.files for n in every(ast.Constant, unit.tree))
    if any(n.value == key and id(n) not in saved for n in constants):
        return True
    return any(
        isinstance(target, ast.Attribute) and target.attr == counter and not isinstance(statement.value, ast.Constant)
        for statement in every(ast.Assign, program.tree)
        for target in statement.targets
    ) or any(last_name(n.func) == "setattr" for n in every(ast.Call, cls))
