"""A sample scales its noise by a standard deviation that contradicts the divergence.

## What it does

Follows the output of the encoder's scale head to the two places where it gets a meaning: the sample
`mean + scale * noise` and the KL divergence. Reports a head that the two read differently, for example
`exp(logvar)` as the standard deviation of the sample while the KL takes the same tensor for a log-variance.
Both are derived from the formulas, through functions and files; names play no part. (Where nothing calls the
divergence, a parameter of the same name in the same file stands for the head, and the finding is a warning.)
Also reports a `Normal` whose scale is the plain output of a layer: torch raises at the first value below zero.

## Why is this bad?

With `h = log s^2` the standard deviation is `exp(h / 2)`. A sample with `exp(h)` squares it: the noise that the decoder
sees is not the noise that the KL pays for. Training runs, but the bound is no bound, small scales vanish
and large ones explode.

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
        z = mean + torch.exp(logvar) * torch.randn_like(mean)
        kl = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
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
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        kl = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
        return self.decoder(z), kl
```

## Known limits

A sample whose divergence is in a file that this one does not import is not judged: `exp(h)` is right where
`h` is the log of the standard deviation.

## References

- Kingma and Welling, Auto-Encoding Variational Bayes, 2014, section 2.4 and appendix B
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Applicability, Confidence, Severity
from aelint.rule import Finding, Note, Rewrite, Rule, Site
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.latent.consistency import Contradiction, contradictions, spoken
from aelint.semantics.latent.posteriors import Posterior, exponential_of, posteriors

RULE = Rule(
    code="AEL203",
    name="logvar-as-std",
    summary="the noise of a sample is scaled by a head that the divergence reads differently",
    severity=Severity.ERROR,
    triggers=(("rand", "normal"),),
)

_LAYERS = frozenset({"linear", "conv1d", "conv2d", "conv3d"})
_RIGHT = {"logvar": "exp(0.5 * {})", "logstd": "exp({})", "std": "{}", "var": "sqrt({})"}


def check(program: Program) -> Iterator[Finding]:
    """Samples that contradict the divergence, and are the ones at fault."""
    for one in contradictions(program):
        site = _place(one)
        if one.in_sample:
            yield _finding(one, site)
    for posterior in posteriors(program):
        drawn = posterior.distribution
        if drawn is not None and drawn.site is not None and _is_unconstrained(posterior):
            name = posterior.head.name if posterior.head is not None and posterior.head.name else "the scale"
            yield Finding(
                drawn.site,
                f"the scale of this `Normal`, `{name}`, is the plain output of a layer and has both signs, so torch raises a ValueError; "
                f"if it is a log-variance, the scale is `exp(0.5 * {name})`",
            )


def _is_unconstrained(one: Posterior) -> bool:
    """Whether the scale is what a layer computes, on both sides of zero, and the distribution checks it."""
    checked = one.distribution is not None and one.distribution.kwargs.get("validate_args") is not False
    head = one.head
    plain = one.law is not None and not one.law.exponential and one.law.power == 1 and one.law.factor == 1
    of_layer = head is not None and head.op in _LAYERS and head.layer is not None
    return checked and plain and of_layer and one.scale is not None and one.scale.range.low < 0


def _finding(one: Contradiction, site: Site) -> Finding:
    reading = one.reading.law
    assert reading is not None
    name = reading.head.name or "the head"
    kind = one.law.kind
    used = _used(one, name)
    message = (
        f"this sample scales its noise by `{used}`, but the {_divergence(one)} on {place(one.reading.site, site)} takes "
        f"`{name}` for {spoken(reading.kind)}; the standard deviation is then `{_RIGHT[reading.kind].format(name)}`"
    )
    notes = (Note(one.reading.site, f"`{name}` is {spoken(reading.kind)} here"),)
    rewrite = _rewrite(one, site) if (kind, reading.kind) == ("logstd", "logvar") else None
    if one.by_name:
        return Finding(site, message, notes, rewrite, Severity.WARNING, Confidence.MEDIUM)
    return Finding(site, message, notes, rewrite)


def _divergence(one: Contradiction) -> str:
    return "KL formula" if one.reading.how == "formula" else "`Normal`"


def _used(one: Contradiction, name: str) -> str:
    law = one.law
    if one.through not in {"", "exp"}:
        return f"{one.through}({name})"
    factor = "" if law.factor == 1 else f"{law.factor:g} * "
    power = "" if law.power == 1 else f"{law.power:g} * "
    if law.exponential:
        return f"{factor}exp({power}{name})"
    return f"{factor}{name}" if law.power == 1 else f"{factor}{name} ** {law.power:g}"


def _place(one: Contradiction) -> Site:
    """The exponential that makes the scale, else its product with a number, else the sample."""
    made = exponential_of(one.posterior) or _scaled(one.posterior, one.law.head)
    return made.site if made is not None and made.site is not None else one.posterior.site


def _scaled(posterior: Posterior, head: Sym) -> Sym | None:
    """`head / 2`, where that is what multiplies the noise."""
    for node in ancestors(posterior.sample):
        if node.op in {"mul", "truediv"} and node.inputs and _is_same(node.inputs[0], head):
            return node if isinstance(node.inputs[-1], (int, float)) else None
    return None


def _is_same(value: Value, head: Sym) -> bool:
    """Whether it is the head, or the same layer's output in another round."""
    return value is head or (isinstance(value, Sym) and head.layer is not None and value.layer is head.layer)


def _rewrite(one: Contradiction, site: Site) -> Rewrite | None:
    made = exponential_of(one.posterior)
    if made is None or one.law.factor != 1:
        return None
    argument = made.attrs.get("input")
    text = site.text
    if not isinstance(argument, Sym) or argument is not one.law.head:
        return None
    for opening in ("torch.exp(", "exp("):
        if text.startswith(opening) and text.endswith(")") and text[len(opening) : -1].isidentifier():
            fixed = f"{opening}0.5 * {text[len(opening) : -1]})"
            return Rewrite("take half of the log-variance", ((site, fixed),), Applicability.UNSAFE)
    if text.endswith(".exp()") and text[: -len(".exp()")].isidentifier():
        fixed = f"(0.5 * {text[: -len('.exp()')]}).exp()"
        return Rewrite("take half of the log-variance", ((site, fixed),), Applicability.UNSAFE)
    return None
