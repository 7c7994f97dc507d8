"""Files that are named for the best state, and are written in every round, whether or not it was the best."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym, Value
from aelint.syntax.walk import every, holds

__all__ = ["EveryRound", "written_every_round"]

_BEST = re.compile(r"(?<![a-z])best(?![a-z])", re.IGNORECASE)
_ASKED = re.compile(r"^(?:is|was)_?best\w*$|^(?:has_)?improved$|^new_best$", re.IGNORECASE)
_COMPARISONS = frozenset({"lt", "le", "gt", "ge"})


@dataclass(frozen=True, slots=True, eq=False)
class EveryRound:
    """A save under a name for the best, the file's name, and where the program finds out which round was the best."""

    site: Site
    file: str
    asked: Site
    flag: str


def written_every_round(program: Program) -> Iterator[EveryRound]:
    """Saves without a condition, in a loop that trains and that finds out in each round whether it was the best."""
    trained = {id(loop.node) for c in program.method_calls("backward") for loop in c.context.loops}
    flags = [b for b in program.bindings if _ASKED.match(b.name) and isinstance(b.value, Sym)]
    flags = [b for b in flags if b.value.op in _COMPARISONS and b.context.loops]
    for call in program.calls_to("torch.save") if flags else ():
        file = next(reversed(list(_texts(_path(call)))), "")
        rounds = {id(loop.node) for loop in call.context.loops} & trained
        if not _BEST.search(file) or call.context.guards or _may_be_left_early(call):
            continue
        flag = next((f for f in flags if rounds & {id(loop.node) for loop in f.context.loops}), None)
        if flag is not None:
            yield EveryRound(call.site, file, flag.site, flag.name)


def _may_be_left_early(call: Call) -> bool:
    """Whether some branch before the call, or before a call of its function, ends the function or the round."""
    stack = call.context.stack
    roots = [
        *(a.function.node for a in reversed(stack)),
        stack[0].function.module.unit.tree if stack else call.site.unit.tree,
    ]
    places = [call.site, *(a.site for a in reversed(stack))]
    return any(
        isinstance(branch.body[-1], (ast.Return, ast.Continue, ast.Break, ast.Raise)) and branch.lineno < place.unit_row
        for root, place in zip(roots, places, strict=True)
        if place is not None
        for branch in every(ast.If, root)
        if not any(holds(f, branch) for f in every(ast.FunctionDef, root) if f is not root)
    )


def _path(call: Call) -> Value:
    return call.kwargs.get("f", call.args[1] if len(call.args) > 1 else None)


def _texts(value: Value, depth: int = 0) -> Iterator[str]:
    """The texts that a path was joined from."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Sym) and depth < 6:
        for inner in value.inputs:
            yield from _texts(inner, depth + 1)
