"""A condition is joined with the input, embedded, or only taken, and not used.

## What it does

Reports a method of a network that concatenates tensors, or embeds or one-hot encodes a label, under a name that is never
read, or is assigned again before it is read; and a `forward` that is given a label or condition and never reads it.

## Why is this bad?

The model trains as if it had no condition: the label has no influence on the code or on the reconstruction, and
generation "of class 3" gives samples of every class.

## Example

```python
import torch
from torch import nn


class ConditionalDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.out = nn.Embedding(10, 8), nn.Linear(20, 784)

    def forward(self, z, label):
        joined = torch.cat([z, self.embedding(label)], dim=1)
        return self.out(z)
```

## Use instead

```python
import torch
from torch import nn


class ConditionalDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.out = nn.Embedding(10, 8), nn.Linear(20 + 8, 784)

    def forward(self, z, label):
        joined = torch.cat([z, self.embedding(label)], dim=1)
        return self.out(joined)
```

## Known limits

Only names inside of methods of networks are judged, and only where every use is in sight. A parameter that the `forward` of several
networks has is part of an interface, and is not judged.

## References

- Sohn, Lee and Yan, Learning Structured Output Representation using Deep Conditional Generative Models, 2015
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics.dataflow.dead_values import dead_bindings
from aelint.semantics.dataflow.graph import parts
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.latent.unread_conditions import unread_conditions

RULE = Rule(
    code="AEL214",
    name="unused-condition",
    summary="a condition is taken, joined or embedded, and not used",
    severity=Severity.WARNING,
    triggers=(("cat(", "concat", "embedding", "one_hot", "stack(", "def forward("),),
    absence=True,
)

_DONE = {"cat": "concatenated", "hstack": "concatenated", "embedding": "embedded", "one_hot": "encoded"}


_JOINED = frozenset({"cat", "hstack"})


def check(program: Program) -> Iterator[Finding]:
    """Joined or embedded tensors that nothing reads, and conditions that `forward` takes and never reads."""
    for one in unread_conditions(program):
        message = (
            f"`{one.network}` is called with `{one.name}` ({place(one.call, one.parameter)}), and its `forward` never reads it: the output is the "
            f"same for every condition. Join it with the input of a layer, `torch.cat([z, {one.name}], dim=1)`"
        )
        yield Finding(one.parameter, message, (Note(one.call, "the condition is passed here"),))
    for binding in dead_bindings(program, frozenset(_DONE)):
        value = binding.value
        if value.op in _JOINED and (_lines_up_samples(value) or not _goes_on_without(program, value)):
            continue
        done = _DONE[binding.value.op]
        message = (
            f"`{binding.name}` is {done} here and never used, so what it holds does not reach the layers that follow"
        )
        yield Finding(binding.site, message)


def _lines_up_samples(joined: Sym) -> bool:
    """Whether batches are put one behind the other, as pictures are for a sheet: that is no condition of each sample."""
    return joined.op == "cat" and joined.attrs.get("dim", 0) == 0 and len(joined.shape or ()) != 1


def _goes_on_without(program: Program, joined: Sym) -> bool:
    """Whether a layer gets one of the tensors alone: only there can what was joined to it be missed."""
    alone = {one.id for one in parts(joined.inputs)}
    given = (c.args for c in program.calls if is_module(c.receiver) and c.args)
    return any(one.id in alone for args in given for one in parts(args))
