"""Keys that a program reads from its own checkpoints, and that it never writes into them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes, nodes_of
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import DictValue, External, Sym
from aelint.semantics.interpreter.joins import alternatives, same
from aelint.semantics.interpreter.kinds import is_module
from aelint.syntax.walk import every, holds, once_per_node

__all__ = ["UnsavedKeys", "unsaved_keys"]

_SHARED = 2
"""Keys that a file and who resumes from it have in common: fewer may be those of a file that another program wrote."""


@dataclass(frozen=True, slots=True, eq=False)
class UnsavedKeys:
    """The only kind of checkpoint that a program writes, and the keys that reading one asks for in vain."""

    saved: Site
    written: tuple[str, ...]
    unread: tuple[str, ...]
    missing: dict[str, Site]


def unsaved_keys(program: Program) -> Iterator[UnsavedKeys]:
    """Checkpoints that certainly lack a key with which the program reads one of them."""
    saves, given = _saved_tables(program), _tables_of_states(program)
    for load, read in _read_keys(program) if saves else ():
        resumes = load.id in given
        own = [
            (c, t)
            for c, t in saves
            if _has_same_path(c, load) or (resumes and len(t.items.keys() & read.keys()) >= _SHARED)
        ]
        written = {key: None for _, table in own for key in table.items}
        missing = {k: s for k, s in read.items() if k not in written and _is_only_read(program, k) and not _is_tried(s)}
        if own and missing:
            call, table = own[-1]
            unread = tuple(key for key in written if key not in read)
            yield UnsavedKeys(table.site or call.site, tuple(written), unread, missing)


def _saved_tables(program: Program) -> list[tuple[Call, DictValue]]:
    """Every save of a dictionary; none of them where some save may write other keys."""
    found: list[tuple[Call, DictValue]] = []
    saves = program.calls_to("torch.save")
    certain = {id(c.site.node) for c in saves if not c.context.speculative}
    for call in (c for c in saves if not c.context.speculative or id(c.site.node) not in certain):
        for value in alternatives(call.args[0] if call.args else call.kwargs.get("obj")):
            match value:
                case DictValue(complete=True, items=items) if all(isinstance(key, str) for key in items):
                    found.append((call, value))
                case Sym(tensor=True) | Sym(op="call", attrs={"method": "state_dict"}):
                    pass
                case _ if not is_module(value):
                    return []
    return found


def _read_keys(program: Program) -> list[tuple[Sym, dict[str, Site]]]:
    """Every checkpoint that is read, and where each key of it is first asked for with brackets."""
    found: dict[int, tuple[Sym, dict[str, Site]]] = {}
    given, inside = _tables_of_states(program), _read_inside(program)
    for node in nodes(program):
        match node:
            case Sym(op="item", attrs={"index": str() as key}, inputs=(table, *_), site=Site() as site):
                for one in alternatives(table) if (id(site.node), key) not in inside else ():
                    if isinstance(one, Sym) and (_is_loaded(one) or (one.op == "param" and one.id in given)):
                        read = found.setdefault(_origin(one), (one, {}))[1]
                        read.setdefault(key, site)
            case _:
                pass
    return list(found.values())


def _read_inside(program: Program) -> set[tuple[int, str]]:
    """Keys that are asked for, at the same place, of what lies in a checkpoint: `state = file["model"] if "model" in file else file`."""
    found: set[tuple[int, str]] = set()
    for node in nodes_of(program, "item"):
        match node:
            case Sym(attrs={"index": str() as key}, inputs=(table, *_), site=Site() as site):
                held = (one.inputs[0] for one in alternatives(table) if isinstance(one, Sym) and one.op == "item")
                if any(isinstance(one, Sym) and _is_loaded(one) for one in held):
                    found.add((id(site.node), key))
            case _:
                pass
    return found


def _origin(table: Sym) -> int:
    return id(table.site.node) if table.site is not None else table.id


def _is_loaded(table: Sym) -> bool:
    callee = table.attrs.get("callee")
    return table.op == "call" and isinstance(callee, External) and callee.name == "torch.load"


def _tables_of_states(program: Program) -> frozenset[int]:
    """Checkpoints by what is done with them: some module or optimiser is given a state that lies in them."""
    states = (c.args[0] for c in program.method_calls("load_state_dict") if c.args)
    tables = (one.inputs[0] for one in states if isinstance(one, Sym) and one.op == "item" and one.inputs)
    return frozenset(one.id for table in tables for one in alternatives(table) if isinstance(one, Sym))


def _has_same_path(save: Call, table: Sym) -> bool:
    match table.attrs.get("args"):
        case (path, *_) if _is_loaded(table) and len(save.args) > 1:
            return same(save.args[1], path)
        case _:
            return False


def _is_only_read(program: Program, key: str) -> bool:
    """Whether the files hold the key in nothing but brackets that read: no `in`, no `get`, no other table."""
    return not any(key in _other_strings(unit.tree) for unit in program.files)


@once_per_node
def _other_strings(tree: ast.AST) -> frozenset[str]:
    """The strings below a node that are more than a key to read with."""
    read = {id(n.slice) for n in every(ast.Subscript, tree) if isinstance(n.ctx, ast.Load)}
    return frozenset(n.value for n in every(ast.Constant, tree) if isinstance(n.value, str) and id(n) not in read)


def _is_tried(site: Site) -> bool:
    """Whether the program is ready for the key to be missing."""
    tried = every(ast.Try, site.unit.tree)
    return any(one.handlers and any(holds(s, site.node) for s in one.body) for one in tried)
