"""Divergences that a function computes beside the loss that it returns, and that go into no loss at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers, handed, parts, parts_of_all
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding
from aelint.semantics.domain.values import External, Function, Sym
from aelint.semantics.objective.losses import LOSSES
from aelint.semantics.objective.objectives import Objective
from aelint.semantics.objective.reports import LOGGED
from aelint.semantics.objective.terms import divergences

__all__ = ["LOOKS_ON", "IdleDivergence", "idle_divergences", "is_idle"]

_NAMED = re.compile(r"(^|_)kl|kld|kl_?(loss|div)|divergence|latent_loss|regulari[sz]", re.IGNORECASE)
LOOKS_ON = re.compile(r"val|test|eval|metric|report|log_|monitor|plot|stat|diagnos|infer|predict", re.IGNORECASE)
"""Names of functions that measure and do not train."""
_SHOWN = LOGGED | {"print", "format", "info", "debug"}
_CUTS = frozenset({"detach", "data", "item", "item_value"})


@dataclass(frozen=True, slots=True)
class IdleDivergence:
    """A divergence that is read off at most, and the reconstruction that the function returns without it."""

    name: str
    site: Site
    returned: Site
    read: bool
    """Whether anything is made of it, if only to show it."""


def idle_divergences(program: Program) -> Iterator[IdleDivergence]:
    """Every divergence of a function that returns a reconstruction error, where neither it nor what follows from it is a loss."""
    by_place: dict[int, list[tuple[Binding, bool]]] = {}
    for binding in program.bindings:
        value, function = binding.value, binding.context.function
        if not isinstance(value, Sym) or not _NAMED.search(binding.name) or binding.context.no_grad or function is None:
            continue
        if binding.site.unit is program.unit and not LOOKS_ON.search(function.name) and _is_divergence(value):
            idle = is_idle(program, value) and not _adds_up_used(program, value)
            by_place.setdefault(id(binding.site.node), []).append((binding, idle))
    for found in by_place.values():
        binding = found[0][0]
        error = _returned_error(program, binding.context.function)
        if all(idle for _, idle in found) and error is not None:
            read = any(one.value.id in _read(program) for one, _ in found if isinstance(one.value, Sym))
            yield IdleDivergence(binding.name, binding.site, error, read)


def _is_divergence(value: Sym) -> bool:
    return any(not term.by_name for term in divergences(Objective(value, called=False)))


def is_idle(program: Program, value: Sym) -> bool:
    """Whether no way from the value, but those that take it out of the graph, ends in a result, an attribute or unknown code."""
    users, seen, stack = consumers(program), {value.id}, [value]
    while stack:
        one = stack.pop()
        if one.id in _kept(program) or (one is not value and one.op == "call" and not _is_shown(one)):
            return False
        for user in users.get(one.id, ()):
            if user.id not in seen and user.op not in _CUTS:
                seen.add(user.id)
                stack.append(user)
    return True


def _adds_up_used(program: Program, value: Sym) -> bool:
    """Whether it is the sum of divergences that are used one by one, and is shown as their total."""
    parts_of_sum = [one for one in value.inputs if isinstance(one, Sym)] if value.op == "add" else []
    return bool(parts_of_sum) and not any(is_idle(program, one) for one in parts_of_sum)


@per_program
def _read(program: Program) -> frozenset[int]:
    """Ids of what some operation or some call takes."""
    return handed(program).union(consumers(program))


def _is_shown(call: Sym) -> bool:
    callee = call.attrs.get("callee")
    name = callee.name.rpartition(".")[2] if isinstance(callee, External) else call.attrs.get("method")
    return name in _SHOWN


@per_program
def _kept(program: Program) -> frozenset[int]:
    """Ids of what functions return and objects keep, and of what `backward` is called on."""
    backward = [c.receiver for c in program.calls if c.method == "backward"]
    return frozenset(parts_of_all([*(r.value for r in program.returns), *(s.value for s in program.stores), *backward]))


def _returned_error(program: Program, function: Function | None) -> Site | None:
    """An error of the reconstruction that the function returns with its graph."""
    returned = (part for ended in program.returns if ended.function is function for part in parts(ended.value))
    return next((one.site for part in returned for one in ancestors(part, _CUTS) if one.op in LOSSES), None)
