"""Losses that are certainly minimised, and what in them is called a reconstruction loss."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aelint.semantics.dataflow.graph import consumers
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import DictValue, Sym
from aelint.semantics.objective.objectives import Objective
from aelint.semantics.objective.signed_terms import signed_terms
from aelint.semantics.operators.api import to_number

__all__ = ["added_by_name", "is_minimised"]

_LOSS = re.compile(r"(^|_)loss(es)?(_|$)|loss$|^objective$", re.IGNORECASE)
_BOUND = re.compile(r"elbo|bound|likelihood|reward|gain|evidence|log_?p", re.IGNORECASE)
_RECONSTRUCTION = re.compile(r"rec(on\w*|s|_)?_?(loss|err(or)?)|(^|_)(bce|mse|nll)(_loss)?$", re.IGNORECASE)
_KEEPS_SIGN = frozenset({"mean", "sum", "view", "squeeze", "to"})


def is_minimised(program: Program, objective: Objective) -> bool:
    """Whether `backward` is called on the value, or it ends as what is called a loss, with its sign as it is."""
    if objective.called:
        return True
    value = objective.value
    names = {value.name, *value.names, *_returned_as(program, value)} - {""}
    called_loss = any(_LOSS.search(name) for name in names) and not any(_BOUND.search(name) for name in names)
    return called_loss and not _is_turned(program, value)


def _returned_as(program: Program, value: Sym) -> Iterator[str]:
    """The keys under which the value is returned, and the names of functions that return it as it is."""
    for ended in program.returns:
        match ended.value:
            case DictValue(items=items):
                yield from (key for key, held in items.items() if isinstance(key, str) and held is value)
            case Sym() as result if result is value:
                yield ended.function.name
            case _:
                pass


def _is_turned(program: Program, value: Sym) -> bool:
    """Whether some use of it, or of what its sums and averages give, turns the sign round."""
    users, pending = consumers(program), [value]
    for one in pending:  # grows while it is read
        for user in users.get(one.id, ()):
            if _turns(user, one):
                return True
            if user.op in _KEEPS_SIGN | {"add", "sub", "mul", "truediv"} and user not in pending:
                pending.append(user)
    return False


def _turns(user: Sym, value: Sym) -> bool:
    match user.op, user.inputs:
        case "neg", _:
            return True
        case "sub", (_, other):
            return other is value
        case "mul" | "truediv", inputs:
            return any((number := to_number(one)) is not None and number < 0 for one in inputs)
        case _:
            return False


def added_by_name(objective: Objective) -> str:
    """The name of a term that is added and is called a reconstruction loss; "" where there is none."""
    named = signed_terms(objective.value, _reconstruction_name, _KEEPS_SIGN)
    return next((name for name, turned in named if turned is None), "")


def _reconstruction_name(value: Sym) -> str:
    names = [name for name in (value.name, *value.names) if name]
    return next((n for n in names if _RECONSTRUCTION.search(n) and not any(_BOUND.search(one) for one in names)), "")
