"""Some codes of a quantiser can never be chosen, or the wrong ones are.

## What it does

Reports

- an argmin over another axis than the codes,
- an argmin of a similarity, or an argmax of a distance,
- a distance `|z|² - 2 z·e + |e|²` with a wrong factor or without `|e|²`,
- an argmax of products of codes with latents, of which the latents alone are brought to unit length,
- a random number of codebooks whose upper bound is exclusive, so that the last one is never used.

## Why is this bad?

Codes that are never chosen are never trained: the codebook collapses onto few entries, the last level of
a residual quantiser stays at its initial values, or every latent gets the farthest code.

## Example

```python
import torch
from torch import nn

class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.codebook = nn.Embedding(64, 8)

    def forward(self, z):
        similarity = z @ self.codebook.weight.t()
        q = self.codebook(similarity.argmin(-1))
        return z + (q - z).detach(), (q - z.detach()).pow(2).mean() + (q.detach() - z).pow(2).mean()
```

```python
import random
import torch
from torch import nn

class Residual(nn.Module):
    def __init__(self, levels=4):
        super().__init__()
        self.levels = levels
        self.books = nn.ModuleList([nn.Embedding(64, 8) for _ in range(levels)])

    def forward(self, z):
        used = random.randrange(1, self.levels)
        for level in range(used):
            z = z - self.books[level](torch.cdist(z, self.books[level].weight).argmin(-1)).detach()
        return z

Residual()(torch.randn(4, 8))
```

## Use instead

```python
import torch
from torch import nn

class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.codebook = nn.Embedding(64, 8)

    def forward(self, z):
        q = self.codebook(torch.cdist(z, self.codebook.weight).argmin(-1))
        return z + (q - z).detach(), (q - z.detach()).pow(2).mean() + (q.detach() - z).pow(2).mean()
```

## Known limits

Measures that hold anything but squares, products and norms of latents and codes are not judged; without
`|e|²` the argmin is right for codes of equal length, so normalised vectors are left alone.

## References

- Zeghidour et al.: SoundStream, 2021 (quantiser dropout), https://arxiv.org/abs/2107.03312
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.buffers import registered_buffers
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.domain.dims import contradict
from aelint.semantics.domain.values import Object, Sym
from aelint.semantics.variants.nearest import (
    Measure,
    codes_in,
    compares_unit_latents_with_codes,
    is_normalized,
    measure_of,
)
from aelint.semantics.variants.quantizers import Lookup, lookups, rewritten
from aelint.semantics.variants.unused_levels import unused_levels

RULE = Rule(
    code="AEL704",
    name="unreachable-code",
    summary="some codes of a quantiser can never be chosen, or the wrong ones are",
    severity=Severity.ERROR,
    triggers=(("argmin", "argmax", "rand", "max(", "min("),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield findings for choices of codes, then for choices of codebooks."""
    for lookup in lookups(program):
        if not _is_codebook(program, lookup):
            continue
        site = lookup.chosen.site
        fault = _axis(lookup) or _nearness(lookup) or _lengths(program, lookup)
        if fault is not None and site is not None:
            of_measure = fault.startswith(("the distance", "the latents"))
            place = lookup.measure.site or site if of_measure else site
            notes = () if lookup.node.site is None else (Note(lookup.node.site, "the codes are taken here"),)
            yield Finding(place, fault, notes)
    yield from _levels(program)


def _is_codebook(program: Program, lookup: Lookup) -> bool:
    """Whether the table belongs to a network: sampling far points from the data itself is something else."""
    table = lookup.table
    if isinstance(table, Object) or table.op == "parameter":
        return True
    if not _has_query(lookup.measure, table):
        return False
    above = {a.id for a in ancestors(table)}
    return not above.isdisjoint(registered_buffers(program))


def _has_query(measure: Sym, table: Sym) -> bool:
    """Whether something is compared with the table that was not computed from it."""
    pending, seen = [measure], {table.id}
    while pending:
        value = pending.pop()
        if value.id in seen:
            continue
        seen.add(value.id)
        inputs = [i for i in value.inputs if isinstance(i, Sym)]
        if not inputs and value.tensor is not False:
            return True
        pending.extend(inputs)
    return False


def _axis(lookup: Lookup) -> str | None:
    shape, codes = lookup.measure.shape, codes_in(lookup)
    axis = lookup.chosen.attrs.get("dim")
    if shape is None or codes is None or len(shape) < 2:
        return None
    if axis is None:
        return f"`{lookup.chosen.op}` without an axis gives one index for all latents together: take it over the {codes} codes"
    if not isinstance(axis, int) or not -len(shape) <= axis < len(shape) or codes not in shape:
        return None
    if shape[axis] != codes and not (isinstance(shape[axis], int) and not contradict(shape[axis], codes)):
        right = next(i for i, size in enumerate(shape) if size == codes)
        return f"`{lookup.chosen.op}` goes over axis {axis}, but the {codes} codes lie along axis {right}"
    return None


def _nearness(lookup: Lookup) -> str | None:
    measure = measure_of(lookup)
    if measure is None:
        return None
    near = 1 if lookup.chosen.op == "argmin" else -1
    if measure.direction * near < 0:
        kind = "a distance" if measure.direction > 0 else "a measure that grows with the similarity"
        return f"`{lookup.chosen.op}` of {kind} picks the code that is farthest away"
    return _expansion(measure, lookup)


def _lengths(program: Program, lookup: Lookup) -> str | None:
    if not lookup.trainable or not compares_unit_latents_with_codes(lookup) or rewritten(program, lookup.table):
        return None
    return (
        "the latents are brought to unit length and the codes are not: the product prefers long codes to near ones, and training "
        "changes their lengths; normalise the codes as well"
    )


def _expansion(measure: Measure, lookup: Lookup) -> str | None:
    if not measure.cross or measure.distance:
        return None
    if measure.codes and abs(measure.cross / measure.codes + 2) > 1e-6:
        ratio = measure.cross / measure.codes
        return f"the distance has {ratio:g} z·e beside |e|², where |z - e|² has -2: the chosen code is not the nearest"
    if not measure.codes and abs(measure.cross) == 2 and measure.latents and not is_normalized(lookup):
        return "the distance lacks |e|²: long codes are preferred, and short ones are never chosen"
    return None


def _levels(program: Program) -> Iterator[Finding]:
    for one in unused_levels(program):
        message = f"at most {one.count - 1} of the {one.count} entries of `{one.books}` are used: the upper bound {one.count} is exclusive here"
        yield Finding(one.drawn, message, (Note(one.gone_through, "so many are gone through"),))
