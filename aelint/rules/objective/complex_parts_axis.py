"""Real and imaginary parts are taken from an axis that does not hold them.

## What it does

Reports the entries 0 and 1 of an axis of `torch.view_as_real(...)`, or of `torch.stft(..., return_complex=False)`, that are put
together as a real and an imaginary part, where that axis is not the last one.

## Why is this bad?

`view_as_real` adds an axis of two entries behind all others. The index 0 or 1 at another place takes two frames or two frequencies:
the "magnitude" is made of a small piece of the signal, keeps the two parts as if they were data, and the loss that compares it
leaves the rest of the spectrum to chance.

## Example

```python
import torch

def power(wave):
    parts = torch.view_as_real(torch.stft(wave, 64, window=torch.hann_window(64), return_complex=True))
    return parts[:, :, 0] ** 2 + parts[:, :, 1] ** 2

loss = (power(torch.randn(4, 512)) - power(torch.randn(4, 512))).abs().mean()
```

## Use instead

```python
import torch

def power(wave):
    parts = torch.view_as_real(torch.stft(wave, 64, window=torch.hann_window(64), return_complex=True))
    return parts[..., 0] ** 2 + parts[..., 1] ** 2

loss = (power(torch.randn(4, 512)) - power(torch.randn(4, 512))).abs().mean()
```

## Known limits

Silent where the number of axes is not known, where the axes were moved, and where the axis itself has two entries, which may be the
channels of a signal. Entries that are neither squared and added nor named as two parts may be frames that are meant.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.view_as_real.html
- https://docs.pytorch.org/docs/stable/generated/torch.stft.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place, size_text
from aelint.semantics.objective.complex_parts import misread_parts

RULE = Rule(
    code="AEL338",
    name="complex-parts-axis",
    summary="real and imaginary parts are taken from an axis that does not hold them",
    severity=Severity.WARNING,
    triggers=(("view_as_real", "stft"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Report the first of the two reads."""
    for one in misread_parts(program):
        message = (
            f"0 and 1 take two of the {size_text(one.size)} entries of axis {one.axis}, while the real and the imaginary part are the "
            f"entries of the last of {one.rank} axes ({place(one.made, one.first)}). Write `[..., 0]` and `[..., 1]`"
        )
        notes = (
            Note(one.second, "the other entry of the same axis"),
            Note(one.made, "both parts are in its last axis"),
        )
        yield Finding(one.first, message, notes)
