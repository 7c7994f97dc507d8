"""Codes that are put elsewhere while the averages from which they are computed again stay where they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.interpreter.kinds import is_network
from aelint.syntax.names import is_own_attribute, last_name
from aelint.syntax.walk import every, holds

__all__ = ["Relapse", "relapses"]


@dataclass(frozen=True, slots=True, eq=False)
class Relapse:
    """Rows of `codes` that are written at `site`, although `rebuilt` sets all of them to a quotient of `average`."""

    site: Site
    codes: str
    average: str
    rebuilt: Site


@dataclass(frozen=True, slots=True, eq=False)
class _Write:
    """Something is written into an attribute of `self`: into all of it, or only into some `rows`."""

    node: ast.stmt
    function: ast.FunctionDef
    target: str
    given: ast.expr | None
    rows: bool

    @property
    def moves(self) -> bool:
        """Whether the new value is made of the old one, as a moving average's is."""
        return not self.rows and (self.given is None or self.target in _read(self.given))


def relapses(program: Program) -> Iterator[Relapse]:
    """The first restart of codes in each class that rebuilds them from an average whose rows nobody restarts."""
    for cls in (c for c in program.own_classes if is_network(c)):
        functions = [f for f in cls.node.body if isinstance(f, ast.FunctionDef) and f.name != "__init__"]
        writes = [w for f in functions for w in _writes(f)]
        for rebuilt, average in _rebuilds(writes):
            restarts = [w for w in writes if w.rows and w.target == rebuilt.target and not _is_pinned(w, rebuilt)]
            if restarts and not _is_restarted(average, rebuilt, restarts, writes):
                sites = (Site(program.unit, node) for node in (restarts[0].node, rebuilt.node))
                yield Relapse(next(sites), rebuilt.target, average, next(sites))
                break


def _rebuilds(writes: list[_Write]) -> Iterator[tuple[_Write, str]]:
    """Each place where all codes become a quotient of one moving average, and this average."""
    averages = {w.target for w in writes if w.moves}
    for write in writes:
        match write.given:
            case ast.BinOp(op=ast.Div(), left=left) if not write.rows and not write.moves:
                used = _read(left) & averages
                if len(used) == 1:
                    yield write, used.pop()
            case _:
                pass


def _is_pinned(restart: _Write, rebuilt: _Write) -> bool:
    """Whether each pass sets the rows, before it uses them: what the update makes of them is never read."""
    always = any(statement is restart.node for statement in restart.function.body)
    return always and restart.function is rebuilt.function and restart.node.lineno < rebuilt.node.lineno


def _is_restarted(average: str, rebuilt: _Write, restarts: list[_Write], writes: list[_Write]) -> bool:
    """Whether anything may set the average's rows: a write, or a function that mentions it beside the restart."""
    own = [w for w in writes if w.target == average]
    if any(w.rows or (w.given is not None and rebuilt.target in _read(w.given)) for w in own):
        return True
    known = [w.node for w in own if w.moves] + [w.given for w in writes if w is rebuilt and w.given is not None]
    mentions = (
        n for w in restarts for n in every(ast.Attribute, w.function) if is_own_attribute(n) and n.attr == average
    )
    return any(not any(holds(one, n) for one in known) for n in mentions)


def _writes(function: ast.FunctionDef) -> Iterator[_Write]:
    for node in every(ast.stmt, function):
        held, given, rows = _written(node)
        target = "" if held is None else _attribute(held)
        if target:
            made = None if given is None else _made(given, function)
            kept = made is not None and last_name(getattr(made, "func", made)) == "where" and target in _read(made)
            yield _Write(node, function, target, made, rows or kept)


def _written(node: ast.stmt) -> tuple[ast.expr | None, ast.expr | None, bool]:
    """What a statement writes into, what it is given (None where the old value is moved), and whether into some rows only."""
    match node:
        case ast.Assign(targets=[ast.Subscript(value=held, slice=index)], value=given):
            return held, given, not _is_everything(index)
        case ast.Assign(targets=[held], value=given):
            return held, given, False
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=method, value=held), args=[*_, given])) if method.endswith(
            "_"
        ):
            return held, None if method in _MOVES else given, method in _ROWS
        case ast.Expr(value=ast.Call(args=[held, _, *_])):
            return held, None, False
        case _:
            return None, None, False


_MOVES = frozenset({"add_", "mul_", "lerp_"})
_ROWS = frozenset({"index_copy_", "index_fill_", "index_put_", "masked_scatter_", "masked_fill_", "scatter_"})
_WRAPPED = frozenset({"Parameter", "clone", "detach", "to", "contiguous", "type_as", "float"})


def _attribute(node: ast.expr) -> str:
    """The attribute of `self` that holds a tensor: `codes` of `self.codes.data`, `table` of `self.table.weight`."""
    match node:
        case ast.Attribute(attr="data" | "weight", value=ast.Attribute() as inner):
            return _attribute(inner)
        case ast.Call(func=ast.Attribute(attr=method, value=inner)) if method in _MOVES:
            return _attribute(inner)
        case ast.Attribute(attr=name) if is_own_attribute(node):
            return name
        case _:
            return ""


def _made(given: ast.expr, function: ast.FunctionDef) -> ast.expr:
    """The expression behind copies and behind a name that the function sets once."""
    match given:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[inner, *_]) if name == "Parameter":
            return _made(inner, function)
        case ast.Call(func=ast.Attribute(attr=name, value=inner)) if name in _WRAPPED:
            return _made(inner, function)
        case ast.Name(id=name):
            set_to = [
                a.value for a in every(ast.Assign, function) if last_name(a.targets[0]) == name and a.value is not given
            ]
            return _made(set_to[0], function) if len(set_to) == 1 else given
        case _:
            return given


def _read(node: ast.expr) -> set[str]:
    return {n.attr for n in every(ast.Attribute, node) if is_own_attribute(n)}


def _is_everything(index: ast.expr) -> bool:
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    return all(isinstance(p, ast.Slice) and p.lower is None and p.upper is None for p in parts)
