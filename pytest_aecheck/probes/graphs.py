"""How much of what autograd recorded is still alive."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

__all__ = ["Graphs"]


class Graphs(TorchFunctionMode):  # type: ignore[misc] # torch is not type-checked here
    """Remembers, without holding them, the tensors that operations record a graph for."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: list[weakref.ref[Any]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, list | tuple) else (made,):
            if isinstance(tensor, torch.Tensor) and tensor.requires_grad and tensor.grad_fn is not None:
                self._seen.append(weakref.ref(tensor))
        return made

    def size(self) -> int:
        """Operations in the graphs of all tensors that are still alive."""
        alive = [tensor for ref in self._seen if (tensor := ref()) is not None]
        self._seen = [weakref.ref(tensor) for tensor in alive]
        nodes: set[Any] = set()
        stack = [tensor.grad_fn for tensor in alive]
        while stack:
            node = stack.pop()
            if node is not None and node not in nodes:
                nodes.add(node)
                stack.extend(following for following, _ in node.next_functions)
        return len(nodes)
