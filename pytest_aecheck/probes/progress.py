"""A few training steps in a row: do they go on, what do they leave behind, and how fast do they move?"""

from __future__ import annotations

import contextlib
import copy
import gc
import warnings
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torch.optim.optimizer import register_optimizer_step_pre_hook

from pytest_aecheck.observations import Progress, Schedule, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.determinism import preserved, seeded
from pytest_aecheck.probes.graphs import Graphs
from pytest_aecheck.probes.steps import make_step, working_copy
from pytest_aecheck.probes.turns import Turns, following_turns
from pytest_aecheck.probes.wording import said

__all__ = ["observe_progress", "observe_schedule"]

_UPDATES = 6
_MOST_STEPS = 64
"""Training steps that may make one update together before we give up waiting for it."""
_HORIZON = 1000
"""Steps for which a schedule is followed where nobody says how long the training is."""
_COMPARED = 2
"""Steps whose gradients are compared, to see whether the second adds to the first."""
_SAME = 1e-2


@dataclass(slots=True)
class _Seen:
    """What the training steps showed, themselves and by hooks."""

    steps: int = 0
    error: str = ""
    first_update: int = 0
    """The step that made it, 0 for none."""
    sizes: list[int] = field(default_factory=list)
    """Of all graphs that were alive after each update."""
    gradients: list[Any] = field(default_factory=list)
    """After each of the first two steps, where they update nothing."""
    rates: list[tuple[float, ...]] = field(default_factory=list)
    schedules: list[Any] = field(default_factory=list)
    states: list[weakref.ref[Any]] = field(default_factory=list)


@contextlib.contextmanager
def _watching(seen: _Seen) -> Iterator[None]:
    """Note learning rates at each update, and every schedule that is made."""
    handle = register_optimizer_step_pre_hook(
        lambda optimizer, *_: seen.rates.append(tuple(float(group["lr"]) for group in optimizer.param_groups))
    )
    initialize = LRScheduler.__init__

    def noting(self: Any, *args: Any, **kwargs: Any) -> None:
        seen.schedules.append(self)
        initialize(self, *args, **kwargs)

    LRScheduler.__init__ = noting
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of schedules that step before their optimiser
            yield
    finally:
        LRScheduler.__init__ = initialize
        handle.remove()


@dataclass(slots=True)
class _Rehearsal:
    """The steps that both observations read."""

    progress: Progress
    rates: tuple[tuple[float, ...], ...]
    """Of each update."""
    followed: tuple[tuple[float, ...], ...]
    """The same, continued by the schedules that the training steps move on."""


def observe_progress(bench: Bench) -> Progress:
    """Make training steps on a copy of the model until some updates have happened."""
    return _rehearsed(bench).progress


def observe_schedule(bench: Bench) -> Schedule:
    """The learning rates of the declared schedule, or of the one that the training steps bring along."""
    spec = bench.spec
    if spec.scheduler is not None:
        return Schedule(_groups(_simulated(bench)), spec.steps or 0, per_training_step=False)
    made = _rehearsed(bench)
    if len(made.rates) < _UPDATES:
        raise Unavailable("too few updates were made to see a schedule")
    return Schedule(_groups(made.followed or made.rates), spec.steps or 0, per_training_step=True)


