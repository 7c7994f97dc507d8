"""Transfer functions of torch's layers and tensor functions, one module per area.

`REGISTRY` is filled when this package is imported.
"""

from __future__ import annotations

from importlib import import_module

from aelint.semantics.operators.api import Apply, Conflict, Facts, LayerSpec, Operation, Registry
from aelint.semantics.operators.tables import REGISTRY

__all__ = ["REGISTRY", "Apply", "Conflict", "Facts", "LayerSpec", "Operation", "Registry"]

_AREAS = (
    "activations arithmetic attention convolution distributions indexing joining linear losses normalization patterns "
    "pooling random recurrent reductions resampling shapes spectra"
)

for _area in _AREAS.split():
    import_module(f"{__name__}.{_area}")
