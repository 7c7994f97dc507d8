"""Every check: the built-in ones, found by walking the package, and those that users register."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from pytest_aecheck import checks
from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

__all__ = ["Entry", "all_checks", "builtin_checks", "select"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A check with the function that judges."""

    check: Check
    judge: Callable[[Observations], Verdict]
    documentation: str = ""

    @property
    def id(self) -> str:
        """How the check is called in test ids: code and name."""
        return f"{self.check.code}-{self.check.name}"


@cache
def builtin_checks() -> tuple[Entry, ...]:
    """The checks of this package, by code."""
    entries = []
    for found in pkgutil.walk_packages(checks.__path__, f"{checks.__name__}."):
        if not found.ispkg:
            module = import_module(found.name)
            entries.append(Entry(module.CHECK, module.judge, module.__doc__ or ""))
    return tuple(sorted(entries, key=lambda entry: entry.check.code))


_registered: list[Entry] = []


def register(check: Check, judge: Callable[[Observations], Verdict]) -> None:
    """Add a check of the user's own, for this process."""
    if any(entry.check.code == check.code for entry in all_checks()):
        raise ValueError(f"a check with the code {check.code} exists already")
    _registered.append(Entry(check, judge, judge.__doc__ or ""))


def all_checks() -> tuple[Entry, ...]:
    """Built-in and registered checks."""
    return (*builtin_checks(), *_registered)


def select(entries: Iterable[Entry], only: Iterable[str] = (), without: Iterable[str] = ()) -> tuple[Entry, ...]:
    """Entries whose code or name is (or starts with) one of `only`, minus those in `without`."""
    chosen = tuple(entries)
    if only := tuple(only):
        chosen = tuple(entry for entry in chosen if _matches(entry, only))
    without = tuple(without)
    return tuple(entry for entry in chosen if not _matches(entry, without))


def _matches(entry: Entry, wanted: tuple[str, ...]) -> bool:
    return any(entry.check.name == key or entry.check.code.startswith(key) for key in wanted)
