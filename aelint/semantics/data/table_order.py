"""Results of a loader that shuffles, compared row by row with the table that the loader reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import parts
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors_of_any, source, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import External, Function, ListValue, Object, Sym, Value
from aelint.semantics.interpreter.loaders import loader_argument

__all__ = ["ShuffledResults", "shuffled_results"]

_CASTS = RESHAPES | {"tensor", "bool", "int", "long", "numpy", "detach", "array"}
_THRESHOLDS = frozenset({"gt", "ge", "lt", "le"})
_METRICS = "sklearn.metrics."
_SPLIT = "sklearn.model_selection.train_test_split"


@dataclass(frozen=True, slots=True, eq=False)
class ShuffledResults:
    """The loader that shuffles, and the call that is given its results beside a column of its table."""

    loader: Site
    compared: Site


def shuffled_results(program: Program) -> Iterator[ShuffledResults]:
    """Metrics, and functions of the project, that are given results of all batches and the rows as they lie in the table."""
    for call in program.calls:
        metric = isinstance(call.callee, External) and call.callee.name.startswith(_METRICS)
        if not metric and not isinstance(call.callee, Function):
            continue
        given = (*call.args, *call.kwargs.values())
        loaders = {
            id(loader): loader for one in given if _is_collected(one, metric=metric) for loader in _shuffling(one)
        }
        for loader in loaders.values():
            if loader.site is not None and _is_beside_its_table(call, loader):
                yield ShuffledResults(loader.site, call.site)


def _is_collected(value: Value, *, metric: bool) -> bool:
    """Whether a value holds something of every batch; for a function of the project, something of each of its samples."""
    match through(value, _CASTS | _THRESHOLDS):
        case Sym(op="cat" | "stack", attrs={"tensors": ListValue() as collected}) | (ListValue() as collected):
            return bool(collected.items) and (metric or all(_counts_samples(one) for one in collected.items))
        case _:
            return False


def _counts_samples(value: Value) -> bool:
    return isinstance(value, Sym) and any(isinstance(d, Poly) and d.has_batch for d in value.shape or ())


def _shuffling(value: Value) -> Iterator[Object]:
    """The loaders that shuffle whose batches a value was computed from."""
    for one in ancestors_of_any(parts(value)):
        loader = one.attrs.get("loader") if one.op == "batch" else None
        if isinstance(loader, Object) and loader_argument(loader, "shuffle") is True:
            yield loader


def _is_beside_its_table(call: Call, loader: Object) -> bool:
    """Whether another argument is a column of the loader's data, or was split off along with one."""
    data = loader_argument(loader, "dataset")
    columns = data.args if isinstance(data, Object) and data.class_name == "TensorDataset" else (data,)
    table = [through(one, _CASTS) for one in columns]
    rows = (through(one, _CASTS) for one in (*call.args, *call.kwargs.values()))
    return any(isinstance(row, Sym) and any(_same_rows(row, column) for column in table) for row in rows)


def _same_rows(row: Sym, column: Value) -> bool:
    if row is column:
        return True
    match row, column:
        case Sym(op="item", attrs={"index": int() as mine}), Sym(op="item", attrs={"index": int() as other}):
            split = source(row)
            callee = split.attrs.get("callee") if isinstance(split, Sym) else None
            return (
                split is source(column)
                and isinstance(callee, External)
                and callee.name == _SPLIT
                and (mine - other) % 2 == 0
            )
        case _:
            return False
