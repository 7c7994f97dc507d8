"""Numbers that judge a model: whether smaller or larger is better, and from which rounds of a loop they come."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.values import External, Sym, Value
from aelint.semantics.interpreter.joins import alternatives

__all__ = ["Better", "Contest", "better", "contest", "is_read_from_loss", "losses_in", "minimised_sums"]

_LOSSES = frozenset(
    {
        "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits",
        "cross_entropy", "nll_loss", "kl_div", "gaussian_nll_loss", "poisson_nll_loss", "cosine_embedding_loss",
    }
)  # fmt: skip
_SCORES = ("psnr", "peak_signal_noise_ratio", "ssim", "structural_similarity", "accuracy", "accuracy_score", "roc_auc_score",
           "f1_score", "average_precision_score", "r2_score")  # fmt: skip
_KEEPING = frozenset(
    {
        "mean",
        "sum",
        "sum_of",
        "item",
        "item_value",
        "float",
        "log",
        "log10",
        "log2",
        "sqrt",
        "to",
        "detach",
        "round",
        "numpy",
    }
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


_KEPT_BY = {ast.Lt: Better.LOWER, ast.LtE: Better.LOWER, ast.Gt: Better.HIGHER, ast.GtE: Better.HIGHER}


@dataclass(frozen=True, slots=True)
class Contest:
    """A comparison of a score with the best one so far; `keeps` is the one of the two that wins."""

    written: ast.Compare
    score: ast.expr
    best: ast.expr
    keeps: Better


def contest(test: ast.AST, is_best: Callable[[str], bool]) -> Contest | None:
    """`score < best`, from either side and alone or in `best is None or score < best`.

    `is_best` tells by its text which operand is the best score.
    """
    match test:
        case ast.BoolOp(values=parts):
            found = [one for part in parts if (one := contest(part, is_best)) is not None]
            return found[0] if len(found) == 1 else None
        case ast.Compare(left=left, ops=[op], comparators=[right]) if keeps := _KEPT_BY.get(type(op)):
            if is_best(ast.unparse(right)):
                return Contest(test, left, right, keeps)
            if is_best(ast.unparse(left)):
                return Contest(test, right, left, keeps.opposite)
    return None


def better(value: Value, minimised: frozenset[int] = frozenset()) -> Better | None:
    """The direction in which a number computed from losses or scores improves, None if that is unknown.

    `minimised`: what `minimised_sums` gives, to judge sums of a loss and terms of other kinds.
    """
    return _better(value, 0, _Asked(minimised))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is known so far: one number enters a sum over several paths, and each path doubles at the next sum."""

    minimised: frozenset[int]
    known: dict[int, Better | None] = field(default_factory=dict)


def _better(value: Value, depth: int, asked: _Asked) -> Better | None:
    if not isinstance(value, Sym) or depth > _MAX_DEPTH:
        return None
    if id(value) not in asked.known:
        asked.known[id(value)] = None
        asked.known[id(value)] = _judged(value, depth + 1, asked)
    return asked.known[id(value)]


def _judged(value: Sym, depth: int, asked: _Asked) -> Better | None:
    match value:
        case Sym(op=op) if op in _LOSSES:
            return Better.LOWER
        case Sym(op="neg", inputs=(inner, *_)):
            return _flipped(_better(inner, depth, asked))
        case Sym(op="mul" | "truediv" | "div" | "sub", inputs=(inner, int() | float() as number)):
            positive = value.op == "sub" or number > 0
            return _better(inner, depth, asked) if positive else _flipped(_better(inner, depth, asked))
        case Sym(op="mul", inputs=(int() | float() as number, inner)):
            return _better(inner, depth, asked) if number > 0 else _flipped(_better(inner, depth, asked))
        case Sym(op="truediv" | "div" | "sub", inputs=(int() | float() as number, inner)):
            return (
                _flipped(_better(inner, depth, asked))
                if value.op == "sub" or number > 0
                else _better(inner, depth, asked)
            )
        case Sym(op="truediv" | "div", inputs=(inner, Sym(tensor=False) | Sym(op="len") | Poly())):
            return _better(inner, depth, asked)
        case Sym(op="mul", inputs=(inner, Poly() | Sym(op="len")) | (Poly() | Sym(op="len"), inner)):
            return _better(inner, depth, asked)
        case Sym(op="item", attrs=attrs) if "index" in attrs:
            return None
        case Sym(op=op, inputs=(inner, *_)) if op in _KEEPING:
            return _better(inner, depth, asked)
        case Sym(op="add" | "phi", inputs=inputs):
            found = [_better(i, depth, asked) for i in inputs if isinstance(i, Sym)]
            return _agreed(found) or _of_minimised(value, found, asked)
        case Sym(op="call", attrs={"callee": External(name=name)}) if name.rsplit(".", 1)[-1].lower() in _SCORES:
            return Better.HIGHER
        case _:
            return None


def _of_minimised(value: Sym, found: list[Better | None], asked: _Asked) -> Better | None:
    """Terms of any kind, as a penalty or a divergence, where training minimises this very sum."""
    written = value.op == "add" and value.site is not None and id(value.site.node) in asked.minimised
    return Better.LOWER if written and Better.HIGHER not in found else None


@per_program
def minimised_sums(program: Program) -> frozenset[int]:
    """The sums, as they are written, of which training computes gradients."""
    found: set[int] = set()
    for call in program.calls_to(".backward"):
        waiting: list[Value] = [call.receiver]
        for _ in range(_MAX_DEPTH):
            match waiting.pop() if waiting else None:
                case Sym(op="add", inputs=inputs, site=site) if site is not None:
                    found.add(id(site.node))
                    waiting += inputs
                case Sym(op="mean" | "sum" | "truediv" | "to", inputs=(inner, *_)):
                    waiting.append(inner)
                case _:
                    continue
    return frozenset(found)


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
