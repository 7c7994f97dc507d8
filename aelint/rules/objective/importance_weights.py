"""Importance weights of several samples that are not the ones of the bound.

## What it does

Reports, for losses over several samples per datum (IWAE),

- `logsumexp` of the *losses* of the samples that is minimised as it is, where the bound is `-logsumexp(-losses)`,
- weights `softmax(log_w)` that multiply `log_w` itself and carry a gradient of their own.

## Why is this bad?

The bound is the logarithm of an average of likelihoods: good samples dominate it. `logsumexp` of losses is
dominated by the worst sample instead. And the gradient of the bound is the average of the gradients of `log_w` under
the weights; a gradient through the weights adds a term that sharpens them and belongs to another objective.

## Example

```python
import torch
from torch import nn
import torch.nn.functional as F

net, x = nn.Linear(30, 30), torch.rand(16, 5, 30)
log_w = -F.mse_loss(net(x), x, reduction="none").sum(-1)
weight = F.softmax(log_w, dim=-1)
loss = torch.mean(torch.sum(-weight * log_w, dim=-1))
loss.backward()
```

## Use instead

```python
import torch
from torch import nn
import torch.nn.functional as F

net, x = nn.Linear(30, 30), torch.rand(16, 5, 30)
log_w = -F.mse_loss(net(x), x, reduction="none").sum(-1)
weight = F.softmax(log_w, dim=-1).detach()
loss = torch.mean(torch.sum(-weight * log_w, dim=-1))
loss.backward()
```

## Known limits

The reconstruction error must be in sight in what the weights are made of.

## References

- Burda et al., Importance Weighted Autoencoders, 2016, equations 8 and 14: https://arxiv.org/abs/1509.00519
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import nodes
from aelint.semantics.dataflow.lineage import source, through_reshapes
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.formulas.formulas import Leaf
from aelint.semantics.objective.objectives import Objective, objectives
from aelint.semantics.objective.terms import reconstructions
from aelint.semantics.operators.api import to_number

RULE = Rule(
    code="AEL322",
    name="importance-weights",
    summary="losses over several samples are weighted in another way than the bound asks for",
    severity=Severity.WARNING,
    triggers=(("logsumexp", "softmax"), ("backward",)),
)

_WEIGHTS = frozenset({"softmax"})


def check(program: Program) -> Iterator[Finding]:
    """Yield sums of exponentials of losses, then weights with a gradient."""
    yield from _of_losses(program)
    yield from _with_gradient(program)


def _of_losses(program: Program) -> Iterator[Finding]:
    for objective in objectives(program):
        for summand in objective.summands if objective.called else ():
            for generator, exponent in summand.product:
                key = generator.key if isinstance(generator, Leaf) else None
                if not isinstance(key, Sym) or key.op != "logsumexp" or exponent != 1 or key.site is None:
                    continue
                if summand.factor > 0 and len(summand.product) == 1 and _direction(source(key)) > 0:
                    message = (
                        "this sums the exponentials of losses, so the worst sample dominates. The bound averages likelihoods: "
                        "-(torch.logsumexp(-losses, dim) - log(number of samples))"
                    )
                    yield Finding(key.site, message)


def _with_gradient(program: Program) -> Iterator[Finding]:
    for node in nodes(program):
        if node.op != "mul" or len(node.inputs) != 2:
            continue
        for weight, weighted in (node.inputs, node.inputs[::-1]):
            made = _plain(weight)
            if not isinstance(made, Sym) or made.op not in _WEIGHTS or made.site is None:
                continue
            log_weight = through_reshapes(source(made))
            if _plain(log_weight) is _plain(weighted) and isinstance(log_weight, Sym) and _direction(log_weight) != 0:
                message = (
                    "these weights multiply the very values that they are the softmax of, and have a gradient of their own: "
                    "the gradient of the bound treats them as numbers. Add `.detach()`"
                )
                notes = (Note(node.site, "multiplied here"),) if node.site is not None else ()
                yield Finding(made.site, message, notes)


def _plain(value: Value) -> Value:
    """The tensor below signs, plain factors and reshapes."""
    for _ in range(6):
        value = through_reshapes(value)
        match value:
            case Sym(op="neg"):
                value = source(value)
            case Sym(op="mul", inputs=(first, second)) if to_number(first) is not None or to_number(second) is not None:
                value = second if to_number(first) is not None else first
            case _:
                return value
    return value


def _direction(value: Value) -> float:
    """Positive if the value grows with the reconstruction error, negative if it falls, 0 if it holds none."""
    if not isinstance(value, Sym):
        return 0.0
    signs = {1.0 if t.factor > 0 else -1.0 for t in reconstructions(Objective(value, called=False)) if not t.by_name}
    return signs.pop() if len(signs) == 1 else 0.0
