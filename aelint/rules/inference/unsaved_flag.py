"""Weights are initialised from the first batch, and the flag that says so is not part of the state.

## What it does

Reports an attribute that a network's constructor sets to `False` or `True`, and a method turns over once it has filled a
parameter or buffer from its data (the entries of a codebook, the scale of an activation norm), where nothing saves the flag.

## Why is this bad?

`state_dict` holds the trained weights, and `load_state_dict` brings them back, but the flag starts anew: the first
batch after a restart, or the first one in use, overwrites what was trained. The loss jumps, and nothing raises.

## Example

```python
import torch
import torch.nn as nn


class Codebook(nn.Module):
    def __init__(self, entries, width):
        super().__init__()
        self.codes = nn.Parameter(torch.zeros(entries, width))
        self.initialised = False

    def forward(self, z):
        if not self.initialised:
            self.codes.data.copy_(z[torch.randperm(len(z))[: len(self.codes)]])
            self.initialised = True
        return self.codes[torch.cdist(z, self.codes).argmin(1)]
```

## Use instead

```python
import torch
import torch.nn as nn


class Codebook(nn.Module):
    def __init__(self, entries, width):
        super().__init__()
        self.codes = nn.Parameter(torch.zeros(entries, width))
        self.register_buffer("initialised", torch.tensor(False))

    def forward(self, z):
        if not self.initialised:
            self.codes.data.copy_(z[torch.randperm(len(z))[: len(self.codes)]])
            self.initialised.fill_(True)
        return self.codes[torch.cdist(z, self.codes).argmin(1)]
```

## Known limits

A network that has a say in its state (`_load_from_state_dict`, `set_extra_state`), and a flag that other code sets, are
left alone.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_buffer
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.inference.unsaved_flags import unsaved_flags

RULE = Rule(
    code="AEL623",
    name="unsaved-flag",
    summary="weights are initialised from the first batch, and the flag that says so is not saved",
    severity=Severity.WARNING,
    triggers=(("false", "true"), ("copy_", ".data", "no_grad"), ("module", "nn.")),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each flag that a loaded state does not bring back."""
    for flag in unsaved_flags(program):
        message = (
            f"`{flag.name}` is no part of the state, so that after `load_state_dict` the next batch fills `{flag.weights}` anew "
            f"({place(flag.written, flag.site)}) and the trained values are lost; make it a buffer, "
            f'`self.register_buffer("{flag.name}", torch.tensor({flag.start}))`, and set it in place'
        )
        yield Finding(
            flag.site, message, (Note(flag.written, "filled from data"), Note(flag.turned, "turned over here"))
        )
