"""Healthy models in mixed precision."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._pytree import tree_map

__all__ = ["under_autocast"]


def under_autocast(model: Any, device: str, dtype: Any) -> Any:
    """The model with its forward in mixed precision; outputs come back in single precision, as a loss wants them."""
    forward = model.forward

    def mixed(*arguments, **named):
        with torch.autocast(device, dtype=dtype):
            output = forward(*arguments, **named)
        return tree_map(lambda t: t.float() if isinstance(t, torch.Tensor) and t.dtype is dtype else t, output)

    model.forward = mixed
    return model
