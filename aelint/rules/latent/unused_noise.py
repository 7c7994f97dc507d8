"""Noise is drawn and then not used.

## What it does

Reports a method of a network that draws random numbers under a name and never reads that name, or assigns it again
before it is read; and a corrupted input whose name is given to the clean input again.

## Why is this bad?

A variational model that forgets its noise is a plain autoencoder with a penalty: the decoder learns from the mean alone,
and what lies between the codes is never trained. A denoising model without noise learns to copy.

## Example

```python
import torch
from torch import nn


class Posterior(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar = nn.Linear(784, 20), nn.Linear(784, 20)

    def forward(self, x):
        mean, std = self.mean(x), torch.exp(0.5 * self.logvar(x))
        eps = torch.randn_like(std)
        return mean + std
```

## Use instead

```python
import torch
from torch import nn


class Posterior(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar = nn.Linear(784, 20), nn.Linear(784, 20)

    def forward(self, x):
        mean, std = self.mean(x), torch.exp(0.5 * self.logvar(x))
        eps = torch.randn_like(std)
        return mean + std * eps
```

## Known limits

Only names inside of methods of networks are judged, and only where every use is in sight.

## References

- Kingma and Welling, Auto-Encoding Variational Bayes, 2014, section 2.4
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics.dataflow.dead_values import dead_bindings, overwritten_bindings
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.latent.posteriors import is_noise, posteriors

RULE = Rule(
    code="AEL212",
    name="unused-noise",
    summary="noise is drawn and not used",
    severity=Severity.WARNING,
    triggers=(("rand", "normal"),),
    absence=True,
)

_DRAWS = frozenset({"randn", "rand", "normal", "uniform", "distributions.sample", "distributions.rsample"})

_SCALED = frozenset({"mul", "truediv"})
_SAMPLES = frozenset({"add", "sub", "addcmul", "phi", "distributions.rsample"})


def check(program: Program) -> Iterator[Finding]:
    """Draws that nothing reads."""
    for binding in dead_bindings(program, _DRAWS):
        drawn = binding.value
        if isinstance(drawn, Sym) and is_noise(drawn):
            message = f"the noise `{binding.name}` is drawn and never used; multiply it by the standard deviation, or remove it"
            yield Finding(binding.site, message)
    corrupted = list(_overwritten(program))
    told = {id(binding.site.node) for binding, _ in corrupted}
    for binding in dead_bindings(program, _SCALED):
        drawn = _scaled_noise(binding.value)
        if drawn is not None and id(binding.site.node) not in told:
            message = f"the noise `{binding.name}` is drawn and never used; multiply it by the standard deviation, or remove it"
            yield Finding(binding.site, message)
    yield from (finding for _, finding in corrupted)
    samples = {p.sample.id: p for p in posteriors(program) if p.learned and p.route in {"sum", "rsample"}}
    for binding in dead_bindings(program, _SAMPLES):
        # In evaluation the mean may take the sample's place.
        drawn = next((v for v in alternatives(binding.value) if isinstance(v, Sym) and v.id in samples), None)
        if drawn is not None:
            mean = samples[drawn.id].mean
            name = mean.name if mean is not None and mean.name else "the mean"
            message = (
                f"the sample `{binding.name}` is drawn and never used: what follows sees `{name}` or nothing, so the noise "
                "has no effect on training; give the decoder the sample, or remove it"
            )
            yield Finding(binding.site, message)


def _scaled_noise(value: object) -> Sym | None:
    """The draw below a plain factor: `randn_like(mean) * 0.1`."""
    if not isinstance(value, Sym) or len(value.inputs) != 2:
        return None
    drawn = [i for i in value.inputs if isinstance(i, Sym) and is_noise(i)]
    factors = [i for i in value.inputs if i not in drawn]
    plain = all(isinstance(f, (int, float)) or (isinstance(f, Sym) and f.op in {"param", "attr"}) for f in factors)
    return drawn[0] if len(drawn) == 1 and plain else None


_CORRUPTIONS = frozenset({"add", "sub", "mul", "where", "dropout", "masked_fill", "clamp"})


def _overwritten(program: Program) -> Iterator[tuple[Binding, Finding]]:
    """A corrupted tensor whose name is given to the clean one before anything read it."""
    for binding, again in overwritten_bindings(program, _CORRUPTIONS):
        if not isinstance(binding.value, Sym) or not isinstance(again.value, Sym):
            continue
        before, after = ({a.id: a for a in ancestors(value)} for value in (binding.value, again.value))
        # Data that stands in for a batch is drawn too, but the clean tensor holds it as well.
        noise = [a for i, a in before.items() if is_noise(a) and i not in after]
        clean = [a for i, a in before.items() if (a.op in _GIVEN or is_noise(a)) and i in after]
        if noise and clean and not any(is_noise(a) for i, a in after.items() if i not in before):
            name = clean[0].name or "the clean tensor"
            message = (
                f"`{binding.name}` holds noise ({place(binding.site, again.site)}) and is assigned again here from the clean `{name}` before "
                "anything reads it: the network never sees the corrupted input. Go on from the corrupted one"
            )
            yield binding, Finding(again.site, message, (Note(binding.site, "corrupted here"),))


_GIVEN = frozenset({"param", "batch", "element", "item"})
