"""A whole run: paths in, outcome out. Prints nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from aelint.config import Settings
from aelint.diagnostics import Diagnostic
from aelint.engine.analyse import Analyser, FileReport, Plan, Understand
from aelint.engine.cache import Cache, content_digest
from aelint.engine.discovery import Discovery
from aelint.engine.findings import unreadable
from aelint.engine.prefilter import needs_analysis
from aelint.engine.reading import Reader
from aelint.engine.verdict import Verdict
from aelint.engine.workers import analyse_files, default_jobs
from aelint.sources.decode import TooLargeError, UnreadableError

__all__ = ["Outcome", "Run"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run found and what went wrong on the way."""

    diagnostics: tuple[Diagnostic, ...] = ()
    files: int = 0
    """Files looked at."""
    notes: tuple[str, ...] = ()
    """What was passed over; the run is still good."""
    failures: tuple[str, ...] = ()
    """What could not be done; the run is incomplete."""
    silenced: int = 0
    """Findings that comments silenced."""


class Run:
    """The files that the paths mean, found once, and linted as often as their content changes.

    Args:
        paths: Files, or folders that are searched.
        settings: What to report.
        jobs: At most this many processes; None for one per processor.
        understand: In place of `aelint.semantics.understand`.
        raises: Let a failing rule raise.
        stdin: The name of text that need not be saved, in place of `paths`.
        cached: Use and keep what earlier runs found.
        progress: Called after each file that had to be analysed, with their number so far and their number.
    """

    def __init__(
        self,
        paths: Sequence[str],
        settings: Settings,
        *,
        jobs: int | None = None,
        understand: Understand | None = None,
        raises: bool = False,
        stdin: str | None = None,
        cached: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self._settings = settings
        self._cached = cached
        self._discovery = Discovery(settings)
        self._jobs = default_jobs() if jobs is None else jobs
        self._understand = understand
        self._progress = progress
        self._raises = raises or bool(os.environ.get("AELINT_RAISE"))
        self.files = self._discovery.files(paths) if stdin is None else self._discovery.unsaved(stdin)

    def lint(self, texts: Mapping[str, bytes] | None = None) -> Outcome:
        """Lint the files; `texts` (by absolute path) hides what the disk holds."""
        reader = Reader(texts or {})
        plan = self._plan(reader)
        cache = Cache(self._settings, reader, plan.display) if self._cached else None
        reports, todo, size = _gate(self.files, self._discovery.named, reader, cache)
        analyser = Analyser(plan, self._understand)
        for done, report in enumerate(analyse_files(analyser, todo, size=size, jobs=self._jobs), 1):
            if self._progress is not None:
                self._progress(done, len(todo))
            if cache is not None:
                cache.put(report)
            if report.diagnostics or report.suppressions or report.notes or report.failures:
                reports.append(replace(report, lookups={}))
        if cache is not None:
            cache.save()
        place = {file: index for index, file in enumerate(self.files)}
        reports.sort(key=lambda report: place[report.path])
        return self._outcome(reports, cache.notes if cache is not None else ())

    def _plan(self, reader: Reader) -> Plan:
        shown = {os.path.abspath(file): file for file in self.files}
        return Plan(self._settings, tuple(self._settings.chosen().values()), shown, reader, self._raises)

    def _outcome(self, reports: Sequence[FileReport], notes: Sequence[str]) -> Outcome:
        verdict = Verdict(self._settings, self._discovery.relative)
        diagnostics = tuple(verdict.decide(reports, self.files))
        missing = [f"{path}: no such file or folder" for path in self._discovery.missing]
        failures = (*missing, *(line for report in reports for line in report.failures))
        passed_over = (*self._discovery.problems, *(line for report in reports for line in report.notes))
        return Outcome(diagnostics, len(self.files), (*passed_over, *notes), failures, verdict.silenced)


def _gate(
    files: Sequence[str], named: Collection[str], reader: Reader, cache: Cache | None
) -> tuple[list[FileReport], list[str], int]:
    """Read every file once: reports that need no analysis, the files that do, and their bytes.

    Who names a file wants to hear that it is no Python, whatever it is about.
    """
    reports, todo, size = [], [], 0
    for path in files:
        try:
            data = reader.read(path)
        except TooLargeError as error:
            reports.append(FileReport(path, notes=(f"{path}: passed over: {error.message}",)))
            continue
        except UnreadableError as error:
            reports.append(FileReport(path, (unreadable(path, error),)))
            continue
        if path not in named and not needs_analysis(path, data):
            continue
        known = cache.get(path, content_digest(data)) if cache is not None else None
        if known is not None:
            reports.append(known)
        else:
            todo.append(path)
            size += len(data)
    return reports, todo, size
