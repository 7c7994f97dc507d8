"""A generator or a critic is trained towards the wrong label.

## What it does

Looks at updates of a critic and of the part whose outputs it judges, by the losses against constant labels. Reports
a generator that is trained towards the label that the critic learns for generated samples, and a critic that
learns one label for everything. Of critics whose plain score is raised or lowered (Wasserstein), it reports a
generator that moves the score of its samples in the direction of the critic; and a critic that minimises its log-likelihood,
written out with logarithms or `logsigmoid`, instead of the negative.

## Why is this bad?

A generator that agrees with its critic learns to be recognised; nothing is adversarial, and an adversarial
autoencoder's codes drift away from the prior. A critic with one label for all answers with it, whatever it sees.

## Example

```python
import torch
from torch import nn

encoder, critic = nn.Linear(784, 8), nn.Linear(8, 1)
opt, opt_critic = torch.optim.Adam(encoder.parameters()), torch.optim.Adam(critic.parameters())
bce = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(16, 1), torch.zeros(16, 1)
for step in range(1000):
    x, prior = torch.rand(16, 784), torch.randn(16, 8)
    opt_critic.zero_grad()
    (bce(critic(prior), ones) + bce(critic(encoder(x).detach()), zeros)).backward()
    opt_critic.step()
    opt.zero_grad()
    bce(critic(encoder(x)), zeros).backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

encoder, critic = nn.Linear(784, 8), nn.Linear(8, 1)
opt, opt_critic = torch.optim.Adam(encoder.parameters()), torch.optim.Adam(critic.parameters())
bce = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(16, 1), torch.zeros(16, 1)
for step in range(1000):
    x, prior = torch.rand(16, 784), torch.randn(16, 8)
    opt_critic.zero_grad()
    (bce(critic(prior), ones) + bce(critic(encoder(x).detach()), zeros)).backward()
    opt_critic.step()
    opt.zero_grad()
    bce(critic(encoder(x)), ones).backward()
    opt.step()
```

## Known limits

Labels must be constant tensors, and both optimisers in sight. Losses without labels (Wasserstein, hinge) and
losses whose sign is turned are not judged.

## References

- Makhzani et al., Adversarial Autoencoders, 2015: https://arxiv.org/abs/1511.05644
- Goodfellow et al., Generative Adversarial Nets, 2014: https://arxiv.org/abs/1406.2661
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function, Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.formulas.formulas import Leaf
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.objective.likelihoods import minimised_likelihoods
from aelint.semantics.objective.objectives import Objective
from aelint.semantics.objective.summands import Summand
from aelint.semantics.optimization.gradients import Update, reach, updates
from aelint.semantics.optimization.initialization import is_weighted

RULE = Rule(
    code="AEL318",
    name="adversarial-labels",
    summary="a generator is trained towards what its critic learns for generated samples, or a critic towards one label",
    severity=Severity.ERROR,
    triggers=(
        ("backward",),
        ("ones", "zeros", "full", "fill_", "mean", "log"),
        ("entropy", "bce", "mse", "mean", "log"),
    ),
)

_JUDGEMENTS = frozenset({"binary_cross_entropy", "binary_cross_entropy_with_logits", "mse_loss"})


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """One loss against a constant label: which layers it trains, and which only take part.

    `by_critic` is True where the last layer before the loss is among those that are trained. A plain score that is
    raised has the label 1, one that is lowered 0; `is_score` tells the two kinds apart.
    """

    site: Site
    label: float
    by_critic: bool
    trained: frozenset[int]
    held_back: frozenset[int]
    update: Update
    is_score: bool = False


def check(program: Program) -> Iterator[Finding]:
    """Verdicts that contradict the game."""
    found = [v for update in updates(program) for v in _verdicts(program, update)]
    yield from _agreeing(found)
    yield from _uniform(found)
    for one in minimised_likelihoods(program):
        message = (
            f"`{one.backward.text}` ({place(one.backward, one.site)}) minimises the critic's log-likelihood, log D(data) + log(1 - D(samples)): "
            "it learns to be wrong about both, and the loss falls without end. Minimise its negative"
        )
        yield Finding(one.site, message, (Note(one.backward, "minimised here"),))


def _verdicts(program: Program, update: Update) -> Iterator[Verdict]:
    held = frozenset[int]().union(*(s.held.owners for s in update.steps))
    if not isinstance(update.backward.of, Sym) or not all(s.held.known for s in update.steps):
        return
    # A game that begins after some rounds is in one of the branches.
    losses = (Objective(one, called=True) for one in alternatives(update.backward.of) if isinstance(one, Sym))
    for summand in (s for loss in losses for s in loss.summands):
        yield from _scores(summand, update, held)
        for leaf in summand.leaves:
            if isinstance(leaf, Sym) and leaf.op in _JUDGEMENTS and leaf.site is not None and summand.factor > 0:
                label = _label(leaf)
                judged = reach(leaf.attrs.get("input"))
                if label is not None and not judged.everything and len(summand.product) == 1:
                    back = frozenset(judged.severed) | (judged.live - held)
                    trained = judged.live & held
                    site = _told_apart(program, leaf, leaf.site)
                    yield Verdict(site, label, _judge(leaf) in trained, trained, back, update)


def _told_apart(program: Program, leaf: Sym, computed: Site) -> Site:
    """Where the label is given: in the call of a function of the project that only computes the loss, if there is one."""
    calls = sorted((c for c in program.calls if c.result is leaf), key=lambda c: -len(c.context.stack))
    return next((c.site for c in calls if isinstance(c.callee, Function) and _is_handed(leaf, c)), computed)


def _is_handed(leaf: Sym, call: Call) -> bool:
    target = leaf.attrs.get("target")
    return any(given is target for given in (*call.args, *call.kwargs.values()))


def _scores(summand: Summand, update: Update, held: frozenset[int]) -> Iterator[Verdict]:
    """A mean of what a layer gives, as Wasserstein critics are trained: raised or lowered as it is."""
    up = _direction(update) * summand.factor
    for generator, power in summand.product if len(summand.product) == 1 else ():
        leaf = generator.key if isinstance(generator, Leaf) and power == 1 else None
        if isinstance(leaf, Sym) and is_weighted(leaf.layer) and up and update.backward.event.site is not None:
            judged = reach(leaf)
            if not judged.everything:
                back = frozenset(judged.severed) | (judged.live - held)
                trained = judged.live & held
                site = update.backward.event.site
                yield Verdict(site, float(up < 0), id(leaf.layer) in trained, trained, back, update, True)


def _direction(update: Update) -> float:
    """The sign of the gradient that `loss.backward(gradient)` starts from; 0 where it is unknown."""
    given = getattr(update.backward.event, "args", ())
    match given:
        case ():
            return 1.0
        case (int() | float() as number, *_):
            return float(number)
        case (Sym() as gradient, *_):
            low, high = gradient.range.low, gradient.range.high
            return low if low == high else 0.0
        case _:
            return 0.0


def _judge(leaf: Sym) -> int:
    """The layer with weights that is nearest to the loss."""
    layers = (s.layer for s in ancestors(leaf.attrs.get("input")) if is_weighted(s.layer))
    return id(next(layers, None))


def _label(leaf: Sym) -> float | None:
    target = leaf.attrs.get("target")
    if not isinstance(target, Sym) or target.op not in {
        "ones",
        "zeros",
        "full",
        "ones_like",
        "zeros_like",
        "full_like",
    }:
        return None
    low, high = target.range.low, target.range.high
    return low if low == high else None


def _agreeing(found: list[Verdict]) -> Iterator[Finding]:
    for generator in (v for v in found if not v.by_critic):
        for critic in (v for v in found if v.by_critic):
            labels = [v.label for v in found if v.update is critic.update and v.trained == critic.trained]
            if len(labels) > 1 and len(set(labels)) == 1:
                continue  # that is the critic's fault
            # What the one trains the other holds back, and the other way round: two players of one game.
            opposed = generator.trained <= critic.held_back and critic.trained <= generator.held_back
            alike = generator.label == critic.label and generator.is_score is critic.is_score
            if generator.trained and critic.trained and opposed and alike and generator.is_score:
                direction = "raises" if generator.label else "lowers"
                message = (
                    f"this {direction} the critic's score of generated samples, as the critic itself does ({place(critic.site, generator.site)}): both "
                    "agree, and nothing is adversarial; give one of them the other sign"
                )
                yield Finding(generator.site, message, (Note(critic.site, "the critic's step"),))
            elif generator.trained and critic.trained and opposed and alike:
                message = (
                    f"this trains the generator towards the label {generator.label:g}, which is what the critic learns for its "
                    f"samples ({place(critic.site, generator.site)}): both agree, and nothing is adversarial; use the other label here"
                )
                yield Finding(generator.site, message, (Note(critic.site, "the critic's label for generated samples"),))


def _uniform(found: list[Verdict]) -> Iterator[Finding]:
    # One step may train several critics, each of which learns labels of its own.
    for update, trained in {(id(v.update), v.trained): (v.update, v.trained) for v in found}.values():
        mine = [v for v in found if v.update is update and v.trained == trained and v.by_critic and not v.is_score]
        fakes = [v for v in mine if v.held_back]
        reals = [v for v in mine if not v.held_back]
        # The generator's own update, with the other label or not, shows that this is its critic.
        against = any(v.trained and f.trained <= v.held_back and v.trained <= f.held_back for v in found for f in fakes)
        if reals and against and len({v.label for v in mine}) == 1:
            message = (
                f"the critic learns the label {fakes[0].label:g} for generated samples as for the others "
                f"({place(reals[0].site, fakes[0].site)}), so it cannot tell them apart; give the two different labels"
            )
            yield Finding(fakes[0].site, message, (Note(reals[0].site, "the same label"),))
