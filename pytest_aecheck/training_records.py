"""Records of what training steps do: plain numbers, frozen."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Progress", "Saved", "Schedule"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Several training steps in a row, on one batch under one random state."""

    error: str
    steps: int
    """Made, the one that raised included."""
    first_update: int
    """The step in which an optimiser first moved on; 0 for none."""
    gradients_erased: bool
    """The second step of several that make one update leaves the gradient of the first, not their sum."""
    graph_sizes: tuple[int, ...]
    """Operations whose record is still held, after each step that made an update."""
    mixed: int
    """Parameters that an optimiser moved by a gradient to which the loss of another optimiser's was added."""
    kept_states: int
    """Results of `state_dict()` that are still held and share memory with the live parameters."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What was said when the state went through a file; empty where it came back as it was."""

    plain: str
    tensors: str
    """The same with safetensors."""
    tried_tensors: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """The learning rates of a run, one tuple for each parameter group that differs from the others."""

    rates: tuple[tuple[float, ...], ...]
    declared_steps: int
    """Steps of the whole training as declared; 0 if nobody said."""
    per_training_step: bool
    """The training step itself changes the rates, so that each of them belongs to one batch."""
