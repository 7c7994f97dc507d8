"""Tensors as formulae over other tensors, elementwise: what is computed, whatever the spelling.

`logvar.mul(0.5).exp()`, `torch.sqrt(logvar.exp())` and `torch.exp(logvar) ** 0.5` have one form, `exp(0.5 * logvar)`.
Shapes are left aside: what only moves, copies, bounds or casts elements is passed through, and so are sums and
means over axes. Two tensors that are computed in the same way from the same operands are the same leaf.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.values import Instance, Object, Sym, Value
from aelint.semantics.formulas import formulas
from aelint.semantics.formulas.formulas import ONE, Form, Leaf, Monomial
from aelint.semantics.formulas.projections import is_projection

__all__ = ["Algebra", "algebra_of", "close", "dominant"]

GUARD = 2e-3
"""Constants up to this size beside something else guard a division or a logarithm; they carry no meaning."""

_PASS = frozenset(
    {
        "to", "clone", "contiguous", "detach", "data", "cpu", "cuda", "requires_grad", "retain_grad", "numpy", "pin_memory",
        "clamp", "nan_to_num", "view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "expand", "repeat", "tile",
        "permute", "transpose", "t", "mT", "movedim", "pos", "sum", "mean", "dropout", "real",
    }
)  # fmt: skip
_UNREPEATABLE = frozenset(
    {
        "randn", "rand", "normal", "uniform", "bernoulli", "randint", "random", "randperm", "poisson", "multinomial",
        "exponential", "log_normal", "cauchy", "geometric", "empty", "param", "phi", "call", "name", "parameter",
        "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "gumbel_softmax", "setitem",
    }
)  # fmt: skip
"""Operations of which two calls with the same operands are two values."""


def close(left: float, right: float) -> bool:
    """Whether two coefficients are the same but for rounding."""
    return math.isclose(left, right, rel_tol=1e-4, abs_tol=1e-9)


def dominant(form: Form | None) -> tuple[Monomial, float] | None:
    """The only product of a sum and its coefficient, tiny constants left out; None where there are several."""
    if form is None:
        return None
    terms = [(m, c) for m, c in form.items() if c and not (m == ONE and abs(c) <= GUARD and len(form) > 1)]
    return terms[0] if len(terms) == 1 else None


def _is_repeatable(value: Sym) -> bool:
    return bool(value.inputs) and value.op not in _UNREPEATABLE and not value.op.startswith("distributions.")


def _operands(value: Sym) -> list[Sym]:
    return [i for i in value.inputs if isinstance(i, Sym)] if _is_repeatable(value) else []


@dataclass(slots=True, eq=False)
class Algebra:
    """The forms of one program's tensors, each derived once."""

    _forms: dict[int, Form] = field(default_factory=dict)
    _leaves: dict[int, Sym] = field(default_factory=dict)
    _settled: set[int] = field(default_factory=set)
    _known: dict[object, Sym] = field(default_factory=dict)

    def leaf(self, value: Sym) -> Sym:
        """The first tensor that is computed in the same way from the same operands."""
        pending = [value]
        while pending:
            # Operands first, without recursion: a deep network is one long chain.
            one = pending[-1]
            if one.id not in self._leaves:
                self._leaves[one.id] = one
                pending.extend(i for i in _operands(one) if i.id not in self._leaves)
                continue
            pending.pop()
            if one.id not in self._settled:
                self._settled.add(one.id)
                structure = self._structure(one)
                self._leaves[one.id] = one if structure is None else self._known.setdefault(structure, one)
        return self._leaves[value.id]

    def _structure(self, value: Sym) -> object:
        if not _is_repeatable(value):
            return None
        layer = value.layer.id if isinstance(value.layer, (Object, Instance)) else None
        operands = tuple(self._leaves[i.id].id if isinstance(i, Sym) else repr(i) for i in value.inputs)
        settings = tuple((k, repr(v)) for k, v in value.attrs.items() if k[:1] not in {".", "["} and _is_setting(v))
        return value.op, layer, operands, settings

    def form(self, value: Value) -> Form | None:
        """The form of a number or tensor; None for anything else."""
        match value:
            case bool():
                return None
            case int() | float():
                return {ONE: float(value)} if value and math.isfinite(value) else {}
            case Poly():
                return {frozenset({(Leaf(("size", value)), 1.0)}): 1.0}
            case Sym():
                found = self._forms.get(value.id)
                if found is None:
                    # A value that is computed from itself (by a loop) is a leaf.
                    whole = self._forms[value.id] = {frozenset({(Leaf(self.leaf(value)), 1.0)}): 1.0}
                    derived = self._derive(value)
                    found = self._forms[value.id] = whole if derived is None or not _fits(derived) else derived
                return found
            case _:
                return None

    def _derive(self, value: Sym) -> Form | None:
        if value.op in _PASS:
            return self.form(_operand(value, "input", 0))
        rule = _RULES.get(value.op)
        return rule(self, value) if rule is not None else None


