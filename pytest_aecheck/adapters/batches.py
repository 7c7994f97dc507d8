"""A batch with another tensor in the place of one of its own, whatever holds them."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map

from pytest_aecheck.adapters.outputs import attributes, leaves

__all__ = ["can_be_rebuilt", "substituted"]


def substituted(batch: Any, old: Any, new: Any) -> Any:
    """The batch with `new` in the place of the tensor `old`; objects on the way to it are copied."""

    def changed(item: Any) -> Any:
        if item is old:
            return new
        if isinstance(item, torch.Tensor) or all(leaf.tensor is not old for leaf in leaves(item)):
            return item
        twin = copy.copy(item)
        for name in attributes(item):
            object.__setattr__(
                twin, name, substituted(getattr(item, name), old, new)
            )  # a frozen dataclass has no other way
        return twin

    return tree_map(changed, batch)


def can_be_rebuilt(batch: Any) -> bool:
    """Whether all tensors lie in tuples, lists and mappings: of objects nobody knows what else belongs to a sample."""
    return all(isinstance(leaf, torch.Tensor) or not leaves(leaf) for leaf in tree_leaves(batch))
