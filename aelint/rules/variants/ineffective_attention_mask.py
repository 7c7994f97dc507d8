"""A mask of attention hides nothing, because of where or with what it is filled in.

## What it does

Follows the scores of attention to their softmax. Reports scores that are filled with a number near zero, or multiplied
by a mask, where minus infinity is needed; scores that are filled only after the softmax; and a mask that is the same
for all keys of a query, so that it shifts all scores of a row alike.

## Why is this bad?

A softmax gives a score of zero a share like any other: exp(0) is 1. What was to be hidden, padding or the steps still to
come, takes part in every output. After the softmax, minus infinity is no weight: it makes the output infinite or NaN.

## Example

```python
import torch

tokens = torch.randint(0, 50, (8, 12))
q, k, v = torch.rand(8, 12, 16), torch.rand(8, 12, 16), torch.rand(8, 12, 16)
scores = q @ k.transpose(1, 2) / 16 ** 0.5
weights = torch.softmax(scores.masked_fill((tokens == 0).unsqueeze(1), 1e-9), dim=-1)
out = weights @ v
```

## Use instead

```python
import torch

tokens = torch.randint(0, 50, (8, 12))
q, k, v = torch.rand(8, 12, 16), torch.rand(8, 12, 16), torch.rand(8, 12, 16)
scores = q @ k.transpose(1, 2) / 16 ** 0.5
weights = torch.softmax(scores.masked_fill((tokens == 0).unsqueeze(1), -1e9), dim=-1)
out = weights @ v
```

## Known limits

Weights that are masked once more and divided by their sum, and masks whose axes are not known, are left alone.

## References

- Vaswani et al., Attention Is All You Need, 2017, section 3.2.3: https://arxiv.org/abs/1706.03762
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.variants.attention_masks import Unhidden, unhidden_scores

RULE = Rule(
    code="AEL717",
    name="ineffective-attention-mask",
    summary="a mask of attention hides nothing",
    severity=Severity.ERROR,
    triggers=(("softmax",), ("mask",)),
)

_MESSAGES = {
    "small": "the scores to be hidden are filled with {number}, and a softmax gives zero a share like any other (exp(0) is 1): "
    'fill them with float("-inf")',
    "factor": "the scores to be hidden are multiplied by zero, and a softmax gives zero a share like any other (exp(0) is 1): "
    'use masked_fill with float("-inf")',
    "late": "{number} is filled in after the softmax, where the weights are: the output becomes infinite or NaN. Fill the "
    "scores before the softmax, or the weights with 0",
    "row": "this mask is the same for all that the softmax shares out (axis {number} of the mask has one number), so that it shifts "
    "all of them alike and hides none: give it that axis, as in mask[:, None, None, :]",
}


def check(program: Program) -> Iterator[Finding]:
    """Yield each mask of attention scores that hides nothing."""
    for one in unhidden_scores(program):
        yield Finding(one.site, _MESSAGES[one.slip].format(number=_text(one)), (Note(one.softmax, "the softmax"),))


def _text(one: Unhidden) -> str:
    return f"{one.number:g}" if one.number is not None else ""
