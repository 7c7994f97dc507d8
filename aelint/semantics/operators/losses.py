"""Loss functions, functional and modular, with their reductions and what their operands must agree in."""

from __future__ import annotations

from dataclasses import dataclass

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.intervals import ANY, Interval
from aelint.semantics.domain.values import Shape
from aelint.semantics.operators.api import Apply, Facts, facts_of, unknown
from aelint.semantics.operators.axes import broadcast, differ
from aelint.semantics.operators.ranges import NONNEGATIVE
from aelint.semantics.operators.tables import REGISTRY

__all__ = ["reduction_of"]


def reduction_of(apply: Apply) -> str | None:
    """The word "mean", "sum", "none" or another word that the loss knows; None if unknown.

    `size_average` and `reduce` are torch's older spelling and win over `reduction`.
    """
    average, reduce = apply["size_average"], apply["reduce"]
    if average is None and reduce is None:
        return apply.text("reduction")
    if not isinstance(average, bool | None) or not isinstance(reduce, bool | None):
        return None
    if reduce is False:
        return "none"
    return "sum" if average is False else "mean"


def _reduced(apply: Apply, shape: Shape | None, bounds: Interval, last: Shape = ()) -> Facts:
    match reduction_of(apply):
        case "mean" | "sum" | "batchmean":
            return Facts((), (), bounds)
        case "none":
            return Facts(shape, last if shape is None else (), bounds)
        case _:
            return unknown("float", bounds)


def _numel(shape: Shape) -> Dim:
    return dims.product(shape)


def _broadcasting(apply: Apply, *names: str) -> Shape | None:
    """The common shape of the operands; reports operands that torch would silently stretch over each other."""
    operands = [apply.tensor(n) for n in names]
    shape, _ = broadcast(apply, *operands)
    if shape is None:
        return None
    shapes = [o.shape for o in operands]
    stretched = [s for s in shapes if s is not None and s != () and _stretched(s, shape)]
    if stretched and all(s for s in shapes):
        apply.conflict("loss-broadcast", shapes=tuple(shapes), result=shape)
    return shape


def _stretched(shape: Shape, result: Shape) -> bool:
    """Whether values of this operand are certainly used more than once."""
    own, all_ = _numel(shape), _numel(result)
    factor = dims.divide(all_, own)
    return factor is not None and factor != 1 and (not isinstance(factor, int) or factor > 1)


def _same(apply: Apply, *names: str) -> Shape | None:
    """The shape of operands that must be the same; reports those that cannot be."""
    shapes = [s for s in (apply.tensor(n).shape for n in names) if s is not None]
    for other in shapes[1:]:
        a = shapes[0]
        if len(a) != len(other) or any(differ(x, y) for x, y in zip(a, other, strict=True)):
            apply.conflict("broadcast", a=a, b=other)
            return None
    return shapes[0] if shapes else None


@dataclass(frozen=True, slots=True)
class _Elementwise:
    """A loss that compares elements: name, class, extra arguments, range, and whether equal shapes are a must."""

    name: str
    layer: str
    function: str = ""
    module: str = ""
    bounds: Interval = NONNEGATIVE
    strict: bool = False
    unit_target: bool = False


_REDUCTION = "size_average=None, reduce=None, reduction='mean'"

_ELEMENTWISE = (
    _Elementwise("mse_loss", "MSELoss", f"{_REDUCTION}, weight=None", _REDUCTION),
    _Elementwise("l1_loss", "L1Loss", f"{_REDUCTION}, weight=None", _REDUCTION),
    _Elementwise("smooth_l1_loss", "SmoothL1Loss", f"{_REDUCTION}, beta=1.0", f"{_REDUCTION}, beta=1.0"),
    _Elementwise("huber_loss", "HuberLoss", "reduction='mean', delta=1.0, weight=None", "reduction='mean', delta=1.0"),
    _Elementwise("soft_margin_loss", "SoftMarginLoss", _REDUCTION, _REDUCTION),
    _Elementwise(
        "kl_div",
        "KLDivLoss",
        f"{_REDUCTION}, log_target=False",
        f"{_REDUCTION}, log_target=False",
        bounds=ANY,
    ),
    _Elementwise(
        "poisson_nll_loss",
        "PoissonNLLLoss",
        "log_input=True, full=False, size_average=None, eps=1e-08, reduce=None, reduction='mean'",
        "log_input=True, full=False, size_average=None, eps=1e-08, reduce=None, reduction='mean'",
        bounds=ANY,
    ),
    _Elementwise(
        "hinge_embedding_loss",
        "HingeEmbeddingLoss",
        f"margin=1.0, {_REDUCTION}",
        f"margin=1.0, {_REDUCTION}",
        bounds=ANY,
    ),
)


