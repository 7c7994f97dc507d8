"""Whose gradient moves whom, where two optimisers take turns in one training step?

Two losses are told apart by the clearing between them: gradients of the critic that the first backward pass left are thrown away, so that
pass was the generator's. What the second one adds to the generator before its optimiser steps is the critic's loss.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_pre_hook

__all__ = ["Turns", "following_turns"]


class Turns:
    """Watches which gradients are there when a player clears its own."""

    def __init__(self) -> None:
        self._received: set[int] = set()
        """Parameters that got a gradient since their own player cleared or used it."""
        self._at_clearing: dict[int, tuple[Any, int]] = {}
        """Parameters that held the gradient of a loss when another player cleared what the same loss had left to it."""
        self._added: set[int] = set()
        self.mixed: set[int] = set()
        """Parameters that were moved by a gradient to which another player's loss was added."""

    def received(self, parameter: Any) -> None:
        """A backward pass reached a parameter."""
        key = id(parameter)
        self._received.add(key)
        kept = self._at_clearing.get(key)
        if kept is not None and parameter.grad is kept[0] and parameter.grad._version == kept[1] + 1:  # noqa: SLF001 - counts writes
            self._added.add(key)

    def clears(self, optimizer: Any, parameters: list[Any]) -> None:
        """An optimiser is about to clear its gradients."""
        own = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if own & self._received:
            self._at_clearing.update(
                (id(p), (p.grad, p.grad._version))  # noqa: SLF001
                for p in parameters
                if id(p) not in own and id(p) in self._received and p.grad is not None
            )
        self._forget(own)

    def steps(self, optimizer: Any) -> None:
        """An optimiser is about to use its gradients."""
        own = {id(p) for group in optimizer.param_groups for p in group["params"]}
        self.mixed |= own & self._added
        self._forget(own)

    def _forget(self, own: set[int]) -> None:
        self._received -= own
        self._added -= own
        for key in own:
            self._at_clearing.pop(key, None)


@contextlib.contextmanager
def following_turns(model: Any) -> Iterator[Turns]:
    """Watch the optimisers of a model's parameters while training steps are made."""
    turns, parameters = Turns(), list(model.parameters())
    handles = [
        p.register_post_accumulate_grad_hook(turns.received) for p in parameters if p.requires_grad and p.is_leaf
    ]
    handles.append(register_optimizer_step_pre_hook(lambda optimizer, *_: turns.steps(optimizer)))
    clear = Optimizer.zero_grad

    def clearing(self: Any, *args: Any, **kwargs: Any) -> None:
        turns.clears(self, parameters)
        clear(self, *args, **kwargs)

    Optimizer.zero_grad = clearing
    try:
        yield turns
    finally:
        Optimizer.zero_grad = clear
        for handle in handles:
            handle.remove()
