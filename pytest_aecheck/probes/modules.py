"""The modules of a model, also those that it holds without having registered them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

__all__ = ["all_modules", "unregistered"]


def all_modules(model: nn.Module) -> list[nn.Module]:
    """Registered modules first, then those in plain containers, each once."""
    found = {id(module): module for module in model.modules()}
    for _, module in unregistered(model):
        for inner in module.modules():
            found.setdefault(id(inner), inner)
    return list(found.values())


def unregistered(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """(attribute path, module) for modules in plain lists, tuples and dicts of a registered module."""
    registered = {id(module) for module in model.modules()}
    found: list[tuple[str, nn.Module]] = []
    for owner_name, owner in model.named_modules():
        for attribute, value in vars(owner).items():
            if attribute.startswith("_"):
                continue
            for path, module in _held(value, attribute, 0):
                if id(module) not in registered:
                    registered.add(id(module))
                    found.append((f"{owner_name}.{path}" if owner_name else path, module))
    return found


def _held(value: Any, path: str, depth: int) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(value, nn.Module):
        yield path, value
    elif depth < 3 and isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _held(item, f"{path}[{index}]", depth + 1)
    elif depth < 3 and isinstance(value, dict):
        for key, item in value.items():
            yield from _held(item, f"{path}[{key!r}]", depth + 1)
