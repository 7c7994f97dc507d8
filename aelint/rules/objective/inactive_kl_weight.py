"""The posterior is sampled, but nothing in the loss holds it to the prior.

## What it does

Reports a training loss of reconstruction terms alone whose reconstruction was decoded from a sample
`mean + std * noise` with a learned scale; a KL divergence that enters the loss detached, as a number, or with its
mean and scale detached; and one that a function computes beside the reconstruction error that it returns, and at most
detaches to show it. So too a total that is but another name for the reconstruction error, where a divergence is
computed beside it, and shown or returned on its own. So too a weight of the KL that is 0 in each round of the loop whose counter it is
computed from, as `epoch // 100` in 30 epochs. Also a floor of the KL (free bits) that
is applied after the KL was divided, by the number of pixels say, and so stands for more than one nat for each latent.

## Why is this bad?

Without the KL the noise only hurts, so training drives the standard deviation to zero and the means apart:
a plain autoencoder with a nuisance. Samples from the prior decode to nothing.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(64, 8), nn.Linear(4, 64)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])

for x in torch.utils.data.DataLoader(torch.rand(512, 64), batch_size=32):
    mu, logvar = encoder(x).chunk(2, dim=1)
    z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    loss = F.mse_loss(decoder(z), x, reduction="sum")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(64, 8), nn.Linear(4, 64)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])

for x in torch.utils.data.DataLoader(torch.rand(512, 64), batch_size=32):
    mu, logvar = encoder(x).chunk(2, dim=1)
    z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    loss = F.mse_loss(decoder(z), x, reduction="sum") + kl
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## Known limits

Any further term of the loss, known or not, and any other loss that sees mean, scale or sample counts as a
restraint. The backward pass must be in sight, or the function that computes the loss return it. A divergence that the
function returns with its graph is left to the caller.

## References

- Kingma and Welling, Auto-Encoding Variational Bayes, 2014: https://arxiv.org/abs/1312.6114
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.lineage import ancestors, ancestors_of_any, depends_on, source
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.latent.posteriors import Posterior, draw_of, posteriors
from aelint.semantics.objective.bare_totals import bare_totals
from aelint.semantics.objective.closed_forms import gaussian_terms
from aelint.semantics.objective.idle_divergences import IdleDivergence, idle_divergences
from aelint.semantics.objective.idle_weights import idle_weights
from aelint.semantics.objective.objectives import Objective, objectives
from aelint.semantics.objective.rescaled_floors import rescaled_floors
from aelint.semantics.objective.terms import Term, divergences, reconstructions
from aelint.semantics.optimization.parameters import held_by
from aelint.semantics.optimization.training import optimizers

RULE = Rule(
    code="AEL302",
    name="inactive-kl-weight",
    summary="the posterior is sampled, but no term of the loss holds it to the prior",
    severity=Severity.WARNING,
    triggers=(("backward", "return"), ("randn", "normal", "rsample", "item", "detach", "float(", "kl")),
    absence=True,
)


def check(program: Program) -> Iterator[Finding]:
    """Yield losses without a restraint on the posterior, and divergences without gradient."""
    called = [o for o in objectives(program) if o.called]
    sampled = [
        p
        for p in posteriors(program)
        if p.learned and _is_from_layer(p.mean) and _is_from_layer(p.head) and _sees_data(p) and _trains(program, p)
    ]
    yield from _severed(called)
    read_off = [_read_off(one) for one in idle_divergences(program) if one.read]
    yield from read_off
    if not read_off:
        yield from _unrestrained(called, sampled)
    for bare in bare_totals(program):
        message = (
            f"the total is `{bare.error}` alone, and `{bare.divergence}` ({place(bare.computed, bare.site)}) goes into no loss: nothing "
            "keeps the posterior near the prior. Add it"
        )
        yield Finding(bare.site, message, (Note(bare.computed, "the divergence is computed here"),))
    for idle in idle_weights(program):
        why = ", as `//` drops the remainder: divide with `/`" if idle.divided else "; let it grow within these rounds"
        message = (
            f"this weight of the KL divergence is 0 in all {len(idle.rounds)} rounds of the loop ({place(idle.counter, idle.site)}), so nothing "
            f"keeps the posterior near the prior{why}"
        )
        yield Finding(idle.site, message, (Note(idle.counter, f"from {idle.rounds[0]} to {idle.rounds[-1]}"),))
    for floor in rescaled_floors(program):
        message = (
            f"the divergence is divided by {floor.divisor:g} before it is held above its floor ({place(floor.floored, floor.divided)}), which so stands for "
            f"{floor.nats:g} nats in {floor.units} latents: below that nothing draws the posterior to the prior. Apply the floor first, and divide then"
        )
        yield Finding(floor.divided, message, (Note(floor.floored, "the floor"),))


def _read_off(idle: IdleDivergence) -> Finding:
    message = (
        f"`{idle.name}` is only read off: the loss that this function returns ({place(idle.returned, idle.site)}) does not hold it, so "
        "nothing keeps the posterior near the prior. Add it to the loss"
    )
    return Finding(idle.site, message, (Note(idle.returned, "the returned loss"),))


def _is_from_layer(value: Sym | None) -> bool:
    """Whether a layer computed it: the noise level of a diffusion comes from a schedule, which nothing trains."""
    return any(one.layer is not None or one.op == "parameter" for one in ancestors(value))


def _sees_data(posterior: Posterior) -> bool:
    """Whether mean or scale depend on anything but weights: one law for all samples is no posterior of any of them."""
    read = ancestors_of_any((posterior.mean, posterior.head), frozenset({"parameter"}))
    return any(one.op != "parameter" and (one.layer is not None or not one.inputs) for one in read)


def _trains(program: Program, posterior: Posterior) -> bool:
    """Whether some optimiser may hold the head: codes of an encoder that others trained are data."""
    draw = draw_of(program, posterior)
    if draw is not None and draw.context.no_grad:
        return False
    held = [held_by(optimizer) for optimizer in optimizers(program)]
    layers = {id(one.layer) for one in ancestors(posterior.head) if one.layer is not None}
    return not held or not layers or not all(h.known for h in held) or any(layers & h.owners for h in held)


def _severed(called: list[Objective]) -> Iterator[Finding]:
    for objective in called:
        for term in divergences(objective):
            numbers = (one for s in term.summands for one in s.path if one.op == "item_value")  # `float(kl)`
            number = next(numbers, None)
            if number is not None and number.site is not None and not term.by_name:
                yield Finding(number.site, _WITHOUT_GRADIENT.format(how="as a plain number"))
        for gaussian in gaussian_terms(objective):
            if all(isinstance(leaf, Sym) and _is_cut(leaf) for leaf in (gaussian.mean_leaf, gaussian.scale_leaf)):
                assert isinstance(gaussian.scale_leaf, Sym)
                if gaussian.factor is not None and gaussian.scale_leaf.site is not None:
                    yield Finding(
                        gaussian.scale_leaf.site, _WITHOUT_GRADIENT.format(how="with its mean and scale detached")
                    )
        for summand in objective.summands:
            # Beside further factors it is a weight that somebody keeps out of the gradient on purpose.
            for leaf in summand.leaves if len(summand.product) == 1 else ():
                if not isinstance(leaf, Sym) or not _is_cut(leaf) or leaf.site is None:
                    continue
                inner = source(leaf)
                if isinstance(inner, Sym) and any(t.factor for t in divergences(Objective(inner, called=False))):
                    how = "detached" if leaf.op == "detach" else "as a plain number"
                    yield Finding(leaf.site, _WITHOUT_GRADIENT.format(how=how))


_WITHOUT_GRADIENT = (
    "the KL divergence enters the loss {how}: its value is added, its gradient is not, so nothing holds the posterior to "
    "the prior. Add the tensor itself"
)


def _is_cut(leaf: Sym) -> bool:
    return leaf.op == "detach" or (leaf.op == "item" and "index" not in leaf.attrs)


def _unrestrained(called: list[Objective], sampled: list[Posterior]) -> Iterator[Finding]:
    for posterior in sampled:
        using = [o for o in called if depends_on(o.value, posterior.sample)]
        terms = [_only_reconstructions(o, posterior) for o in using]
        if not using or None in terms or _is_held_elsewhere(called, posterior):
            continue
        term = next(t for t in terms if t is not None)
        if term.leaf is None or term.leaf.site is None:
            continue
        site = term.leaf.site
        message = (
            f"the reconstruction is decoded from a sample with a learned scale ({place(posterior.site, site)}), but this is "
            "all that the loss consists of: no KL divergence holds the posterior to the prior, and the scale shrinks to zero"
        )
        yield Finding(site, message, (Note(posterior.site, "the sample"),))


def _only_reconstructions(objective: Objective, posterior: Posterior) -> Term | None:
    """The reconstruction term, if everything in the loss is one and looks at the posterior through the sample alone."""
    term = _reconstruction(objective)
    if term is None or not depends_on(objective.value, posterior.sample) or _sees_directly(objective.value, posterior):
        return None
    return term


def _reconstruction(objective: Objective) -> Term | None:
    """The first reconstruction term of a loss that consists of nothing else."""
    terms = [t for t in reconstructions(objective) if not t.by_name]
    covered = {id(s) for t in terms for s in t.summands}
    if any(_has_constant_target(t) for t in terms):
        # A critic's verdict on the code or the output: an adversary holds the posterior.
        return None
    return terms[0] if terms and all(id(s) in covered for s in objective.summands) else None


def _has_constant_target(term: Term) -> bool:
    target = term.leaf.attrs.get("target") if term.leaf is not None else None
    return isinstance(target, Sym) and not target.range.unknown and target.range.low == target.range.high


def _sees_directly(value: Sym, posterior: Posterior) -> bool:
    """Whether mean, scale or head reach the value on a way that does not pass the sample."""
    watched = {s.id for s in (posterior.mean, posterior.scale, posterior.head) if s is not None}
    seen: set[int] = set()
    pending = [value]
    while pending:
        one = pending.pop()
        if one.id in seen or one is posterior.sample:
            continue
        seen.add(one.id)
        if one.id in watched:
            return True
        pending.extend(i for i in _taking_part(one, posterior) if isinstance(i, Sym))
    return False


def _taking_part(one: Sym, posterior: Posterior) -> tuple[Value, ...]:
    """What a value is made of; of what is the sample in training and the mean otherwise, the sample."""
    either = one.op == "phi" and any(i is posterior.sample for i in one.inputs)
    return tuple(i for i in one.inputs if i is not posterior.mean) if either else one.inputs


def _is_held_elsewhere(called: list[Objective], posterior: Posterior) -> bool:
    """Whether another loss of the program has a divergence, or sees the layers of the posterior, as an adversary does."""
    heads = (s for s in (posterior.mean, posterior.head) if s is not None)
    weights = {next((found for one in ancestors(s) if (found := _weights(one)) is not None), None) for s in heads}
    for objective in called:
        if divergences(objective):
            return True
        if depends_on(objective.value, posterior.sample):
            continue
        behind = list(ancestors(objective.value, frozenset({"detach"})))
        sees = any((found := _weights(one)) is not None and found in weights for one in behind)
        again = any(one.site is posterior.site or one.op == posterior.sample.op for one in behind)
        if sees and not (again and _reconstruction(objective) is not None):
            return True
    return False


def _weights(one: Sym) -> tuple[str, int] | None:
    """What an operation is trained by: a layer, or a parameter that a network of its own multiplies with."""
    if one.layer is not None:
        return "layer", one.layer.id
    return ("parameter", one.id) if one.op == "parameter" else None
