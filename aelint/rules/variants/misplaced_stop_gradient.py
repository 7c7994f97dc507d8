"""A codebook or commitment term has its `detach` on the wrong side, or is computed on the straight-through output.

## What it does

Works out, for every term that measures the distance between quantised vectors and their latents, which
side gets a gradient and in which direction, and reports

- terms that push the encoder or the codebook *away* from the other,
- codebooks that get a gradient from no term at all and are not updated by hand either,
- two terms that both move the codebook, so that nothing commits the encoder,
- two terms of which one detaches a side and the other neither, so that one side is moved by both,
- residual quantisers that subtract the straight-through output: the later stages commit nothing.

## Why is this bad?

`q = z + (q - z).detach()` has the value of `q` but the gradient of `z`. A codebook term computed on it
afterwards never reaches the codebook, and moves the encoder in the wrong direction.

## Example

```python
import torch
from torch import nn

class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.codebook = nn.Parameter(torch.randn(32, 8))

    def forward(self, z):
        q = self.codebook[torch.cdist(z, self.codebook).argmin(-1)]
        q = z + (q - z).detach()
        commitment = ((q.detach() - z) ** 2).mean()
        codebook = ((q - z.detach()) ** 2).mean()
        return q, codebook + 0.25 * commitment
```

## Use instead

```python
import torch
from torch import nn

class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.codebook = nn.Parameter(torch.randn(32, 8))

    def forward(self, z):
        q = self.codebook[torch.cdist(z, self.codebook).argmin(-1)]
        commitment = ((q.detach() - z) ** 2).mean()
        codebook = ((q - z.detach()) ** 2).mean()
        q = z + (q - z).detach()
        return q, codebook + 0.25 * commitment
```

## Known limits

A single term without any `detach` is the sum of both terms with equal weights, and is left alone. Codebooks
that are joined from several branches are not followed.

## References

- van den Oord, Vinyals, Kavukcuoglu: Neural Discrete Representation Learning, 2017, equation 3,
  https://arxiv.org/abs/1711.00937
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import parts
from aelint.semantics.dataflow.lineage import ancestors, through_reshapes
from aelint.semantics.domain.values import Object, Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.optimization.initialization import is_frozen
from aelint.semantics.variants.half_detached import half_detached
from aelint.semantics.variants.quantizers import (
    Difference,
    differences,
    is_straight_through,
    lookups,
    reaches_gradient,
    rewritten,
)
from aelint.semantics.variants.residual_stages import cut_residuals
from aelint.syntax.walk import holds

RULE = Rule(
    code="AEL702",
    name="misplaced-stop-gradient",
    summary="a codebook or commitment term moves the wrong side, or nothing",
    severity=Severity.ERROR,
    triggers=(("argmin", "argmax", ".min(", ".max(", "quantiz", "codebook"), ("detach", ".data", "no_grad")),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield findings for terms that go the wrong way, else for codebooks that nothing moves."""
    terms = [t for t in differences(program) if t.node.site is not None]
    wrong = [_misdirected(program, t, t.node.site, fault) for t in terms if t.node.site and (fault := _direction(t))]
    yield from wrong or _unmoved(program, terms)
    yield from _half(program)
    yield from _cut(program)


def _half(program: Program) -> Iterator[Finding]:
    for one in half_detached(program):
        message = (
            "this term detaches neither the vectors nor their latent, while the term beside it "
            f"({place(one.other, one.site)}) moves {f'`{one.moved}`' if one.moved else 'one of the two'} alone: with both, that side is "
            "moved twice, and the weights of the two terms no longer say which side follows the other. Detach the side that "
            "the other term moves"
        )
        yield Finding(
            one.site, message, (Note(one.other, "the term that detaches one side"),), severity=Severity.WARNING
        )


def _cut(program: Program) -> Iterator[Finding]:
    for one in cut_residuals(program):
        message = (
            f"the straight-through output has the gradient of the latent that it is subtracted from: what is left over has none, and the next "
            f"stage's commitment ({place(one.commitment, one.site)}) never reaches the encoder. Subtract the vectors, detached"
        )
        yield Finding(
            one.site, message, (Note(one.commitment, "this term is to move the encoder"),), severity=Severity.WARNING
        )


def _direction(term: Difference) -> str | None:
    vectors, latent = term.vectors, term.latent
    if latent.value * latent.gradient < 0 and not vectors.gradient:
        return (
            "this term is computed on the straight-through output: the codebook gets no gradient from it, and the encoder "
            "is pushed away from its code; compute it on the vectors as they were taken from the codebook"
        )
    if vectors.value * vectors.gradient < 0:
        return "this term pushes the codebook away from the latents: the gradients of its two sides have the wrong sign"
    return None


def _misdirected(program: Program, term: Difference, site: Site, fault: str) -> Finding:
    """At the term, or where nothing but the straight-through output is handed to the function that computes it."""
    made = next((n.site for n in ancestors(term.node) if n.site and is_straight_through(n, term.lookup)), None)
    if made is None or _in_reach(program, term, made, site):
        return Finding(site, fault, _notes(term))
    message = (
        f"the term of {place(site, made)} is given this straight-through output: the codebook gets no gradient from it, and the encoder "
        "is pushed away from its code; give it the vectors as they were taken from the codebook"
    )
    return Finding(made, message, (*_notes(term), Note(site, "the term is computed here")))


def _in_reach(program: Program, term: Difference, made: Site, site: Site) -> bool:
    """Whether the vectors as they were taken can be had at the term: one function holds both, or some function returns them."""
    if any(holds(f.node, made.node) and holds(f.node, site.node) for f in program.own_functions):
        return True
    taken = term.lookup.node
    return any(through_reshapes(v) is taken for r in program.returns for v in parts(r.value))


def _unmoved(program: Program, terms: list[Difference]) -> Iterator[Finding]:
    """Codebooks that no term moves, and encoders that no term commits."""
    tables = {id(t.lookup.table): t.lookup.table for t in terms if t.lookup.trainable}
    reported: set[int] = set()
    for key, table in tables.items():
        mine = [t for t in terms if id(t.lookup.table) == key]
        places = {id(t.node.site.node): t for t in mine if t.node.site is not None}
        last = list(places.values())[-1]
        assert last.node.site is not None
        if rewritten(program, table) or _is_left_alone(program, table) or id(last.node.site.node) in reported:
            continue  # codebooks of one list share their loop
        reported.add(id(last.node.site.node))
        if not any(reaches_gradient(program, one) for one in lookups(program) if one.table is table):
            message = (
                "no term gives the codebook a gradient, and nothing else updates it: the quantised vectors are detached "
                "wherever they are compared; detach the latent, not the vectors, in the codebook term"
            )
            yield Finding(last.node.site, message, _notes(last))
        elif len(places) > 1 and all(t.vectors.gradient and not t.latent.gradient for t in mine):
            message = "both terms detach the latent and move the codebook: nothing commits the encoder to its code"
            yield Finding(last.node.site, message, _notes(last))


def _is_left_alone(program: Program, table: Object | Sym) -> bool:
    """Whether somebody takes the codebook out of training: this program may use one that another one moves."""
    return isinstance(table, Object) and is_frozen(program, table)


def _notes(term: Difference) -> tuple[Note, ...]:
    site = term.lookup.node.site
    return () if site is None else (Note(site, "the vectors are taken from the codebook here"),)
