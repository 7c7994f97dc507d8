"""A mask or a masked copy is filled, and nothing reads it.

## What it does

Reports a local copy of another tensor, or a tensor called a mask, that a function makes, writes entries of, and
never reads; a noisy or masked version of a tensor that is never read, where a network gets the tensor itself; and a mask that
is computed and never read, where a call that takes a mask gets none.

## Why is this bad?

The corruption that the model should learn from does not happen: the encoder sees the whole input, or the loss
counts every entry. A masked autoencoder that sees what it must predict learns to copy. Attention without the mask of
the padding mixes what was filled in with what was measured.

## Example

```python
import torch
from torch import nn

encoder, decoder = nn.Linear(16, 8), nn.Linear(8, 16)


def loss(x, hidden):
    masked = x.clone()
    masked[hidden] = 0.0
    output = decoder(encoder(x))
    return nn.functional.mse_loss(output[hidden], x[hidden])
```

## Use instead

```python
import torch
from torch import nn

encoder, decoder = nn.Linear(16, 8), nn.Linear(8, 16)


def loss(x, hidden):
    masked = x.clone()
    masked[hidden] = 0.0
    output = decoder(encoder(masked))
    return nn.functional.mse_loss(output[hidden], x[hidden])
```

## Known limits

Only names inside of functions are judged, since other files may read those of a module.

## References

- Hou et al., "GraphMAE: Self-Supervised Masked Graph Autoencoders", 2022: https://arxiv.org/abs/2205.10803
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.variants.fillings import forgotten_corruptions, forgotten_tensors
from aelint.semantics.variants.withheld_masks import withheld_masks

RULE = Rule(
    code="AEL722",
    name="forgotten-mask",
    summary="a mask or a masked copy is filled, and nothing reads it",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    triggers=(("torch",),),
    absence=True,
)


def check(program: Program) -> Iterator[Finding]:
    """Yield what makes each tensor that is written to and never read, and calls on a tensor whose noisy version is not read."""
    for one in forgotten_tensors(program):
        if not one.copied and "mask" not in one.name.lower():
            # What was counted and is not looked at changes no result.
            continue
        instead = f", so what follows sees `{one.copied}` as it is" if one.copied else ""
        yield Finding(
            one.made,
            f"`{one.name}` is made and filled ({place(one.written, one.made)}) and never read{instead}; use it, or remove it",
            (Note(one.written, "entries are set here"),),
        )
    for one in forgotten_corruptions(program):
        yield Finding(
            one.written,
            f"the network gets `{one.copied}` itself and has nothing to mend: `{one.name}`, its corrupted version "
            f"({place(one.made, one.written)}), is never read; give it `{one.name}`",
            (Note(one.made, "the corrupted version is made here"),),
        )
    for withheld in withheld_masks(program):
        origin = f", computed from `{withheld.source}`," if withheld.source not in {"", withheld.mask} else ""
        yield Finding(
            withheld.call,
            f"this takes `{withheld.parameter}` and gets none, and `{withheld.mask}`{origin} is never read "
            f"({place(withheld.made, withheld.call)}): no position is masked; pass it on",
            (Note(withheld.made, "the mask that nothing reads"),),
        )
