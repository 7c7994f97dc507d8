"""Every tensor inside a model's output, with the path under which a person would find it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

__all__ = ["Leaf", "attributes", "leaves"]

_MAX_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Leaf:
    """A tensor and its path, such as `output[0]` or `output.latent_dist.mean`."""

    path: str
    tensor: Any


def leaves(output: Any, path: str = "output") -> list[Leaf]:
    """Flatten tuples, lists, mappings, dataclasses, distributions and plain objects. A tensor counts once."""
    found: list[Leaf] = []
    seen: set[int] = set()
    for leaf in _walk(output, path, 0):
        if id(leaf.tensor) not in seen:
            seen.add(id(leaf.tensor))
            found.append(leaf)
    return found


def _walk(item: Any, path: str, depth: int) -> Iterator[Leaf]:
    if isinstance(item, torch.Tensor):
        yield Leaf(path, item)
        return
    if depth > _MAX_DEPTH or item is None or isinstance(item, str | bytes | int | float | bool | torch.nn.Module):
        return
    for key, child in _children(item):
        yield from _walk(child, path + key, depth + 1)


def _children(item: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(item, Mapping):
        yield from ((f"[{key!r}]", child) for key, child in item.items())
    elif isinstance(item, tuple) and hasattr(item, "_fields"):
        yield from ((f".{name}", getattr(item, name)) for name in item._fields)
    elif isinstance(item, list | tuple):
        yield from ((f"[{index}]", child) for index, child in enumerate(item))
    elif isinstance(item, torch.distributions.Independent):
        yield ".base_dist", item.base_dist
    elif isinstance(item, torch.distributions.Distribution):
        yield from ((f".{name}", getattr(item, name)) for name in item.arg_constraints if name in vars(item))
    else:
        yield from ((f".{name}", getattr(item, name)) for name in attributes(item))


def attributes(item: Any) -> list[str]:
    """The fields of a dataclass, or what a plain object holds under public names."""
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        return [field.name for field in dataclasses.fields(item)]
    if hasattr(item, "__dict__") and not callable(item):
        return [name for name in vars(item) if not name.startswith("_")]
    return []
