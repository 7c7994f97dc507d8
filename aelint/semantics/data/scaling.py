"""Data that was brought to one scale: by its own mean and standard deviation, or by a scaler of scikit-learn."""

from __future__ import annotations

from aelint.semantics.dataflow.lineage import through_reshapes
from aelint.semantics.domain.intervals import Interval
from aelint.semantics.domain.values import External, Object, Sym, Value
from aelint.semantics.operators.api import to_number

__all__ = ["PREPROCESSING", "SCALES", "is_prepared", "part_of_split", "scaled_range"]

PREPROCESSING = "sklearn.preprocessing."
"""What the names of scikit-learn's scalers begin with."""
SCALES = frozenset({"fit_transform", "transform"})
STANDARDISED = Interval(-1.4, 1.4)
"""What data of mean 0 and variance 1 reaches if its law is symmetric and takes more than two values: a sine, the flattest
of the usual ones, ends at 1.41; a skewed law reaches further on one side."""


def scaled_range(value: Sym) -> Interval | None:
    """Values that data certainly takes after it was scaled; None where it was not, or nothing follows."""
    match value:
        case Sym(op="truediv", attrs={"input": Sym(op="sub") as centred, "other": deviation}):
            return STANDARDISED if _is_standardised(centred, deviation) else None
        case Sym(op="call", attrs={"callee": Object(name=name) as scaler, "method": method}) if method in SCALES:
            return _range_of(name.removeprefix(PREPROCESSING), scaler) if name.startswith(PREPROCESSING) else None
        case Sym(op="call", attrs={"callee": External(name="sklearn.preprocessing.scale" | "scipy.stats.zscore")}):
            return STANDARDISED
        case _:
            return None


def is_prepared(value: Sym) -> bool:
    """Whether a scaler made the value: an array of numpy that no gradient comes through, whatever it was made from."""
    match value:
        case Sym(op="call", attrs={"callee": Object(name=name) | External(name=name)}):
            return name.startswith(PREPROCESSING)
        case _:
            return False


def part_of_split(value: Sym) -> Value:
    """The array of which scikit-learn's `train_test_split` gave a part; None for anything else."""
    match value:
        case Sym(op="item", attrs={"index": int() as index}, inputs=(Sym(op="call", attrs=attrs), *_)):
            callee, given = attrs.get("callee"), attrs.get("args", ())
            split = isinstance(callee, External) and callee.name == "sklearn.model_selection.train_test_split"
            return given[index // 2] if split and 0 <= index // 2 < len(given) else None
        case _:
            return None


def _is_standardised(centred: Sym, deviation: Value) -> bool:
    data = through_reshapes(centred.attrs.get("input"))
    averaged = through_reshapes(centred.attrs.get("other"))
    if not isinstance(averaged, Sym) or averaged.op != "mean" or not _is_of(averaged, data):
        return False
    spread = _unguarded(deviation)
    if isinstance(spread, Sym) and spread.op == "sqrt":
        spread = _unguarded(spread.attrs.get("input"))
    return isinstance(spread, Sym) and spread.op in {"std", "var"} and _is_of(spread, data)


def _is_of(statistic: Sym, data: Value) -> bool:
    return through_reshapes(statistic.attrs.get("input")) is data


def _unguarded(value: Value) -> Value:
    """What a small number was added to against a division by zero."""
    value = through_reshapes(value)
    match value:
        case Sym(op="add", attrs={"input": inner, "other": other}) if to_number(other) is not None:
            return through_reshapes(inner)
        case Sym(op="clamp", attrs={"input": inner}):
            return through_reshapes(inner)
        case _:
            return value


def _range_of(name: str, scaler: Object) -> Interval | None:
    settings = scaler.kwargs
    if name == "StandardScaler" and settings.get("with_mean") is not False and settings.get("with_std") is not False:
        return STANDARDISED
    if name != "MinMaxScaler":
        return None
    match settings.get("feature_range", scaler.args[0] if scaler.args else (0, 1)):
        case (int() | float() as low, int() | float() as high):
            return Interval(low, high)
        case _:
            return None
