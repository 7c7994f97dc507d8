"""Attention hides the real steps of a sequence and keeps the padding.

## What it does

Follows the mask of `masked_fill(mask, -inf)` and of the padding masks of torch's attention to the comparison that
made it. Reports `tokens != padding`, which marks the real tokens, where the marked ones are hidden, if an
embedding's `padding_idx` or a loss's `ignore_index` says that this number is padding.

## Why is this bad?

Every step attends to padding alone. The code of a sequence then depends on how much it was padded and not on what it
says, and a sequence without padding gives NaN.

## Example

```python
import torch
from torch import nn

embed = nn.Embedding(50, 16, padding_idx=0)
attention = nn.MultiheadAttention(16, 4, batch_first=True)
tokens = torch.randint(0, 50, (8, 12))
words = embed(tokens)
out, _ = attention(words, words, words, key_padding_mask=tokens != 0)
```

## Use instead

```python
import torch
from torch import nn

embed = nn.Embedding(50, 16, padding_idx=0)
attention = nn.MultiheadAttention(16, 4, batch_first=True)
tokens = torch.randint(0, 50, (8, 12))
words = embed(tokens)
out, _ = attention(words, words, words, key_padding_mask=tokens == 0)
```

## Known limits

Masks that are made from lengths, and libraries that mark what may be attended to, are not judged.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.variants.attention_masks import inverted_masks

RULE = Rule(
    code="AEL716",
    name="inverted-padding-mask",
    summary="attention hides the real steps of a sequence and keeps the padding",
    severity=Severity.ERROR,
    triggers=(("mask",), ("padding_idx", "ignore_index")),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each place where the steps that are no padding are hidden."""
    for one in inverted_masks(program):
        notes = (Note(one.mask, "true for the real steps"),)
        said = (Note(one.evidence, f"{one.padding} is padding"),) if one.evidence is not None else ()
        yield Finding(
            one.site,
            f"what the mask marks is hidden, and this mask ({place(one.mask, one.site)}) marks the real steps: all attention goes to "
            "padding; compare with `==`, or turn the mask round",
            (*notes, *said),
        )
