"""Sizes of which one is taken twice and another is left out: `(d[0] // 4, d[1] // 4, d[0] // 4)` of three."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import Scope, scopes
from aelint.syntax.signatures import defaults
from aelint.syntax.walk import every, own_nodes, walk

__all__ = ["RepeatedIndex", "repeated_indices"]

_FEWEST = 3
"""Of two entries `(d[0], d[0])` is a square that is meant."""


@dataclass(frozen=True, slots=True, eq=False)
class RepeatedIndex:
    """The entry that is taken again, the sequence that it is taken from, and the one that belongs here."""

    site: Site
    sequence: str
    index: int
    missing: int


def repeated_indices(program: Program) -> Iterator[RepeatedIndex]:
    """Entries of a tuple, a list, a call or a product that are written alike but for the index, one of which repeats another."""
    unit = program.entry.unit
    for scope in scopes(unit.tree):
        inside: set[int] = set()
        for node in own_nodes(scope):
            for entries, ordered in _rows(node, inside):
                known = [t for one in entries if (t := _taken(one)) is not None] if len(entries) >= _FEWEST else []
                if len(known) < len(entries) or len({(t.around, t.sequence) for t in known}) > 1:
                    continue
                slip = _slip([one.index for one in known], ordered=ordered)
                if slip is not None and _has_entry(scope, known[0].sequence, slip[1]):
                    at = known[slip[0]]
                    yield RepeatedIndex(Site(unit, at.node), at.sequence, at.index, slip[1])


def _rows(node: ast.AST, inside: set[int]) -> Iterator[tuple[Sequence[ast.expr], bool]]:
    """What stands side by side, and whether the order counts; a product within a product is a part of that."""
    match node:
        case ast.Tuple(elts=entries, ctx=ast.Load()) | ast.List(elts=entries, ctx=ast.Load()):
            yield entries, True
        case ast.Call(args=entries):
            yield entries, True
        case ast.BinOp(op=ast.Mult()) if id(node) not in inside:
            yield _factors(node, inside), False
        case _:
            pass


def _factors(node: ast.expr, inside: set[int]) -> list[ast.expr]:
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            inside.add(id(node))
            return [*_factors(left, inside), *_factors(right, inside)]
        case _:
            return [node]


@dataclass(frozen=True, slots=True)
class _Taken:
    node: ast.Subscript
    sequence: str
    index: int
    around: str
    """The whole expression, with a blank for the index."""


def _taken(entry: ast.expr) -> _Taken | None:
    """The one entry of a sequence that an expression reads by a number."""
    found = [n for n in every(ast.Subscript, entry) if isinstance(n.value, (ast.Name, ast.Attribute))]
    match found:
        case [ast.Subscript(value=sequence, slice=ast.Constant(value=int(index))) as node] if not isinstance(
            index, bool
        ):
            text, read = ast.unparse(sequence), ast.unparse(node)
            return _Taken(node, text, index, ast.unparse(entry).replace(read, f"{text}[]"))
        case _:
            return None


def _slip(indices: list[int], *, ordered: bool) -> tuple[int, int] | None:
    """The place of the index that repeats another one, and the index that is left out; None where it is not just one."""
    lacking = set(range(len(indices))) - set(indices)
    if len(lacking) != 1 or not set(indices) <= set(range(len(indices))):
        return None
    (missing,) = lacking
    if ordered:
        wrong = [place for place, index in enumerate(indices) if place != index]
        return (wrong[0], missing) if wrong == [missing] else None
    again = [place for place, index in enumerate(indices) if index in indices[:place]]
    return again[-1], missing


def _has_entry(scope: Scope, sequence: str, index: int) -> bool:
    """Whether the sequence is seen to have the entry: it is read elsewhere, or written out as long as that."""
    for node in walk(scope):
        match node:
            case ast.Subscript(value=value, slice=ast.Constant(value=int(read))) if read == index:
                if ast.unparse(value) == sequence:
                    return True
            case ast.Assign(targets=[target], value=ast.Tuple(elts=entries) | ast.List(elts=entries)):
                if ast.unparse(target) == sequence and len(entries) > index:
                    return True
            case _:
                pass
    match None if isinstance(scope, ast.Module) else defaults(scope).get(sequence):
        case ast.Tuple(elts=entries) | ast.List(elts=entries):
            return len(entries) > index
        case _:
            return False
