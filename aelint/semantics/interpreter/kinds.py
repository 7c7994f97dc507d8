"""What is a network, a layer, a module: the questions that nearly every query asks, answered fast."""

from __future__ import annotations

from aelint.semantics.domain.values import ClassValue, Instance, Object, Sym, Value
from aelint.semantics.operators import REGISTRY

__all__ = ["is_layer_class", "is_module", "is_network"]

_NAMED_LIKE_MODULES = ("Module", "Model", "Encoder", "Decoder", "AE", "VAE", "Net")


def is_network(cls: ClassValue) -> bool:
    """Whether the class is a torch module: an ancestor is one, or is called like one in a file that cannot be read."""
    if cls.network is None:
        cls.network = _descends_from_module(cls)
    return cls.network


def _descends_from_module(cls: ClassValue) -> bool:
    for base in cls.external_bases():
        tail = base.rsplit(".", 1)[-1]
        if base.startswith("torch.nn.") or (tail in {"LightningModule", "Module"} and "flax" not in base):
            return True
    unread = [b for c in cls.mro() for b in c.bases if isinstance(b, Sym)]
    return any(b.name.endswith(_NAMED_LIKE_MODULES) for b in unread)


def is_layer_class(name: str) -> bool:
    """Whether the qualified name is a class of `torch.nn`."""
    if name in REGISTRY.layers:
        return True
    return name.startswith("torch.nn.") and name.count(".") == 2 and name[9:10].isupper()


def is_module(value: Value) -> bool:
    """Whether the value is a module: a layer, or an instance of a network class."""
    match value:
        case Object():
            return is_layer_class(value.name)
        case Instance():
            return is_network(value.cls)
        case _:
            return False
