"""Two tensors meet in one operation, and their sizes cannot go together.

## What it does

Reports sums, products, comparisons, matrix products and concatenations of tensors whose shapes neither are
equal nor broadcast, and windows or indices that are larger than what they are applied to. Also noise, labels or
states of a fixed number of rows that meet batches of known data, the last of which is smaller.

## Why is this bad?

torch raises `The size of tensor a (6) must match the size of tensor b (16)` as soon as the line is reached.
In code that only sampling or evaluation reaches, that is after the training.

## Example

```python
import torch
import torch.nn as nn

class MemoryAE(nn.Module):
    def __init__(self, slots=50, code=6):
        super().__init__()
        self.encoder = nn.Linear(24, code)
        self.memory = nn.Parameter(torch.randn(slots, code))
        self.decoder = nn.Linear(code, 24)

    def forward(self, x):
        weights = torch.softmax(self.encoder(x) @ self.memory, dim=1)
        return self.decoder(weights @ self.memory)

output = MemoryAE()(torch.rand(16, 24))
```

## Use instead

```python
import torch
import torch.nn as nn

class MemoryAE(nn.Module):
    def __init__(self, slots=50, code=6):
        super().__init__()
        self.encoder = nn.Linear(24, code)
        self.memory = nn.Parameter(torch.randn(slots, code))
        self.decoder = nn.Linear(code, 24)

    def forward(self, x):
        weights = torch.softmax(self.encoder(x) @ self.memory.t(), dim=1)
        return self.decoder(weights @ self.memory)

output = MemoryAE()(torch.rand(16, 24))
```

## Known limits

Both sizes must be known; what follows from another contradiction is not reported again. A reconstruction
that only differs from its target in the size of an axis is `reconstruction-shape-mismatch`.

## References

- https://docs.pytorch.org/docs/stable/notes/broadcasting.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.contradictions import Contradiction, contradictions, follows_from_another, misuse
from aelint.semantics.architecture.last_batches import fixed_batches
from aelint.semantics.explanation.wording import place, shape_text, size_text
from aelint.semantics.objective.comparisons import comparisons

RULE = Rule(
    code="AEL123",
    name="incompatible-shapes",
    summary="the sizes of two tensors cannot go together in one operation",
    severity=Severity.ERROR,
    triggers=(("torch",),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each operation that cannot take its tensors."""
    compared = {id(operand) for one in comparisons(program) for operand in (one.first, one.second)}
    rows: set[tuple[str, int]] = set()
    for found in contradictions(program, "broadcast", "concat", "matmul", "size"):
        what = _what(found, id(found.conflict.subject) in compared)
        place_in_text = (found.site.unit.path, found.site.row)
        if what is None or place_in_text in rows or found.context.speculative or follows_from_another(program, found):
            continue
        rows.add(place_in_text)
        blamed = misuse(program, found)
        if blamed is None:
            yield Finding(found.site, f"{what}: torch raises here. Make the sizes agree")
        else:
            message = (
                f"{what} ({place(found.site, blamed)}), and other calls give it what it takes. "
                "Pass the tensor that belongs here"
            )
            yield Finding(blamed, message, (Note(found.site, "the sizes meet here"),))
    for one in fixed_batches(program):
        site = one.made.site
        message = (
            f"this makes {one.size} rows for every batch, but {one.samples} samples in batches of {one.size} leave a last one of {one.rest}: "
            f"torch raises where the two meet ({place(one.meeting.site, site)}). Take the number of rows from the batch"
        )
        yield Finding(site, message, (Note(one.meeting.site, "the batch comes in here"),) if one.meeting.site else ())


def _what(found: Contradiction, compared: bool) -> str | None:
    """What does not fit; None where a placeholder without elements is meant, or sizes of one axis that others judge."""
    facts = found.conflict.facts
    name = f"`{found.conflict.operation}`"
    match found.conflict.kind:
        case "concat":
            shapes = " and ".join(shape_text(s) for s in facts["shapes"])
            return f"{name} joins shapes {shapes} along axis {facts['axis']}, and another axis differs"
        case "size" if "kernel" in facts:
            return (
                f"{name} reaches over {size_text(facts['kernel'])} elements, but there are {size_text(facts['size'])}"
            )
        case "size" if facts.get("size") == 0:
            return None
        case "size" if "index" in facts:
            return f"index {facts['index']} lies outside of axis {facts['axis']}, which has {size_text(facts['size'])} elements"
        case "size":
            return None
        case _:
            a, b = tuple(facts["a"]), tuple(facts["b"])
            if compared and len(a) == len(b):
                return None
            return f"{name} is given shapes {shape_text(a)} and {shape_text(b)}, which do not fit each other"
