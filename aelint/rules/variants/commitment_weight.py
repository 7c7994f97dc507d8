"""The terms of a quantiser and the reconstruction are weighed against each other by their reductions.

## What it does

Reports

- codebook and commitment terms that are averaged over features while the reconstruction is summed over
  them, or the other way round, with weights that do not make up for it,
- the commitment weight on the codebook term.

## Why is this bad?

A mean over 1,000 features is 1,000 times smaller than a sum. The smaller side has no say: the encoder runs
away from its codebook, or all inputs share few codes while the reconstruction hardly counts.

## Example

```python
import torch
from torch import nn
import torch.nn.functional as F

encoder, decoder, codebook = nn.Linear(784, 16), nn.Linear(16, 784), nn.Embedding(32, 16)
x = torch.rand(64, 784)
z = encoder(x)
q = codebook(torch.cdist(z, codebook.weight).argmin(-1))
commitment = F.mse_loss(z, q.detach())
vq = F.mse_loss(q, z.detach())
recon = decoder(z + (q - z).detach())
loss = ((recon - x) ** 2).sum(-1).mean() + vq + 0.25 * commitment
loss.backward()
```

## Use instead

```python
import torch
from torch import nn
import torch.nn.functional as F

encoder, decoder, codebook = nn.Linear(784, 16), nn.Linear(16, 784), nn.Embedding(32, 16)
x = torch.rand(64, 784)
z = encoder(x)
q = codebook(torch.cdist(z, codebook.weight).argmin(-1))
commitment = F.mse_loss(z, q.detach())
vq = F.mse_loss(q, z.detach())
recon = decoder(z + (q - z).detach())
loss = F.mse_loss(recon, x) + vq + 0.25 * commitment
loss.backward()
```

## Known limits

Speaks only where the sizes of latents and inputs are known, and where the whole loss is seen.

## References

- van den Oord, Vinyals, Kavukcuoglu: Neural Discrete Representation Learning, 2017, equation 3,
  https://arxiv.org/abs/1711.00937
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.values import Sym
from aelint.semantics.objective.losses import LOSSES
from aelint.semantics.objective.objectives import Objective, objectives
from aelint.semantics.objective.summands import Summand, summands
from aelint.semantics.variants.quantizers import Difference, differences
from aelint.syntax.walk import every

RULE = Rule(
    code="AEL703",
    name="commitment-weight",
    summary="quantiser terms and reconstruction are reduced, or weighed, against each other",
    severity=Severity.WARNING,
    triggers=(("argmin", "argmax", ".min(", ".max("), ("backward", "loss")),
)

FEW = 8
"""Below so many features a mean and a sum are not far apart."""
_OF_COMMITMENT = re.compile("commit|beta", re.IGNORECASE)
STRONG, WEAK = 10.0, 0.1
"""Written weights outside of these make up for a reduction on purpose."""


@dataclass(frozen=True, slots=True, eq=False)
class _Term:
    summand: Summand
    leaf: Sym
    kind: str
    features: Dim | None


def check(program: Program) -> Iterator[Finding]:
    """Yield one finding for each term on the small side, and for each exchanged weight."""
    known = {d.node.id: d for d in differences(program)}
    for objective in objectives(program) if known else ():
        yield from _reductions(objective, known)
        yield from _weights(objective, known)


def _terms(objective: Objective) -> Iterator[_Term]:
    for summand in objective.summands:
        leaves = [k for k in summand.leaves if isinstance(k, Sym)]
        if len(leaves) == 1:
            yield from _term(summand, leaves[0])


def _term(summand: Summand, leaf: Sym) -> Iterator[_Term]:
    spread = [r for r in summand.reductions if r.features != 1]
    if len(spread) == 1 and leaf.site is not None:
        yield _Term(summand, leaf, spread[0].kind, spread[0].features)


def _reductions(objective: Objective, known: dict[int, Difference]) -> Iterator[Finding]:
    measured = [t for t in _terms(objective) if t.features is not None]
    terms = [t for t in measured if not (isinstance(t.features, int) and t.features < FEW)]
    quantised = [t for t in terms if t.leaf.id in known]
    compared = [t for t in terms if t.leaf.id not in known and t.leaf.op in LOSSES | {"pow", "square", "abs"}]
    if not quantised or len(compared) != 1:
        return
    (reconstruction,) = compared
    for term in quantised:
        ratio = abs(term.summand.factor / reconstruction.summand.factor) if reconstruction.summand.factor else 0.0
        if term.kind == "mean" and reconstruction.kind == "sum" and ratio <= STRONG:
            message = (
                f"this term is averaged over {term.features} features, the reconstruction is summed over "
                f"{reconstruction.features}: it is too weak to hold encoder and codebook together; reduce both alike"
            )
            yield _finding(term.leaf, message, reconstruction.leaf, "the reconstruction")
        elif term.kind == "sum" and reconstruction.kind == "mean" and ratio >= WEAK:
            message = (
                f"the reconstruction is averaged over {reconstruction.features} features, the quantiser's terms are summed over "
                f"{term.features}: they outweigh it, and few codes survive; reduce both alike"
            )
            yield _finding(reconstruction.leaf, message, term.leaf, "a term of the quantiser")
            return


def _weights(objective: Objective, known: dict[int, Difference]) -> Iterator[Finding]:
    """`commitment + beta * codebook`, with a beta below one, or one that is called the weight of the commitment."""
    leaves = [(s, k) for s in objective.summands for k in s.leaves if isinstance(k, Sym) and k.id in known]
    terms = [(t, known[t.leaf.id]) for summand, leaf in leaves for t in _term(summand, leaf)]
    codebook = [t for t, d in terms if d.vectors.gradient and not d.latent.gradient]
    commitment = [t for t, d in terms if d.latent.gradient and not d.vectors.gradient]
    if len(codebook) != 1 or len(commitment) != 1 or codebook[0].kind != commitment[0].kind:
        return
    weight = _own_weight(codebook[0], commitment[0])
    if weight is not None and not _in_branch(codebook[0].leaf):
        message = (
            f"the weight {weight} is on the codebook term; the commitment term, which it is meant for, has weight 1"
        )
        yield _finding(codebook[0].leaf, message, commitment[0].leaf, "the commitment term")


def _own_weight(term: _Term, beside: _Term) -> str | None:
    """The commitment's weight, if the term has it where the other one is added without any: what scales both comes later."""
    shared = {id(node) for node in term.summand.path}
    meeting = next((node for node in reversed(beside.summand.path) if id(node) in shared), None)
    parts = {id(leaf): s for s in summands(meeting) for leaf in s.leaves} if meeting is not None else {}
    own, other = parts.get(id(term.leaf)), parts.get(id(beside.leaf))
    if own is None or other is None or other.factor != 1 or len(other.product) != 1:
        return None
    named = [k.name for k in own.leaves - {term.leaf} if isinstance(k, Sym) and _OF_COMMITMENT.search(k.name)]
    if len(own.product) == 2 and named:
        return f"`{named[0]}`"
    return f"{own.factor:g}" if len(own.product) == 1 and 0 < own.factor < 1 else None


def _in_branch(leaf: Sym) -> bool:
    """Whether the term stands in a branch, so that the other order is on offer too."""
    site = leaf.site
    if site is None:
        return False
    branches = (n for n in every(ast.If, site.unit.tree) if not _is_main(n))
    return any(site.lies_in(Site(site.unit, branch)) for branch in branches)


def _is_main(branch: ast.If) -> bool:
    return "__name__" in ast.unparse(branch.test)


def _finding(leaf: Sym, message: str, other: Sym, title: str) -> Finding:
    assert leaf.site is not None
    return Finding(leaf.site, message, (Note(other.site, title),) if other.site is not None else ())
