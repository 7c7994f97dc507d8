"""Held-out data that was brought to a scale of its own, not to that of the training data."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.data.batches import is_held_out_name, is_training_name
from aelint.semantics.data.scaling import PREPROCESSING
from aelint.semantics.dataflow.lineage import RESHAPES, source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Event
from aelint.semantics.domain.values import External, Function, Object, Sym, Value
from aelint.syntax.names import last_name

__all__ = ["ScaledApart", "fits_of", "scale_measured_on", "scaled_apart"]

_FITS = frozenset({"fit", "fit_transform"})
_SCALERS = frozenset({"MaxAbsScaler", "MinMaxScaler", "PowerTransformer", "QuantileTransformer", "RobustScaler", "StandardScaler"})  # fmt: skip
_FUNCTIONS = frozenset({PREPROCESSING + f for f in ("scale", "minmax_scale", "robust_scale")})
_STATISTICS = frozenset({"amax", "amin", "max", "mean", "min"})
_CASTS = frozenset(
    {"nan_to_num", "array", "asarray", "ascontiguousarray", "as_tensor", "astype", "copy", "from_numpy", "tensor"}
)
_TURNS = frozenset({"T", "movedim", "permute", "swapaxes", "t", "transpose"})
_SPLIT_WORDS = re.compile(r"train(ing)?|test(ing)?|val(id(ation)?)?|eval(uation)?|dev")


@dataclass(frozen=True, slots=True, eq=False)
class ScaledApart:
    """`held_out` was scaled by its own statistics, as `training` was by its own."""

    site: Site
    held_out: str
    training: str
    other: Site


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """Data of some name that a scale was taken from; `where` says which fits can be compared."""

    name: str
    data: Value
    event: Event
    where: object
    scaler: Value = None


def scaled_apart(program: Program) -> Iterator[ScaledApart]:
    """Held-out data beside training data of the same kind, each scaled by what was measured on itself; each once."""
    seen: set[tuple[int, int]] = set()
    fitted = fits_of(program)
    for fits in (list(_fitted(program)), list(_scaled(program, fitted)), list(_bound(program, fitted))):
        training = [f for f in fits if is_training_name(f.name)]
        for mine in fits:
            row = (id(mine.event.site.unit), mine.event.site.row)
            twin = next((f for f in training if _are_twins(f, mine)), None)
            if twin is not None and is_held_out_name(mine.name) and row not in seen:
                seen.add(row)
                yield ScaledApart(mine.event.site, mine.name, twin.name, twin.event.site)


def fits_of(program: Program) -> dict[int, Call]:
    """The fits of scalers of scikit-learn, by the identity of the scaler."""
    return {id(c.receiver): c for c in program.calls if _fits(c)}


def _are_twins(training: _Fit, held_out: _Fit) -> bool:
    """Whether two parts of one kind of data were measured: targets have a scale of their own."""
    same = _SPLIT_WORDS.sub("", training.name.lower()) == _SPLIT_WORDS.sub("", held_out.name.lower())
    if not same or training.where is not held_out.where or training.data is held_out.data:
        return False
    # One scaler keeps what it was fitted to last.
    return (
        training.scaler is not held_out.scaler or training.scaler is None or training.event.order < held_out.event.order
    )


def _fitted(program: Program) -> Iterator[_Fit]:
    """What each scaler of scikit-learn is fitted to, one for each call."""
    for call, name in _named(c for c in program.calls if _fits(c)):
        yield _Fit(name, call.args[0], call, call.context.function, call.receiver)


def _scaled(program: Program, fits: dict[int, Call]) -> Iterator[_Fit]:
    """What functions of the project scale by its own statistics."""
    for call, name in _named(c for c in program.calls if isinstance(c.callee, Function)):
        if (data := scale_measured_on(call.result, fits)) is not None:
            yield _Fit(name, data, call, call.context.function)


def _named(calls: Iterable[Call]) -> Iterator[tuple[Call, str]]:
    """Those of the calls that are made on training or held-out data, with its name."""
    for call in calls:
        if call.args and isinstance(call.site.node, ast.Call) and call.site.node.args:
            name = _name(call.site.node.args[0])
            if is_held_out_name(name) or is_training_name(name):
                yield call, name


def _fits(call: Call) -> bool:
    return call.method in _FITS and _is_scaler(call.receiver)


def _is_scaler(value: Value) -> bool:
    return isinstance(value, Object) and value.name.startswith(PREPROCESSING) and value.class_name in _SCALERS


def _name(node: ast.expr) -> str:
    """The variable behind `x_test.reshape(-1, 1)`, `test_frame[["a", "b"]]`; the key of `data["test"]`; not one row of many."""
    match node:
        case ast.Subscript(slice=ast.Constant(value=str() as key)) if is_held_out_name(key) or is_training_name(key):
            return key
        case (
            ast.Subscript(value=inner, slice=ast.Constant(value=str()) | ast.List())
            | ast.Call(
                func=ast.Attribute(value=inner, attr="astype" | "copy" | "numpy" | "reshape" | "to_numpy" | "view")
            )
            | ast.Attribute(value=inner, attr="values")
        ):
            return _name(inner)
        case _:
            return last_name(node)


def _bound(program: Program, fits: dict[int, Call]) -> Iterator[_Fit]:
    """Names of data that was scaled by its own statistics."""
    for binding in program.bindings:
        if is_held_out_name(binding.name) or is_training_name(binding.name):
            data = scale_measured_on(binding.value, fits)
            if data is not None:
                yield _Fit(binding.name, data, binding, binding.scope)


def scale_measured_on(value: Value, fits: dict[int, Call]) -> Sym | None:
    """The data from whose rows the scale of a value was taken; None where it was not, or nobody knows."""
    data = _scale_of(_uncast(value), fits)
    # The columns of a transposed array are samples: each has a scale of its own.
    return None if data is None or _is_transposed(data) else data


def _is_transposed(data: Sym) -> bool:
    made = _uncast(data)
    name = made.attrs.get("name", made.op) if isinstance(made, Sym) else ""
    return name in _TURNS


def _scale_of(value: Value, fits: dict[int, Call]) -> Sym | None:
    match value:
        case Sym(op="truediv" | "mul", attrs={"input": Sym(op="sub", attrs={"input": Sym() as data, "other": shift})}):
            return data if _is_measured_on(data, shift) else None
        case Sym(op="call", attrs={"callee": External(name=name), "args": (Sym() as data,)}) if name in _FUNCTIONS:
            return data
        case Sym(op="call", attrs={"callee": Object() as scaler}, inputs=(Sym() as data, *_)) if id(scaler) in fits:
            fitted = fits[id(scaler)].args
            return data if fitted and fitted[0] is data else None
        case _:
            return None


def _uncast(value: Value) -> Value:
    """A value before it was only converted, moved or reshaped."""
    while (
        isinstance(value, Sym)
        and value.op not in _TURNS
        and (value.op in RESHAPES or _conversion(value))
        and source(value) is not None
    ):
        value = source(value)
    return value


def _conversion(value: Sym) -> bool:
    callee = value.attrs.get("callee")
    name = callee.name.rpartition(".")[2] if isinstance(callee, External) else value.attrs.get("method", value.op)
    return name in _CASTS


def _is_measured_on(data: Sym, shift: Value) -> bool:
    """Whether a mean or an extreme was taken over the rows of the data, and not within each sample."""
    if isinstance(shift, tuple):
        # `x.min(0)` of an array that could be a tensor: its values, beside their places.
        shift = shift[0] if shift else None
    if isinstance(shift, Sym) and shift.op == "item":
        shift = source(shift)
    if not isinstance(shift, Sym) or source(shift) is not data:
        return False
    callee = shift.attrs.get("callee")
    name = callee.name.rpartition(".")[2] if isinstance(callee, External) else shift.op
    return name in _STATISTICS and _axis(shift) in (0, (0,), [0])


def _axis(statistic: Sym) -> Value:
    match statistic.attrs:
        case {"dim": axis} | {"kwargs": {"axis": axis}} | {"args": (_, axis, *_)}:
            return axis
        case _:
            return None
