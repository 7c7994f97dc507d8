"""Rule modules, imported when the first program comes that they could fire on."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from aelint.registry import RuleInfo
from aelint.rule import Finding

if TYPE_CHECKING:
    from aelint.semantics import Program

__all__ = ["Check", "checker"]

Check = Callable[["Program", Mapping[str, int | float | str | bool]], Iterator[Finding]]


@cache
def _function(module: str) -> tuple[Callable[..., Iterator[Finding]], bool, bool]:
    rule = importlib.import_module(module)
    return rule.check, len(inspect.signature(rule.check).parameters) > 1, rule.RULE.absence


def checker(rule: RuleInfo) -> Check:
    """The rule's `check`, called with its options if it takes any.

    Code that runs several times, or in several networks, is still written once: of the findings at one place
    the first counts. What a finding takes for granted is said in it. A rule that says that something is nowhere
    is not asked about a program that takes more steps to read than allowed.
    """
    from aelint.semantics.explanation.assumptions import with_assumptions  # noqa: PLC0415 - only where a program is at hand

    function, takes_options, absence = _function(rule.module)

    def check(program: Program, options: Mapping[str, int | float | str | bool]) -> Iterator[Finding]:
        if absence and program.machine.stopped:
            return iter(())
        found = function(program, options) if takes_options else function(program)
        return (with_assumptions(program, finding) for finding in _first_of_each_place(found))

    return check


def _first_of_each_place(found: Iterable[Finding]) -> Iterator[Finding]:
    told: set[ast.AST] = set()
    for finding in found:
        if finding.site.node not in told:
            told.add(finding.site.node)
            yield finding
