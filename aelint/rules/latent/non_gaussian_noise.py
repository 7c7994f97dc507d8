"""A Gaussian sample is drawn with noise that is not normal.

## What it does

Finds `mean + scale * noise` where the mean and the scale come out of a network, and reports noise from `torch.rand`,
`uniform_`, `bernoulli` or `randint`. It is an error where a divergence or a `Normal` in the program
says that the same scale belongs to a Gaussian.

## Why is this bad?

`rand_like` lies in [0, 1): its mean is 0.5 and its standard deviation 0.29. Every sample lies above the mean that
the encoder gives, and the KL divergence describes another distribution than the one that the decoder is trained on.

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
        return mean + std * torch.rand_like(std)
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
        return mean + std * torch.randn_like(std)
```

## Known limits

Noise with a fixed scale (dequantisation, augmentation) is no posterior and is left alone.

## References

- Kingma and Welling, Auto-Encoding Variational Bayes, 2014, section 2.4
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from aelint.diagnostics import Applicability, Severity
from aelint.rule import Finding, Note, Rewrite, Rule, Site
from aelint.semantics.dataflow.lineage import ancestors, depends_on
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym
from aelint.semantics.latent.posteriors import POSITIVE_MAPS, Posterior, posteriors
from aelint.semantics.latent.readings import readings

RULE = Rule(
    code="AEL205",
    name="non-gaussian-noise",
    summary="a Gaussian sample is drawn with noise that is not normal",
    severity=Severity.ERROR,
    triggers=(("rand", "uniform", "bernoulli"),),
)

_LAWS = {
    "rand": "uniform on [0, 1), with mean 0.5 and standard deviation 0.29",
    "uniform": "uniform",
    "bernoulli": "0 or 1",
    "randint": "a random integer",
    "random": "a random integer",
}


def check(program: Program) -> Iterator[Finding]:
    """Posteriors whose noise is not normal."""
    gaussian = {r.law.head.id for r in readings(program) if r.law is not None}
    for one in posteriors(program):
        noise = one.noise
        if noise is None or noise.op not in _LAWS or noise.site is None:
            continue
        proven = one.law is not None and one.law.head.id in gaussian
        if proven or (one.learned and _is_scale(one)):
            yield _finding(one, noise, noise.site, proven=proven)


def _is_moved(one: Posterior, noise: Sym) -> bool:
    """Whether a number was added to the noise: it is not on [0, 1) any more."""
    shifts = (a for a in ancestors(one.sample) if a.op in {"add", "sub"} and a is not one.sample)
    return any(depends_on(shift, noise) for shift in shifts)


def _is_scale(one: Posterior) -> bool:
    """Whether the factor is made to be positive, as a standard deviation is."""
    law = one.law
    return law is not None and (law.exponential or law.head.op in POSITIVE_MAPS - {"relu", "sigmoid", "abs"})


def _finding(one: Posterior, noise: Sym, site: Site, *, proven: bool) -> Finding:
    moved = _is_moved(one, noise)
    law = "uniform" if moved and noise.op == "rand" else _LAWS[noise.op]
    mean = f"`{one.mean.name}`" if one.mean is not None and one.mean.name else "the mean"
    scale = f"`{one.scale.name}`" if one.scale is not None and one.scale.name else "the standard deviation"
    message = (
        f"the noise of this sample ({mean} plus {scale} times noise) is {law}; "
        "a Gaussian sample takes standard normal noise, `torch.randn_like`"
    )
    notes = (Note(one.site, "the sample"),) if one.site.row != site.row else ()
    return Finding(
        site, message, notes, None if moved else _rewrite(site), Severity.ERROR if proven else Severity.WARNING
    )


def _rewrite(site: Site) -> Rewrite | None:
    match = re.match(r"(torch\.)?rand(_like)?\(", site.text)
    if match is None:
        return None
    fixed = f"{match[1] or ''}randn{match[2] or ''}(" + site.text[match.end() :]
    return Rewrite("draw normal noise", ((site, fixed),), Applicability.UNSAFE)
