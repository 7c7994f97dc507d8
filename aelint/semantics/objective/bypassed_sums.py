"""Losses that are summed up and only read off, while `backward` is called on one of their summands alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.backward_passes import backward_passes, differentiated
from aelint.semantics.dataflow.graph import consumers, parts, parts_of_all
from aelint.semantics.dataflow.lineage import ancestors_of_any
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.objective.comparisons import is_output
from aelint.semantics.objective.objectives import objectives
from aelint.semantics.objective.unweighed import READ_OFF, is_only_read_off
from aelint.syntax.walk import every

__all__ = ["BypassedSum", "bypassed_sums"]

_TOTAL = re.compile(r"^(?:(?:total|sum|full|overall|train|batch)_?)?(?:loss|cost|objective)(?:_?(?:total|sum|all))?$")


@dataclass(frozen=True, slots=True, eq=False)
class BypassedSum:
    """A sum, the summand that backward sees instead, the one that it does not see, and where the former is passed on."""

    binding: Binding
    seen: Sym
    unseen: Sym
    site: Site


def bypassed_sums(program: Program) -> Iterator[BypassedSum]:
    """`loss = reconstruction + weight * term`, of which only the number is read, beside `reconstruction.backward()`."""
    called = {o.value.id: o.value for o in objectives(program) if o.called}
    sums = [b for b in program.bindings if _TOTAL.match(b.name) and not b.context.no_grad and called]
    reached = {one.id for one in ancestors_of_any(called.values())} if sums else set()
    used = consumers(program) if sums else {}
    kept = parts_of_all([*(r.value for r in program.returns), *(s.value for s in program.stores)])
    for binding in sums:
        value = binding.value
        if not isinstance(value, Sym) or value.id in reached or value.id in kept or not is_only_read_off(value, used):
            continue
        summands = list(_summands(value))
        seen = next((s for s in summands if s.id in called), None)
        unseen = next((s for s in summands if _is_trained(s) and not reached & {f.id for f in _factors(s)}), None)
        site = _passed_on(program, binding, seen) if seen is not None else None
        if seen is not None and unseen is not None and site is not None:
            named = next((f for f in _factors(unseen) if f.name), unseen)
            yield BypassedSum(binding, seen, named, site)


def _summands(value: Value) -> Iterator[Sym]:
    """What a sum was added up from, as it is and below its weight."""
    for one in alternatives(value):
        if isinstance(one, Sym) and one.op == "add":
            for operand in one.inputs:
                if isinstance(operand, Sym):
                    yield operand
                    yield from _summands(operand)


def _factors(term: Sym) -> Iterator[Sym]:
    """The term and what it is below its weights, or was added up from: the losses of other rounds, say."""
    yield term
    if term.op in {"mul", "truediv", "neg", "add", "phi"}:
        for one in term.inputs:
            if isinstance(one, Sym) and one.tensor is True:
                yield from _factors(one)


def _is_trained(term: Sym) -> bool:
    """Whether the term is a number of the losses' kind that weights took part in."""
    return term.tensor is True and term.shape in {None, ()} and term.op not in READ_OFF and is_output(term)


def _passed_on(program: Program, binding: Binding, seen: Sym) -> Site | None:
    """Where the function that makes the sum gives away, or calls backward on, the summand alone."""
    function = binding.context.function
    for backward in backward_passes(program):
        if backward.context.function is function and any(one is seen for one in alternatives(differentiated(backward))):
            return backward.site
    given_away = [s for r in program.returns if r.function is function for s in parts(r.value)]
    if function is None or not any(one is seen for s in given_away for one in alternatives(s)):
        return None
    names = {seen.name, *seen.names}
    ends = (n for n in every(ast.Return, function.node) if any(used.id in names for used in every(ast.Name, n)))
    return next((Site(binding.site.unit, end) for end in ends), None)
