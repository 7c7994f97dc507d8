"""Samples of distributions other than the normal one that go on into a layer without a gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow import graph
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.latent.posteriors import is_learned

__all__ = ["CutSample", "cut_samples"]

_DISCRETE = frozenset({"OneHotCategorical", "Categorical", "Bernoulli"})
_CONTINUOUS = frozenset(
    "OneHotCategoricalStraightThrough LogNormal Laplace Cauchy Gumbel StudentT Gamma Beta Exponential HalfNormal Dirichlet "
    "ContinuousBernoulli RelaxedBernoulli RelaxedOneHotCategorical MultivariateNormal LowRankMultivariateNormal".split()
)
"""Families that have `rsample`."""
_HANDED_ON = RESHAPES | {"to", "float", "cat", "stack", "one_hot", "dropout", "clone", "item", "unsqueeze", "squeeze"}


@dataclass(frozen=True, slots=True, eq=False)
class CutSample:
    """A sample that a layer consumes as it was drawn, from a distribution that a network shapes and a divergence holds."""

    site: Site
    family: str
    discrete: bool
    divergence: Site


def cut_samples(program: Program) -> Iterator[CutSample]:
    """Draws by `sample()` from distributions that a divergence regularises, without a gradient on any way."""
    drawn = [c for c in program.method_calls("sample") if _is_draw(c.result) and isinstance(c.receiver, Object)]
    compared = program.calls_to("distributions.kl_divergence") if drawn else []
    scored = _scored(program) if compared else set()
    for call in drawn if compared else ():
        sample = call.result
        if not isinstance(sample, Sym) or call.context.no_grad or call.context.guards or sample.id in scored:
            continue
        of = _base(sample.attrs.get("self"))
        term = next((c for c in compared if _base(_first(c)) is of), None)
        family = of.name.rpartition(".")[2] if of is not None else ""
        if term is None or of is None or family not in _DISCRETE | _CONTINUOUS or not _is_shaped(of):
            continue
        if not _has_gradient(program, of) and _is_consumed(program, sample):
            yield CutSample(call.site, family, family in _DISCRETE, term.site)


def _is_draw(value: Value) -> bool:
    return isinstance(value, Sym) and value.op == "distributions.sample"


def _scored(program: Program) -> set[int]:
    """What the values are made of whose log-density is taken: their gradient may come from there."""
    nodes = graph.nodes_of(program, "distributions.log_prob")
    return {
        s.id
        for node in nodes
        for v in (*node.inputs, node.attrs.get("value"))
        if isinstance(v, Sym)
        for s in ancestors(v)
    }


def _first(call: Call) -> Value:
    return next(iter((*call.args, *call.bound.values())), None)


def _base(value: Value) -> Object | None:
    """A distribution without the wrapper that joins its axes."""
    while isinstance(value, Object) and value.name.endswith(".Independent"):
        value = value.args[0] if value.args else value.kwargs.get("base_distribution")
    return value if isinstance(value, Object) else None


def _is_shaped(of: Object) -> bool:
    """Whether a network gives the parameters of the distribution."""
    return any(is_learned(v) for v in (*of.args, *of.kwargs.values()))


def _has_gradient(program: Program, of: Object) -> bool:
    """Whether the same distribution is also drawn from with a gradient."""
    again = graph.nodes_of(program, "distributions.rsample")
    return any(_base(node.attrs.get("self")) is of for node in again)


def _is_consumed(program: Program, sample: Sym) -> bool:
    """Whether a layer takes the sample as it is, and nothing adds a gradient to it on another way."""
    users = graph.consumers(program)
    pending, found = [sample], False
    for node in pending:  # grows while it is read
        for user in users.get(node.id, ()):
            if user.op in _HANDED_ON:
                pending += [user] if all(one is not user for one in pending) else []
            elif user.layer is not None or user.op in {"linear", "matmul", "embedding"}:
                found = True
            elif user.op in {"add", "sub", "detach"}:
                return False
    return found
