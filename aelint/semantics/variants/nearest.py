"""How a quantiser measures which code is the nearest: the sign and the terms of the distance."""

from __future__ import annotations

from dataclasses import dataclass

from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, source, through_reshapes
from aelint.semantics.domain.dims import Dim, Poly
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.operators.api import to_dim, to_number
from aelint.semantics.variants.quantizers import Lookup

__all__ = ["Measure", "codes_in", "compares_unit_latents_with_codes", "is_normalized", "measure_of"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure as a sum: coefficients of a distance, of `z·e`, of `|e|²` and of `|z|²`."""

    distance: float = 0.0
    cross: float = 0.0
    codes: float = 0.0
    latents: float = 0.0

    def __add__(self, other: Measure) -> Measure:
        return Measure(
            self.distance + other.distance,
            self.cross + other.cross,
            self.codes + other.codes,
            self.latents + other.latents,
        )

    def times(self, factor: float) -> Measure:
        """Every term multiplied."""
        return Measure(factor * self.distance, factor * self.cross, factor * self.codes, factor * self.latents)

    @property
    def direction(self) -> float:
        """Positive if a small value means near, negative if a large one does, 0 if unknown."""
        return self.distance or -self.cross


def measure_of(lookup: Lookup) -> Measure | None:
    """The terms of what the argmin is taken of, None where it holds anything else."""
    return _measure(lookup.measure, lookup, 0)


def _measure(value: Value, lookup: Lookup, depth: int) -> Measure | None:
    if to_number(value) is not None:
        return Measure()
    if not isinstance(value, Sym) or depth > 30:
        return None
    left, right = value.attrs.get("input"), value.attrs.get("other")
    match value.op:
        case "add" | "sub" if "input" in value.attrs:
            a, b = _measure(left, lookup, depth + 1), _measure(right, lookup, depth + 1)
            alpha = to_number(value.attrs.get("alpha", 1))
            if a is None or b is None or alpha is None:
                return None
            return a + b.times(alpha if value.op == "add" else -alpha)
        case "neg":
            inner = _measure(left, lookup, depth + 1)
            return None if inner is None else inner.times(-1.0)
        case "mul" | "truediv":
            return _multiple(value, lookup, depth)
        case "cdist" | "norm":
            return Measure(distance=1.0)
        case "matmul" | "einsum" if (operands := _operands(value)) is not None:
            return _product(lookup, *operands)
        case "addmm":
            return _addmm(value, lookup, depth)
        case "sum" | "mean":
            return _squares(left, lookup)
        case op if op in RESHAPES or op in {"detach", "sqrt", "float"}:
            return _measure(source(value), lookup, depth + 1)
        case _:
            return None


def _multiple(value: Sym, lookup: Lookup, depth: int) -> Measure | None:
    left, right = value.attrs.get("input"), value.attrs.get("other")
    if (factor := to_number(right)) is not None and factor:
        inner = _measure(left, lookup, depth + 1)
        return None if inner is None else inner.times(factor if value.op == "mul" else 1 / factor)
    if value.op == "mul" and (factor := to_number(left)) is not None:
        inner = _measure(right, lookup, depth + 1)
        return None if inner is None else inner.times(factor)
    return None


def _factor(value: Value) -> tuple[float, Value]:
    """A constant factor that is written inside of a product's operand."""
    total = 1.0
    while isinstance(value, Sym):
        left, right = value.attrs.get("input"), value.attrs.get("other")
        if value.op == "mul" and (number := to_number(right)) is not None:
            total, value = total * number, left
        elif value.op == "mul" and (number := to_number(left)) is not None:
            total, value = total * number, right
        elif value.op == "neg":
            total, value = -total, left
        else:
            break
    return total, value


def _operands(value: Sym) -> tuple[Value, Value] | None:
    match value:
        case (
            Sym(op="matmul", attrs={"input": left, "other": right})
            | Sym(op="einsum", attrs={"operands": (left, right)})
        ):
            return left, right
        case _:
            return None


def _product(lookup: Lookup, left: Value, right: Value) -> Measure | None:
    a, first = _factor(left)
    b, second = _factor(right)
    if _is_codes(first, lookup) == _is_codes(second, lookup):
        return None
    return Measure(cross=a * b)


def _addmm(value: Sym, lookup: Lookup, depth: int) -> Measure | None:
    attrs = value.attrs
    beta, alpha = to_number(attrs.get("beta", 1)), to_number(attrs.get("alpha", 1))
    rest = _measure(attrs.get("input"), lookup, depth + 1)
    product = _product(lookup, attrs.get("mat1"), attrs.get("mat2"))
    if beta is None or alpha is None or rest is None or product is None:
        return None
    return rest.times(beta) + product.times(alpha)


def _squares(value: Value, lookup: Lookup) -> Measure | None:
    match value:
        case (
            Sym(op="pow", attrs={"input": Sym() as inner, "exponent": 2 | 2.0})
            | Sym(op="square", attrs={"input": Sym() as inner})
        ):
            pass
        case Sym(op="mul", attrs={"input": Sym() as inner, "other": Sym() as other}) if inner is other:
            pass
        case Sym(op="abs", attrs={"input": Sym(op="sub") as inner}):
            pass
        case _:
            return None
    if inner.op == "sub":
        return Measure(distance=1.0)
    return Measure(codes=1.0) if _is_codes(inner, lookup) else Measure(latents=1.0)


def _is_codes(value: Value, lookup: Lookup) -> bool:
    table = lookup.table
    for one in (
        ancestors(value, frozenset({"argmin", "argmax", "embedding", "linear"})) if isinstance(value, Sym) else ()
    ):
        if one is table or one.attrs.get("layer") is table:
            return True
    return False


def is_normalized(lookup: Lookup) -> bool:
    """Whether vectors are brought to unit length before they are compared."""
    return any(
        one.op in {"normalize", "truediv", "layer_norm"} for one in ancestors(lookup.measure, frozenset({"linear"}))
    )


def compares_unit_latents_with_codes(lookup: Lookup) -> bool:
    """Whether a bare product of latents and codes is measured, the latents brought to unit length and the codes not."""
    operands = _operands(through_reshapes(lookup.measure))
    if operands is None:
        return False
    codes, latents = operands if _is_codes(operands[0], lookup) else operands[::-1]
    match through_reshapes(latents):
        case Sym(op="normalize"):
            return not any(a.op in _LENGTHS for a in ancestors(codes))
        case _:
            return False


_LENGTHS = frozenset({"normalize", "truediv", "norm", "layer_norm", "rsqrt"})
"""What is in the making of vectors that were brought to some length."""


def codes_in(lookup: Lookup) -> Dim | None:
    """The number of codes; None where the table is made of the batch's own vectors, as it is when it starts."""
    found = _rows_of_table(lookup)
    return None if isinstance(found, Poly) and found.has_batch else found


def _rows_of_table(lookup: Lookup) -> Dim | None:
    match lookup:
        case Lookup(table=Object(bound=bound)):
            return to_dim(bound.get("num_embeddings"))
        case Lookup(node=Sym(op="embedding", attrs={"weight": Sym(shape=shape)})) if shape:
            return shape[0]
        case Lookup(node=Sym(op="matmul", attrs={"other": Sym(shape=shape)})):
            return shape[-2] if shape and len(shape) > 1 else None  # groups of codes lie before
        case Lookup(node=Sym(attrs={"input": Sym(shape=shape)})) if shape:
            return shape[0]
        case _:
            return None
