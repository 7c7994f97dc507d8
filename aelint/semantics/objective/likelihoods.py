"""Critics that are trained by the likelihood itself, written out: log D(x) + log(1 - D(y))."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import ancestors, source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Object, Sym
from aelint.semantics.formulas.algebra import Algebra, algebra_of
from aelint.semantics.formulas.formulas import Leaf, Log
from aelint.semantics.objective.objectives import Objective
from aelint.semantics.objective.summands import Summand
from aelint.semantics.optimization.gradients import Update, reach_of, untracked, updates
from aelint.semantics.optimization.initialization import is_weighted
from aelint.semantics.variants.bernoulli import remainder

__all__ = ["MinimisedLikelihood", "minimised_likelihoods"]


@dataclass(frozen=True, slots=True, eq=False)
class MinimisedLikelihood:
    """Where the loss of a critic gets its value, and the backward pass that minimises it."""

    site: Site
    backward: Site


def minimised_likelihoods(program: Program) -> Iterator[MinimisedLikelihood]:
    """Steps of a critic that make its log-likelihood small, for the data and for what another part gives."""
    algebra, cuts = algebra_of(program), untracked(program)
    for update in updates(program):
        held = frozenset[int]().union(*(s.held.owners for s in update.steps))
        loss = update.backward.of
        if not isinstance(loss, Sym) or not all(s.held.known for s in update.steps) or _rises(update):
            continue
        terms = [(s, *term) for s in Objective(loss, called=True).summands if (term := _term(algebra, s)) is not None]
        judged = [(s, q, rest, reach_of(program)(q, cuts)) for s, q, rest in terms]
        mine = [j for j in judged if _judge(j[1]) in held]
        real = any(not rest and not (reached.severed or reached.live - held) for _, _, rest, reached in mine)
        made = any(rest and (reached.severed or reached.live - held) for _, _, rest, reached in mine)
        if mine and len(mine) == len(judged) and real and made and all(s.factor > 0 for s, *_ in mine):
            site = _returned(program, loss) or _named(program, update) or update.backward.event.site
            yield MinimisedLikelihood(site, update.backward.event.site)


def _rises(update: Update) -> bool:
    """Whether the step goes uphill, or the gradient starts from another number than one."""
    asked = any(isinstance(s.of, Object) and s.of.kwargs.get("maximize") not in {None, False} for s in update.steps)
    return asked or bool(getattr(update.backward.event, "args", ()))


def _term(algebra: Algebra, summand: Summand) -> tuple[Sym, bool] | None:
    """The probability in `log q` or `log (1 - q)`, or the score behind it, and whether it is the latter."""
    match list(summand.product):
        case [(Leaf(key=Sym(op="logsigmoid", attrs={"input": Sym(op="neg", attrs={"input": Sym() as score})})), 1.0)]:
            return score, True  # 1 - sigmoid(s) is sigmoid(-s)
        case [(Leaf(key=Sym(op="logsigmoid", attrs={"input": Sym() as score})), 1.0)]:
            return score, False
        case [(Log(of=Leaf(key=Sym(op="sigmoid") as q)), 1.0)]:
            return q, False
        case [(Leaf(key=Sym(op="log") as log), 1.0)]:
            rest = remainder(algebra, source(log))
            return (rest, True) if rest is not None and rest.op == "sigmoid" else None
        case _:
            return None


def _judge(probability: Sym) -> int:
    """The layer with weights that is nearest to the loss."""
    return id(next((s.layer for s in ancestors(probability) if is_weighted(s.layer)), None))


def _returned(program: Program, loss: Sym) -> Site | None:
    """Where a function that is named for a loss computes what it returns."""
    named = any(ended.value is loss and "loss" in ended.function.name.lower() for ended in program.returns)
    return loss.site if named else None


def _named(program: Program, update: Update) -> Site | None:
    """Where the loss got its last name before it was differentiated."""
    backward = update.backward
    bound = [b for b in program.bindings if b.value is backward.of and b.order < backward.order]
    return max(bound, key=lambda b: b.order).site if bound else None
