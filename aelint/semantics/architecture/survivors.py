"""Loops over layers of which only the last one's work survives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.architecture.usage import has_parameters
from aelint.semantics.dataflow.graph import parts
from aelint.semantics.dataflow.lineage import ancestors_of_any
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Return
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.interpreter.kinds import is_module

__all__ = ["Forgotten", "forgotten_rounds"]


@dataclass(frozen=True, slots=True, eq=False)
class Forgotten:
    """A loop that calls another layer in each round, where the result depends on the last round alone.

    `site` is the first call of a round, `rounds` how many there are.
    """

    site: Site
    rounds: int


@per_program
def forgotten_rounds(program: Program) -> list[Forgotten]:
    """Loops over layers in which each round starts from the same tensor, so that all but the last are lost; each once."""
    ends = {id(e.context.stack[-1]): e for e in program.returns if e.context.stack}
    found: dict[int, Forgotten] = {}
    for runs in _loops(program).values():
        end = ends.get(id(runs[0][0].context.stack[-1]))
        if end is None or len(runs) < 2 or id(runs[0][0].site.node) in found or not _is_work(runs):
            continue
        kept = {s.id for s in ancestors_of_any(_outlets(program, end))}
        if _survives(runs[-1], kept) and not any(_survives(r, kept) for r in runs[:-1]):
            found[id(runs[0][0].site.node)] = Forgotten(runs[0][0].site, len(runs))
    return list(found.values())


def _loops(program: Program) -> dict[tuple[int, int], list[list[Call]]]:
    """The calls of modules in each loop of each run of a function, round by round."""
    found: dict[tuple[int, int], dict[int, list[Call]]] = {}
    for call in program.calls:
        if not is_module(call.callee) or not call.context.stack or call.context.speculative:
            continue
        for loop in call.context.loops:
            key = (id(call.context.stack[-1]), id(loop.node))
            found.setdefault(key, {}).setdefault(loop.round, []).append(call)
    return {key: [rounds[i] for i in sorted(rounds)] for key, rounds in found.items()}


def _outlets(program: Program, end: Return) -> Iterator[Sym]:
    """What leaves a run of a function: its result, what is stored, and what is handed to code that cannot be read."""
    values: list[Value] = [end.value, *(s.value for s in program.stores)]
    values.extend(tuple(i.attrs.values()) for i in program.machine.instances)
    unread = (c for c in program.calls if isinstance(c.result, Sym) and c.result.op == "call")
    values.extend((call.receiver, call.args, tuple(call.kwargs.values())) for call in unread)
    for value in values:
        yield from parts(value)


def _survives(calls: list[Call], kept: set[int]) -> bool:
    return any(s.id in kept for call in calls for s in parts(call.result))


def _is_work(runs: list[list[Call]]) -> bool:
    """Whether each round calls layers of its own, with weights, and starts from the same tensor."""
    firsts = [calls[0] for calls in runs]
    apart = len({id(c.callee) for c in firsts}) == len(firsts) and len({id(c.site.node) for c in firsts}) == 1
    same = len({id(c.args[0]) if c.args else 0 for c in firsts}) == 1 and bool(firsts[0].args)
    return apart and same and any(has_parameters(c.callee) for calls in runs[:-1] for c in calls)
