"""Results of two passes over one loader that shuffles, put together row by row.

Each pass draws an order of its own. What is collected in one pass has one entry for each sample in that order, until it is
summed up, sliced or paired with everything: only then is it told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes, parts
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors_of_any, source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import External, ListValue, Object, Sym, Value
from aelint.semantics.interpreter.loaders import loader_argument

__all__ = ["TwoPasses", "two_passes"]

_CASTS = (RESHAPES - {"view", "unflatten", "unsqueeze", "permute", "transpose", "movedim", "expand"}) | {
    "tensor", "bool", "int", "long", "numpy", "detach", "array", "asarray", "abs", "neg", "sqrt", "logical_not", "invert", "round",
}  # fmt: skip
"""What leaves one entry for each sample, in the same order; `view` and its like may lay out all pairs."""
_BY_ENTRY = frozenset(
    {
        "add",
        "sub",
        "mul",
        "truediv",
        "pow",
        "eq",
        "ne",
        "gt",
        "ge",
        "lt",
        "le",
        "logical_and",
        "logical_or",
        "and",
        "or",
    }
)
_ALONG = frozenset({"mean", "sum", "argmax", "norm", "amax", "softmax"})
_PAIRED = ("sklearn.metrics.", "torch.utils.data.TensorDataset")
_CROSSED = ("pairwise", "_distances", "_kernel")
_FITTED = frozenset({"fit", "score"})
_RESTARTS = re.compile("seed|rng_state|set_state")


@dataclass(frozen=True, slots=True, eq=False)
class TwoPasses:
    """The loader that shuffles, its two passes, and where what each of them gave is put together."""

    loader: Site
    first: Site
    second: Site
    together: Site


@dataclass(frozen=True, slots=True, eq=False)
class _Pass:
    """One loop over a loader."""

    loader: Object
    batch: Sym


def two_passes(program: Program) -> Iterator[TwoPasses]:
    """Places that put together what two loops over one loader gave, each once."""
    seeds = [c.result.id for c in program.calls if _RESTARTS.search(c.name) and isinstance(c.result, Sym)]
    known: dict[int, _Pass | None] = {}
    for site, values in (*_by_entry(program), *_by_call(program)):
        passes = [found for value in values if (found := _rows(value, known)) is not None]
        for one, other in combinations(passes, 2):
            first, second = sorted((one.batch, other.batch), key=lambda batch: batch.id)
            # A seed that is set in between may give the second pass the order of the first.
            if one.loader is not other.loader or any(first.id < s < second.id for s in seeds):
                continue
            made, early, late = one.loader.site, first.site, second.site
            if made and early and late and early.node is not late.node:
                yield TwoPasses(made, early, late, site)


def _by_entry(program: Program) -> Iterator[tuple[Site, tuple[Value, ...]]]:
    """Operations on two tensors entry by entry, and choices of rows by a mask."""
    for node in nodes(program):
        beside = node.attrs.get("other" if node.op in _BY_ENTRY else "index")
        if beside is not None and node.site is not None:
            yield node.site, (node.attrs.get("input"), beside)


def _by_call(program: Program) -> Iterator[tuple[Site, tuple[Value, ...]]]:
    """Calls that take their arguments to belong together row by row."""
    for call in program.calls:
        if _pairs(call):
            yield call.site, call.args + tuple(call.kwargs.values())
        elif call.name.endswith(".scatter"):
            yield (
                call.site,
                tuple(_column(a) for a in (*call.args[:2], *(v for k, v in call.kwargs.items() if k in "xyc"))),
            )


def _pairs(call: Call) -> bool:
    match call.receiver:
        case Object(name=owner) | Sym(op="call", attrs={"callee": External(name=owner)}) if call.method in _FITTED:
            return owner.startswith("sklearn.")
    name = call.callee.name if isinstance(call.callee, External) else ""
    return name.startswith(_PAIRED) and not any(word in name for word in _CROSSED)


def _column(value: Value) -> Value:
    """The table that one column is drawn of: `z` of `z[:, 0]`."""
    match value:
        case Sym(op="getitem" | "item", attrs={"index": (slice() as rows, int())}) if rows == slice(None):
            return source(value)
        case _:
            return value


def _rows(value: Value, known: dict[int, _Pass | None]) -> _Pass | None:
    """The pass that a value holds one entry of for each sample, in the order of that pass."""
    if isinstance(value, Sym):
        if value.id not in known:
            known[value.id] = None
            known[value.id] = _found(value, known)
        return known[value.id]
    return _collected(value)


def _found(value: Sym, known: dict[int, _Pass | None]) -> _Pass | None:
    match value:
        case Sym(op="cat" | "stack" as op, attrs={"tensors": ListValue() as collected}):
            return _collected(collected, joined=op == "cat")
        case Sym(op="call", attrs={"callee": External(name="numpy.array" | "numpy.asarray")}, inputs=(given, *_)):
            return _rows(given, known)
        case Sym(op=op) if op in _CASTS:
            return _rows(value.attrs.get("data", source(value)), known)
        case Sym(op=op, attrs={"dim": 1}) if op in _ALONG:
            return _rows(source(value), known)
        case Sym(op=op, attrs=attrs) if op in _BY_ENTRY:
            found = [one for name in ("input", "other") if (one := _rows(attrs.get(name), known)) is not None]
            return found[0] if found else None
        case _:
            return None


def _collected(value: Value, *, joined: bool = False) -> _Pass | None:
    """The one pass from which a list was filled, with one entry for each sample; `joined` tensors have several."""
    if not isinstance(value, ListValue) or value.complete:
        return None
    if not all(_counts_samples(one, joined=joined) for one in value.items):
        return None
    found = [one for one in ancestors_of_any(parts(value)) if one.op == "batch"]
    if len({id(one.site.node) for one in found if one.site is not None}) != 1:
        return None
    loader = found[0].attrs["loader"]
    return _Pass(loader, found[0]) if loader_argument(loader, "shuffle") is True else None


def _counts_samples(value: Value, *, joined: bool) -> bool:
    match value:
        case Sym(op="element", inputs=(Sym(op="call", attrs={"method": "tolist"}, inputs=(whole, *_)), *_)):
            return _counts_samples(whole, joined=joined)
        case Sym(op="element", inputs=(whole, *_)):
            return _counts_samples(whole, joined=joined)
        case Sym(shape=(Poly() as first, *_)):
            return first.has_batch
        case Sym(shape=None):
            return joined
        case _:
            return False
