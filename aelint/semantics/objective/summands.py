"""A loss written out as a sum: what is added, with which factor, reduced over which axes.

Every summand is a number times a product of leaves (outputs of layers, losses, unknown weights), below the
reductions that were applied to it, and knows the path of operations that leads to it, so that a rule can say where
two terms were put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from aelint.semantics.dataflow.lineage import RESHAPES, source, through_reshapes
from aelint.semantics.domain.dims import Dim, Poly, product
from aelint.semantics.domain.values import Object, Sym, Value, elements
from aelint.semantics.formulas import formulas
from aelint.semantics.formulas.formulas import ONE, Exp, Form, Leaf, Log, Monomial
from aelint.semantics.formulas.projections import is_projection
from aelint.semantics.objective.losses import LOSSES, reduction_word

__all__ = ["Reduction", "Summand", "summands"]

_REPEATABLE = frozenset(
    {"abs", "softplus", "tanh", "sigmoid", "relu", "elu", "getitem", "linear", "conv2d", "leaky_relu"}
)
"""Operations without memory or chance."""
LARGEST_SUM = 160
_TRANSPARENT = RESHAPES | {"clamp", "item_value"}


@dataclass(frozen=True, slots=True)
class Reduction:
    """A sum or mean over axes.

    `batch`: whether the samples' axis is among them; `features`: how many numbers of one sample were taken
    together (1 if none); `samples`: the size of the samples' axis if it is among them. None means unknown.
    """

    kind: str
    batch: bool | None = None
    features: Dim | None = None
    samples: Dim | None = None
    divided: Sym | None = field(default=None, compare=False)
    """The division by the number of its entries that makes a mean of a sum."""


@dataclass(frozen=True, slots=True, eq=False)
class Summand:
    """`factor * product`, below `reductions` (the innermost first), reached over `path` from the whole loss."""

    factor: float
    product: Monomial = ONE
    reductions: tuple[Reduction, ...] = ()
    path: tuple[Sym, ...] = ()

    @property
    def leaves(self) -> frozenset[object]:
        """Keys of the leaves that take part."""
        return frozenset(_leaves(self.product))


def _leaves(product_: Monomial) -> Iterator[object]:
    for generator, _ in product_:
        match generator:
            case Leaf(key=key) | Log(of=Leaf(key=key)):
                yield key
            case Exp(of=inner):
                yield from _leaves(inner)


def summands(value: Value) -> tuple[Summand, ...]:
    """The value written out as a sum; a value that cannot be taken apart is one leaf."""
    return _expand(value, _Memo(), 0)


@dataclass(slots=True, eq=False)
class _Memo:
    """What was expanded already, and one tensor for all that are computed in the same way from the same."""

    parts: dict[int, tuple[Summand, ...]] = field(default_factory=dict)
    leaves: dict[tuple[object, ...], Sym] = field(default_factory=dict)

    def representative(self, value: Sym, depth: int = 0) -> Sym:
        """The first tensor that certainly holds the same values: `softplus(h)` written twice is one leaf."""
        if value.op not in _REPEATABLE or depth > 4:
            return value
        settings = tuple((k, v) for k, v in value.attrs.items() if isinstance(v, (int, float, str, bool)))
        inputs = tuple(
            self.representative(i, depth + 1).id if isinstance(i, Sym) else repr(i)
            for i in (*value.inputs, *_index(value))
        )
        layer = value.layer.id if value.layer is not None else None
        return self.leaves.setdefault((value.op, layer, settings, inputs), value)


def _index(value: Sym) -> tuple[Value, ...]:
    return (repr(value.attrs["index"]),) if "index" in value.attrs else ()


def _expand(value: Value, memo: _Memo, depth: int) -> tuple[Summand, ...]:
    match value:
        case bool() | int() | float():
            return (Summand(float(value)),) if value else ()
        case Poly():
            return (_of_size(value),)
        case Sym():
            if value.id not in memo.parts:
                memo.parts[value.id] = _as_leaf(value, memo)
                memo.parts[value.id] = _below(value, memo, depth)
            return memo.parts[value.id]
        case _:
            return (Summand(1.0, _atom(("value", id(value)))),)


def _of_size(value: Poly) -> Summand:
    """A size; `3072 * batch` is a number times the number of samples."""
    if len(value.terms) != 1:
        return Summand(1.0, _atom(("size", value)))
    ((unknowns, factor),) = value.terms
    powers = ((Leaf(("size", Poly((((one,), 1),)))), float(unknowns.count(one))) for one in set(unknowns))
    return Summand(float(factor), frozenset(powers))


def _atom(key: object) -> Monomial:
    return frozenset({(Leaf(key), 1.0)})


def _as_leaf(value: Sym, memo: _Memo) -> tuple[Summand, ...]:
    return (Summand(1.0, _atom(memo.representative(value)), _own_reduction(value), (value,)),)


def _below(value: Sym, memo: _Memo, depth: int) -> tuple[Summand, ...]:
    expand = _EXPANSIONS.get(value.op)
    if expand is None or depth > 60:
        return _as_leaf(value, memo)
    parts = expand(value, lambda v: _expand(v, memo, depth + 1))
    if parts is None or len(parts) > LARGEST_SUM:
        return _as_leaf(value, memo)
    return tuple(Summand(p.factor, p.product, p.reductions, (value, *p.path)) for p in parts)


Inner = Callable[[Value], tuple[Summand, ...]]
Parts = tuple[Summand, ...] | None


def _operands(value: Sym) -> tuple[Value, Value] | None:
    if "other" in value.attrs:
        return value.attrs.get("input"), value.attrs["other"]
    if "exponent" in value.attrs:
        return value.attrs.get("input"), value.attrs["exponent"]
    return (value.inputs[0], value.inputs[1]) if len(value.inputs) == 2 else None


def _scaled(parts: tuple[Summand, ...], factor: float) -> tuple[Summand, ...]:
    return tuple(Summand(p.factor * factor, p.product, p.reductions, p.path) for p in parts)


def _sum_of(value: Sym, inner: Inner) -> Parts:
    if is_projection(value):
        return None  # a layer written out: its bias is no summand of the loss
    operands = _operands(value)
    if operands is None:
        return None
    alpha = value.attrs.get("alpha")
    sign = -1.0 if value.op == "sub" else 1.0
    if alpha is not None and not isinstance(alpha, (int, float)):
        return None
    return (*inner(operands[0]), *_scaled(inner(operands[1]), sign * (1.0 if alpha is None else alpha)))


def _product_of(value: Sym, inner: Inner) -> Parts:
    operands = _operands(value)
    if operands is None:
        return None
    left, right = operands
    if left is right and _is_difference(left):
        return None
    a, b = inner(left), inner(right)
    if len(a) * len(b) > formulas.LARGEST_FORM:
        return None
    pairs = [_product(x, y) for x in a for y in b]
    return None if None in pairs else tuple(p for p in pairs if p is not None)


def _product(x: Summand, y: Summand) -> Summand | None:
    # A number times a reduced tensor is that tensor reduced; two reduced tensors are not one reduction.
    if x.reductions and y.reductions:
        return None
    for reduced, other in ((x, y), (y, x)):
        if reduced.reductions and any(isinstance(k, Sym) and k.shape for k in other.leaves):
            return None
    longer = x if len(x.path) >= len(y.path) else y
    return Summand(x.factor * y.factor, formulas.times(x.product, y.product), x.reductions or y.reductions, longer.path)


def _quotient_of(value: Sym, inner: Inner) -> Parts:
    operands = _operands(value)
    if operands is None:
        return None
    if (mean := _mean_of(value, inner(operands[0]), operands[1])) is not None:
        return mean
    divisor = _form(inner(operands[1]))
    inverse = None if divisor is None else formulas.power(formulas.without_guards(divisor), -1.0)
    if inverse is None:
        return None
    other = tuple(Summand(factor, monomial) for monomial, factor in inverse.items())
    pairs = [_product(x, y) for x in inner(operands[0]) for y in other]
    return None if None in pairs else tuple(p for p in pairs if p is not None)


def _mean_of(value: Sym, parts: tuple[Summand, ...], divisor: Value) -> Parts:
    """A sum over everything that is divided by the number of its entries, `error.sum() / x.numel()`, is a mean."""
    last = parts[0].reductions[-1] if parts and parts[0].reductions else None
    if last is None or last.kind != "sum" or last.features is None or last.samples is None:
        return None
    if divisor != product((last.features, last.samples)) or any(p.reductions != parts[0].reductions for p in parts):
        return None
    mean = replace(last, kind="mean", divided=value)
    return tuple(replace(p, reductions=(*p.reductions[:-1], mean)) for p in parts)


def _form(parts: tuple[Summand, ...]) -> Form | None:
    """The summands as one formula; None below a reduction."""
    form: dict[Monomial, float] = {}
    for part in parts:
        if part.reductions:
            return None
        form[part.product] = form.get(part.product, 0.0) + part.factor
    return form


def _of_form(function: Callable[[Form], Form | None]) -> Callable[[Sym, Inner], Parts]:
    def expand(value: Sym, inner: Inner) -> Parts:
        argument = value.attrs.get("input", value.inputs[0] if value.inputs else None)
        if argument is None:
            return None
        if value.op in {"square", "pow"} and _is_difference(argument):
            return None
        form = _form(inner(argument))
        result = function(form) if form else None
        return None if result is None else tuple(Summand(c, m) for m, c in result.items() if c)

    return expand


def _is_difference(value: Value) -> bool:
    """Whether it compares two tensors; then its square is a distance, and it is left whole."""
    value = through_reshapes(value)
    if not isinstance(value, Sym) or value.op not in {"sub", "add"} or is_projection(value):
        return False
    operands = _operands(value)
    return operands is not None and all(_holds_tensor(o) for o in operands)


def _holds_tensor(value: Value) -> bool:
    return isinstance(value, Sym) and value.kind != "size" and value.tensor is not False


def _power_of(value: Sym, inner: Inner) -> Parts:
    operands = _operands(value)
    exponent = operands[1] if operands else None
    if operands is None or not isinstance(exponent, (int, float)) or isinstance(exponent, bool):
        return None
    return _of_form(lambda form: formulas.power(form, float(exponent)))(value, inner)


def _negative_of(value: Sym, inner: Inner) -> Parts:
    return _scaled(inner(source(value) if "input" in value.attrs else value.inputs[0]), -1.0)


def _same_as(value: Sym, inner: Inner) -> Parts:
    argument = source(value)
    return inner(argument) if argument is not None else None


def _softmax_of(value: Sym, _inner: Inner) -> Parts:
    return (Summand(1.0, _atom(probabilities(value))),)


def _log_softmax_of(value: Sym, _inner: Inner) -> Parts:
    return (Summand(1.0, frozenset({(Log(Leaf(probabilities(value))), 1.0)})),)


def probabilities(value: Sym) -> tuple[object, ...]:
    """One key for the softmax of a tensor, whether it was taken as such or as its logarithm."""
    argument = source(value)
    shape = argument.shape if isinstance(argument, Sym) else None
    axis = value.layer.bound.get("dim") if isinstance(value.layer, Object) else value.attrs.get("dim")
    if isinstance(axis, int) and axis < 0 and shape is not None:
        axis += len(shape)
    size = shape[axis] if shape is not None and isinstance(axis, int) and 0 <= axis < len(shape) else None
    return ("softmax", argument, axis, size)


def _reduced(value: Sym, inner: Inner) -> Parts:
    argument = source(value)
    if not isinstance(argument, Sym):
        return None
    reduction = _reduction_over(value.op, argument, value.attrs.get("dim"))
    return tuple(Summand(p.factor, p.product, (*p.reductions, reduction), p.path) for p in inner(argument))


def _reduction_over(kind: str, argument: Sym, axes: Value) -> Reduction:
    items = [axes] if (listed := elements(axes)) is None else listed
    shape = argument.shape
    if shape == ():
        return Reduction(kind, False, 1)
    if axes is None or (isinstance(axes, tuple) and not axes):
        if shape is None:
            return Reduction(kind)
        batch = _has_batch_axis(argument)
        return Reduction(kind, batch, product(shape[1:] if batch else shape), shape[0] if batch else None)
    if not all(isinstance(i, int) for i in items):
        return Reduction(kind)
    if shape is None:
        known = argument.last[-1] if items == [-1] and argument.last else None
        return Reduction(kind, None if any(i == 0 or i < -1 for i in items) else False, known)
    found = {i + len(shape) if i < 0 else i for i in items}
    if any(not 0 <= i < len(shape) for i in found):
        return Reduction(kind)
    batch = 0 in found and _has_batch_axis(argument)
    features = product(shape[i] for i in found if i or not batch)
    return Reduction(kind, batch, features, shape[0] if batch else None)


def _has_batch_axis(value: Sym) -> bool:
    """Whether the first axis still counts samples: it does until it was reduced away."""
    one: Value = value
    for _ in range(200):
        if not isinstance(one, Sym):
            break
        if one.op in {"sum", "mean"} and one.shape is not None:
            argument, axes = source(one), one.attrs.get("dim")
            items = [axes] if (listed := elements(axes)) is None else listed
            rank = len(argument.shape) if isinstance(argument, Sym) and argument.shape is not None else None
            if axes is None or any(i == 0 or (rank is not None and i == -rank) for i in items):
                return False
        one = source(one)
    return bool(value.shape)


def _own_reduction(value: Sym) -> tuple[Reduction, ...]:
    """What a loss function reduces by itself."""
    if value.op not in LOSSES:
        return ()
    word, argument = reduction_word(value), value.attrs.get("input")
    shape = argument.shape if isinstance(argument, Sym) else None
    features, samples = (product(shape[1:]), shape[0]) if shape else (None, None)
    if shape and value.op in {"cross_entropy", "nll_loss"}:
        features = product(shape[2:])
    match word:
        case "mean" | "sum":
            return (Reduction(word, batch=True, features=features, samples=samples),)
        case "batchmean":
            return (Reduction("sum", False, features), Reduction("mean", True, 1, samples))
        case "none":
            return ()
        case _:
            return (Reduction("unknown"),)


_EXPANSIONS: dict[str, Callable[[Sym, Inner], Parts]] = {
    "add": _sum_of,
    "sub": _sum_of,
    "mul": _product_of,
    "truediv": _quotient_of,
    "neg": _negative_of,
    "pow": _power_of,
    "square": _of_form(lambda form: formulas.power(form, 2.0)),
    "sqrt": _of_form(lambda form: formulas.power(form, 0.5)),
    "rsqrt": _of_form(lambda form: formulas.power(form, -0.5)),
    "reciprocal": _of_form(lambda form: formulas.power(form, -1.0)),
    "exp": _of_form(formulas.exponential),
    "log": _of_form(formulas.logarithm),
    "sum": _reduced,
    "mean": _reduced,
    "softmax": _softmax_of,
    "log_softmax": _log_softmax_of,
    **dict.fromkeys(_TRANSPARENT, _same_as),
}
