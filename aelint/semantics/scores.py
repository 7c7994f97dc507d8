"""Numbers that judge a model: whether smaller or larger is better, and from which rounds of a loop they come."""

from __future__ import annotations

from enum import Enum

from aelint.semantics.joins import alternatives
from aelint.semantics.values import External, Sym, Value

__all__ = ["Better", "better", "is_read_from_loss", "losses_in"]

_LOSSES = frozenset(
    {
        "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits",
        "cross_entropy", "nll_loss", "kl_div", "gaussian_nll_loss", "poisson_nll_loss", "cosine_embedding_loss",
    }
)  # fmt: skip
_SCORES = ("psnr", "peak_signal_noise_ratio", "ssim", "structural_similarity", "accuracy", "accuracy_score", "roc_auc_score",
           "f1_score", "average_precision_score", "r2_score")  # fmt: skip
_KEEPING = frozenset(
    {"mean", "sum", "item", "item_value", "float", "log", "log10", "log2", "sqrt", "to", "detach", "round", "numpy"}
)
_MAX_DEPTH = 30


class Better(Enum):
    """In which direction a number improves."""

    LOWER = "lower"
    HIGHER = "higher"

    @property
    def opposite(self) -> Better:
        """The other direction."""
        return Better.HIGHER if self is Better.LOWER else Better.LOWER


def better(value: Value) -> Better | None:
    """The direction in which a number computed from losses or scores improves, None if that is unknown."""
    return _better(value, 0, {})


def _better(value: Value, depth: int, known: dict[int, Better | None]) -> Better | None:
    # One number enters a sum over several paths, and each path doubles at the next sum: every value is asked once.
    if not isinstance(value, Sym) or depth > _MAX_DEPTH:
        return None
    if id(value) not in known:
        known[id(value)] = None
        known[id(value)] = _judged(value, depth + 1, known)
    return known[id(value)]


def _judged(value: Sym, depth: int, known: dict[int, Better | None]) -> Better | None:
    match value:
        case Sym(op=op) if op in _LOSSES:
            return Better.LOWER
        case Sym(op="neg", inputs=(inner, *_)):
            return _flipped(_better(inner, depth, known))
        case Sym(op="mul" | "truediv" | "div" | "sub", inputs=(inner, int() | float() as number)):
            positive = value.op == "sub" or number > 0
            return _better(inner, depth, known) if positive else _flipped(_better(inner, depth, known))
        case Sym(op="mul", inputs=(int() | float() as number, inner)):
            return _better(inner, depth, known) if number > 0 else _flipped(_better(inner, depth, known))
        case Sym(op="truediv" | "div" | "sub", inputs=(int() | float() as number, inner)):
            return (
                _flipped(_better(inner, depth, known))
                if value.op == "sub" or number > 0
                else _better(inner, depth, known)
            )
        case Sym(op="truediv" | "div", inputs=(inner, Sym(tensor=False))):
            return _better(inner, depth, known)
        case Sym(op="item", attrs=attrs) if "index" in attrs:
            return None
        case Sym(op=op, inputs=(inner, *_)) if op in _KEEPING:
            return _better(inner, depth, known)
        case Sym(op="add" | "phi", inputs=inputs):
            return _agreed([_better(i, depth, known) for i in inputs if isinstance(i, Sym)])
        case Sym(op="call", attrs={"callee": External(name=name)}) if name.rsplit(".", 1)[-1].lower() in _SCORES:
            return Better.HIGHER
        case _:
            return None


def _flipped(found: Better | None) -> Better | None:
    return found.opposite if found is not None else None


def _agreed(found: list[Better | None]) -> Better | None:
    return found[0] if found and all(f is found[0] for f in found) else None


def is_read_from_loss(value: Value) -> bool:
    """Whether the value is one loss as a number: `loss.item()`, `float(loss)`, the loss itself."""
    return bool(losses_in(value))


def losses_in(value: Value) -> list[Sym]:
    """The losses that a number is read from directly, over all rounds it may come from."""
    for _ in range(_MAX_DEPTH):
        match value:
            case Sym(op="item" | "item_value" | "detach" | "to" | "numpy", attrs=attrs, inputs=(inner, *_)) if (
                "index" not in attrs
            ):
                value = inner
            case _:
                break
    found = [a for a in alternatives(value) if isinstance(a, Sym)]
    return found if found and all(better(f) is Better.LOWER and f.tensor is not False for f in found) else []
