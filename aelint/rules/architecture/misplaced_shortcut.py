"""The shortcut of a residual block adds something else than the block's input, or nothing.

## What it does

Reports `x += x` and `x = x + x` in a method that has overwritten its argument `x` with the work of its layers, a
shortcut that is projected from the output of the block instead of its input, an input that is kept before the layers
overwrite it and is never read, and attention between two tensors whose
output is added to the tensor that gave the keys instead of the queries.

## Why is this bad?

A residual block computes x + f(x). Where `x` already holds f(x), the sum doubles the branch: there is no shortcut, and
deep stacks train as badly as plain ones. An attention's output has one row for each query; added to the keys, row i of
one sequence lands on row i of the other, and the queries' own stream is lost.

## Example

```python
import torch.nn as nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        x = self.conv1(x).relu()
        x = self.conv2(x)
        x += x
        return x.relu()
```

## Use instead

```python
import torch.nn as nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        out = self.conv1(x).relu()
        out = self.conv2(out) + x
        return out.relu()
```

## Known limits

Attention is looked at where torch's own module computes it.

## References

- He et al., Deep Residual Learning for Image Recognition, 2016: https://arxiv.org/abs/1512.03385
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.shortcuts import (
    doubled_branches,
    forgotten_inputs,
    projected_branches,
    shortcuts_of_keys,
)
from aelint.semantics.explanation.wording import place

RULE = Rule(
    code="AEL131",
    name="misplaced-shortcut",
    summary="the shortcut of a residual block adds something else than its input, or nothing",
    severity=Severity.WARNING,
    triggers=(("module", "nn."),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each branch that is added to itself, then each attention that is added to its keys."""
    for branch in doubled_branches(program):
        message = (
            f"`{branch.name}` no longer holds the input here but the work of the layers ({place(branch.replaced, branch.site)}), "
            "so this doubles it and there is no shortcut. Keep the input under another name and add that"
        )
        yield Finding(branch.site, message, (Note(branch.replaced, "the input is overwritten here"),))
    for wrong in projected_branches(program):
        message = (
            f"`{wrong.shortcut}` is made from `{wrong.branch}`, the output of the block that it is added to ({place(wrong.added, wrong.site)}): "
            f"no path leads around the layers. Project the input, which `{wrong.shortcut}` was taken from ({place(wrong.saved, wrong.site)})"
        )
        notes = (Note(wrong.saved, f"the input `{wrong.given}` is kept here"), Note(wrong.added, "added here"))
        yield Finding(wrong.site, message, notes)
    for lost in forgotten_inputs(program):
        message = (
            f"`{lost.name}` keeps the input of this block ({place(lost.saved, lost.site)}), and nothing reads it: the work of the layers on "
            f"`{lost.given}` ends here without its shortcut. Add `{lost.name}` to it, or do not keep it"
        )
        yield Finding(lost.site, message, (Note(lost.saved, "the input is kept here"),))
    for one in shortcuts_of_keys(program):
        message = (
            "the output of this attention has one row for each query, but it is added to the tensor that gave the keys "
            f"({place(one.added, one.site)}): add it to the queries"
        )
        yield Finding(one.site, message, (Note(one.added, "added here"),))
