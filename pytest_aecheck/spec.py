"""What the user declares about an autoencoder. Declaring is cheap: nothing is built or run here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

from pytest_aecheck.verdicts import Stage

__all__ = ["AESpec", "SpecError", "is_strategy"]


class SpecError(TypeError):
    """The declaration contradicts itself; the message says which argument and what it should be."""


def is_strategy(thing: Any) -> bool:
    """Whether something is a hypothesis strategy. hypothesis is not imported to find out."""
    return any(
        base.__name__ == "SearchStrategy" and base.__module__.startswith("hypothesis.") for base in type(thing).__mro__
    )


_CALLABLES = (
    "loss", "loader", "eval_loader", "optimizer", "scheduler", "train_step", "encode", "decode", "reconstruct",
)  # fmt: skip


@dataclass(frozen=True)
class AESpec:
    """An autoencoder under test.

    Args:
        model: a callable that builds the model (a class will do), or a built `nn.Module`. A callable is better:
            checks that compare two instances need one.
        batch: `batch(n, seed)` gives n samples; or a tensor (or tuple of tensors) of samples; or a hypothesis strategy that
            draws batches of at least two samples.
        loss: `loss(model, batch)` gives the training loss.
        loader: builds the training loader.
        eval_loader: builds the validation loader.
        optimizer: `optimizer(model)` builds the optimiser.
        scheduler: `scheduler(optimizer)` builds the schedule of the learning rate.
        steps: how often the schedule is stepped in the whole training.
        train_step: `train_step(model, batch)`, `train_step(model, optimizer, batch)` or `train_step(model, batch, optimizer)`
            makes one update; the optimiser is passed wherever a parameter is named for it.
        encode, decode, reconstruct: how to reach the parts, where the names in the model do not tell:
            `encode(model, batch)`, `decode(model, code)`, `reconstruct(model, batch)`.
        stage: `"fitted"` if the model is trained: this turns on the checks that mean nothing before.
        batch_size: how many samples the probes use.
        draws: a hypothesis strategy of `pytest_aecheck.strategies.DrawnBatch`, such as `batches(dtypes=("", "float64"))`: which
            batches the profiles "full" and "gate" look at, where `batch` is a callable.
        seed: where the random numbers of the probes start.
        skips: the architecture passes the input around the code on purpose (a U-Net).
        shuffled: True if the training loader must change its order between epochs, False if it must not. By default a
            fixed order fails only where the data are sorted.
        slow: run checks that train the model, too (seconds to minutes).
        exempt: codes or names of checks that do not apply to this model.
        expected_failures: check (code or name) -> why it is known to fail. It is an error if it passes.
    """

    model: Any
    batch: Any
    _: KW_ONLY
    loss: Callable[..., Any] | None = None
    loader: Callable[[], Any] | None = None
    eval_loader: Callable[[], Any] | None = None
    optimizer: Callable[..., Any] | None = None
    scheduler: Callable[..., Any] | None = None
    steps: int | None = None
    train_step: Callable[..., Any] | None = None
    encode: Callable[..., Any] | None = None
    decode: Callable[..., Any] | None = None
    reconstruct: Callable[..., Any] | None = None
    stage: Stage | str = Stage.INIT
    batch_size: int = 8
    draws: Any = None
    seed: int = 0
    skips: bool = False
    shuffled: bool | None = None
    slow: bool = False
    exempt: Collection[str] = ()
    expected_failures: Mapping[str, str] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        if not callable(self.model):
            raise SpecError(f"model must be a module or a callable that builds one, not {type(self.model).__name__}")
        for key in _CALLABLES:
            value = getattr(self, key)
            if value is not None and not callable(value):
                raise SpecError(f"{key} must be a callable or None, not {type(value).__name__}")
        if self.batch is None:
            raise SpecError("batch is missing: give batch(n, seed) or a tensor of samples")
        if self.draws is not None and not is_strategy(self.draws):
            raise SpecError(f"draws must be a hypothesis strategy or None, not {type(self.draws).__name__}")
        if self.steps is not None and self.steps < 1:
            raise SpecError(f"steps must be at least 1, got {self.steps}")
        if self.batch_size < 2:
            raise SpecError(f"batch_size must be at least 2 to tell samples apart, got {self.batch_size}")
        object.__setattr__(self, "stage", Stage(self.stage))

    @property
    def title(self) -> str:
        """What to call the model in messages and test ids."""
        if self.name:
            return self.name
        named = getattr(self.model, "__name__", None)
        return str(named) if named else type(self.model).__name__

    def but(self, **changes: Any) -> AESpec:
        """A copy with some declarations changed."""
        return replace(self, **changes)
