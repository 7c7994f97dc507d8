"""A state is loaded whose keys the module does not have: the weights stay random.

## What it does

Computes the keys of the state dicts on both sides, through files that the same program writes.
Reports `load_state_dict` (with `strict=False`, or with a wrapper dictionary around the state) and
filters like `{k: v for k, v in state.items() if k in own}` where no key is common to both. Also reports a network, or an optimiser of the
same parameters, that is built anew under the name of one that was just loaded, before
anything has run the loaded one.

## Why is this bad?

With `strict=False` or a filter in front, nothing complains: the "pretrained" encoder is a random one.
A prefix (`encoder.`, `module.`) or a wrapper (`{"model": ..., "epoch": ...}`) is the usual reason.

## Example

```python
import torch
from torch import nn


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
        self.decoder = nn.Linear(4, 20)

    def forward(self, x):
        return self.decoder(self.encoder(x))


pretrained = Autoencoder()
encoder = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
encoder.load_state_dict(pretrained.state_dict(), strict=False)
```

## Use instead

```python
import torch
from torch import nn


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
        self.decoder = nn.Linear(4, 20)

    def forward(self, x):
        return self.decoder(self.encoder(x))


pretrained = Autoencoder()
encoder = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
encoder.load_state_dict(pretrained.encoder.state_dict())
```

## Known limits

Files that another program wrote have unknown keys. A state that fills a part of the module is taken
for fine-tuning.

## References

- https://pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.load_state_dict
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.inference.lost_states import loads_thrown_away
from aelint.semantics.inference.state_keys import filters_that_keep_nothing, loads_that_fill_nothing

RULE = Rule(
    code="AEL603",
    name="lenient-loading",
    summary="a state is loaded that fits no key of the module, or into a module that is then built anew",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    triggers=(("load_state_dict",),),
)


def check(program: Program) -> Iterator[Finding]:
    """Report loads and filters that take nothing over."""
    for found, what in (
        (filters_that_keep_nothing, "this filter keeps nothing"),
        (loads_that_fill_nothing, "this load fills nothing"),
    ):
        for mismatch in found(program):
            yield Finding(
                mismatch.site,
                f"{what}: the state has keys like `{mismatch.offered}`, the module wants keys like `{mismatch.wanted}`, and none is "
                "in both; load the part that fits, or rename the keys",
            )
    for lost in loads_thrown_away(program):
        yield Finding(
            lost.site,
            f"`{lost.name}` is built anew here, and the state that was loaded into the one before ({place(lost.other, lost.site)}) is lost: "
            "training starts as if nothing had been loaded; build it before the load",
            (Note(lost.other, "loaded here"),),
        )
