"""A matrix with self-loops is normalised by degrees that were summed without them.

## What it does

Reports row sums of an adjacency matrix by which the matrix with its self-loops added (`A + torch.eye(n)`) is divided.

## Why is this bad?

Normalised by its own degrees the matrix has eigenvalues up to one, so that layers stacked on it stay stable. With degrees that
lack the self-loops they are larger, most for nodes of few edges, and the features of a node without edges are
divided by zero.

## Example

```python
import torch


def propagate(A, X):
    A_hat = A + torch.eye(len(A))
    D = torch.diag(A.sum(dim=1).pow(-0.5))
    return D @ A_hat @ D @ X


propagate(torch.ones(4, 4) - torch.eye(4), torch.randn(4, 2))
```

## Use instead

```python
import torch


def propagate(A, X):
    A_hat = A + torch.eye(len(A))
    D = torch.diag(A_hat.sum(dim=1).pow(-0.5))
    return D @ A_hat @ D @ X


propagate(torch.ones(4, 4) - torch.eye(4), torch.randn(4, 2))
```

## Known limits

Graphs given by lists of edges are not followed. A matrix without self-loops that is divided by degrees with them is left alone: where
a layer has other weights for a node itself, this is meant.

## References

- Kipf, Welling: Semi-Supervised Classification with Graph Convolutional Networks, 2017, section 2.2, https://arxiv.org/abs/1609.02907
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.degrees import foreign_degrees
from aelint.semantics.explanation.wording import place

RULE = Rule(
    code="AEL133",
    name="degree-of-another-graph",
    summary="a matrix with self-loops is normalised by degrees that were summed without them",
    severity=Severity.WARNING,
    triggers=(("eye", "diag"), ("sum",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Report the sum."""
    for one in foreign_degrees(program):
        message = (
            f"the matrix that is divided by these degrees ({place(one.scaled, one.summed)}) has self-loops ({place(one.looped, one.summed)}), which "
            "they lack: its rows are divided by too little, and those of nodes without edges by zero. Sum the rows of the matrix with self-loops"
        )
        notes = (Note(one.looped, "self-loops are added here"), Note(one.scaled, "divided here"))
        yield Finding(one.summed, message, notes)
