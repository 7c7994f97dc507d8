"""The values that a program treats as losses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import TypeVar

from aelint.semantics.dataflow.backward_passes import backward_passes, differentiated
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import DictValue, ListValue, Sym, Value
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.objective.summands import Summand, summands

__all__ = ["Objective", "objectives", "once_per_objective"]

_LOSS_NAME = re.compile(r"loss|elbo|cost|objective|vlb|(^|_)d?kl(d|l|_|$)|divergence|regulari[sz]", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Objective:
    """A value that the program treats as a loss."""

    value: Sym
    called: bool
    """Whether `backward` is called on it."""

    @cached_property
    def summands(self) -> tuple[Summand, ...]:
        """The loss written out as a sum."""
        return summands(self.value)


Answer = TypeVar("Answer")


def once_per_objective(question: Callable[[Objective], Iterator[Answer]]) -> Callable[[Objective], tuple[Answer, ...]]:
    """Keep the answers to a question about a loss with the loss itself, so that they go when it goes."""
    name = f"answers of {question.__module__}.{question.__name__}"

    @wraps(question)
    def ask(objective: Objective) -> tuple[Answer, ...]:
        known = vars(objective)
        if name not in known:
            known[name] = tuple(question(objective))
        answers: tuple[Answer, ...] = known[name]
        return answers

    return ask


@per_program
def objectives(program: Program) -> list[Objective]:
    """The losses of a program: what `backward` is called on first, then what is named or returned as one."""
    found: dict[int, Objective] = {}

    def add(value: Value, *, called: bool = False) -> None:
        for one in alternatives(value):
            if isinstance(one, Sym) and one.op not in {"param", "name", "attr"} and one.tensor is not False:
                found.setdefault(one.id, Objective(one, called))

    for backward in backward_passes(program):
        add(differentiated(backward), called=True)
    for value in _named_losses(program):
        add(value)
    return list(found.values())


def _named_losses(program: Program) -> Iterator[Value]:
    for ended in program.returns:
        named = _is_loss_name(ended.function.name) or ended.function.name in {"training_step", "forward"}
        if named or isinstance(ended.value, DictValue):
            yield from _parts(ended.value, everything=named)
    for binding in program.bindings:
        if _is_loss_name(binding.name):
            yield binding.value


def _parts(value: Value, *, everything: bool) -> Iterator[Value]:
    match value:
        case tuple():
            yield from value
        case ListValue():
            yield from value.items
        case DictValue():
            yield from (v for k, v in value.items.items() if isinstance(k, str) and _is_loss_name(k))
        case _ if everything:
            yield value


def _is_loss_name(name: str) -> bool:
    return _LOSS_NAME.search(name) is not None
