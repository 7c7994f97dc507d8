"""Rule modules, imported when the first program comes that they could fire on."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from aelint.registry import RuleInfo
from aelint.rule import Finding

if TYPE_CHECKING:
    from aelint.semantics import Program

__all__ = ["Check", "checker"]

Check = Callable[["Program", Mapping[str, int | float | str | bool]], Iterator[Finding]]


@cache
def _function(module: str) -> tuple[Callable[..., Iterator[Finding]], bool]:
    function = importlib.import_module(module).check
    return function, len(inspect.signature(function).parameters) > 1


def checker(rule: RuleInfo) -> Check:
    """The rule's `check`, called with its options if it takes any; what its findings take for granted is said."""
    from aelint.semantics.assumptions import with_assumptions  # noqa: PLC0415 - only where a program is at hand

    function, takes_options = _function(rule.module)

    def check(program: Program, options: Mapping[str, int | float | str | bool]) -> Iterator[Finding]:
        found = function(program, options) if takes_options else function(program)
        return (with_assumptions(program, finding) for finding in found)

    return check
