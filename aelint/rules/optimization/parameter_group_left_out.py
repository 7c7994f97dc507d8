"""A loop over an optimiser's parameter groups sets the learning rate of one group only.

## What it does

Reports an assignment right behind a loop over `param_groups` that uses the loop's variable, and a loop over the indices
of `param_groups` that writes to one fixed group in every round.

## Why is this bad?

The schedule reaches one group: the others, often the decoder or everything without weight decay, keep the learning rate
that they started with for the whole training.

## Example

```python
import torch
from torch import nn

encoder, decoder = nn.Linear(64, 8), nn.Linear(8, 64)
optimizer = torch.optim.AdamW([{"params": encoder.parameters()}, {"params": decoder.parameters()}], lr=1e-3)
for epoch in range(10):
    lr = 1e-3 * 0.9**epoch
    for group in optimizer.param_groups:
        print(group["lr"])
    group["lr"] = lr
```

## Use instead

```python
import torch
from torch import nn

encoder, decoder = nn.Linear(64, 8), nn.Linear(8, 64)
optimizer = torch.optim.AdamW([{"params": encoder.parameters()}, {"params": decoder.parameters()}], lr=1e-3)
for epoch in range(10):
    lr = 1e-3 * 0.9**epoch
    for group in optimizer.param_groups:
        group["lr"] = lr
```

## Known limits

An optimiser that certainly has a single group is reported as well: the next group would be missed.

## References

- https://docs.pytorch.org/docs/stable/optim.html#per-parameter-options
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.syntax.blocks import blocks
from aelint.syntax.walk import every, walk

RULE = Rule(
    code="AEL418",
    name="parameter-group-left-out",
    summary="a loop over the parameter groups of an optimiser sets the learning rate of one group only",
    severity=Severity.WARNING,
    triggers=(("param_groups",),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each assignment to a single group that a loop over all groups was written for."""
    for block in blocks(program.tree):
        yield from _behind_loops(program, block)
    for loop in every(ast.For, program.tree):
        yield from _fixed_index(program, loop)


def _behind_loops(program: Program, block: list[ast.stmt]) -> Iterator[Finding]:
    for loop, after in pairwise(block):
        if isinstance(loop, ast.For) and isinstance(loop.target, ast.Name) and _is_groups(loop.iter):
            written = _item_of(after, loop.target.id)
            if written is not None and not any(_item_of(s, loop.target.id) == written for s in loop.body):
                site = Site(program.unit, after)
                message = (
                    f"`{site.text}` stands after the loop over the groups, so it reaches the last group only; "
                    "move it into the loop"
                )
                yield Finding(site, message, (Note(Site(program.unit, loop.iter), "the loop"),))


def _item_of(statement: ast.stmt, name: str) -> str | None:
    match statement:
        case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=owner)) as target]) if owner == name:
            return ast.unparse(target)
        case _:
            return None


def _is_groups(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "param_groups"


def _fixed_index(program: Program, loop: ast.For) -> Iterator[Finding]:
    counted = [
        n.args[0]
        for n in every(ast.Call, loop.iter)
        if isinstance(n.func, ast.Name) and n.func.id == "len" and len(n.args) == 1
    ]
    groups = {ast.unparse(c) for c in counted if _is_groups(c)}
    body = [n for s in loop.body for n in walk(s)]
    unused = isinstance(loop.target, ast.Name) and not any(
        isinstance(n, ast.Name) and n.id == loop.target.id for n in body
    )
    for node in body if groups and unused else ():
        match node:
            case ast.Assign(
                targets=[ast.Subscript(value=ast.Subscript(value=owner, slice=ast.Constant() as index)) as target]
            ) if ast.unparse(owner) in groups:
                message = (
                    f"every round of the loop over the groups writes to group {ast.unparse(index)}; the others keep their "
                    f"learning rate. Use `{ast.unparse(loop.target)}` as the index"
                )
                yield Finding(Site(program.unit, target), message, (Note(Site(program.unit, loop.iter), "the loop"),))
