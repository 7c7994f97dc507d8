"""Scalings that shift the wrong way: `(x + low) / (high - low)`, `x * std - mean`.

What tells is the pair of statistics: the very minimum that is subtracted below, or the mean and the deviation that were
measured on one thing, or a standardisation elsewhere with the two numbers that are to undo it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from aelint.rule import Site
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import External, Sym, Value
from aelint.semantics.formulas.algebra import algebra_of
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.operators.api import to_number

__all__ = ["WrongSign", "wrong_signs"]

_KEEPING = RESHAPES | {"tensor", "detach", "numpy", "array", "asarray", "data"}
_OPERATIONS = {
    **dict.fromkeys(["min", "amin", "nanmin"], "min"),
    **dict.fromkeys(["max", "amax", "nanmax"], "max"),
    **dict.fromkeys(["mean", "nanmean"], "mean"),
    **dict.fromkeys(["std", "nanstd"], "std"),
}
_LOW, _HIGH = re.compile(r"min(imum)?|low(er)?|lo"), re.compile(r"max(imum)?|high(er)?|hi|upper")


@dataclass(frozen=True, slots=True, eq=False)
class WrongSign:
    """A sum or difference that scales data or takes its scaling back, and what shifts it the wrong way."""

    site: Site
    shift: str
    """Which statistic: `minimum` or `mean`."""
    subtract: bool
    """Whether it should be subtracted, and not added."""
    other: Site | None = None
    """The standardisation that is to be undone, where that is what tells."""


@dataclass(frozen=True, slots=True, eq=False)
class _Statistic:
    kind: str
    data: Value = None
    """What it was measured on, None where its name alone tells what it is."""
    stem: str = ""


def wrong_signs(program: Program) -> Iterator[WrongSign]:
    """The scalings of all files that add what they have to subtract, or the other way round."""
    pairs = _Pairs(program, _stored_by_name(program))
    forward = list(_standardisations(program))
    for node in nodes_of(program, "truediv", "sub"):
        if node.site is None:
            continue
        if node.op == "truediv":
            divisor = _unguarded(node.attrs.get("other"))
            for x, shift in _sums(node.attrs.get("input")):
                if wrong := pairs.range_of(divisor, shift, x) or pairs.is_standardising(divisor, shift, x):
                    yield WrongSign(node.site, wrong, subtract=True)
        else:
            shift = node.attrs.get("other")
            for x, scale in _products(node.attrs.get("input")):
                if wrong := pairs.range_of(scale, shift, x):
                    yield WrongSign(node.site, wrong, subtract=False)
                elif pairs.is_of_data(shift, scale) and pairs.is_apart(x, shift, scale):
                    done = (n for n, mean, std in forward if pairs.is_same(mean, shift) and pairs.is_same(std, scale))
                    if (found := next(done, None)) is not None:
                        yield WrongSign(node.site, "mean", subtract=False, other=found.site)


def _stored_by_name(program: Program) -> dict[str, list[Value]]:
    found: dict[str, list[Value]] = {}
    for store in program.stores:
        if store.value is not None:
            found.setdefault(store.name, []).append(store.value)
    return found


def _standardisations(program: Program) -> Iterator[tuple[Sym, Value, Value]]:
    """Quotients `(x - mean) / std` with the two."""
    for node in nodes_of(program, "truediv"):
        match node:
            case Sym(op="truediv", attrs={"input": Sym(op="sub", attrs={"other": mean}), "other": std}):
                yield node, mean, _unguarded(std)


def _sums(value: Value) -> Iterator[tuple[Value, Value]]:
    """The two operands of a sum in both orders, whatever the sum is multiplied by."""
    match value:
        case Sym(op="add", attrs={"input": left, "other": right} as attrs) if attrs.get("alpha", 1) == 1:
            yield left, right
            yield right, left
        case Sym(op="mul", attrs={"input": left, "other": right}):
            yield from _sums(left)
            yield from _sums(right)


def _products(value: Value) -> Iterator[tuple[Value, Value]]:
    match value:
        case Sym(op="mul", attrs={"input": left, "other": right}):
            yield left, right
            yield right, left


def _unguarded(value: Value) -> Value:
    """A divisor without what keeps it away from zero."""
    value = through(value, _KEEPING)
    match value:
        case Sym(op="add", attrs={"input": inner, "other": other}) if to_number(other) is not None:
            return through(inner, _KEEPING)
        case Sym(op="add", attrs={"input": other, "other": inner}) if to_number(other) is not None:
            return through(inner, _KEEPING)
        case Sym(op="clamp" | "maximum" | "setitem", inputs=(inner, *_)):
            return through(inner, _KEEPING)
        case _:
            return value


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """What belongs together in one program."""

    program: Program
    stored: Mapping[str, list[Value]]
    """What is stored in attributes of each name, None left out."""
    known: dict[int, _Statistic | None] = field(default_factory=dict)
    """What was found of a value before, by its id: many operations share their operands."""

    def range_of(self, span: Value, low: Value, x: Value) -> str:
        """The shift's name where a scale is a maximum less a minimum, and the shift is that minimum."""
        match _unguarded(span):
            case Sym(op="sub", attrs={"input": high, "other": taken}) if self.is_same(taken, low):
                least, most = self.statistic(low), self.statistic(high)
                if least is None or most is None or (least.kind, most.kind) != ("min", "max"):
                    return ""
                # Two names alone must be those of one thing.
                paired = least.data is not None or most.data is not None or least.stem == most.stem
                return "minimum" if paired and self.is_apart(x, low, high) else ""
            case _:
                return ""

    def is_standardising(self, std: Value, mean: Value, x: Value) -> str:
        """The shift's name where data is scaled by a mean and a deviation that are not its past."""
        return "mean" if self.is_of_data(mean, std) and self.is_apart(x, mean, std) else ""

    def is_of_data(self, mean: Value, std: Value) -> bool:
        """Whether these are the mean and the deviation of one thing."""
        average, spread = self.statistic(mean), self.statistic(std)
        if average is None or spread is None or (average.kind, spread.kind) != ("mean", "std"):
            return False
        return self.is_same(average.data, spread.data)

    def is_apart(self, x: Value, *shifts: Value) -> bool:
        """Whether a value is data: no statistic itself, not shifted by these before, and not turned over."""
        if not isinstance(x, Sym) or x.op == "neg" or self.statistic(x) is not None:
            return False
        taken = [one for one in (through(s, _KEEPING) for s in shifts) if isinstance(one, Sym)]
        return not any(self.is_same(one, shift) for one in ancestors(x) for shift in taken)

    def is_same(self, one: Value, other: Value) -> bool:
        """Whether both are one value, or the same was computed twice."""
        one, other = through(one, _KEEPING), through(other, _KEEPING)
        if not isinstance(one, Sym) or not isinstance(other, Sym):
            return False
        algebra = algebra_of(self.program)
        if algebra.leaf(one) is algebra.leaf(other):
            return True
        first, second = _call(one), _call(other)
        return first is not None and second is not None and first[0] == second[0] and self.is_same(first[1], second[1])

    def statistic(self, value: Value) -> _Statistic | None:
        """What is known of a value as a statistic: by how it was computed, or for an extreme by its name."""
        value = through(value, _KEEPING)
        if not isinstance(value, Sym):
            return None
        if value.id not in self.known:
            self.known[value.id] = None  # while an attribute that is made of itself is looked at
            self.known[value.id] = self._statistic(value)
        return self.known[value.id]

    def _statistic(self, value: Sym) -> _Statistic | None:
        if value.op == "phi":
            return self._common(one for one in alternatives(value) if one is not None)
        return _computed(value) or self._stored(value) or self._named(value)

    def _stored(self, value: Sym) -> _Statistic | None:
        """An attribute that only some other method sets: what it is set to wherever it is set."""
        match value:
            case Sym(op="attr", attrs={"name": str() as name}):
                return self._common(self.stored.get(name, ()))
            case _:
                return None

    def _common(self, values: Iterable[Value]) -> _Statistic | None:
        """What all of the values are, by one that was measured where there is one."""
        found = [self.statistic(one) for one in values]
        known = [one for one in found if one is not None]
        if len(known) < len(found) or len({one.kind for one in known}) != 1:
            return None
        return next((one for one in known if one.data is not None), known[0])

    def _named(self, value: Sym) -> _Statistic | None:
        """An extreme that the program is given under its name, and never sets itself."""
        name = value.attrs.get("name", value.attrs.get("index"))
        if not isinstance(name, str) or name in self.stored:
            return None
        words = [w for w in re.split(r"_|(?<=[a-z])(?=[A-Z])", name.lower()) if w]
        for kind, pattern in (("min", _LOW), ("max", _HIGH)):
            rest = [w for w in words if not pattern.fullmatch(w)]
            if len(rest) == len(words) - 1:
                return _Statistic(kind, stem="_".join(rest))
        return None


