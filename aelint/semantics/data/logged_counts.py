"""Counts that were put under a logarithm before a likelihood of counts is taken of them.

The laws of Poisson and of the negative binomial are laws of whole numbers: their mass function holds the factorial of the
count, `lgamma(x + 1)`, which is how a likelihood that is written out is recognised.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import RESHAPES, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Instance, Object, Sym, Value
from aelint.semantics.interpreter.kinds import is_module

__all__ = ["LoggedCounts", "logged_counts"]

_LAWS = ("Poisson", "NegativeBinomial", "Binomial")
_MOVES = RESHAPES | {
    "to",
    "clone",
    "detach",
    "float",
    "tensor",
    "from_numpy",
    "getitem",
    "element",
    "batch",
    "index_select",
}


@dataclass(frozen=True, slots=True, eq=False)
class LoggedCounts:
    """Where the logarithm is taken, or asked for, and the likelihood that is given its result."""

    site: Site
    likelihood: Site


def logged_counts(program: Program) -> Iterator[LoggedCounts]:
    """Logarithms `log(1 + x)` that reach a likelihood of counts with nothing done to them but moves."""
    made = {c.result.id: c for c in program.calls_to("log1p", "log") if isinstance(c.result, Sym)}
    for call, value in _likelihoods(program) if made else ():
        moved = through(value, _MOVES)
        taken = made.get(moved.id) if isinstance(moved, Sym) else None
        if taken is not None and (taken.name == "log1p" or _is_one_more(taken.bound.get("input")) is not None):
            yield LoggedCounts(_asked_for(taken), call.site)


def _likelihoods(program: Program) -> Iterator[tuple[Call, Value]]:
    """The calls that take a likelihood of counts, and what they take for counts."""
    for call in program.calls_to("poisson_nll_loss"):
        yield call, call.bound.get("target")
    for call in program.calls_to("lgamma"):
        yield call, _is_one_more(call.bound.get("input"))
    for call in program.method_calls("log_prob"):
        if isinstance(call.receiver, Object) and call.receiver.class_name in _LAWS and call.args:
            yield call, call.args[0]


def _is_one_more(value: Value) -> Sym | None:
    """The `x` of `x + 1`."""
    if (
        not isinstance(value, Sym)
        or value.op != "add"
        or not any(i == 1 for i in value.inputs if not isinstance(i, Sym))
    ):
        return None
    return next((i for i in value.inputs if isinstance(i, Sym)), None)


def _asked_for(taken: Call) -> Site:
    """The logarithm, or the call of the method of a data set that takes it: that is what a program may leave out."""
    last = taken.context.stack[-1] if taken.context.stack else None
    if last is not None and isinstance(last.receiver, Instance) and not is_module(last.receiver):
        return last.site or taken.site
    return taken.site