def _groups(rates: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    return tuple(dict.fromkeys(zip(*rates, strict=True)))


def _simulated(bench: Bench) -> tuple[tuple[float, ...], ...]:
    """The declared schedule alone, its optimiser never stepping."""
    spec = bench.spec
    assert spec.scheduler is not None
    if spec.optimizer is None:
        raise Unavailable("the schedule needs an optimizer, and none was declared")
    with bench.ready(training=True) as model, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schedule = spec.scheduler(spec.optimizer(copy.deepcopy(model)))
        return _followed(schedule, spec.steps or _HORIZON)


def _followed(schedule: Any, steps: int) -> tuple[tuple[float, ...], ...]:
    if isinstance(schedule, ReduceLROnPlateau):
        raise Unavailable("the schedule waits for a measure")
    rates = []
    for _ in range(steps):
        rates.append(tuple(float(group["lr"]) for group in schedule.optimizer.param_groups))
        try:
            schedule.step()
        except ValueError:  # past the end that it was built for
            break
    return tuple(rates)


def _rehearsed(bench: Bench) -> _Rehearsal:
    return bench.once("rehearsal", lambda: _rehearse(bench))


def _rehearse(bench: Bench) -> _Rehearsal:
    if bench.spec.train_step is None:
        raise Unavailable("no train_step was declared")
    work = working_copy(bench).train()
    seen = _Seen()
    with _watching(seen), preserved(), following_turns(work) as turns:
        return _steps(bench, work, seen, turns)


def _steps(bench: Bench, model: Any, seen: _Seen, turns: Turns) -> _Rehearsal:
    spec = bench.spec
    with seeded(spec.seed):
        optimizer = spec.optimizer(model) if spec.optimizer is not None else None
    for module in model.modules():
        module._register_state_dict_hook(lambda _module, state, *_: _keep(seen, state))  # noqa: SLF001 - the public hook cannot see the result
    graphs = Graphs()
    _train(bench, model, optimizer, graphs, seen)
    if _grows(seen.sizes):
        gc.collect()
        seen.sizes[-1] = graphs.size()
    progress = Progress(
        error=seen.error,
        steps=seen.steps,
        first_update=seen.first_update,
        gradients_erased=bool(seen.first_update) and _erased(seen.gradients),
        graph_sizes=tuple(seen.sizes),
        mixed=len(turns.mixed),
        kept_states=_kept(model, seen),
    )
    return _Rehearsal(progress, *_rates(seen))


def _train(bench: Bench, model: Any, optimizer: Any, graphs: Graphs, seen: _Seen) -> None:
    """Make training steps on one batch until some updates have happened or a step raises."""
    batch = bench.batch(bench.spec.batch_size, 0)
    while seen.steps < _MOST_STEPS and len(seen.sizes) < _UPDATES:
        seen.steps += 1
        before = (len(seen.rates), _writes(model))
        try:
            with graphs:
                make_step(bench, model, optimizer, batch, 0)
        except Unavailable:
            raise
        except Exception as raised:  # noqa: BLE001 - the finding
            seen.error = said(raised)
            return
        if (len(seen.rates), _writes(model)) != before:  # an optimiser of one's own calls no hook, but writes
            seen.first_update = seen.first_update or seen.steps
            seen.sizes.append(graphs.size())
        elif not seen.first_update and seen.steps <= _COMPARED:
            seen.gradients.append(_gradient(model))


def _writes(model: Any) -> int:
    """How often the parameters were written to in place."""
    return sum(p._version for p in model.parameters())  # noqa: SLF001 - torch counts writes, and tells it nowhere else


def _grows(sizes: list[int]) -> bool:
    return len(sizes) > 1 and sizes[-1] > sizes[-2]


def _keep(seen: _Seen, state: Any) -> None:
    with contextlib.suppress(TypeError):  # a plain dictionary cannot be followed
        if all(ref() is not state for ref in seen.states):
            seen.states.append(weakref.ref(state))


def _kept(model: Any, seen: _Seen) -> int:
    if all(ref() is None for ref in seen.states):
        return 0
    gc.collect()
    live = {p.untyped_storage().data_ptr() for p in model.parameters() if p.numel()}
    kept = [state for ref in seen.states if (state := ref()) is not None]
    return sum(
        any(isinstance(held, torch.Tensor) and held.untyped_storage().data_ptr() in live for held in state.values())
        for state in kept
    )


def _gradient(model: Any) -> Any:
    held = [p.grad.detach().reshape(-1).double() for p in model.parameters() if p.grad is not None]
    return torch.cat(held) if held else None


def _erased(gradients: list[Any]) -> bool:
    """Whether two steps on the same batch leave one gradient where their sum is due."""
    if len(gradients) < _COMPARED or any(g is None for g in gradients) or gradients[0].shape != gradients[1].shape:
        return False
    one, two = gradients
    return bool((one != 0).any()) and float((two - one).norm()) < _SAME * float(one.norm())


def _rates(seen: _Seen) -> tuple[tuple[tuple[float, ...], ...], tuple[tuple[float, ...], ...]]:
    """(rates of each update of the optimiser that steps most alike, the same continued by its schedule)."""
    widths = {len(rates) for rates in seen.rates}
    if len(widths) != 1:  # several optimisers take turns
        return (), ()
    rates = tuple(seen.rates)
    moved = [s for s in seen.schedules if getattr(s, "last_epoch", 0) > 0 and not isinstance(s, ReduceLROnPlateau)]
    if len(moved) != 1 or len(moved[0].optimizer.param_groups) not in widths:
        return rates, ()
    return rates, rates + _followed(moved[0], _HORIZON)
