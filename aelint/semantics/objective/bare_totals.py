"""Totals that are the reconstruction error alone, beside a divergence that the same function computes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.backward_passes import backward_passes, differentiated
from aelint.semantics.dataflow.lineage import RESHAPES, depends_on, source, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding
from aelint.semantics.domain.values import DictValue, Sym, Value
from aelint.semantics.objective.idle_divergences import LOOKS_ON, is_idle
from aelint.semantics.objective.terms import is_divergence_name
from aelint.semantics.operators.api import to_number
from aelint.syntax.walk import every

__all__ = ["BareTotal", "bare_totals"]

_TOTAL = re.compile(r"^(total|full|overall|final|vae|train(ing)?)?_?(loss|objective)(_?total)?$", re.IGNORECASE)
_RECONSTRUCTION = re.compile(r"rec(on\w*|s)?_?(loss|err(or)?)$|^(bce|mse|nll)(_?loss)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BareTotal:
    """A divergence, and the total that holds the reconstruction error and not it."""

    divergence: str
    error: str
    site: Site
    computed: Site


def bare_totals(program: Program) -> Iterator[BareTotal]:
    """Every total of one name that is a reconstruction error of another, where a divergence is computed beside and goes into no loss."""
    told: set[int] = set()
    errors = [one for one in _bindings(program) if _RECONSTRUCTION.search(one.name)]
    divergences = [one for one in _bindings(program) if is_divergence_name(one.name)] if errors else []
    for total in _bindings(program) if divergences else ():
        if not _TOTAL.search(total.name) or id(total.site.node) in told or not _is_set_once(total):
            continue
        error = next((e for e in errors if _are_beside(e, total) and _is_scaled(total.value, e.value)), None)
        for one in divergences if error is not None else ():
            if error is not None and _are_beside(one, total) and _is_left_out(program, one, total, error):
                told.add(id(total.site.node))
                yield BareTotal(one.name, error.name, total.site, one.site)
                break


def _bindings(program: Program) -> Iterator[Binding]:
    for one in program.bindings:
        function = one.context.function
        trained = one.site.unit is program.unit and not one.context.no_grad
        if trained and isinstance(one.value, Sym) and (function is None or not LOOKS_ON.search(function.name)):
            yield one


def _are_beside(first: Binding, second: Binding) -> bool:
    return first.context.stack == second.context.stack


def _is_set_once(total: Binding) -> bool:
    """Whether no other line of the function gives the name a value: no branch, and no sum, adds what is missing here."""
    function = total.context.function
    root = function.node if function is not None else total.site.unit.tree
    named = [n for n in every(ast.Name, root) if n.id == total.name and isinstance(n.ctx, ast.Store)]
    return len(named) == 1


def _is_scaled(total: Value, error: Value) -> bool:
    """Whether the one is the other, or its mean or a multiple."""
    while isinstance(total, Sym) and total is not error:
        match total.op, total.inputs:
            case "mul" | "truediv", (inner, factor) if to_number(factor) is not None:
                total = inner
            case "mul", (factor, inner) if to_number(factor) is not None:
                total = inner
            case op, _ if op in RESHAPES | {"mean", "sum"}:
                total = source(total)
            case _:
                return False
    return total is error


def _is_left_out(program: Program, divergence: Binding, total: Binding, error: Binding) -> bool:
    value, whole = divergence.value, total.value
    if (
        not isinstance(value, Sym)
        or not isinstance(whole, Sym)
        or value.tensor is False
        or value.op in {"param", "phi"}
    ):
        return False
    if depends_on(whole, value) or depends_on(value, whole):
        return False
    differentiated_here = any(differentiated(call) is whole for call in backward_passes(program))
    return (differentiated_here and is_idle(program, value)) or _are_returned(program, value, whole, error.value)


def _are_returned(program: Program, divergence: Sym, total: Sym, error: Value) -> bool:
    """Whether a function returns the total, the error and the divergence as three results of their own."""
    for ended in program.returns:
        entries = list(_entries(ended.value))
        alike = [one for one in entries if one is total or through(one, _SHOWN) is error]
        if len(alike) > 1 and any(depends_on(one, divergence) for one in entries):
            return True
    return False


_SHOWN = RESHAPES | {"detach", "data", "item", "item_value", "mean"}


def _entries(value: Value) -> Iterator[Value]:
    """The results of a function, those in dictionaries and tuples among them included."""
    match value:
        case tuple():
            for one in value:
                yield from _entries(one)
        case DictValue(items=items):
            for one in items.values():
                yield from _entries(one)
        case _:
            yield value
