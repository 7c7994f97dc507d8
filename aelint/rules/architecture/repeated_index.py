"""Of several sizes one is taken twice, and another is left out.

## What it does

Reports a tuple, a list, the arguments of a call or a product of three or more entries that are written alike but for the index,
`(d[0] // 4, d[1] // 4, d[0] // 4)`, where one index stands twice and the one that belongs there is missing.

## Why is this bad?

The layer is built for another shape than the data has. It goes unnoticed as long as the two sizes are the same, as in a cube,
and torch raises for the first input whose sides differ.

## Example

```python
from torch import nn


class Bottleneck(nn.Module):
    def __init__(self, channels, sides=(16, 16, 16)):
        super().__init__()
        self.shape = (channels, sides[0] // 4, sides[1] // 4, sides[2] // 4)
        self.features = nn.Linear(channels * (sides[0] // 4) * (sides[1] // 4) * (sides[2] // 4), 32)
        self.unfold = nn.Unflatten(1, (sides[0] // 4, sides[1] // 4, sides[0] // 4))
```

## Use instead

```python
from torch import nn


class Bottleneck(nn.Module):
    def __init__(self, channels, sides=(16, 16, 16)):
        super().__init__()
        self.shape = (channels, sides[0] // 4, sides[1] // 4, sides[2] // 4)
        self.features = nn.Linear(channels * (sides[0] // 4) * (sides[1] // 4) * (sides[2] // 4), 32)
        self.unfold = nn.Unflatten(1, (sides[0] // 4, sides[1] // 4, sides[2] // 4))
```

## Known limits

The sequence must be seen to have the entry that is left out: by another read of it in the same function, or because it is written
out. Entries that differ in more than the index are left alone.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.Unflatten.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.repeated_indices import repeated_indices

RULE = Rule(
    code="AEL142",
    name="repeated-index",
    summary="of several sizes one is taken twice, and another is left out",
    severity=Severity.WARNING,
    triggers=(("torch",), ("[0]", "[1]")),
)


def check(program: Program) -> Iterator[Finding]:
    """Report the second read of the entry."""
    for one in repeated_indices(program):
        message = (
            f"`{one.sequence}[{one.index}]` stands here a second time, and `{one.sequence}[{one.missing}]` is left out: the entries beside "
            f"it are alike but for the index. Write `{one.sequence}[{one.missing}]`"
        )
        yield Finding(one.site, message)
