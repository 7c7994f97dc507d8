"""Sums that a loop overwrites in each round instead of adding to them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.syntax.blocks import blocks
from aelint.syntax.names import uses
from aelint.syntax.walk import own_nodes, walk

__all__ = ["LostSum", "lost_sums", "round_counts"]


@dataclass(frozen=True, slots=True, eq=False)
class LostSum:
    """A name that is set to zero, overwritten in each round of a loop, and divided by the number of rounds behind it."""

    site: Site
    name: str
    divided: Site


@per_program
def lost_sums(program: Program) -> list[LostSum]:
    """The sums of the entry file that hold their last round alone."""
    found = [one for block in blocks(program.tree) for one in _in_block(program, _unwrapped(block))]
    return list({id(one.site.node): one for one in found}.values())


def _unwrapped(block: list[ast.stmt]) -> list[ast.stmt]:
    """A block with the bodies of its `with` statements in their places: they run once, as all else does."""
    return [one for s in block for one in (_unwrapped(s.body) if isinstance(s, ast.With) else [s])]


def _in_block(program: Program, block: list[ast.stmt]) -> Iterator[LostSum]:
    for position, loop in enumerate(block):
        if not isinstance(loop, ast.For):
            continue
        started = {name for statement in block[:position] for name in _zeros(statement)}
        counts = round_counts(loop)
        counts |= {name for statement in block for name in _lengths(statement, counts)}
        for name in sorted(started):
            store = _only_store(loop, name)
            divided = _division(block[position + 1 :], name, counts) if store is not None else None
            if store is not None and divided is not None:
                yield LostSum(Site(program.unit, store), name, Site(program.unit, divided))


def _zeros(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement sets to zero."""
    match statement:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            pairs = list(zip(targets, values, strict=False))
        case ast.Assign(targets=targets, value=value):
            pairs = [(target, value) for target in targets]
        case _:
            return
    for target, value in pairs:
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and value.value == 0:
            yield target.id


def _lengths(statement: ast.stmt, counts: set[str]) -> Iterator[str]:
    """The names that a statement gives to a number of rounds."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if ast.unparse(value) in counts:
            yield name
        case _:
            pass


def _only_store(loop: ast.For, name: str) -> ast.stmt | None:
    """The one statement of a loop's body that sets a name, where nothing in the loop reads it or adds to it."""
    found: list[ast.stmt] = []
    for statement in loop.body:
        for node in (statement, *own_nodes(statement)):
            if isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Store):
                return None
            if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
                return None
        match statement:
            case ast.Assign(targets=[ast.Name(id=other)], value=value) if other == name and not isinstance(
                value, ast.Constant
            ):
                found.append(statement)
            case _ if any(isinstance(n, ast.Name) and n.id == name for n in own_nodes(statement)):
                return None
            case _:
                pass
    ends = any(isinstance(n, (ast.Break, ast.Return)) for s in loop.body for n in (s, *own_nodes(s)))
    return found[0] if len(found) == 1 and not ends else None


def round_counts(loop: ast.For) -> set[str]:
    """What stands for the number of rounds: counters that grow by one, and the length of what is gone through."""
    gone_through = [ast.unparse(part) for part in walk(loop.iter) if isinstance(part, (ast.Name, ast.Attribute))]
    found = {f"len({one}{part})" for one in gone_through for part in ("", ".dataset", ".sampler")}
    for statement in loop.body:
        match statement:
            case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=ast.Constant(value=1)):
                found.add(name)
            case _:
                pass
    if isinstance(loop.iter, ast.Call) and isinstance(loop.iter.func, ast.Name) and loop.iter.func.id == "range":
        found |= {ast.unparse(a) for a in loop.iter.args[-1:]}
    return found


def _division(rest: list[ast.stmt], name: str, counts: set[str]) -> ast.AST | None:
    """The first division of the name, or of a multiple of it, by the number of rounds."""
    for statement in rest:
        for node in walk(statement):
            match node:
                case ast.BinOp(left=left, op=ast.Div(), right=right) if uses(left, name) and _is_count(right, counts):
                    return node
                case ast.AugAssign(target=ast.Name(id=target), op=ast.Div(), value=value) if target == name:
                    return node if _is_count(value, counts) else None
                case _:
                    pass
        if any(isinstance(n.ctx, ast.Store) for n in uses(statement, name)):
            return None
    return None


def _is_count(divisor: ast.expr, counts: set[str]) -> bool:
    match divisor:
        case ast.Call(func=ast.Name(id="float" | "int" | "max"), args=[inner, *_]):
            return _is_count(inner, counts)
        case _:
            return ast.unparse(divisor) in counts
