"""A sample through which a gradient must pass is drawn without reparameterisation.

## What it does

Reports `Normal(mean, std).sample()` and `torch.normal(mean, std)` whose mean and standard deviation come out of a
network, and whose sample goes into the decoder or the loss of a variational model; and samples of other families, such as
one-hot codes, that a layer takes as they were drawn, where `kl_divergence` compares their distribution. A mean or scale of
`torch.normal` that is itself a parameter, which nothing else reads, is reported as well, and so is a sample that is
detached before any layer reads it: `decode(z.detach())`.

## Why is this bad?

Both cut the graph: the gradient of the reconstruction never reaches the encoder, silently, because the KL
divergence alone still trains it. The posterior then falls back to the prior. `rsample()`
and `mean + std * torch.randn_like(std)` draw the same numbers and keep the gradient.

## Example

```python
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar = nn.Linear(784, 20), nn.Linear(784, 20)
        self.decoder = nn.Linear(20, 784)

    def forward(self, x):
        mean, logvar = self.mean(x), self.logvar(x)
        kl = -0.5 * torch.sum(1 + logvar - mean**2 - logvar.exp())
        z = torch.normal(mean, torch.exp(0.5 * logvar))
        return self.decoder(z), kl
```

## Use instead

```python
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar = nn.Linear(784, 20), nn.Linear(784, 20)
        self.decoder = nn.Linear(20, 784)

    def forward(self, x):
        mean, logvar = self.mean(x), self.logvar(x)
        kl = -0.5 * torch.sum(1 + logvar - mean**2 - logvar.exp())
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        return self.decoder(z), kl
```

## Known limits

Estimators that weight the log-density of a sample (REINFORCE), samples under `no_grad` and samples in models that
also have a reparameterised one are left alone.

## References

- Kingma and Welling, Auto-Encoding Variational Bayes, 2014, section 2.4
- torch.distributions, documentation: `rsample` and the pathwise derivative
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Applicability, Severity
from aelint.rule import Finding, Note, Rewrite, Rule
from aelint.semantics.dataflow.graph import consumers
from aelint.semantics.dataflow.lineage import ancestors, source
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym
from aelint.semantics.latent.cut_samples import CutSample, cut_samples
from aelint.semantics.latent.detached_samples import cut_behind, is_in_network
from aelint.semantics.latent.posteriors import Posterior, draw_of, feeds_layer, posteriors
from aelint.semantics.latent.readings import Reading, readings
from aelint.semantics.latent.untrained_laws import untrained_laws
from aelint.semantics.objective.comparisons import LEARNED

RULE = Rule(
    code="AEL208",
    name="non-reparameterized-sample",
    summary="a sample of the posterior cuts the gradient to the encoder",
    severity=Severity.ERROR,
    triggers=((".sample(", "normal", "randn"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Posteriors that are sampled without a gradient on the way to a decoder."""
    scored = _scored(program)
    for one in posteriors(program):
        if not one.learned:
            continue
        if one.route == "sum":
            found = _cut_off(one) if _is_cut(program, one) else None
        elif one.route == "rsample" or one.sample.id in scored or _is_optional(program, one) or _is_meant(program, one):
            found = None
        else:
            found = _drawn(program, one) if feeds_layer(program, one.sample) else None
        if found is not None:
            yield found
    # A model that runs on its own and in a training step is cut in both: what the divergence shows is said.
    detached = [f for one in posteriors(program) if one.learned and (f := _detached(program, one)) is not None]
    yield from sorted(detached, key=lambda finding: finding.severity is not None)
    for cut in cut_samples(program):
        yield _of_family(cut)
    for law in untrained_laws(program):
        names = " and ".join(f"`{parameter.name or 'a parameter'}`" for parameter in law.parameters)
        message = (
            f"`torch.normal` gives no gradient to the mean and the standard deviation, and nothing else reads {names}: training leaves "
            "them as they were initialised; use `mean + std * torch.randn_like(std)`"
        )
        notes = tuple(Note(p.site, "trained by nothing") for p in law.parameters if p.site is not None)
        yield Finding(law.site, message, notes)


def _of_family(cut: CutSample) -> Finding:
    """A draw from another family than the normal one, some of which have no `rsample` at all."""
    remedy = (
        "add `probs - probs.detach()` to it (straight through), or draw from a relaxed distribution"
        if cut.discrete
        else "use `rsample()`"
    )
    message = f"`{cut.family}.sample()` gives no gradient to the parameters, so the decoder cannot train the encoder; {remedy}"
    return Finding(cut.site, message, (Note(cut.divergence, "only the divergence trains this posterior"),))


def _drawn(program: Program, one: Posterior) -> Finding | None:
    if one.law is None:
        # The scale is no formula that is known, but the divergence is taken of this very distribution.
        return Finding(one.site, _message(one), (), _rewrite(one)) if _is_regularised(program, one) else None
    again = (p for p in posteriors(program) if p.law is not None and p.route in {"sum", "rsample"})
    if any(p.law is not None and p.law.head is one.law.head for p in again):
        return None
    term = _divergence(program, one)
    # The square root of an exponential is a posterior's standard deviation; policies exponentiate once.
    return _finding(one, term) if term is not None or one.scale_kind == "logvar" else None


