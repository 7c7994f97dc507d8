"""A result is unpacked into another number of names than it has parts.

## What it does

Reports `recon, mu, logvar = model(x)` where `model` gives back two tensors, or one: a single tensor is taken apart row by row.
Reports `mse_loss(model(x), x)` where `model` gives back several tensors.

## Why is this bad?

Python raises a ValueError, "not enough values to unpack" or "too many values to unpack"; a loss that is given a tuple raises an
AttributeError, "'tuple' object has no attribute 'size'". One tensor is unpacked without an error
where the batch happens to have as many samples as there are names: each name then holds one sample.

## Example

```python
import torch
from torch import nn
from torch.utils.data import DataLoader


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads, self.decoder = nn.Linear(784, 40), nn.Linear(20, 784)

    def forward(self, x):
        mu, logvar = self.heads(x).chunk(2, dim=1)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))


model = VAE()
for x in DataLoader(torch.rand(256, 784), batch_size=32):
    recon, mu, logvar = model(x)
```

## Use instead

```python
import torch
from torch import nn
from torch.utils.data import DataLoader


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads, self.decoder = nn.Linear(784, 40), nn.Linear(20, 784)

    def forward(self, x):
        mu, logvar = self.heads(x).chunk(2, dim=1)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


model = VAE()
for x in DataLoader(torch.rand(256, 784), batch_size=32):
    recon, mu, logvar = model(x)
```

## Known limits

What is called must be in sight, and give the same number of parts on every way.

## References

- https://docs.python.org/3/reference/simple_stmts.html#assignment-statements
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.unpacked import unpacked_otherwise
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.objective.losses import LOSSES

RULE = Rule(
    code="AEL141",
    name="unpacking-mismatch",
    summary="a result is unpacked into another number of names than it has parts",
    severity=Severity.ERROR,
    triggers=(("torch",), (", ",), ("def ",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each assignment whose names and parts are not as many."""
    for one in unpacked_otherwise(program):
        if one.returned is None:
            continue
        given = f"{one.parts} values" if one.parts is not None else "one tensor, which is taken apart row by row"
        message = (
            f"{one.names} names stand here, but what is called gives {given} ({place(one.returned, one.site)}): "
            "let both be the same number"
        )
        yield Finding(one.site, message, (Note(one.returned, "given back here"),))
    for call, several in _given_whole(program):
        returned = next((ended.site for ended in reversed(program.returns) if ended.value is several), None)
        message = (
            f"`{call.name}` is given a tuple of {len(several)} values, where it takes a tensor: torch raises here. "
            f"Unpack what the network gives back, and pass the one that is meant"
        )
        yield Finding(call.site, message, (Note(returned, "given back here"),) if returned is not None else ())


def _given_whole(program: Program) -> Iterator[tuple[Call, tuple[Value, ...]]]:
    """Losses whose input or target is all that a network returns; each place once."""
    found: dict[int, tuple[Call, tuple[Value, ...]]] = {}
    for call in program.calls_to(*LOSSES):
        for name in ("input", "target"):
            match call.bound.get(name):
                case (_, _, *_) as several if not call.context.speculative and all(isinstance(v, Sym) for v in several):
                    found.setdefault(id(call.site.node), (call, several))
                case _:
                    pass
    return iter(found.values())
