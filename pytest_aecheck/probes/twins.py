"""Layers that run in the place of their twins: `deconv1` three times, and `deconv2` and `deconv3`, built alike, never."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pytest_aecheck.observations import StandIn
from pytest_aecheck.probes.runs import Run

__all__ = ["stand_ins"]

_NUMBER = re.compile(r"\d+")


def stand_ins(run: Run, model: Any, used: dict[str, bool]) -> tuple[StandIn, ...]:
    """Each layer that runs at least twice as often as what it is part of, while layers of the same name but for a number never do.

    Args:
        run: A recorded training forward.
        model: The module that ran.
        used: Whether a call took the parameter, by its name.
    """
    runs = Counter(execution.name for execution in run.trace.executions)
    modules = {name or ".": module for name, module in model.named_modules()}
    idle = {name for name, module in modules.items() if name not in runs and _is_idle(name, module, used)}
    found = []
    for name, times in runs.items():
        if times > 1 and name in modules and times >= 2 * _runs_around(name, runs):
            twins = tuple(one for one in _namesakes(name, idle) if _shapes(modules[one]) == _shapes(modules[name]))
            if twins:
                found.append(StandIn(name, times, twins))
    return tuple(found)


def _is_idle(name: str, module: Any, used: dict[str, bool]) -> bool:
    own = [f"{name}.{parameter}" for parameter, _ in module.named_parameters()]
    return bool(own) and not any(used.get(parameter, True) for parameter in own)


def _runs_around(name: str, runs: Counter[str]) -> int:
    """How often the nearest module around it ran; a list never does."""
    while "." in name:
        name = name.rpartition(".")[0]
        if runs[name]:
            return runs[name]
    return max(runs["."], 1)


def _namesakes(name: str, others: set[str]) -> Iterator[str]:
    stem = _NUMBER.sub("#", name)
    return (one for one in sorted(others) if stem != name and _NUMBER.sub("#", one) == stem)


def _shapes(module: Any) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(parameter.shape)) for name, parameter in module.named_parameters()]
