"""Queries that are asked by several rules are answered once per program."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from aelint.semantics.dataflow.program import Program

__all__ = ["per_program"]

Answer = TypeVar("Answer")


def per_program(query: Callable[[Program], Answer]) -> Callable[[Program], Answer]:
    """Keep the answer to `query` for as long as the program lives."""
    answers: WeakKeyDictionary[Program, Answer] = WeakKeyDictionary()

    @wraps(query)
    def ask(program: Program) -> Answer:
        if program not in answers:
            answers[program] = query(program)
        return answers[program]

    return ask
