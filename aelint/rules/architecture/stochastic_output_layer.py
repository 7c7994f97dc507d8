"""Dropout or batch normalisation stands behind the last layer, so it acts on the reconstruction itself.

## What it does

Follows what a loss compares with the data back to the last layer with weights, and reports a dropout or
batch normalisation on the way.

## Why is this bad?

Dropout sets a share of the reconstructed values to zero and scales the others up: in training the
network is asked for values that it cannot give, and the output changes scale when dropout is switched
off. Batch normalisation gives every output feature the same mean and variance over the batch, whatever
the data have.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

decoder = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 32), nn.Sigmoid(), nn.Dropout(0.2))

def loss_fn(z: torch.Tensor, x: torch.Tensor):
    return F.mse_loss(decoder(z), x)
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

decoder = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 32), nn.Sigmoid())

def loss_fn(z: torch.Tensor, x: torch.Tensor):
    return F.mse_loss(decoder(z), x)
```

## Known limits

Speaks only where the loss is in sight. Predictions of something else than the data, such as features of
a teacher, are left alone.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.lineage import RESHAPES, source
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.objective.comparisons import LEARNED, Comparison, comparisons

RULE = Rule(
    code="AEL117",
    name="stochastic-output-layer",
    summary="dropout or batch normalisation acts on the reconstruction",
    severity=Severity.WARNING,
    triggers=(("dropout", "batchnorm", "batch_norm"),),
)

_ACTIVATIONS = frozenset(
    {"sigmoid", "tanh", "relu", "softplus", "hardtanh", "leaky_relu", "elu", "gelu", "silu", "identity", "clamp"}
)
_BOUNDED = frozenset({"sigmoid", "tanh", "hardtanh"})
_STOCHASTIC = {
    "dropout": "dropout",
    "alpha_dropout": "dropout",
    "feature_dropout": "dropout",
    "dropout1d": "dropout",
    "dropout2d": "dropout",
    "dropout3d": "dropout",
    "batch_norm": "batch normalisation",
}


def check(program: Program) -> Iterator[Finding]:
    """Yield each layer that disturbs a reconstruction."""
    for comparison in comparisons(program):
        found = _disturbance(comparison.prediction)
        if found is None or found.site is None:
            continue
        yield _finding(_written(found), found, comparison)


def _disturbance(value: Value) -> Sym | None:
    """The dropout or normalisation between a prediction and the last layer with weights."""
    squashed = False
    while isinstance(value, Sym) and value.op not in LEARNED:
        if value.op in _STOCHASTIC:
            # In front of the last activation, normalisation is the usual one of a convolution block.
            return value if _acts(value) and not (squashed and value.op == "batch_norm") else None
        squashed = squashed or value.op in _ACTIVATIONS
        if value.op not in _ACTIVATIONS | RESHAPES:
            return None
        value = source(value)
    return None


def _acts(value: Sym) -> bool:
    layer = value.layer
    if value.op == "batch_norm":
        behind = source(value)
        if isinstance(behind, Sym) and behind.op in _BOUNDED:
            # The range that the activation gave the reconstruction is lost again.
            behind = source(behind)
        return isinstance(behind, Sym) and behind.op in LEARNED
    rate = layer.bound.get("p") if isinstance(layer, Object) else value.attrs.get("p")
    return not isinstance(rate, (int, float)) or rate > 0


def _written(value: Sym) -> Site:
    layer = value.layer
    site = layer.site if isinstance(layer, Object) and layer.site is not None else value.site
    assert site is not None
    return site


def _finding(site: Site, found: Sym, comparison: Comparison) -> Finding:
    what = _STOCHASTIC[found.op]
    effect = (
        "in training a share of the reconstruction is set to zero, and the rest is scaled up"
        if what == "dropout"
        else "every output feature gets the same mean and variance over the batch"
    )
    message = (
        f"{what} acts on the reconstruction that the loss compares with the data ({place(comparison.site, site)}): "
        f"{effect}. Put it in front of the last layer, or delete it"
    )
    return Finding(site, message, (Note(comparison.site, "compared with the data here"),))
