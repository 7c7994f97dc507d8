"""Terms of a loss that reward what they should punish: likeness that is minimised, errors that are maximised."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.callables import run_by
from aelint.semantics.dataflow.lineage import RESHAPES, depends_on, source, through_reshapes
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import product
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import ClassValue, External, Function, Instance, Object, Sym, Value
from aelint.semantics.formulas.formulas import Exp, Generator, Leaf
from aelint.semantics.objective.comparisons import is_data, is_output
from aelint.semantics.objective.losses import LOSSES
from aelint.semantics.objective.objectives import objectives
from aelint.semantics.objective.signed_terms import signed_terms
from aelint.semantics.objective.summands import Summand
from aelint.syntax.walk import every

__all__ = ["Rewarded", "is_reconstruction_of", "rewarded_errors", "rewarded_unlikeness"]

_LIKENESS = frozenset(
    {
        "ssim", "ms_ssim", "msssim", "multi_scale_ssim", "structuralsimilarityindexmeasure",
        "multiscalestructuralsimilarityindexmeasure", "structural_similarity_index_measure",
        "multiscale_structural_similarity_index_measure",
    }
)  # fmt: skip
_PACKAGES = frozenset({"pytorch_msssim", "pytorch_ssim", "pytorch_lightning", "piq", "torchmetrics", "kornia", "ssim"})
_ERRORS = LOSSES - {"kl_div", "gaussian_nll_loss", "poisson_nll_loss"}


@dataclass(frozen=True, slots=True, eq=False)
class Rewarded:
    """A term that gets better where the reconstruction gets worse; `measure` is what it is called."""

    site: Site
    measure: str
    by_name: bool = False
    """Whether a name of the project's own is all that says what it measures."""


@per_program
def rewarded_unlikeness(program: Program) -> list[Rewarded]:
    """Similarities of a reconstruction and its input that are added to a loss as they are; each place once."""
    found: dict[int, Rewarded] = {}
    for summand in _terms(program):
        measure, pair = _likeness(_alone(summand))
        if summand.factor > 0 and pair is not None and _is_pair(*pair):
            turned = [one for one in summand.path if one.op in {"sub", "neg"}]
            site = (turned[0] if turned else summand.path[-1]).site
            if site is not None:
                found.setdefault(id(site.node), Rewarded(site, measure))
    for site in _own_similarities(program):
        found.setdefault(id(site.node), Rewarded(site, "the structural similarity", by_name=True))
    return list(found.values())


def _own_similarities(program: Program) -> Iterator[Site]:
    """Calls of the project's own functions and classes that are named for a similarity, whose results are added to a loss."""
    results = {c.result.id: c for c in program.calls if isinstance(c.result, Sym) and _is_own_similarity(c)}
    for objective in objectives(program) if results else ():
        for call, turned in signed_terms(objective.value, lambda term: results.get(term.id), _KEEP_SIGN):
            pair = [a for a in (*call.args, *call.kwargs.values()) if isinstance(a, Sym)] if call is not None else []
            if call is not None and objective.called and turned is None and len(pair) > 1 and _is_pair(*pair[:2]):
                yield call.site


_KEEP_SIGN = RESHAPES | {"mean", "sum", "item"}


def _is_own_similarity(call: Call) -> bool:
    """Whether a function, or the `forward` of a class, has the name of a similarity and does not turn it into an error itself."""
    match call.callee:
        case Instance(cls=ClassValue(name=name)) | Function(name=name) if name.lower() in _LIKENESS:
            function = run_by(call.callee)
        case _:
            return False
    return function is not None and not any(
        isinstance(n.op, ast.Sub) and _is_one(n.left) for n in every(ast.BinOp, function.node)
    )


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 1


@per_program
def rewarded_errors(program: Program) -> list[Rewarded]:
    """Errors of a reconstruction that are subtracted, in a program in which none is added; each place once."""
    found: dict[int, Rewarded] = {}
    for summand in _terms(program):
        pair = _compared(summand)
        if pair is None or not _is_pair(*pair):
            continue
        if summand.factor > 0:
            # Two players, or samples that are pushed away beside others that are drawn near.
            return []
        site = summand.path[-1].site
        if site is not None:
            found.setdefault(id(site.node), Rewarded(site, "error"))
    return list(found.values())


def _terms(program: Program) -> Iterator[Summand]:
    for objective in objectives(program):
        yield from (s for s in objective.summands if s.path and objective.called)


def _alone(summand: Summand) -> Sym | None:
    """The one thing that the summand is a multiple of."""
    match list(summand.product):
        case [(Leaf(key=Sym() as leaf), 1)]:
            return leaf
        case _:
            return None


Pair = tuple[Value, Value]


def _likeness(leaf: Sym | None) -> tuple[str, Pair | None]:
    match leaf:
        case Sym(op="cosine_similarity", attrs={"x1": first, "x2": second}):
            return "the cosine similarity", (first, second)
        case Sym(op="call", attrs={"callee": callee}):
            name = _qualified(callee)
            known = name.split(".")[0] in _PACKAGES and name.rsplit(".", 1)[-1].lower() in _LIKENESS
            sides = [i for i in leaf.inputs if isinstance(i, Sym) and i is not callee]
            return "the structural similarity", (sides[0], sides[1]) if known and len(sides) > 1 else None
        case _:
            return "", None


def _qualified(callee: Value) -> str:
    """The name of a function, or of the class of what is called."""
    match callee:
        case External(name=name) | Object(name=name):
            return name
        case Sym(op="call", attrs={"callee": External(name=name)}):
            return name
        case _:
            return ""


def _compared(summand: Summand) -> Pair | None:
    """The two sides of a squared or absolute difference, or of a loss of torch, that the summand is a multiple of."""
    last = summand.path[-1]
    if not all(_is_positive(g, e) or (isinstance(g, Leaf) and g.key is last) for g, e in summand.product):
        return None
    if last.op in _ERRORS:
        return last.attrs.get("input"), last.attrs.get("target")
    return _difference(source(last)) if last.op in {"pow", "square", "abs"} and summand.product else None


def _is_positive(generator: Generator, exponent: float) -> bool:
    return isinstance(generator, Exp) or exponent % 2 == 0


def _difference(value: Value) -> Pair | None:
    for _ in range(4):
        value = through_reshapes(value)
        match value:
            case Sym(op="sub", inputs=(first, second)):
                return first, second
            case Sym(op="truediv" | "mul", inputs=(inner, _)):
                value = inner
            case _:
                return None
    return None


def _is_pair(first: Value, second: Value) -> bool:
    """Whether one is data, and the other what a network made of it in its own size."""
    one, other = through_reshapes(first), through_reshapes(second)
    if not isinstance(one, Sym) or not isinstance(other, Sym):
        return False
    made, given = (one, other) if is_output(one) else (other, one)
    return is_output(made) and is_data(given) and is_reconstruction_of(made, given)


def is_reconstruction_of(made: Sym, given: Sym) -> bool:
    """Whether a network made it of the data, in the data's own size."""
    if made.shape is None or given.shape is None or len(given.shape) < 2 or made.op in _PICKED:
        return False
    return product(made.shape) == product(given.shape) and depends_on(made, given)


_PICKED = frozenset({"getitem", "sum", "mean", "max", "gather"})
