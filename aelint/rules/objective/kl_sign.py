"""The KL divergence and the reconstruction loss enter one sum with opposite signs, or the KL is reported negated.

## What it does

Reports a loss in which a KL divergence, recognised by its closed form or as `kl_divergence(...)`, has the
opposite sign of the reconstruction loss beside it; and a KL that is negated where it is logged or returned for
reading under the name of a KL, although its formula is positive already. The latter is advice, since it trains nothing.
A maximum mean discrepancy, by its name, that is subtracted from the reconstruction loss is a warning, and so is a KL divergence,
by its formula, that is taken away from what is only called a reconstruction loss, in a sum that is minimised.

## Why is this bad?

Whatever is minimised then pushes the posterior away from the prior (or the reconstruction away from the
input). The KL has no upper bound (and a discrepancy is large for codes far from the prior), so the total falls without limit while nothing useful is learned.

## Example

```python
import torch
import torch.nn.functional as F


def vae_loss(recon, x, mu, logvar):
    bce = F.binary_cross_entropy(recon, x, reduction="sum")
    kld = 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld
```

## Use instead

```python
import torch
import torch.nn.functional as F


def vae_loss(recon, x, mu, logvar):
    bce = F.binary_cross_entropy(recon, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld
```

## Known limits

Both terms must be in the same sum. A KL that is known by its name alone is not judged.

## References

- Kingma and Welling, Auto-Encoding Variational Bayes, 2014: https://arxiv.org/abs/1312.6114
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.objective.discrepancies import subtracted_discrepancies
from aelint.semantics.objective.minimised import added_by_name, is_minimised
from aelint.semantics.objective.objectives import Objective, objectives
from aelint.semantics.objective.reports import reports_turned_round
from aelint.semantics.objective.summands import summands
from aelint.semantics.objective.terms import Term, divergences, is_divergence_name, is_weight_name, reconstructions

RULE = Rule(
    code="AEL304",
    name="kl-sign",
    summary="the KL divergence has the opposite sign of the reconstruction loss, or is reported negated",
    severity=Severity.ERROR,
    triggers=(("exp", "log", "kl_div", "mmd"), ("loss", "cross_entropy", "mse", "pow", "**", "square", "backward")),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each KL whose sign in a loss is not that of the reconstruction loss."""
    for objective in objectives(program):
        losses = [t for t in reconstructions(objective) if not t.by_name]
        signs = {t.factor > 0 for t in losses}
        if not losses:
            yield from _beside_named(program, objective)
        if len(signs) != 1:
            continue
        found = divergences(objective)
        for kl in (kl for kl in found if not _is_weighed_by_a_difference(kl, found)):
            if kl.by_name or (kl.factor > 0) in signs or kl.factor == 0 or any(_is_unknown(t) for t in (kl, *losses)):
                continue
            finding = _finding(kl, losses[0])
            if finding is not None:
                yield finding
    yield from _negated_reports(program)
    for one in subtracted_discrepancies(program):
        message = (
            f"`{one.name}` is taken away from the reconstruction loss ({place(one.reconstruction, one.site)}): the sum is smallest where the "
            "codes are as unlike the prior as can be. Add it"
        )
        yield Finding(
            one.site, message, (Note(one.reconstruction, "the reconstruction loss"),), severity=Severity.WARNING
        )


def _beside_named(program: Program, objective: Objective) -> Iterator[Finding]:
    """Divergences that are taken away from what only its name tells to be a reconstruction loss, in a sum that is minimised."""
    turned = [kl for kl in divergences(objective) if not kl.by_name and kl.factor < 0 and not _is_unknown(kl)]
    name = added_by_name(objective) if turned and is_minimised(program, objective) else ""
    for kl in turned if name else ():
        site = _turned(kl)
        if site is not None and not _is_weighed_by_a_difference(kl, divergences(objective)):
            message = (
                f"in this loss the KL divergence has the factor {kl.factor:g}, beside `{name}`: minimising the sum makes the "
                "divergence larger without end. Add it with a positive sign"
            )
            yield Finding(site, message, severity=Severity.WARNING)


def _negated_reports(program: Program) -> Iterator[Finding]:
    found = {id(r.turned.site.node): r for r in reports_turned_round(program) if r.turned.site is not None}
    for report in found.values():
        name, site = report.name.rpartition("/")[2], report.turned.site
        if site is None or not is_divergence_name(name) or _NEGATED.search(name):
            continue
        whole = Objective(report.value, called=False)
        terms = divergences(whole)
        if len(terms) != 1 or terms[0].by_name or terms[0].factor <= 0 or len(terms[0].summands) < len(whole.summands):
            continue
        formula = terms[0].top.site if terms[0].top is not None else None
        message = (
            f"what is shown as {report.name!r} is a KL divergence with its sign turned round, so it is never positive: the "
            f"formula ({place(formula, site)}) is positive as it stands. Report it as it is"
        )
        # Nothing is trained by it, and many models that learn well carry the line of one another.
        yield Finding(site, message, severity=Severity.ADVICE)


_NEGATED = re.compile("neg|minus|-", re.IGNORECASE)


def _is_weighed_by_a_difference(kl: Term, terms: tuple[Term, ...]) -> bool:
    """Whether one divergence stands in the loss with both signs: `end - end * rate ** epoch` as its weight is positive."""
    return any(other.top is kl.top and other.factor * kl.factor < 0 for other in terms)


def _is_unknown(term: Term) -> bool:
    """Whether the sign hangs on a factor that is not in sight and is no plain weight."""
    unnamed = [one for one in term.weights if not (isinstance(one, Sym) and is_weight_name(one.name))]
    return len(unnamed) > 1


def _finding(kl: Term, loss: Term) -> Finding | None:
    likelihood = loss.leaf is not None and loss.leaf.op == "distributions.log_prob"
    site = _joined(kl) if likelihood else _turned(kl) or _turned(loss)
    if site is None or loss.leaf is None or loss.leaf.site is None:
        return None
    what = "negative log-likelihood" if likelihood else "reconstruction loss"
    message = (
        f"in this loss the KL divergence has the factor {kl.factor:g} and the {what} {loss.factor:g}: "
        "minimising the one maximises the other. Both belong there with the same sign"
    )
    return Finding(site, message, (Note(loss.leaf.site, "the reconstruction loss"),))


def _joined(term: Term) -> Site | None:
    """The operation that puts the term together with others."""
    return term.outside[-1].site if term.outside else None


def _turned(term: Term) -> Site | None:
    """The operation that makes the term negative: inside of the term, else the first one outside."""
    outside, inside = term.outside, term.inside
    found: Sym | None = None
    for one in inside:
        if _factor(one, term) >= 0:
            break
        found = one
    if found is None:
        found = next((one for one in reversed(outside) if _factor(one, term) < 0), None)
    return found.site if found is not None else None


def _factor(value: Sym, term: Term) -> float:
    """The factor of the term inside of one of the operations that lead to it."""
    lead = term.lead
    if lead is None:
        return 0.0
    found = [s.factor for s in summands(value) if s.path[-1:] == lead.path[-1:] and s.product <= lead.product]
    return found[0] if found else 0.0
