"""Two sets of codes are compared after each went through random directions of its own.

## What it does

Reports the difference of two tensors that were multiplied by random matrices, drawn at the same place in two calls
or at two places, where one draw for both is meant: random Fourier features, sliced Wasserstein distances.

## Why is this bad?

Random directions stand in for all directions only if both sets are looked at along the same ones. With two draws the
distance of a set from itself is not zero: the term is noise, and its gradient pulls the codes to nowhere.

## Example

```python
import torch


def project(z):
    directions = torch.randn(z.shape[1], 50)
    return (z @ directions).cos().mean(dim=0)


def distance(z=torch.rand(64, 8), prior=torch.randn(64, 8)):
    return torch.norm(project(z) - project(prior))
```

## Use instead

```python
import torch


def project(z, directions):
    return (z @ directions).cos().mean(dim=0)


def distance(z=torch.rand(64, 8), prior=torch.randn(64, 8)):
    directions = torch.randn(z.shape[1], 50)
    return torch.norm(project(z, directions) - project(prior, directions))
```

## Known limits

Only matrices that multiply from the right and have two axes. A seed that is set before each draw makes both the
same, and is not followed.

## References

- Rahimi and Recht, Random Features for Large-Scale Kernel Machines, 2007
- Kolouri et al., Sliced-Wasserstein Autoencoder, 2018: https://arxiv.org/abs/1804.01947
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, source
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.latent.posteriors import noise_of

RULE = Rule(
    code="AEL216",
    name="unshared-projection",
    summary="two sets are compared after each went through random directions of its own",
    severity=Severity.WARNING,
    triggers=(("randn", "normal", "rand("), ("@", "matmul", "mm(")),
)

_COMPARISONS = frozenset({"sub", "mse_loss", "l1_loss"})
_KEPT = RESHAPES | {
    "cos", "sin", "mul", "add", "truediv", "mean", "sum", "sort", "item", "cat", "tanh", "relu", "pow", "square", "exp"
}  # fmt: skip
_SEEDS = ("torch.manual_seed", "manual_seed", "torch.random.manual_seed", ".manual_seed")
_DEEPEST = 14


def check(program: Program) -> Iterator[Finding]:
    """Yield each random matrix of which the other side has another draw."""
    if program.calls_to(*_SEEDS) and any(c.context.stack for c in program.calls_to(*_SEEDS)):
        return
    for node in nodes_of(program, *_COMPARISONS):
        if len(node.inputs) < 2:
            continue
        left, right = (_directions(i) for i in node.inputs[:2])
        if left is None or right is None or left[0] is right[0] or left[1] is right[1]:
            continue
        drawn = left[0] if left[0].id > right[0].id else right[0]
        if left[0].shape != right[0].shape or drawn.site is None:
            continue
        message = (
            "the two sides of a comparison go through random directions that were drawn for each of them: they are looked at "
            "along different directions, and even equal sets differ. Draw the matrix once and use it for both"
        )
        notes = (Note(node.site, "compared here"),) if node.site is not None else ()
        yield Finding(drawn.site, message, notes)


def _directions(value: Value) -> tuple[Sym, Value] | None:
    """The random matrix that a tensor was multiplied by from the right, and the tensor."""
    for _ in range(_DEEPEST):
        if not isinstance(value, Sym):
            return None
        if value.op == "matmul" and len(value.inputs) == 2:
            drawn = noise_of(value.inputs[1])
            if drawn is None or drawn.shape is None or len(drawn.shape) != 2 or _is_square(value.inputs[0]):
                return None
            return drawn, value.inputs[0]
        if value.op not in _KEPT:
            return None
        value = _followed(value)
    return None


def _followed(value: Sym) -> Value:
    """The operand that leads to a product, of a sum or product of several."""
    operands = [i for i in value.inputs if isinstance(i, Sym)]
    if value.op in {"add", "mul", "truediv"}:
        kept = [i for i in operands if i.op in _KEPT | {"matmul"}]
        return kept[0] if len(kept) == 1 else None
    return source(value)


def _is_square(value: Value) -> bool:
    """Whether it is a square matrix, as the factor of a covariance that shapes noise."""
    shape = value.shape if isinstance(value, Sym) else None
    return shape is not None and len(shape) >= 2 and shape[-1] == shape[-2]
