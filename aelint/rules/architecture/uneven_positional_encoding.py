"""The frequencies of an encoding of positions are not what the formula says, or every position gets the same code.

## What it does

Reads tables of sines and cosines and evaluates their frequencies. Reports a sine and the cosine beside it with different
frequencies, columns that each have a frequency of their own, frequencies that grow where the formula makes them fall,
frequencies that are nearly all one because base and exponent are exchanged, and a table in which sine and cosine
alternate over the positions instead of the columns.

Reports a table of positions that is indexed with the length of the sequence to which it is added, instead of being cut to it.

## Why is this bad?

Sine and cosine of one frequency make a pair: a shift of the position turns it by a fixed angle, which is how attention
can read distances. With frequencies that grow past one turn per position neighbours get unrelated codes; with
frequencies that are all alike the columns say the same; and where every other position, or sample, is encoded in
another way the model cannot know which one it sees. A row for all positions tells none of them from another: attention
then sees a set, not a sequence.

## Example

```python
import math
import torch

pe = torch.zeros(100, 64)
position = torch.arange(0, 100).unsqueeze(1)
div_term = torch.exp(torch.arange(0, 64, 2) * -(math.log(10000.0) / 64))
pe[:, 0::2] = torch.sin(position / div_term)
pe[:, 1::2] = torch.cos(position / div_term)
```

```python
from torch import nn


class Encoding(nn.Module):
    def __init__(self, table):
        super().__init__()
        self.register_buffer("table", table)

    def forward(self, x):
        return x + self.table[:, x.size(1)]
```

## Use instead

```python
import math
import torch

pe = torch.zeros(100, 64)
position = torch.arange(0, 100).unsqueeze(1)
div_term = torch.exp(torch.arange(0, 64, 2) * -(math.log(10000.0) / 64))
pe[:, 0::2] = torch.sin(position * div_term)
pe[:, 1::2] = torch.cos(position * div_term)
```

```python
from torch import nn


class Encoding(nn.Module):
    def __init__(self, table):
        super().__init__()
        self.register_buffer("table", table)

    def forward(self, x):
        return x + self.table[:, :x.size(1)]
```

## Known limits

Tables whose first half is sines and whose second half is cosines, and frequencies of powers of two, are other designs
and left alone. So is what cannot be evaluated from the function alone.

## References

- Vaswani et al., Attention Is All You Need, 2017, section 3.5: https://arxiv.org/abs/1706.03762
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.position_rows import single_rows
from aelint.semantics.architecture.wave_tables import odd_tables

RULE = Rule(
    code="AEL132",
    name="uneven-positional-encoding",
    summary="an encoding of positions has frequencies that are not those of its formula, or one code for all positions",
    severity=Severity.WARNING,
    triggers=(("sin", "shape[", "size("),),
)

_MESSAGES = {
    "pair": "this cosine has another frequency than the sine beside it: a shift of the position no longer turns the pair by one "
    "angle. Use the same exponent in both",
    "columns": "each column has a frequency of its own here, although sine and cosine columns make pairs: use the same exponent for "
    "both columns of a pair, as in 2 * (i // 2) / width",
    "growing": "the frequencies grow from column to column, up to many turns per position, where the formula makes them fall: the "
    "divisor is a reciprocal already. Multiply by it",
    "flat": "an index to the power of a tiny number is nearly one for every index, so that all frequencies are alike: base and "
    "exponent are exchanged",
    "rows": "sine and cosine alternate over the first axis, which is that of the positions: every other one is encoded by sines "
    "alone. Index the last axis, as in table[:, 0::2]",
}


def check(program: Program) -> Iterator[Finding]:
    """Yield each slip in a table of sines and cosines."""
    for one in odd_tables(program):
        notes = (Note(one.other, "the other half of the pair"),) if one.other is not None else ()
        sure = Confidence.MEDIUM if one.slip in {"pair", "columns"} else Confidence.HIGH
        yield Finding(one.site, _MESSAGES[one.slip], notes, confidence=sure)
    for row in single_rows(program):
        message = (
            f"`{row.length}` is the length of what this is added to: the one row behind the last position is added to every "
            f"position, and none can be told from another. Cut the table with `:{row.length}`"
        )
        yield Finding(row.site, message)
