"""Sums that a loop overwrites in each round instead of adding to them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.syntax.blocks import blocks
from aelint.syntax.running_sums import division, lengths, loaded, round_counts, unwrapped, zeros
from aelint.syntax.walk import own_nodes

__all__ = ["LostSum", "lost_sums"]


@dataclass(frozen=True, slots=True, eq=False)
class LostSum:
    """A name that is set to zero, overwritten in each round of a loop, and divided by the number of rounds behind it."""

    site: Site
    name: str
    divided: Site


@per_program
def lost_sums(program: Program) -> list[LostSum]:
    """The sums of the entry file that hold their last round alone."""
    found = [one for block in blocks(program.tree) for one in _in_block(program, unwrapped(block))]
    return list({id(one.site.node): one for one in found}.values())


def _in_block(program: Program, block: list[ast.stmt]) -> Iterator[LostSum]:
    for position, loop in enumerate(block):
        if not isinstance(loop, ast.For):
            continue
        started = {name for statement in block[:position] for name in zeros(statement)}
        counts = round_counts(loop, loaded(program.tree))
        counts |= {name for statement in block for name in lengths(statement, counts)}
        for name in sorted(started):
            store = _only_store(loop, name)
            divided = division(block[position + 1 :], name, counts) if store is not None else None
            if store is not None and divided is not None:
                yield LostSum(Site(program.unit, store), name, Site(program.unit, divided))


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