def _is_regularised(program: Program, one: Posterior) -> bool:
    """Whether the distribution is the first argument of a KL divergence, and nothing else draws from it."""
    if one.distribution is None:
        return False
    again = any(p.distribution is one.distribution and p.route == "rsample" for p in posteriors(program))
    compared = program.calls_to("distributions.kl_divergence")
    return not again and any(one.distribution is v for c in compared for v in (*c.bound.values(), *c.args)[:1])


def _is_cut(program: Program, one: Posterior) -> bool:
    """Whether the mean is taken out of the graph for the sample and kept in it for the divergence."""
    mean = one.mean
    if mean is None or mean.op not in {"detach", "data"} or not isinstance(source(mean), Sym):
        return False
    whole = source(mean)
    call = draw_of(program, one)
    if call is None or call.context.no_grad or call.context.guards or not feeds_layer(program, one.sample):
        return False
    # Somebody who stops the gradient of a mean on purpose samples it elsewhere with one.
    free = any(p.mean is whole for p in posteriors(program))
    law = one.law
    return not free and any(r.law is not None and law is not None and r.law.head is law.head for r in readings(program))


def _cut_off(one: Posterior) -> Finding:
    mean = one.mean
    assert mean is not None
    message = (
        "the mean of this sample is taken out of the graph (`.data` or `.detach()`), so the reconstruction cannot train it "
        "and the divergence alone pulls it to the prior; add the mean itself"
    )
    return Finding(mean.site or one.site, message, (Note(one.site, "the sample"),))


def _detached(program: Program, one: Posterior) -> Finding | None:
    cut = cut_behind(program, one) if one.route in {"sum", "rsample"} else None
    term = _divergence(program, one)
    # A policy detaches its actions, and its standard deviation is no root of an exponential.
    if cut is None or cut.site is None or (term is None and one.scale_kind != "logvar"):
        return None
    message = (
        "the sample is taken out of the graph before any layer reads it, so the reconstruction cannot train the encoder "
        "and nothing but the divergence moves the posterior; decode the sample itself"
    )
    if term is None:
        # What is trained on the codes of a finished model needs none of its gradients.
        meant = not is_in_network(program, cut)
        return None if meant else Finding(cut.site, message, (Note(one.site, "the sample"),), severity=Severity.WARNING)
    return Finding(cut.site, message, (Note(one.site, "the sample"), Note(term.site, "the divergence")))


def _divergence(program: Program, one: Posterior) -> Reading | None:
    """The KL term of the posterior: without one the model need not be variational."""
    for reading in readings(program):
        same = reading.law is not None and one.law is not None and reading.law.head is one.law.head
        if same and (reading.how == "formula" or reading.compared):
            return reading
    return None


def _scored(program: Program) -> set[int]:
    """Samples whose log-density is taken: their gradient may come from there."""
    calls = [c for c in program.calls if isinstance(c.result, Sym) and c.result.op == "distributions.log_prob"]
    values = [c.bound.get("value", c.args[0] if c.args else None) for c in calls]
    return {s.id for v in values if isinstance(v, Sym) for s in ancestors(v)}


def _is_optional(program: Program, one: Posterior) -> bool:
    call = draw_of(program, one)
    return call is not None and (call.context.no_grad or bool(call.context.guards))


def _is_meant(program: Program, one: Posterior) -> bool:
    """Whether no gradient is wanted: the sample is detached as well, as an action is, or made from codes of the prior."""
    users = consumers(program).get(one.sample.id, [])
    if users and all(user.op == "detach" for user in users):
        return True
    return one.mean is not None and _is_generated(one.mean)


def _is_generated(mean: Sym) -> bool:
    """Whether a mean is what a network makes of random codes alone: data is drawn from it, not a code for a decoder."""
    for one in (mean, *ancestors(mean)):
        if one.op in LEARNED or (one.op == "call" and one.inputs):
            given = [i for i in one.inputs["method" in one.attrs :] if isinstance(i, Sym) and i.op != "parameter"]
            return bool(given) and all(_is_drawn(i) for i in given)
    return False


def _is_drawn(value: Sym) -> bool:
    """Whether a tensor is drawn and knows of no other tensor, not even of its size."""
    return value.op in {"randn", "rand", "normal"} and not any(isinstance(i, Sym) for i in value.inputs)


def _message(one: Posterior) -> str:
    name = "`sample()`" if one.route == "sample" else "`torch.normal`"
    return (
        f"{name} gives no gradient to the mean and the standard deviation, so the decoder cannot train the encoder; "
        "use `rsample()` or `mean + std * torch.randn_like(std)`"
    )


def _finding(one: Posterior, term: Reading | None) -> Finding:
    message = _message(one)
    if term is None:
        return Finding(one.site, message, (), _rewrite(one), Severity.WARNING)
    return Finding(one.site, message, (Note(term.site, "only the divergence trains this posterior"),), _rewrite(one))


def _rewrite(one: Posterior) -> Rewrite | None:
    text = one.site.text
    if one.route != "sample" or text.count(".sample(") != 1:
        return None
    return Rewrite("sample with a gradient", ((one.site, text.replace(".sample(", ".rsample(")),), Applicability.UNSAFE)
