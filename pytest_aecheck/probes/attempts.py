"""Does it run at all: building, forward and loss, on the declared batch and on other sizes."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from typing import Any

import torch

from pytest_aecheck.observations import Attempt, Attempts, Unavailable
from pytest_aecheck.probes.bench import Bench, ModelRaised, Undeclared
from pytest_aecheck.probes.determinism import seeded
from pytest_aecheck.probes.shared import evaluation_pass, odd_pass, odd_size, training_pass
from pytest_aecheck.probes.wording import said

__all__ = ["ENTRY_POINTS", "callable_without_arguments", "observe_attempts"]

ENTRY_POINTS = ("sample", "generate")
_SHAPE_TROUBLE = (RuntimeError, IndexError)
_SETTING = ("dtype", "scalar type", "device")
"""Words in messages about where and in which precision the model was put, which is no fault of its own."""


def observe_attempts(bench: Bench) -> Attempts:
    """Try the declared batch in both modes, then 1, 2 and an odd number of samples in evaluation mode."""
    try:
        model = bench.model
    except ModelRaised as error:
        return Attempts(
            (Attempt("building the model", 0, training=True, error=str(error.__cause__ and said(error.__cause__))),),
            (),
        )
    if not isinstance(model, torch.nn.Module):
        raise Unavailable(f"the factory gives a {type(model).__name__}, not a module")
    size = bench.spec.batch_size
    try:
        declared = [_shared(bench, "forward", size, False, evaluation_pass) or _forward(bench, size, training=False)]
    except Undeclared as error:
        return Attempts((), (), undeclared=str(error))
    if bench.spec.loss is None:
        declared.append(_shared(bench, "forward", size, True, training_pass) or _forward(bench, size, training=True))
    if not any(attempt.error for attempt in declared):
        declared.append(_shared(bench, "the loss", size, True, training_pass) or _loss(bench, size))
    if any(attempt.error for attempt in declared):
        return Attempts(tuple(declared), ())
    return Attempts(tuple(declared), _resized(bench), _entry_points(bench))


def _resized(bench: Bench) -> tuple[Attempt, ...]:
    """One, two and an odd number of samples in evaluation mode."""
    if not bench.scales_with_n:
        return ()
    odd = odd_size(bench)
    attempts = (
        _forward(bench, 1, training=False),
        _forward(bench, 2, training=False),
        _shared(bench, "forward", odd, False, odd_pass) or _forward(bench, odd, training=False),
    )
    return tuple(attempt for attempt in attempts if not _refused(attempt))


def _shared(bench: Bench, what: str, n: int, training: bool, make: Callable[[Bench], object]) -> Attempt | None:
    """The attempt that a shared pass already is; None if it could not be made, so that a plain call has to tell."""
    try:
        make(bench)
    except Exception:  # noqa: BLE001 - the recording may be at fault
        return None
    return Attempt(what, n, training)


def _refused(attempt: Attempt) -> bool:
    """Whether the model declined a batch of one, as estimates that divide by n - 1 do, rather than misfitting it."""
    return attempt.samples == 1 and bool(attempt.error) and not attempt.error.startswith(("RuntimeError", "IndexError"))


def _tried(bench: Bench, what: str, n: int, training: bool, run: Callable[[Any, Any], object]) -> Attempt:
    try:
        batch = bench.batch(n, 0)
    except Unavailable as error:
        return Attempt("making a batch", n, training, str(error))
    with bench.ready(training=training) as model, seeded(bench.spec.seed):
        try:
            run(model, batch)
        except Unavailable:
            if bench.spec.loss is None:
                raise  # nothing of it has run, which is no praise
            return Attempt(what, n, training)
        except Exception as error:  # noqa: BLE001
            return Attempt(what, n, training, said(error), _last_line(error))
    return Attempt(what, n, training)


def _last_line(error: BaseException) -> str:
    """The last line of the user's own code in the traceback."""
    frames = [
        f
        for f in traceback.extract_tb(error.__traceback__)
        if "torch" not in f.filename and "pytest_aecheck" not in f.filename
    ]
    return f"{frames[-1].name}: {frames[-1].line}" if frames else ""


def _forward(bench: Bench, n: int, *, training: bool) -> Attempt:
    return _tried(bench, "forward", n, training, bench.call)


def _loss(bench: Bench, n: int) -> Attempt:
    return _tried(bench, "the loss", n, True, bench.loss)


def _entry_points(bench: Bench) -> tuple[Attempt, ...]:
    """Methods that generate and need no argument: do they run?"""
    attempts = []
    for name in ENTRY_POINTS:
        method = getattr(type(bench.model), name, None)
        if method is None or not callable_without_arguments(method):
            continue
        with bench.ready(training=False) as model, seeded(bench.spec.seed):
            try:
                getattr(model, name)()
            except _SHAPE_TROUBLE as error:
                if type(error) in _SHAPE_TROUBLE and not any(word in str(error) for word in _SETTING):
                    attempts.append(Attempt(f"{name}()", 0, False, said(error), _last_line(error)))
            except Exception:  # noqa: BLE001, S112 - not fitted, not implemented: not a fault of shapes
                continue
            else:
                attempts.append(Attempt(f"{name}()", 0, False))
    return tuple(attempts)


def callable_without_arguments(method: Any) -> bool:
    """Whether every argument of a method, after self, has a default."""
    parameters = list(inspect.signature(method).parameters.values())[1:]
    return all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)