def _computed(value: Sym) -> _Statistic | None:
    match value:
        case Sym(op="item", attrs={"index": 0}, inputs=(Sym(op="min" | "max" as kind, inputs=(data, *_)), *_)):
            return _Statistic(kind, data)
        case Sym(
            op="item",
            attrs={"index": int() as index},
            inputs=(Sym(op="call", attrs={"callee": External(name="torch.aminmax")}, inputs=(data, *_)), *_),
        ):
            return _Statistic("max" if index else "min", data)
        case Sym(op="sqrt", inputs=(inside, *_)) if (
            isinstance(variance := _unguarded(inside), Sym) and variance.op == "var"
        ):
            return _Statistic("std", variance.inputs[0])
        case Sym(op="add" | "clamp" | "maximum" | "setitem") if (
            isinstance(inner := _unguarded(value), Sym) and inner is not value
        ):
            found = _computed(inner)
            return found if found is not None and found.kind == "std" else None
        case Sym(op=op, inputs=(data, *_)) if op in _OPERATIONS:
            return _Statistic(_OPERATIONS[op], data)
        case Sym() if (call := _call(value)) is not None and call[0].rpartition(".")[2] in _OPERATIONS:
            return _Statistic(_OPERATIONS[call[0].rpartition(".")[2]], call[1])
        case _:
            return None


def _call(value: Sym) -> tuple[str, Value] | None:
    """A function of numpy's and what it was given first."""
    match value:
        case Sym(op="call", attrs={"callee": External(name=name)}, inputs=(data, *_)) if name.startswith("numpy."):
            return name, data
        case _:
            return None