def _is_setting(value: Value) -> bool:
    return value is None or isinstance(value, (int, float, str, tuple, slice))


def _fits(form: Form) -> bool:
    return len(form) <= formulas.LARGEST_FORM and all(math.isfinite(c) for c in form.values())


def _operand(value: Sym, name: str, index: int) -> Value:
    if name in value.attrs:
        return value.attrs[name]
    return value.inputs[index] if index < len(value.inputs) else None


Rule: TypeAlias = Callable[[Algebra, Sym], "Form | None"]


def _added(left: Form | None, right: Form | None, factor: float = 1.0) -> Form | None:
    if left is None or right is None:
        return None
    total = dict(left)
    for monomial, coefficient in right.items():
        total[monomial] = total.get(monomial, 0.0) + factor * coefficient
    return {m: c for m, c in total.items() if not close(c, 0.0)}


def _multiplied(left: Form | None, right: Form | None) -> Form | None:
    return None if left is None or right is None else formulas.multiply(left, right)


def _plus(sign: float) -> Rule:
    def rule(algebra: Algebra, value: Sym) -> Form | None:
        if is_projection(value):
            return None  # the bias belongs to it, as it does inside of a linear layer
        left, right = algebra.form(_operand(value, "input", 0)), algebra.form(_operand(value, "other", 1))
        alpha = value.attrs.get("alpha", 1)
        return _added(left, right, sign * alpha) if isinstance(alpha, (int, float)) else None

    return rule


def _times(algebra: Algebra, value: Sym) -> Form | None:
    return _multiplied(algebra.form(_operand(value, "input", 0)), algebra.form(_operand(value, "other", 1)))


def _over(algebra: Algebra, value: Sym) -> Form | None:
    divisor = dominant(algebra.form(_operand(value, "other", 1)))
    if divisor is None or value.attrs.get("rounding_mode") is not None:
        return None
    return _multiplied(algebra.form(_operand(value, "input", 0)), formulas.power(dict([divisor]), -1))


def _power(algebra: Algebra, base: Value, exponent: Value) -> Form | None:
    if isinstance(exponent, bool) or not isinstance(exponent, (int, float)):
        growth = algebra.form(exponent) if isinstance(base, (int, float)) and base > 0 else None
        return formulas.exponential(_multiplied(growth, {ONE: math.log(base)}) or {}) if growth else None
    form = algebra.form(base)
    single = dominant(form)
    if form is None:
        return None
    return formulas.power(dict([single]) if single is not None else form, float(exponent))


def _to_the(exponent: float) -> Rule:
    return lambda algebra, value: _power(algebra, _operand(value, "input", 0), exponent)


def _exp(base: float) -> Rule:
    def rule(algebra: Algebra, value: Sym) -> Form | None:
        form = _multiplied(algebra.form(_operand(value, "input", 0)), {ONE: math.log(base)})
        return formulas.exponential(form) if form is not None else None

    return rule


def _log(base: float) -> Rule:
    def rule(algebra: Algebra, value: Sym) -> Form | None:
        single = dominant(algebra.form(_operand(value, "input", 0)))
        form = formulas.logarithm(dict([single])) if single is not None else None
        return _multiplied(form, {ONE: 1 / math.log(base)})

    return rule


def _addcmul(algebra: Algebra, value: Sym) -> Form | None:
    first, second, weight = (algebra.form(value.attrs.get(n)) for n in ("tensor1", "tensor2", "value"))
    return _added(algebra.form(value.attrs.get("input")), _multiplied(_multiplied(first, second), weight))


def _lerp(algebra: Algebra, value: Sym) -> Form | None:
    start, end, weight = (algebra.form(value.attrs.get(n)) for n in ("input", "end", "weight"))
    return _added(start, _multiplied(_added(end, start, -1.0), weight))


_RULES: dict[str, Rule] = {
    "add": _plus(1.0),
    "sub": _plus(-1.0),
    "neg": lambda algebra, value: _multiplied(algebra.form(_operand(value, "input", 0)), {ONE: -1.0}),
    "mul": _times,
    "truediv": _over,
    "pow": lambda algebra, value: _power(algebra, _operand(value, "input", 0), _operand(value, "exponent", 1)),
    "square": _to_the(2.0),
    "sqrt": _to_the(0.5),
    "rsqrt": _to_the(-0.5),
    "reciprocal": _to_the(-1.0),
    "exp": _exp(math.e),
    "exp2": _exp(2.0),
    "expm1": lambda algebra, value: _added(_exp(math.e)(algebra, value), {ONE: -1.0}),
    "log": _log(math.e),
    "log2": _log(2.0),
    "log10": _log(10.0),
    "addcmul": _addcmul,
    "lerp": _lerp,
}


@per_program
def algebra_of(_program: Program) -> Algebra:
    """The forms of one program, shared by everyone who asks."""
    return Algebra()
