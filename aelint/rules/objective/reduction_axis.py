"""A loss is reduced too early for the weights that multiply it.

## What it does

Reports a loss that was already averaged to one number and is then multiplied by a map of weights or a mask
and averaged again, or weighted by its own size, as in a focal loss. And a sum over everything, such as a KL divergence summed
without `dim`, that is multiplied by a mask whose entries the loss counts, `mask.sum()`, to average over the steps that are there.

## Why is this bad?

A number times a map, averaged, is the number times the average weight: which pixel weighs what has no effect. A sum over all
steps times a mask, divided by the number of steps, is that sum once more: padded steps count, and the term grows with the batch.

## Example

```python
import torch
import torch.nn.functional as F


def loss(recon: torch.Tensor, x=torch.rand(8, 1, 16, 16)):
    weight = torch.where(x > 0.5, 10.0, 1.0)
    return (F.mse_loss(recon, x) * weight).mean()
```

## Use instead

```python
import torch
import torch.nn.functional as F


def loss(recon: torch.Tensor, x=torch.rand(8, 1, 16, 16)):
    weight = torch.where(x > 0.5, 10.0, 1.0)
    return (F.mse_loss(recon, x, reduction="none") * weight).mean()
```

## Known limits

The shape of the weights must be known, or that they are a mask that the loss counts.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mse_loss.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import consumers, nodes
from aelint.semantics.dataflow.lineage import ancestors, depends_on
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import shape_text
from aelint.semantics.objective.comparisons import is_output
from aelint.semantics.objective.losses import LOSSES, reduction_word
from aelint.semantics.objective.masked_totals import masked_totals

RULE = Rule(
    code="AEL316",
    name="reduction-axis",
    summary="a loss is reduced before its weights apply",
    severity=Severity.WARNING,
    triggers=(("mean", "sum", "loss"),),
)

_REDUCTIONS = frozenset({"sum", "mean"})


def check(program: Program) -> Iterator[Finding]:
    """Yield losses that are averaged before they are weighted."""
    yield from _early(program)
    yield from _focal(program)
    yield from _under_a_mask(program)


def _early(program: Program) -> Iterator[Finding]:
    users = consumers(program)
    for node in nodes(program):
        if node.op != "mul" or len(node.inputs) != 2 or not any(u.op in _REDUCTIONS for u in users.get(node.id, [])):
            continue
        for loss, weight in (node.inputs, node.inputs[::-1]):
            if _is_averaged(loss) and _is_map(weight) and loss.site is not None:
                message = (
                    f"this loss is already one number when it is multiplied by weights of shape {shape_text(weight.shape)}: "
                    'only their average counts. Compute it with reduction="none", weigh it, then average'
                )
                notes = (Note(node.site, "the weights are applied here"),) if node.site is not None else ()
                yield Finding(loss.site, message, notes)


def _focal(program: Program) -> Iterator[Finding]:
    """A focal weight, `(1 - exp(-loss)) ** gamma`, of a loss that is one number already."""
    for node in nodes(program):
        if node.op != "mul" or len(node.inputs) != 2:
            continue
        for loss, weight in (node.inputs, node.inputs[::-1]):
            weighs = (
                isinstance(weight, Sym) and weight.op == "pow" and isinstance(loss, Sym) and depends_on(weight, loss)
            )
            if not weighs or not _is_averaged(loss) or not any(a.op == "exp" for a in ancestors(weight)):
                continue
            assert isinstance(loss, Sym)
            if loss.site is not None:
                message = (
                    "this loss is already one number when its focal weight is made of it: easy and hard samples get the same "
                    'weight. Compute it with reduction="none", weigh it, then average'
                )
                notes = (Note(node.site, "the weight is applied here"),) if node.site is not None else ()
                yield Finding(loss.site, message, notes)


def _under_a_mask(program: Program) -> Iterator[Finding]:
    for one in masked_totals(program):
        message = (
            f"this is one number for the whole batch when `{one.mask}` multiplies it: the mask then leaves nothing out, and what is masked "
            "counts. Reduce over the axes that the mask does not have, `dim=-1` for a code, so that each step keeps its own term"
        )
        yield Finding(one.site, message, (Note(one.counted, "the steps that the mask leaves are counted here"),))


def _is_averaged(loss: object) -> bool:
    return isinstance(loss, Sym) and loss.op in LOSSES and loss.shape == () and reduction_word(loss) in _REDUCTIONS


def _is_map(weight: object) -> bool:
    return isinstance(weight, Sym) and any(size != 1 for size in weight.shape or ()) and not is_output(weight)
