"""Indices are limited to fewer than the entries of the table that they are looked up in.

## What it does

Reports `min(i, K)`, `clamp` or `clip` with a constant `K`, where the result is looked up in a table whose last index is known to
be larger.

## Why is this bad?

Every index above the limit is read as the entry at the limit: a decoder with a limit from a smaller vocabulary writes the same
letter for all the letters that were added since. Nothing fails, the loss is as good as ever, and the text is wrong.

## Example

```python
import torch
from torch import nn

LETTERS = ["<pad>", "a", "b", "c", "d", "e", "f", "g"]
head = nn.Linear(16, len(LETTERS))

def text(z):
    ids = head(z).argmax(-1)
    return "".join(LETTERS[min(i, 4)] for i in ids.tolist())

text(torch.randn(5, 16))
```

## Use instead

```python
import torch
from torch import nn

LETTERS = ["<pad>", "a", "b", "c", "d", "e", "f", "g"]
head = nn.Linear(16, len(LETTERS))

def text(z):
    ids = head(z).argmax(-1)
    return "".join(LETTERS[i] for i in ids.tolist())

text(torch.randn(5, 16))
```

## Known limits

Silent where the number of entries is not known, where the entry at the limit stands for all others ("other", "<unk>"), where the
entries behind it are marks ("<pad>"), and where nothing shows that an index beyond the limit may come. Of an embedding, whose rows
have no names, the last four may be marks.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.clamp.html
- Gómez-Bombarelli et al.: Automatic Chemical Design Using a Data-Driven Continuous Representation of Molecules, 2016,
  https://arxiv.org/abs/1610.02415
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.inference.clipped_indices import ClippedIndex, clipped_indices

RULE = Rule(
    code="AEL618",
    name="clipped-index",
    summary="indices are limited to fewer than the entries of the table that they are looked up in",
    severity=Severity.WARNING,
    triggers=(("min(", "minimum(", "clip(", "clip_(", "clamp"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Report the limit."""
    for one in clipped_indices(program):
        message = (
            f"the index is limited to {one.limit}, but the table that it is looked up in ({place(one.taken, one.limited)}) has "
            f"{len(one.entries)} entries, and {_lost(one)} can never be met. Drop the limit, or let it be the table's last index"
        )
        notes = [Note(one.taken, "the look-up")]
        if one.table is not None:
            notes.append(Note(one.table, f"the table with {len(one.entries)} entries"))
        yield Finding(one.limited, message, tuple(notes))


def _lost(one: ClippedIndex) -> str:
    """The entries behind the limit in words, with their names where they are texts: "its last 3 ('N' to 'F')"."""
    lost = one.entries[one.limit + 1 :]
    names = [repr(entry) for entry in lost if isinstance(entry, str)]
    count = "its last one" if len(lost) == 1 else f"its last {len(lost)}"
    if len(names) < len(lost):
        return count
    shown = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    return f"{count} ({shown})"