_TOP_LEVEL = {name: name for name in ("hinge_embedding_loss", "kl_div", "poisson_nll_loss")}
"""Losses that `torch` itself exports too."""


def _elementwise(loss: _Elementwise) -> None:
    @REGISTRY.layer(loss.layer, loss.module, "input, target", name=loss.name)
    @REGISTRY.operation(
        loss.name,
        f"input, target, {loss.function}",
        functions=f"nn.functional.{loss.name} {_TOP_LEVEL.get(loss.name, '')}",
    )
    def transfer(apply: Apply) -> Facts:
        # A weight takes part in the broadcast of torch's newer versions; its absence is the common case.
        shape = _broadcasting(apply, "input", "target")
        plain = apply["weight"] is None
        return _reduced(apply, shape if plain else None, loss.bounds if plain else ANY)


for _loss in _ELEMENTWISE:
    _elementwise(_loss)


def _cross_entropy_bounds(apply: Apply) -> Interval:
    """Never negative for targets and weights that are meant for it."""
    target = apply.tensor("target").range
    plain = apply["weight"] is None and apply["pos_weight"] is None
    return NONNEGATIVE if plain and target.low >= 0 and target.high <= 1 else ANY


@REGISTRY.layer("BCELoss", f"weight=None, {_REDUCTION}", "input, target", name="binary_cross_entropy")
@REGISTRY.operation(
    "binary_cross_entropy", f"input, target, weight=None, {_REDUCTION}", functions="nn.functional.binary_cross_entropy"
)
@REGISTRY.layer(
    "BCEWithLogitsLoss",
    f"weight=None, {_REDUCTION}, pos_weight=None",
    "input, target",
    name="binary_cross_entropy_with_logits",
)
@REGISTRY.operation(
    "binary_cross_entropy_with_logits",
    f"input, target, weight=None, {_REDUCTION}, pos_weight=None",
    functions="nn.functional.binary_cross_entropy_with_logits",
)
def _binary_cross_entropy(apply: Apply) -> Facts:
    shape = _same(apply, "input", "target")
    plain = apply["weight"] is None and apply["pos_weight"] is None
    last = apply.tensor().last or apply.tensor("target").last
    return _reduced(apply, shape if plain else None, _cross_entropy_bounds(apply), last if plain else ())


@REGISTRY.layer(
    "CrossEntropyLoss",
    "weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', label_smoothing=0.0",
    "input, target",
    name="cross_entropy",
)
@REGISTRY.operation(
    "cross_entropy",
    "input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', label_smoothing=0.0",
    functions="nn.functional.cross_entropy",
)
def _cross_entropy(apply: Apply) -> Facts:
    target = apply.tensor("target")
    plain = apply["weight"] is None
    bounds = NONNEGATIVE if plain and (target.kind == "int" or target.range.low >= 0) else ANY
    return _reduced(apply, _class_shape(apply, probabilities=target.kind == "float"), bounds)


@REGISTRY.layer(
    "NLLLoss",
    "weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean'",
    "input, target",
    name="nll_loss",
)
@REGISTRY.layer(
    "NLLLoss2d",
    "weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean'",
    "input, target",
    name="nll_loss",
)
@REGISTRY.operation(
    "nll_loss",
    "input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean'",
    functions="nn.functional.nll_loss",
)
def _nll_loss(apply: Apply) -> Facts:
    return _reduced(apply, _class_shape(apply, probabilities=False), ANY)


