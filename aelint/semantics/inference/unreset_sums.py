"""Sums that go on where they should begin anew: from one epoch to the next, or from the training loop to the one behind it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.blocks import blocks
from aelint.syntax.rounds import LoopNode, round_counter
from aelint.syntax.running_sums import division, lengths, loaded, round_counts, unwrapped, zeros
from aelint.syntax.walk import every, walk

__all__ = ["UnresetSum", "unreset_sums"]


@dataclass(frozen=True, slots=True, eq=False)
class UnresetSum:
    """A name that is set to zero once, at `began`, grows at `grown`, and is divided by the rounds of the last loop alone.

    `between` tells that the sum of one loop goes on in the loop behind it; else it goes on in the next round of a loop around.
    """

    name: str
    began: Site
    grown: Site
    divided: Site
    between: bool


def unreset_sums(program: Program) -> list[UnresetSum]:
    """The sums of the entry file that hold more than what they are divided by."""
    found: dict[int, UnresetSum] = {}
    for block in map(unwrapped, blocks(program.tree)):
        for one in (*_over_rounds(program, block), *_over_loops(program, block)):
            found.setdefault(id(one.divided.node), one)
    return list(found.values())


def _over_rounds(program: Program, block: list[ast.stmt]) -> Iterator[UnresetSum]:
    """Sums that begin in front of the outer of two loops, and whose mean is taken in each of its rounds."""
    data = loaded(program.tree)
    for position, outer in enumerate(block):
        if not isinstance(outer, LoopNode):
            continue
        body, anew = unwrapped(outer.body), _set_anew(outer)
        for place, inner in enumerate(body):
            if not isinstance(inner, ast.For):
                continue
            counts = _counts(inner, [*block, *body], anew, data)
            for name, grown in _grown(inner).items():
                began = None if name in anew else _beginning(block[:position], name)
                divided = division([inner], name, counts) or division(body[place + 1 :], name, counts)
                if began is not None and divided is not None:
                    yield _found(program, name, (began, grown, divided), between=False)


def _over_loops(program: Program, block: list[ast.stmt]) -> Iterator[UnresetSum]:
    """Sums of one loop that the next one goes on with, and that are divided by the rounds of the second."""
    data = loaded(program.tree)
    loops = [(i, s) for i, s in enumerate(block) if isinstance(s, ast.For)]
    for (before, first), (position, second) in pairwise(loops):
        between = block[before + 1 : position]
        anew = {name for s in (*between, second) for name in _set_anew(s)}
        counts = _counts(second, block, anew, data) - {
            one for one in _counts(first, block, anew, data) if one not in anew
        }
        for name, grown in _grown(second).items():
            began = _beginning(block[:before], name) if name in _grown(first) and name not in anew else None
            divided = division(block[position + 1 :], name, counts)
            if began is not None and divided is not None:
                yield _found(program, name, (began, grown, divided), between=True)


def _found(program: Program, name: str, places: tuple[ast.AST, ast.AST, ast.AST], *, between: bool) -> UnresetSum:
    began, grown, divided = (Site(program.unit, node) for node in places)
    return UnresetSum(name, began, grown, divided, between)


def _counts(loop: ast.For, around: list[ast.stmt], anew: set[str], data: Mapping[str, set[str]]) -> set[str]:
    """What stands for the rounds of this loop alone: a counter that goes on counts all that were."""
    counts = {count for count in round_counts(loop, data) if count.startswith("len(") or count in anew}
    counts |= {name for statement in around for name in lengths(statement, counts)}
    return counts | ({f"{counter} + 1"} if (counter := round_counter(loop)) else set())


def _beginning(statements: list[ast.stmt], name: str) -> ast.stmt | None:
    """The statement that sets the name to zero, if none behind it sets it again."""
    setting = [s for s in statements if name in _set_anew(s)]
    return setting[-1] if setting and name in set(zeros(setting[-1])) else None


def _grown(loop: ast.For) -> dict[str, ast.AugAssign]:
    """The names that a loop adds to, and where."""
    sums = (s for s in every(ast.AugAssign, loop) if isinstance(s.op, ast.Add))
    return {s.target.id: s for s in sums if isinstance(s.target, ast.Name) and not isinstance(s.value, ast.Constant)}


def _set_anew(statement: ast.stmt) -> set[str]:
    """The names that a statement, or one inside it, sets whatever they held."""
    changed = {s.target for s in every(ast.AugAssign, statement)}
    names = (n for n in walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store | ast.Del))
    return {n.id for n in names if n not in changed}
