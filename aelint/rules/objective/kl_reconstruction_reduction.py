"""The KL divergence and the reconstruction are reduced over different axes.

## What it does

Works out the beta that the reductions of the two terms imply and reports when it is far from the weight that
is written: a mean over pixels beside a sum over latent dimensions, a mean over latent dimensions beside a
sum over pixels, a sum over the batch beside a mean over the batch. It points at the reduction that departs
from "sum over the numbers of a sample, mean over samples", or at the option that asks for it.

## Why is this bad?

The evidence lower bound sums both terms over the numbers of one sample. A mean over 784 pixels beside a
summed KL is beta = 784: the posterior collapses. A mean over the latent dimensions divides beta by their
number, a mixed batch reduction makes it depend on the batch size.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(784, 40), nn.Linear(20, 784)


def loss(x):
    mu, logvar = encoder(x).chunk(2, dim=1)
    z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()
    return F.mse_loss(decoder(z), x) + kl


loss(torch.rand(16, 784))
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(784, 40), nn.Linear(20, 784)


def loss(x):
    mu, logvar = encoder(x).chunk(2, dim=1)
    z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1).mean()
    return F.mse_loss(decoder(z), x, reduction="none").sum(dim=1).mean() + kl


loss(torch.rand(16, 784))
```

## Known limits

Weights that are only known at run time, small weights that make up for the difference, and a mean over
everything on both sides are left alone.

## References

- Kingma and Welling, Auto-Encoding Variational Bayes, 2014: https://arxiv.org/abs/1312.6114
- Rybkin et al., Simple and Effective VAE Training with Calibrated Decoders, 2021: https://arxiv.org/abs/2006.13202
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.switches import switched_at
from aelint.semantics.domain.values import Sym
from aelint.semantics.objective.balance import Balance, balances
from aelint.semantics.objective.objectives import objectives
from aelint.semantics.objective.terms import Term

RULE = Rule(
    code="AEL305",
    name="kl-reconstruction-reduction",
    summary="the reductions of KL and reconstruction imply a weight far from the one that is written",
    severity=Severity.WARNING,
    triggers=(("exp", "log", "kl_div"), ("mean", "sum", "loss", "entropy")),
)

COLLAPSE = 50.0
"""From this effective beta on hardly any latent dimension pays for itself."""
MANY = 8
"""Samples from which on a sum over the batch is far from a mean over it."""
FEW = 8
"""Averaging fewer latent dimensions than this is a modest weight."""


def check(program: Program) -> Iterator[Finding]:
    """Yield each KL whose reductions, and not its written weight, put it out of balance."""
    for objective in objectives(program):
        for balance in balances(objective):
            odd = _odd(balance) if balance.known else None
            site = _site(program, odd.term, odd.kind) if odd is not None else None
            if odd is not None and site is not None:
                yield Finding(site, odd.reason, _notes(balance, odd.term))


@dataclass(frozen=True, slots=True, eq=False)
class _Odd:
    """The term that is not reduced like the other one, the kind of reduction that makes it odd, and why."""

    term: Term
    kind: str
    reason: str


def _site(program: Program, term: Term, kind: str) -> Site | None:
    """The reduction to change, which may stand apart from the term: in a helper, behind it, or behind an option."""
    reduced = next((one for one in reversed(term.inside) if one.op == kind), _division(term, kind))
    if reduced is not None and (option := switched_at(program, reduced)) is not None:
        return option
    place = next((one for one in (reduced, term.leaf, term.top) if one is not None), None)
    return place.site if place is not None else None


def _division(term: Term, kind: str) -> Sym | None:
    """The division that makes a mean of a sum."""
    return next((one.divided for one in term.reductions or () if one.kind == kind and one.divided is not None), None)


def _notes(balance: Balance, odd: Term) -> tuple[Note, ...]:
    other, name = (balance.kl, "KL") if odd is balance.reconstruction else (balance.reconstruction, "reconstruction")
    place = other.leaf or other.top
    return (Note(place.site, f"the {name} term"),) if place is not None and place.site is not None else ()


def _odd(balance: Balance) -> _Odd | None:
    kl, loss = balance.kl_scale, balance.reconstruction_scale
    batch = kl.batch - loss.batch
    mixed = batch or _counted(balance)
    reason, found = "", (balance.reconstruction, "mean")
    if kl.averaged == 1 and loss.averaged != 1 and batch >= 0:
        reason = _pixels_averaged(balance, batch)
    elif loss.averaged == 1 and kl.averaged != 1 and batch <= 0:
        reason, found = _latents_averaged(balance), (balance.kl, "mean")
    elif kl.averaged == loss.averaged == 1 and mixed:
        reason, found = _batch_mixed(balance, mixed), (balance.kl if mixed > 0 else balance.reconstruction, "sum")
    return _Odd(*found, reason) if reason else None


def _pixels_averaged(balance: Balance, batch: int) -> str:
    pixels = balance.reconstruction_scale.averaged
    beta = balance.effective
    if pixels is None:
        # Both numbers are unknown, but pixels times samples is never small.
        if batch < 1 or balance.written < 0.5:
            return ""
        return (
            "the reconstruction is a mean over pixels and samples, the KL divergence a sum over both: the effective "
            "beta is their number, and the posterior collapses. Sum the reconstruction over pixels"
        )
    if beta * (MANY if batch else 1) < COLLAPSE:
        return ""
    samples = round(balance.weighed / balance.written)
    summed = " and samples" if batch else f" and {samples} samples" if samples > 1 else ""
    return (
        f"the reconstruction is averaged over {pixels} features, the KL divergence summed over latent dimensions"
        f"{summed}: with the written weight {balance.written:.3g} the effective beta is "
        f"{beta:.3g}{' times the batch size' if batch else ''}. Sum the reconstruction over features, or weigh the KL down"
    )


def _latents_averaged(balance: Balance) -> str:
    latents = balance.kl_scale.averaged
    if (latents is not None and latents < FEW) or not 0.1 <= balance.weighed <= 2:
        return ""
    count = f"{latents} latent dimensions" if latents is not None else "latent dimensions"
    return (
        f"the KL divergence is averaged over {count}, the reconstruction summed over features: with the written "
        f"weight {balance.weighed:.3g} the effective beta is {balance.effective:.2g}"
        f"{' divided by their number' if latents is None else ''}. Sum the KL over latent dimensions"
    )


def _counted(balance: Balance) -> int:
    """1 where the KL alone is summed over a known number of samples, -1 where the reconstruction is; 0 for neither."""
    if not 0.1 <= balance.written <= 2:
        return 0
    if balance.kl_scale.sized and balance.reconstruction_scale.sized:
        # Both are sums, one of them over the steps of every sequence as well: 64 samples are 512 words.
        return 0
    ratio = balance.weighed / balance.written
    summed = balance.kl_scale if ratio > 1 else balance.reconstruction_scale
    if summed.weight <= 2:
        # The number of samples was divided out: `loss(..., reduction="sum") / len(x)` of a batch of known size.
        return 0
    return 1 if ratio >= MANY else -1 if ratio <= 1 / MANY else 0


def _batch_mixed(balance: Balance, batch: int) -> str:
    if not 0.1 <= balance.written <= 20:
        return ""
    summed, averaged = ("KL divergence", "reconstruction") if batch > 0 else ("reconstruction", "KL divergence")
    return (
        f"the {summed} is summed over the batch, the {averaged} averaged over it, so the weight of the KL divergence "
        "depends on the batch size. Reduce both alike"
    )