def _class_shape(apply: Apply, *, probabilities: bool) -> Shape | None:
    """The shape of the unreduced loss: the input's without its class axis."""
    x, target = apply.tensor().shape, apply.tensor("target")
    if x is None or not x or target.kind not in {"int", "float"}:
        return None
    result = x[1:] if len(x) == 1 else (x[0], *x[2:])
    same_rank = target.shape is not None and len(target.shape) == len(x)
    if probabilities:
        return result if same_rank else None
    if target.kind == "int" and target.shape is not None and not same_rank:
        fits = len(target.shape) == len(result)
        if not fits or any(differ(a, b) for a, b in zip(target.shape, result, strict=True)):
            apply.conflict("broadcast", a=x, b=target.shape)
            return None
    return result


@REGISTRY.layer(
    "GaussianNLLLoss", "full=False, eps=1e-06, reduction='mean'", "input, target, var", name="gaussian_nll_loss"
)
@REGISTRY.operation(
    "gaussian_nll_loss",
    "input, target, var, full=False, eps=1e-06, reduction='mean'",
    functions="nn.functional.gaussian_nll_loss",
)
def _gaussian_nll_loss(apply: Apply) -> Facts:
    return _reduced(apply, _broadcasting(apply, "input", "target"), ANY)


def _unknown_when_unreduced(apply: Apply) -> Facts:
    return _reduced(apply, None, NONNEGATIVE)


def _signed(apply: Apply) -> Facts:
    return _reduced(apply, None, ANY)


for _name, _class, _init, _forward, _nonnegative in (
    ("cosine_embedding_loss", "CosineEmbeddingLoss", f"margin=0.0, {_REDUCTION}", "input1, input2, target", False),
    ("margin_ranking_loss", "MarginRankingLoss", f"margin=0.0, {_REDUCTION}", "input1, input2, target", True),
    (
        "triplet_margin_loss",
        "TripletMarginLoss",
        f"margin=1.0, p=2.0, eps=1e-06, swap=False, {_REDUCTION}",
        "anchor, positive, negative",
        True,
    ),
    (
        "triplet_margin_with_distance_loss",
        "TripletMarginWithDistanceLoss",
        "distance_function=None, margin=1.0, swap=False, reduction='mean'",
        "anchor, positive, negative",
        True,
    ),
    ("multi_margin_loss", "MultiMarginLoss", f"p=1, margin=1.0, weight=None, {_REDUCTION}", "input, target", False),
    ("multilabel_margin_loss", "MultiLabelMarginLoss", _REDUCTION, "input, target", True),
    ("multilabel_soft_margin_loss", "MultiLabelSoftMarginLoss", f"weight=None, {_REDUCTION}", "input, target", False),
):
    _transfer = _unknown_when_unreduced if _nonnegative else _signed
    REGISTRY.layer(_class, _init, _forward, name=_name)(_transfer)
    REGISTRY.operation(_name, f"{_forward}, {_init}", functions=f"nn.functional.{_name}")(_transfer)


@REGISTRY.layer(
    "CTCLoss",
    "blank=0, reduction='mean', zero_infinity=False",
    "log_probs, targets, input_lengths, target_lengths",
    name="ctc_loss",
)
@REGISTRY.operation(
    "ctc_loss",
    "log_probs, targets, input_lengths, target_lengths, blank=0, reduction='mean', zero_infinity=False",
    functions="nn.functional.ctc_loss",
)
def _ctc_loss(apply: Apply) -> Facts:
    return _reduced(apply, None, ANY)


@REGISTRY.layer(
    "AdaptiveLogSoftmaxWithLoss",
    "in_features, n_classes, cutoffs, div_value=4.0, head_bias=False, device=None, dtype=None",
    "input, target",
    name="adaptive_log_softmax",
    stateful=True,
)
def _adaptive(apply: Apply) -> tuple[Facts, Facts]:
    target = facts_of(apply["target"])
    return Facts(target.shape), Facts((), (), ANY)
