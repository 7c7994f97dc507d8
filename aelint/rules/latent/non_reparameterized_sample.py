"""A sample through which a gradient must pass is drawn without reparameterisation.

## What it does

Reports `Normal(mean, std).sample()` and `torch.normal(mean, std)` whose mean and standard deviation come out of a
network, and whose sample goes into the decoder or the loss of a variational model.

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
from aelint.semantics.lineage import ancestors
from aelint.semantics.posteriors import Posterior, draw_of, feeds_layer, posteriors
from aelint.semantics.program import Program
from aelint.semantics.readings import Reading, readings
from aelint.semantics.values import Sym

RULE = Rule(
    code="AEL208",
    name="non-reparameterized-sample",
    summary="a sample of the posterior cuts the gradient to the encoder",
    severity=Severity.ERROR,
    triggers=((".sample(", "normal("),),
)


def check(program: Program) -> Iterator[Finding]:
    """Posteriors that are sampled without a gradient on the way to a decoder."""
    samples = posteriors(program)
    differentiable = {p.law.head.id for p in samples if p.law is not None and p.route in {"sum", "rsample"}}
    scored = _scored(program)
    seen: set[object] = set()
    for one in samples:
        if one.route not in {"sample", "normal"} or one.law is None or not one.learned or one.site.node in seen:
            continue
        if one.law.head.id in differentiable or one.sample.id in scored or _is_optional(program, one):
            continue
        term = _divergence(program, one)
        # The square root of an exponential is a posterior's standard deviation; policies exponentiate once.
        if (term is not None or one.scale_kind == "logvar") and feeds_layer(program, one.sample):
            seen.add(one.site.node)
            yield _finding(one, term)


def _divergence(program: Program, one: Posterior) -> Reading | None:
    """The KL term of the posterior: without one the model need not be variational."""
    for reading in readings(program):
        same = reading.law is not None and one.law is not None and reading.law.head is one.law.head
        if same and (reading.how == "formula" or reading.compared):
            return reading
    return None


def _scored(program: Program) -> set[int]:
    """Samples whose log-density is taken: their gradient may come from there."""
    values = [c.bound.get("value", c.args[0] if c.args else None) for c in program.calls_to("distributions.log_prob")]
    return {s.id for v in values if isinstance(v, Sym) for s in ancestors(v)}


def _is_optional(program: Program, one: Posterior) -> bool:
    call = draw_of(program, one)
    return call is not None and (call.context.no_grad or bool(call.context.guards))


def _finding(one: Posterior, term: Reading | None) -> Finding:
    name = "`sample()`" if one.route == "sample" else "`torch.normal`"
    message = (
        f"{name} gives no gradient to the mean and the standard deviation, so the decoder cannot train the encoder; "
        "use `rsample()` or `mean + std * torch.randn_like(std)`"
    )
    if term is None:
        return Finding(one.site, message, (), _rewrite(one), Severity.WARNING)
    return Finding(one.site, message, (Note(term.site, "only the divergence trains this posterior"),), _rewrite(one))


def _rewrite(one: Posterior) -> Rewrite | None:
    text = one.site.text
    if one.route != "sample" or text.count(".sample(") != 1:
        return None
    return Rewrite("sample with a gradient", ((one.site, text.replace(".sample(", ".rsample(")),), Applicability.UNSAFE)
