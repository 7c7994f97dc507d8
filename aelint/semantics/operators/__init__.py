"""Transfer functions of torch's layers and tensor functions, one module per area.

`REGISTRY` is filled when this package is imported.
"""

from __future__ import annotations

from aelint.semantics.operators import (
    activations,
    arithmetic,
    convolution,
    joining,
    linear,
    losses,
    normalization,
    random,
    reductions,
    shapes,
)
from aelint.semantics.operators.api import Apply, Conflict, Facts, LayerSpec, Operation, Registry
from aelint.semantics.operators.tables import REGISTRY

__all__ = ["REGISTRY", "Apply", "Conflict", "Facts", "LayerSpec", "Operation", "Registry"]
