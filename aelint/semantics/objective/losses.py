"""The losses of torch, and how they are reduced."""

from __future__ import annotations

from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Sym

__all__ = ["LOSSES", "reduction_word"]

LOSSES = frozenset(
    {
        "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy",
        "binary_cross_entropy_with_logits", "cross_entropy", "nll_loss", "gaussian_nll_loss", "poisson_nll_loss",
        "kl_div",
    }
)  # fmt: skip


def reduction_word(call: Call | Sym) -> str | None:
    """The reduction of a loss: "mean", "sum", "none", "batchmean"; None if unknown."""
    if isinstance(call, Call):
        bound = call.bound
        layer = call.result.layer if isinstance(call.result, Sym) else None
    else:
        bound, layer = call.attrs, call.layer
    # `criterion.size_average = False` after construction counts too.
    later = layer.attrs if isinstance(layer, Object) else {}
    settings = {**getattr(layer, "bound", {}), **{k: v for k, v in bound.items() if v is not None}, **later}
    average, reduce = settings.get("size_average"), settings.get("reduce")
    if average is None and reduce is None:
        word = settings.get("reduction", "mean")
        return word if isinstance(word, str) else None
    if not isinstance(average, bool | None) or not isinstance(reduce, bool | None):
        return None
    return "none" if reduce is False else "sum" if average is False else "mean"
