"""Samples are decoded from codes that follow another law or scale than the decoder was trained on.

## What it does

Reports

- a uniform draw (`torch.rand`, `uniform_`, `numpy.random.rand`) that is decoded by a layer which in
  training receives `mean + scale * normal noise`,
- standard normal draws that are decoded, where the loss holds the codes to a mixture with learned components (a VampPrior),
- latents that are scaled by a factor of the configuration, while the way back, `z / scale + shift`, shifts as well, and
- an `encode` that scales the latent while `decode` takes the factor away from the decoder's output,
  or applies it a second time, instead of taking it away from the latent.

## Why is this bad?

The prior of such a model is a standard normal. Uniform codes come from a corner of it: in ten
dimensions, less than one normal code in a thousand has only positive entries. The samples show a thin,
untypical part of what was learned. With the factor at the wrong place, `decode(encode(x))` is off by
the factor, although the reconstruction in training is right.

## Example

```python
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.log_var = nn.Linear(784, 10), nn.Linear(784, 10)
        self.decoder = nn.Linear(10, 784)

    def forward(self, x):
        mean, log_var = self.mean(x), self.log_var(x)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        return self.decoder(z), mean, log_var

    def sample(self, n):
        return self.decoder(torch.rand(n, 10))
```

## Use instead

```python
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.log_var = nn.Linear(784, 10), nn.Linear(784, 10)
        self.decoder = nn.Linear(10, 784)

    def forward(self, x):
        mean, log_var = self.mean(x), self.log_var(x)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        return self.decoder(z), mean, log_var

    def sample(self, n):
        return self.decoder(torch.randn(n, 10))
```

## Known limits

A plain autoencoder has no prior to compare with. A uniform draw that takes part in the loss (a
uniform prior) is not reported.

## References

- Kingma and Welling, "Auto-Encoding Variational Bayes", 2014
- Tomczak and Welling, "VAE with a VampPrior", 2018: https://arxiv.org/abs/1705.07120
- Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022, appendix G
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.data.inverses import half_inverses
from aelint.semantics.explanation.wording import place
from aelint.semantics.inference.latent_scale import wrong_scales
from aelint.semantics.inference.priors import plain_codes, uniform_codes

RULE = Rule(
    code="AEL606",
    name="prior-sampling",
    summary="decoded codes follow another law or scale than in training",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    triggers=(("rand", "uniform", "encode"), ("decode", "nn.")),
)


def check(program: Program) -> Iterator[Finding]:
    """Report uniform codes for a Gaussian prior, and scale factors at the wrong end of the decoder."""
    for code in uniform_codes(program):
        if code.drawn.site is None:
            continue
        trained = code.trained.site
        where = f" ({place(trained, code.drawn.site)})" if trained is not None else ""
        message = (
            f"`{_shown(code.drawn.site)}` is uniform, but the layer that decodes it is trained on Gaussian codes{where}, whose prior "
            "is a standard normal; draw with `torch.randn`"
        )
        yield Finding(code.drawn.site, message, (Note(trained, "codes in training"),) if trained is not None else ())
    for plain in plain_codes(program):
        if plain.drawn.site is not None and plain.prior.site is not None:
            message = (
                f"`{_shown(plain.drawn.site)}` is standard normal, but in training the codes are held to a mixture with learned "
                f"components ({place(plain.prior.site, plain.drawn.site)}): choose a component and draw from that"
            )
            yield Finding(plain.drawn.site, message, (Note(plain.prior.site, "the log-density of the learned prior"),))
    for wrong in wrong_scales(program):
        if wrong.undone.site is None or wrong.scaled.site is None:
            continue
        what = "takes it away from the decoder's output" if wrong.on_output else "applies it to the latent once more"
        message = (
            f"`encode` scales the latent (`{_shown(wrong.scaled.site)}`, {place(wrong.scaled.site, wrong.undone.site)}), but "
            f"`{_shown(wrong.undone.site)}` {what}: undo the factor on the latent, before the decoder"
        )
        yield Finding(wrong.undone.site, message, (Note(wrong.scaled.site, "the latent is scaled"),))
    for half in half_inverses(program):
        change = f"add `{half.shift}`" if half.decodes else f"subtract `{half.shift}` first"
        message = (
            f"this scales by `{half.scale}` alone, but the way {'there' if half.decodes else 'back'} shifts by `{half.shift}` as well "
            f"({place(half.other, half.site)}), so that the two do not undo each other: {change}"
        )
        yield Finding(half.site, message, (Note(half.other, "the other direction"),))


def _shown(site: Site) -> str:
    text = " ".join(site.text.split())
    return text if len(text) <= 60 else text[:57] + "..."
