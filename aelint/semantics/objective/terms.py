"""The roles of the summands of a loss: KL divergence, reconstruction, something else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from aelint.semantics.dataflow.lineage import ancestors, origins, source, through_reshapes
from aelint.semantics.domain.values import Sym
from aelint.semantics.formulas.formulas import Exp, Leaf
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.objective.closed_forms import categorical_terms, gaussian_terms, meeting_point
from aelint.semantics.objective.losses import LOSSES
from aelint.semantics.objective.objectives import Objective, once_per_objective
from aelint.semantics.objective.summands import Reduction, Summand

__all__ = ["Term", "divergences", "is_divergence_name", "is_reconstruction_name", "is_weight_name", "reconstructions"]

_KL_NAME = re.compile(r"(^|_)d?kl(d|l|s)?(\d|_|$)|kl_?(d|div|loss|term)|kullback|kldiv", re.IGNORECASE)
_RECONSTRUCTION_NAME = re.compile(r"recon|(^|_)rec(_|$)|rec_?loss|(^|_)(bce|mse|nll|l1|l2)(_|$)", re.IGNORECASE)
_DISTANCES = frozenset({"pow", "square", "abs", "mul", "norm"})


@dataclass(frozen=True, eq=False)
class Term:
    """One term of a loss: its factor in the whole, its reductions from the inside out, and where it is put together.

    `weights` are the unknown factors; `by_name` marks a term that only its name tells.
    """

    objective: Objective
    factor: float
    reductions: tuple[Reduction, ...] | None
    summands: tuple[Summand, ...]
    weights: frozenset[object] = frozenset()
    by_name: bool = False
    leaf: Sym | None = None
    lead: Summand | None = None
    """The summand that is positive where the term itself is."""
    capacity: bool = False
    """Whether it is the distance of a divergence to a capacity, whose weight may be as large as one likes."""

    @property
    def top(self) -> Sym | None:
        """The innermost operation in which the term is complete."""
        return meeting_point(self.summands)

    @property
    def inside(self) -> tuple[Sym, ...]:
        """From the outermost operation that holds nothing but this term down to `top`."""
        return self._path[len(self.outside) :]

    @cached_property
    def outside(self) -> tuple[Sym, ...]:
        """The operations that put this term together with others, the whole loss first."""
        own = {id(s) for s in self.summands}
        path = self._path
        for level in range(len(path)):
            under = [s for s in self.objective.summands if s.path[: level + 1] == path[: level + 1]]
            if all(id(s) in own for s in under):
                return path[:level]
        return path

    @cached_property
    def _path(self) -> tuple[Sym, ...]:
        top, path = self.top, self.summands[0].path
        level = next((i for i, one in enumerate(path) if one is top), len(path) - 1)
        return path[: level + 1]


@once_per_objective
def divergences(objective: Objective) -> Iterator[Term]:
    """The KL terms of a loss: closed forms that are right, calls of `kl_divergence`, and what is called KL."""
    for gaussian in gaussian_terms(objective):
        if gaussian.factor is not None and gaussian.mean.summands:
            leaves = {gaussian.mean_leaf, gaussian.scale_leaf}
            weights = gaussian.summands[0].leaves - leaves
            yield Term(
                objective,
                gaussian.factor,
                gaussian.reductions,
                gaussian.summands,
                frozenset(weights),
                lead=gaussian.variance.summands[0],
            )
    for categorical in categorical_terms(objective):
        summands = (*categorical.entropy.summands, *categorical.prior.summands)
        # With a prior that is computed too it is a distance between two outputs, often played off against each other.
        if categorical.prior.summands and not categorical.symbolic:
            yield Term(
                objective,
                categorical.entropy.value,
                categorical.entropy.reductions,
                summands,
                lead=categorical.entropy.summands[0],
            )
    for summand, leaf, weights in _single_leaves(objective):
        capacity = _of_capacity(leaf)
        if leaf.op == "distributions.kl_divergence" or _is_kl_name(leaf) or capacity is not None:
            named = leaf.op != "distributions.kl_divergence" and (capacity is None or capacity.by_name)
            yield Term(
                objective,
                summand.factor,
                summand.reductions,
                (summand,),
                weights,
                named,
                leaf,
                summand,
                capacity is not None,
            )


@once_per_objective
def reconstructions(objective: Objective) -> Iterator[Term]:
    """The reconstruction terms of a loss: losses of torch, squared or absolute differences, and what is called so."""
    for summand, leaf, weights in _single_leaves(objective):
        known = leaf.op in LOSSES - {"kl_div"} or _is_distance(leaf) or _is_one_of_losses(leaf)
        if (_is_distance(leaf) and _is_in_density(objective, summand)) or _asks_for_places(leaf):
            continue
        if _of_capacity(leaf) is not None:
            continue
        if known or is_reconstruction_name(leaf):
            yield Term(objective, summand.factor, summand.reductions, (summand,), weights, not known, leaf, summand)
        elif _is_likelihood(leaf):
            # What is minimised is the negative of the likelihood.
            yield Term(objective, -summand.factor, summand.reductions, (summand,), weights, False, leaf, summand)


def _of_capacity(leaf: Sym) -> Term | None:
    """The divergence that `|KL - C|` or its square holds to a capacity."""
    held = through_reshapes(source(leaf)) if _is_distance(leaf) else None
    sides = [one for one in held.inputs if isinstance(one, Sym)] if isinstance(held, Sym) else []
    within = (term for side in sides for term in divergences(Objective(side, called=False)))
    return next((term for term in within if term.factor > 0), None)


def _is_one_of_losses(leaf: Sym) -> bool:
    """Whether it is a loss of torch in each branch, times what is positive at most."""
    if leaf.op != "phi":
        return False
    branches = [Objective(one, called=False).summands for one in alternatives(leaf) if isinstance(one, Sym)]
    losses = LOSSES - {"kl_div"}
    return all(
        len(branch) == 1
        and branch[0].factor > 0
        and any(isinstance(key, Sym) and key.op in losses for key in branch[0].leaves)
        for branch in branches
    )


def _asks_for_places(leaf: Sym) -> bool:
    """Whether the labels are places that the program counts itself: which pair belongs together is no picture."""
    targets = origins(leaf.attrs.get("target")) if leaf.op == "cross_entropy" else []
    return bool(targets) and all(isinstance(one, Sym) and one.op in {"arange", "zeros"} for one in targets)


def _is_in_density(objective: Objective, summand: Summand) -> bool:
    """Whether a squared difference is added up together with an exponential: both belong to the density of a code."""
    reduced = next((one for one in reversed(summand.path) if one.op in {"sum", "mean"}), None)
    if reduced is None:
        return False
    together = (s for s in objective.summands if any(one is reduced for one in s.path))
    return any(isinstance(g, Exp) for s in together for g, _ in s.product)


def _single_leaves(objective: Objective) -> Iterator[tuple[Summand, Sym, frozenset[object]]]:
    """Summands that are one leaf times numbers and weights; the leaf that is a tensor, or the best named one."""
    for summand in objective.summands:
        factors = [(g.key, e) for g, e in summand.product if isinstance(g, Leaf)]
        if len(factors) != len(summand.product):
            continue
        candidates = [k for k, e in factors if isinstance(k, Sym) and e == 1]
        chosen = [
            k for k in candidates if k.op in LOSSES | _OF_DISTRIBUTIONS or _is_distance(k) or _is_one_of_losses(k)
        ]
        named = [k for k in candidates if _is_term_name(k)]
        leaf = next(iter(chosen or named), None)
        if leaf is not None:
            yield summand, leaf, frozenset(k for k, _ in factors if k is not leaf)


_OF_DISTRIBUTIONS = frozenset({"distributions.kl_divergence", "distributions.log_prob"})


def _is_likelihood(leaf: Sym) -> bool:
    """Whether it is the log-likelihood of data under what a decoder gave; a log-density of the code is none."""
    if leaf.op != "distributions.log_prob":
        return False
    value = leaf.attrs.get("value")
    return isinstance(value, Sym) and not any(one.op in _CHANCE or one.op == "linear" for one in ancestors(value))


_CHANCE = frozenset({"distributions.rsample", "distributions.sample", "conv2d", "gumbel_softmax"})


def _is_term_name(leaf: Sym) -> bool:
    return _is_kl_name(leaf) or is_reconstruction_name(leaf)


_WEIGHT_NAME = re.compile(
    r"weight|coef|beta|lambda|lambd|factor|scale|ratio|anneal|(^|_)w(_|$)|alpha|gamma", re.IGNORECASE
)


def _is_kl_name(leaf: Sym) -> bool:
    if leaf.op == "kl_div":
        # Between two sets of outputs: distillation, preference learning.
        return False
    return is_divergence_name(leaf.name)


def is_divergence_name(name: str) -> bool:
    """Whether a name is one of a KL divergence, and not of its weight."""
    return _KL_NAME.search(name) is not None and _WEIGHT_NAME.search(name) is None


def is_weight_name(name: str) -> bool:
    """Whether a name is one of a weight, which is positive."""
    return _WEIGHT_NAME.search(name) is not None


def is_reconstruction_name(leaf: Sym) -> bool:
    """Whether a value is called a reconstruction loss."""
    return _RECONSTRUCTION_NAME.search(leaf.name) is not None and _WEIGHT_NAME.search(leaf.name) is None


def _is_distance(leaf: Sym) -> bool:
    if leaf.op not in _DISTANCES:
        return False
    if leaf.op == "pow" and leaf.attrs.get("exponent", leaf.inputs[-1] if leaf.inputs else None) != 2:
        return False
    argument = through_reshapes(source(leaf))
    if leaf.op == "mul" and not (len(leaf.inputs) == 2 and leaf.inputs[0] is leaf.inputs[1]):
        return False
    return isinstance(argument, Sym) and argument.op == "sub"
