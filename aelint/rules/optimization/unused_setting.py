"""A weight, a rate, an interval or an activation is given, and nothing reads it.

## What it does

Looks at numbers whose names say that they steer something (`beta`, `kl_weight`, `decay`, `update_every`, `dropout`).
Reports one that a constructor keeps as an attribute which the program never reads, one that a function accepts
and does not use, and one that a training function computes and does not use; and an activation that is given and never applied. Of any other number that is held and never
read, it reports the call that should be given it and keeps its default (a function of the project, or one of torch that has
a parameter of that name, as `ignore_index`), an optimiser that is built without the option of
the command line, and an argument that is replaced by random numbers before anything has read it. Of options in pairs
(`lr_g` and `lr_d`, `train_batch` and `val_batch`) it reports one that is read in the place of the other, unread one; of those
that weigh the terms of a loss (`lambda_rec` and `lambda_kl`) one that nothing reads, where its term is added; and of
arguments one that is handed on twice, the second time in the place of an unread one that has the very name of the parameter. And
weights that a loop writes in every round into an attribute which the class does not have and nothing reads.

## Why is this bad?

The run is not the one that its settings describe: the annealed weight of the KL divergence stays at one, every
value of beta gives the same model, and a comparison of settings compares nothing.

## Example

```python
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self, beta=0.1):
        super().__init__()
        self.beta = beta
        self.heads, self.decoder = nn.Linear(64, 8), nn.Linear(4, 64)

    def loss(self, x):
        mu, logvar = self.heads(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        kl = 0.5 * (logvar.exp() + mu.pow(2) - 1 - logvar).sum(1).mean()
        return (self.decoder(z) - x).pow(2).sum(1).mean() + kl


VAE(beta=4.0).loss(torch.rand(32, 64)).backward()
```

## Use instead

```python
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self, beta=0.1):
        super().__init__()
        self.beta = beta
        self.heads, self.decoder = nn.Linear(64, 8), nn.Linear(4, 64)

    def loss(self, x):
        mu, logvar = self.heads(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        kl = 0.5 * (logvar.exp() + mu.pow(2) - 1 - logvar).sum(1).mean()
        return (self.decoder(z) - x).pow(2).sum(1).mean() + self.beta * kl


VAE(beta=4.0).loss(torch.rand(32, 64)).backward()
```

## Known limits

Attributes are judged only for classes that the file itself builds, since other files may read them. Methods that
other classes have under the same name keep a common signature, and are left alone, and so are arguments that three
functions of a file share, or that the documentation calls ignored.

## References

- Higgins et al., "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework", 2017
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.objective.objectives import objectives
from aelint.semantics.objective.terms import divergences
from aelint.semantics.optimization.crossed_arguments import crossed_arguments
from aelint.semantics.optimization.crossed_options import crossed_options
from aelint.semantics.optimization.settings import Setting, ignored_parameters, ignored_weights, stored_in_vain
from aelint.semantics.optimization.unread_shares import unread_shares
from aelint.semantics.optimization.unread_weights import unread_weights
from aelint.semantics.optimization.withheld import (
    Withheld,
    options_withheld,
    overwritten_parameters,
    settings_withheld,
    torch_settings_withheld,
)

RULE = Rule(
    code="AEL415",
    name="unused-setting",
    summary="a weight, a rate, an interval or an activation is given, and nothing reads it",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    triggers=(("torch",),),
    absence=True,
)


_WEIGHS_KL = re.compile(r"beta|kl|anneal|weight|coef|lambda|lambd", re.IGNORECASE)


def check(program: Program) -> Iterator[Finding]:
    """Yield settings that are stored, accepted or computed in vain, or that are not handed on."""
    withheld = list(_withheld(program))
    yield from withheld
    told = {(note.site.unit.path, note.site.row) for finding in withheld for note in finding.notes}
    for finding in _in_vain(program):
        if (finding.site.unit.path, finding.site.row) not in told:
            yield finding


def _withheld(program: Program) -> Iterator[Finding]:
    for one in (*settings_withheld(program), *torch_settings_withheld(program)):
        text = f"`{one.name}` ({place(one.held, one.call)}) is not handed on here, so {one.default} is used whatever is given"
        yield _not_used(one, f"{text}; pass `{one.name}`")
    for one in options_withheld(program):
        text = f"the option `{one.name}` ({place(one.held, one.call)}) is read nowhere, and this optimiser keeps its default"
        yield _not_used(one, f"{text}; pass it on")
    for one in overwritten_parameters(program):
        text = f"`{one.name}` is given other values before anything has read what was passed"
        yield _not_used(one, f"{text}; use another name for these")

    for crossed in (*crossed_options(program), *crossed_arguments(program)):
        message = (
            f"`{crossed.owner}` reads `{crossed.read}`, the option of the other side, and nothing reads `{crossed.meant}` "
            f"({place(crossed.declared, crossed.site)}): every value of it gives the same result; read `{crossed.meant}` here"
        )
        yield Finding(crossed.site, message, (Note(crossed.declared, "declared here"),))
    for weight in unread_weights(program):
        message = (
            f"`{weight.name}` is a new attribute of this `{weight.owner}`, which has none of that name, and nothing reads it: what is written "
            "here in every round has no effect. Write to the attribute that the loss reads"
        )
        yield Finding(weight.site, message)
    for share in unread_shares(program):
        message = (
            f"`{share.term}` is added without `{share.meant}` ({place(share.declared, share.site)}), as `{share.fellow}` weighs the term "
            f"beside it, and nothing reads that option: every value of it gives the same result; multiply with it here"
        )
        yield Finding(share.site, message, (Note(share.declared, "declared here"),))


def _not_used(one: Withheld, message: str) -> Finding:
    return Finding(one.call, message, (Note(one.held, "it is given here"),))


def _in_vain(program: Program) -> Iterator[Finding]:
    for one in stored_in_vain(program):
        text = f"`{one.owner}` keeps `{one.name}` and nothing reads it: every value gives the same result"
        yield _finding(program, one, f"{text}; use it where it is meant to act")
    for one in ignored_parameters(program):
        text = f"`{one.owner}` accepts `{one.name}` and does not use it: every value gives the same result"
        yield _finding(program, one, f"{text}; use it, or remove it")
    for one in ignored_weights(program):
        text = f"`{one.name}` is computed in `{one.owner}` and never read: it weighs nothing"
        yield _finding(program, one, f"{text}; multiply the term with it, or remove it")


def _finding(program: Program, one: Setting, message: str) -> Finding:
    """At the KL divergence that has no weight, where there is one and the setting is a weight; else at the setting."""
    added = _unweighted(program) if _WEIGHS_KL.search(one.name) else []
    if len(added) == 1:
        return Finding(
            added[0], f"{message}. This KL divergence has no weight", (Note(one.site, "the weight is given here"),)
        )
    if one.missing is not None:
        return Finding(
            one.missing, f"{message}. No activation stands before this result", (Note(one.site, "kept here"),)
        )
    return Finding(one.site, message)


def _unweighted(program: Program) -> list[Site]:
    """Where KL divergences that nothing weighs are added to losses, each place once."""
    found: dict[int, Site] = {}
    for objective in objectives(program):
        for term in divergences(objective):
            site = term.outside[-1].site if term.outside else None
            if site is not None and site.unit is program.unit and not term.weights and not term.by_name:
                found.setdefault(id(site.node), site)
    return list(found.values())
