"""How well-known libraries spell the parts of an autoencoder. Nothing of them is imported: their shapes tell."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from pytest_aecheck.adapters.outputs import leaves
from pytest_aecheck.adapters.roles import AmbiguousOutputError, reconstruction_among

__all__ = ["code_in", "has_forward", "loss_in", "taken_by_name", "training_step_of"]

_LOSS = re.compile(r"(\.|\[')loss('\])?$")
_CODES = ("latent_dist", "latents", "latent", "embedding", "z", "latent_sample")
"""Where encoders of diffusers (`latent_dist`, `latents`) and pythae (`embedding`) put the code."""


def code_in(encoded: Any) -> Any:
    """The code in what an encoder returned: the tensor itself, or what a library calls it. None if that is unclear.

    For a distribution it is its mode, so that encoding draws nothing.
    """
    if isinstance(encoded, torch.Tensor):
        return encoded
    for name in _CODES:
        held = encoded.get(name) if isinstance(encoded, Mapping) else getattr(encoded, name, None)
        if held is not None and not callable(held):
            return _point(held)
    return _point(encoded)


def _point(held: Any) -> Any:
    if isinstance(held, torch.Tensor):
        return held
    mode = getattr(held, "mode", None)
    found = mode() if callable(mode) else mode
    return found if isinstance(found, torch.Tensor) else None


def has_forward(model: Any) -> bool:
    """Whether calling the model does anything."""
    return not isinstance(model, nn.Module) or type(model).forward is not nn.Module.forward


def taken_by_name(forward: Callable[..., Any], batch: Mapping[str, Any]) -> dict[str, Any] | None:
    """The entries of a mapping that a forward takes by their names; None if it takes it whole, as in scvi-tools and pythae.

    A data set may give more than the model reads, an index say.
    """
    try:
        signature = inspect.signature(forward)
    except ValueError:
        return dict(batch)
    everything = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    taken = {name: entry for name, entry in batch.items() if everything or name in signature.parameters}
    try:
        signature.bind(**taken)
    except TypeError:
        return None
    return taken or None


def training_step_of(model: Any) -> Callable[..., Any] | None:
    """`loss(model, batch)` of a Lightning module that leaves the optimisation to its trainer."""
    if not any(base.__name__ == "LightningModule" for base in type(model).__mro__):
        return None
    step = getattr(model, "training_step", None)
    if not callable(step) or not getattr(model, "automatic_optimization", True):
        return None
    with_index = len(inspect.signature(step).parameters) > 1
    return lambda module, batch: module.training_step(batch, 0) if with_index else module.training_step(batch)


def loss_in(output: Any, x: Any) -> Any:
    """The training loss that a model returns beside its reconstruction, as transformers, pythae and scvi-tools do.

    A scalar called `loss` counts only if the reconstruction takes part in it: otherwise it is one term of a loss that
    is put together elsewhere, such as a commitment loss.
    """
    found = leaves(output)
    for leaf in found:
        tensor = leaf.tensor
        if not _LOSS.search(leaf.path) or tensor.numel() != 1 or not tensor.requires_grad:
            continue
        try:
            x_hat = reconstruction_among(found, x.shape, floating=x.is_floating_point(), given=x).tensor
        except AmbiguousOutputError:
            return None
        if not x_hat.requires_grad:
            return None
        (gradient,) = torch.autograd.grad(tensor, x_hat, allow_unused=True, retain_graph=True)
        return tensor.sum() if gradient is not None else None
    return None
