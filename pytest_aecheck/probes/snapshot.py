"""Everything of a model that a call can change, kept and put back."""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.probes.modules import all_modules

__all__ = ["Snapshot"]


class Snapshot:
    """Everything of a model that a call can change: values, gradients, flags and modes."""

    def __init__(self, model: Any, before: Snapshot | None) -> None:
        self.modules = [
            (module, module.training, dict(module._parameters), dict(module._buffers))  # noqa: SLF001 - also non-persistent buffers
            for module in all_modules(model)
        ]
        tensors = {id(t): t for _, _, *held in self.modules for kept in held for t in kept.values() if t is not None}
        copies: dict[int, Any] = {} if before is None else {id(t): copy for t, copy, *_ in before.values}
        self.values: list[tuple[Any, Any, int, Any, bool]] = [
            (t, _copied(t, copies.get(id(t))), t._version, t.grad, t.requires_grad)  # noqa: SLF001 - counts writes
            for t in tensors.values()
        ]

    def restore(self) -> None:
        """Put values, gradients, flags and modes back; what was not touched is not written."""
        for module, training, parameters, buffers in self.modules:
            module.training = training
            module._parameters.update(parameters)  # noqa: SLF001
            module._buffers.update(buffers)  # noqa: SLF001
        with torch.no_grad():
            for tensor, value, version, grad, requires_grad in self.values:
                if not requires_grad and tensor.grad_fn is not None:
                    tensor.detach_()
                if tensor._version != version:  # noqa: SLF001 - a needless write would spoil graphs in use
                    tensor.copy_(value)
                elif not _equal(tensor, value):
                    # written through `.data`, which does not count as a write
                    tensor.data.copy_(value)
                tensor.grad = grad
                if tensor.is_leaf and tensor.requires_grad != requires_grad:
                    tensor.requires_grad_(requires_grad)


def _copied(tensor: Any, earlier: Any) -> Any:
    """A copy of a tensor's values; the earlier one, while it is still right."""
    if earlier is not None and earlier.dtype == tensor.dtype and _equal(tensor, earlier):
        return earlier
    return tensor.detach().clone()


def _equal(tensor: Any, value: Any) -> bool:
    return bool(tensor.shape == value.shape and tensor.device == value.device and torch.equal(tensor.detach(), value))
