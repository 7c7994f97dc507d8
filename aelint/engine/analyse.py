"""One file from bytes to raw findings: nothing is filtered or silenced here, so the result can be cached."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from aelint.config import Settings
from aelint.diagnostics import Diagnostic, Severity
from aelint.engine.checkers import checker
from aelint.engine.collector import Collector
from aelint.engine.findings import diagnostic, unreadable
from aelint.engine.prefilter import Tokens, can_fire, carries_comments, deserves_parsing
from aelint.engine.project import Project
from aelint.engine.reading import Reader
from aelint.engine.suppressions import Suppression, suppressions
from aelint.registry import RuleInfo
from aelint.sources.decode import TooLargeError, UnreadableError
from aelint.sources.load import Source, load
from aelint.sources.unit import SourceUnit
from aelint.syntax.parse import parse

if TYPE_CHECKING:
    from aelint.semantics import Program
    from aelint.semantics.interpreter.project import ProjectFiles

__all__ = ["Analyser", "FileReport", "Plan", "Understand"]

Understand = Callable[[SourceUnit, "ProjectFiles"], "Program"]


@dataclass(frozen=True)
class Plan:
    """What every process of a run knows."""

    settings: Settings
    rules: tuple[RuleInfo, ...]
    shown: Mapping[str, str] = field(default_factory=dict)
    """Absolute path -> path as the user named it, for the files of the run."""
    reader: Reader = field(default_factory=Reader)
    raises: bool = False
    """A failing rule ends the run with its traceback (for those who write rules)."""

    def display(self, path: str) -> str:
        """How an absolute path is shown: as it was named, else relative to the working directory if below it."""
        if named := self.shown.get(path):
            return named
        here = os.getcwd().rstrip(os.sep) + os.sep
        return path.removeprefix(here)


@dataclass(frozen=True, slots=True)
class FileReport:
    """What the analysis of one file gave. Diagnostics may lie in files that it imports."""

    path: str
    diagnostics: tuple[Diagnostic, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    notes: tuple[str, ...] = ()
    """One line for what was passed over."""
    failures: tuple[str, ...] = ()
    """One line for each rule, or reading of a program, that failed on this file."""
    lookups: Mapping[str, bool] = field(default_factory=dict)
    """Files of the project that were asked for -> whether they were there."""
    digest: str = ""
    """Names the content that was analysed; "" if there was none."""


class Analyser:
    """Runs the rules of a plan on one file after the other."""

    def __init__(self, plan: Plan, understand: Understand | None = None) -> None:
        self.plan = plan
        self.project = Project(plan.display, plan.reader)
        self._understand = understand
        self.collector = Collector()
        self._tokens = Tokens(plan.rules)

    def analyse(self, path: str, data: bytes) -> FileReport:
        """The report on the file at `path` with the content `data`."""
        try:
            source = load(path, data)
        except TooLargeError as error:
            return FileReport(path, notes=(f"{self.plan.display(path)}: passed over: {error.message}",))
        except UnreadableError as error:
            return FileReport(path, (unreadable(path, error),))
        comments = _silencers(source, data)
        if not deserves_parsing(source.kind, data):
            return FileReport(path, tuple(_unparsable(source)), comments)
        self.project.release()
        self.collector.one_more()
        found = [replace(unreadable(path, problem), severity=Severity.ADVICE) for problem in source.left_out]
        failures: list[str] = []
        with self.project.recording() as lookups:
            for unit in source.units:
                whole = not unit.origins and not unit.fragment
                found += self._unit(self.project.shared(path, unit) if whole else unit, failures)
        return FileReport(path, tuple(found), comments, failures=tuple(failures), lookups=lookups)

    def _unit(self, unit: SourceUnit, failures: list[str]) -> Iterator[Diagnostic]:
        try:
            program = self._program(unit)
        except SyntaxError as error:
            yield _syntax_error(unit, error)
            return
        except (RecursionError, MemoryError):
            yield _syntax_error(unit, SyntaxError("nested too deeply for Python's parser"))
            return
        except Exception as error:
            if self.plan.raises:
                raise
            failures.append(f"{unit.path}: the program could not be followed ({_said(error)}); please report it")
            return
        tokens = self._tokens.of(getattr(program, "files", (unit,)))
        for rule in self.plan.rules:
            if rule.module and can_fire(rule, tokens):
                yield from self._rule(rule, program, unit, failures)

    def prepare(self) -> Understand:
        """Load the heavy half; a run without a file to analyse does without it."""
        if self._understand is None:
            from aelint.semantics import understand  # noqa: PLC0415

            self._understand = understand
        return self._understand

    def _program(self, unit: SourceUnit) -> Program:
        understand = self.prepare()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the compiler's opinions about the user's escapes and literals
            return understand(unit, self.project)

    def _rule(self, rule: RuleInfo, program: Program, unit: SourceUnit, failures: list[str]) -> list[Diagnostic]:
        """The rule's diagnostics; a rule that fails says so in one line and costs nobody else's findings."""
        found: list[Diagnostic] = []
        try:
            options = self.plan.settings.options_of(rule)
            found.extend(diagnostic(rule, finding) for finding in checker(rule)(program, options))
        except Exception as error:
            if self.plan.raises:
                raise
            failures.append(f"{unit.path}: rule {rule.code} {rule.name} failed ({_said(error)}); please report it")
        return found


def _silencers(source: Source, data: bytes) -> tuple[Suppression, ...]:
    if not carries_comments(data):
        return ()
    return tuple(suppression for unit in source.units for suppression in suppressions(unit))


def _unparsable(source: Source) -> Iterator[Diagnostic]:
    """The syntax errors of a file in which no rule has a say; a sketch in an article is none of its business."""
    for unit in source.units:
        try:
            if not unit.fragment:
                parse(unit.text)
        except SyntaxError as error:
            yield _syntax_error(unit, error)


def _syntax_error(unit: SourceUnit, error: SyntaxError) -> Diagnostic:
    """A file must parse; a fence of an article is often a sketch, so there it is advice only.

    So it is in a file that a template tool has yet to fill in: `{{cookiecutter.name}}/model.py`.
    """
    origin = unit.origin(error.lineno or 1)
    column = max(error.offset or 1, 1) + origin.indent
    said = f"not valid Python: {error.msg}" if unit.fragment else _why_invalid(unit.text, error.msg)
    found = unreadable(unit.path, UnreadableError(said, origin.row, column, origin.cell))
    is_sketch = unit.fragment or "{{" in unit.path
    return replace(found, severity=Severity.ADVICE) if is_sketch else found


def _why_invalid(text: str, message: str) -> str:
    from aelint.syntax.newer import is_newer_syntax  # noqa: PLC0415 - loads libcst

    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if message.startswith("multiple exception types"):  # libcst takes an old `except Error, name` for two types
        old = "`except Error, name` of Python 2 is `except Error as name` now"
        return f"not valid Python {running}: {message}; {old}, and two types without parentheses need Python 3.14"
    in_literal = message.startswith(("(unicode error)", "(value error)", "bytes can only"))
    if not in_literal and is_newer_syntax(text):
        return f"the syntax is newer than Python {running}, which runs aelint ({message}); run it with a newer Python"
    return f"not valid Python: {message}"


def _said(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
