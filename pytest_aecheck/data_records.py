"""Records of what loaders give: plain numbers, frozen."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Coverage", "Judged", "MorePadding", "Padding", "Processes", "Stream"]


@dataclass(frozen=True, slots=True)
class Coverage:
    """The samples that one epoch of a loader asks its data set for."""

    sampler: str
    samples: int
    """In the data set."""
    read: int
    distinct: int
    batches: int
    chooses: bool
    """The sampler leaves samples out on purpose: a subset, a share of a rank, draws with replacement."""
    dropped: int
    """At most so many are left out by `drop_last`."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What the first two workers read of a stream."""

    workers: int
    compared: int
    """Items of each."""
    equal: int
    """Items of the second worker that are those of the first, in the same places."""
    distinct: int
    """Different items among those of the first."""


@dataclass(frozen=True, slots=True)
class Processes:
    """What two processes of a distributed run read in one epoch."""

    error: str
    samples: int
    """Different samples of all processes together."""
    shared: int
    """Samples that every process reads."""
    shortest: int
    longest: int
    """Samples of the process that reads fewest, and of the one that reads most."""


@dataclass(frozen=True, slots=True)
class Padding:
    """Steps that fill sequences up, and those of them that the loss counts."""

    steps: int
    counted: int
    tokens: int
    """Steps that are no padding, and count."""


@dataclass(frozen=True, slots=True)
class MorePadding:
    """What two more padded steps do to the outputs of the steps that are no padding."""

    change: float
    """Largest change, over the largest output; in evaluation mode, without noise."""
    steps: int
    """Steps that were compared."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Elements of a reconstructed sample, and those of them that the loss judges in some sample of two batches."""

    elements: int
    judged: int
    first: str
    """Index of the first that it never judges; empty if there is none."""
