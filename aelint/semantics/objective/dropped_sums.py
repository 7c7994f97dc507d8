"""Running sums that lose what was added: emptied within the loop that they are averaged over, or replaced by one more term."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from aelint.rule import Site
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.syntax.blocks import blocks
from aelint.syntax.names import is_read, uses
from aelint.syntax.walk import every, walk

__all__ = ["DroppedSum", "emptied_sums", "first_terms_lost", "replaced_sums"]


@dataclass(frozen=True, slots=True, eq=False)
class DroppedSum:
    """Where a sum loses what it held, its name, and the statement that shows that all of it was meant."""

    site: Site
    name: str
    shown: Site


@per_program
def emptied_sums(program: Program) -> list[DroppedSum]:
    """Sums that some rounds of a loop set to zero, and that are divided by the number of all rounds behind it."""
    return [
        DroppedSum(Site(program.unit, emptied), name, Site(program.unit, divided))
        for block in blocks(program.tree)
        for position, loop in enumerate(block)
        if isinstance(loop, ast.For)
        for name, emptied in _emptied(loop)
        if (divided := _divided(block[position + 1 :], name, _lengths(loop))) is not None
    ]


@per_program
def replaced_sums(program: Program) -> list[DroppedSum]:
    """Sums that a weighted term replaces where its weight is not zero: `if w > 0: loss = w * term` behind `loss += ...`."""
    found = []
    for block in blocks(program.tree):
        for position, branch in enumerate(block):
            if not isinstance(branch, ast.If) or branch.orelse:
                continue
            for name, replaced in _gated_terms(branch):
                added = _added_before(block[:position], name)
                if added is not None:
                    found.append(DroppedSum(Site(program.unit, replaced), name, Site(program.unit, added)))
    return found


def _emptied(loop: ast.For) -> Iterator[tuple[str, ast.Assign]]:
    """Names that every round adds to, and that a branch of the loop sets to zero."""
    added = {ast.unparse(s.target) for s in loop.body if _adds(s)}
    for branch in (s for s in loop.body if isinstance(s, ast.If)):
        for statement in branch.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=0)) if name in added:
                    yield name, statement
                case _:
                    pass


def _adds(node: ast.AST) -> TypeGuard[ast.AugAssign]:
    return isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add)


def _lengths(loop: ast.For) -> set[str]:
    """How the number of a loop's rounds is written."""
    gone_through = loop.iter
    while isinstance(gone_through, ast.Call) and gone_through.args:
        gone_through = gone_through.args[0]
    return {f"len({ast.unparse(gone_through)})"}


def _divided(rest: Sequence[ast.stmt], name: str, lengths: set[str]) -> ast.BinOp | None:
    """The division by the number of rounds, where nothing sets the name before."""
    for statement in rest:
        for node in walk(statement):
            match node:
                case ast.BinOp(left=ast.Name(id=other), op=ast.Div(), right=right) if other == name:
                    return node if ast.unparse(right) in lengths else None
                case _:
                    pass
        if any(isinstance(n.ctx, ast.Store) for n in uses(statement, name)):
            return None
    return None


def _gated_terms(branch: ast.If) -> Iterator[tuple[str, ast.Assign]]:
    """Assignments `name = w * term` of a branch that is taken where `w` is not zero, and that never reads the name."""
    match branch.test:
        case ast.Compare(left=weight, ops=[ast.Gt() | ast.NotEq()], comparators=[ast.Constant(value=0)]):
            gate = ast.unparse(weight)
        case _:
            return
    for statement in branch.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.BinOp(op=ast.Mult(), left=left, right=right)):
                read = any(is_read(s, name) for s in branch.body)
                if gate in {ast.unparse(left), ast.unparse(right)} and not read:
                    yield name, statement
            case _:
                pass


def _added_before(block: Sequence[ast.stmt], name: str) -> ast.AugAssign | None:
    """The `name += ...` that mentions the name last in the statements, if one does."""
    for statement in reversed(block):
        named = uses(statement, name)
        if named:
            return next((s for s in walk(statement) if _adds(s) and s.target is named[-1]), None)
    return None


@per_program
def first_terms_lost(program: Program) -> list[DroppedSum]:
    """Entries of a table that start at zero where their first term is at hand: `if key in t: t[key] += x`, `else: t[key] = 0`."""
    return [
        DroppedSum(Site(program.unit, lost), ast.unparse(sum_of), Site(program.unit, added))
        for branch in every(ast.If, program.tree)
        for sum_of, added, lost in _begun_late(branch)
    ]


def _begun_late(branch: ast.If) -> Iterator[tuple[ast.expr, ast.AST, ast.AST]]:
    match branch.test:
        case ast.Compare(left=key, ops=[ast.In()], comparators=[table]):
            known, unknown = branch.body, branch.orelse
        case ast.Compare(left=key, ops=[ast.NotIn()], comparators=[table]):
            known, unknown = branch.orelse, branch.body
        case _:
            return
    match known, unknown:
        case (
            [ast.AugAssign(target=ast.Subscript() as target, op=ast.Add(), value=term) as added],
            [
                ast.Assign(
                    targets=[ast.Subscript() as first], value=ast.Constant(value=int() | float() as start)
                ) as lost
            ],
        ):
            entry = (ast.unparse(table), ast.unparse(key))
            alike = all((ast.unparse(t.value), ast.unparse(t.slice)) == entry for t in (target, first))
            # A count of what was seen before may well begin at zero.
            if alike and start == 0 and not isinstance(term, ast.Constant):
                yield target, added, lost
