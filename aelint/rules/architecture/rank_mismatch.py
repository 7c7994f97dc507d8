"""A tensor has more or fewer axes than the layer takes.

## What it does

Reports a convolution, normalisation, recurrent layer or permutation whose tensor comes from another
layer with a known number of axes that does not fit, and a recurrent layer whose initial state has
another number of axes than its input.

## Why is this bad?

torch raises: `Expected 3D (unbatched) or 4D (batched) input to conv2d`, or `For batched 3-D input, hx
should also be 3-D but got 4-D tensor`.

## Example

```python
import torch
import torch.nn as nn

class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.start = nn.Linear(4, 24)
        self.rnn = nn.GRU(8, 12, num_layers=2, batch_first=True)

    def generate(self, n: int):
        state = self.start(torch.randn(n, 4))
        state = torch.stack(state.split(12, dim=-1))
        state = state.unsqueeze(0)
        return self.rnn(torch.zeros(n, 1, 8), state)
```

## Use instead

```python
import torch
import torch.nn as nn

class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.start = nn.Linear(4, 24)
        self.rnn = nn.GRU(8, 12, num_layers=2, batch_first=True)

    def generate(self, n: int):
        state = self.start(torch.randn(n, 4))
        state = torch.stack(state.split(12, dim=-1))
        return self.rnn(torch.zeros(n, 1, 8), state)
```

## Known limits

A tensor that no layer computed, or whose rank a condition decides, is left alone.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.contradictions import Contradiction, contradictions, last_layer
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import layer_title, place, shape_text

RULE = Rule(
    code="AEL122",
    name="rank-mismatch",
    summary="a tensor has another number of axes than its layer takes",
    severity=Severity.ERROR,
    triggers=(("torch",),),
)

_RESHAPING = frozenset({"unsqueeze", "squeeze", "view", "flatten", "unflatten", "stack", "select", "getitem"})


def check(program: Program) -> Iterator[Finding]:
    """Yield each tensor of another rank than expected, at the operation that gave it this rank."""
    for found in contradictions(program, "rank"):
        tensor = found.conflict.facts.get("argument", found.conflict.subject)
        if isinstance(tensor, Sym) and tensor.op != "unflatten" and last_layer(tensor) is not None:
            yield _finding(program, found, tensor)


def _finding(program: Program, found: Contradiction, tensor: Sym) -> Finding:
    facts = found.conflict.facts
    expected = " or ".join(map(str, facts["expected"]))
    taker = (
        layer_title(program, found.conflict.layer)
        if found.conflict.layer is not None
        else f"`{found.conflict.operation}`"
    )
    what = f"{shape_text(facts['shape'])} has {len(facts['shape'])} axes, but {taker} takes {expected} here"
    if tensor.op in _RESHAPING and tensor.site is not None and tensor.site.node is not found.site.node:
        message = f"this `{tensor.op}` gives a tensor that does not fit ({place(found.site, tensor.site)}): {what}. torch raises there"
        return Finding(tensor.site, message, (Note(found.site, "used here"),))
    return Finding(found.site, f"the tensor {what}; torch raises")
