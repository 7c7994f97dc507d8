"""The reconstruction is decoded from noise, and the code of the data is left aside.

## What it does

Reports a sample of a posterior, or a code, that no reconstruction is computed from, where the output that is compared with the
same data is decoded from noise or constants alone.

## Why is this bad?

The decoder knows nothing of the picture that it is to reconstruct, so the best that it can learn is the mean of all of them.
Only the KL divergence trains the encoder, and it is zero soon. Samples look like what is reconstructed: one blurred picture.

## Example

```python
import torch
import torch.nn.functional as F
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar, self.decoder = nn.Linear(784, 20), nn.Linear(784, 20), nn.Linear(20, 784)

    def forward(self, x):
        mean, logvar = self.mean(x), self.logvar(x)
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        return torch.sigmoid(self.decoder(torch.randn_like(z))), mean, logvar


def loss(model, x):
    recon, mean, logvar = model(x)
    kl = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
    return F.binary_cross_entropy(recon, x, reduction="sum") + kl


loss(VAE(), torch.rand(32, 784)).backward()
```

## Use instead

```python
import torch
import torch.nn.functional as F
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar, self.decoder = nn.Linear(784, 20), nn.Linear(784, 20), nn.Linear(20, 784)

    def forward(self, x):
        mean, logvar = self.mean(x), self.logvar(x)
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        return torch.sigmoid(self.decoder(z)), mean, logvar


def loss(model, x):
    recon, mean, logvar = model(x)
    kl = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
    return F.binary_cross_entropy(recon, x, reduction="sum") + kl


loss(VAE(), torch.rand(32, 784)).backward()
```

## Known limits

All that the output is computed from must be in sight.

## References

- Kingma and Welling, Auto-Encoding Variational Bayes, 2014: https://arxiv.org/abs/1312.6114
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.latent.idle_codes import idle_codes

RULE = Rule(
    code="AEL200",
    name="output-ignores-input",
    summary="the reconstruction is decoded from noise, and the code of the data is left aside",
    severity=Severity.ERROR,
    triggers=(("rand", "normal", "sample"), ("loss", "entropy", "pow", "**", "square")),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield what is decoded in the place of a sample."""
    for one in idle_codes(program):
        code, whose = ("the sample", " of the posterior") if one.sampled else ("the code", "")
        there = one.code.site
        where = f" ({place(there, one.decoded)})" if there is not None else ""
        message = (
            f"the reconstruction is decoded from this, and knows nothing of the data that it is compared with ({place(one.compared, one.decoded)}); "
            f"nothing is decoded from {code}{whose}{where}. Decode {code}"
        )
        seen = (Note(there, code),) if there is not None else ()
        yield Finding(one.decoded, message, (*seen, Note(one.compared, "compared with the data here")))
