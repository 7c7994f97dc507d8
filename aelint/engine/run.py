"""A whole run: paths in, outcome out. Prints nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from aelint.config import Settings
from aelint.diagnostics import Diagnostic
from aelint.engine.analyse import Analyser, FileReport, Plan, Understand, read_bytes
from aelint.engine.discovery import Discovery
from aelint.engine.findings import unreadable
from aelint.engine.prefilter import needs_analysis
from aelint.engine.verdict import Verdict
from aelint.engine.workers import analyse_files, default_jobs
from aelint.sources.decode import UnreadableError

__all__ = ["Outcome", "lint_bytes", "lint_files"]


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


def lint_files(
    paths: Sequence[str],
    settings: Settings,
    *,
    jobs: int | None = None,
    understand: Understand | None = None,
    raises: bool = False,
) -> Outcome:
    """Lint files and folders.

    Args:
        paths: Files, or folders that are searched.
        settings: What to report.
        jobs: At most this many processes; None for one per processor.
        understand: In place of `aelint.semantics.understand`.
        raises: Let a failing rule raise.
    """
    discovery = Discovery(settings)
    files = discovery.files(paths)
    plan = _plan(settings, {os.path.abspath(file): file for file in files}, raises=raises)
    reports, todo, size = _gate(files)
    analyser = Analyser(plan, understand)
    reports += analyse_files(analyser, todo, size=size, jobs=default_jobs() if jobs is None else jobs)
    place = {file: index for index, file in enumerate(files)}
    reports.sort(key=lambda report: place[report.path])
    missing = [f"{path}: no such file or folder" for path in discovery.missing]
    return _outcome(reports, files, discovery, failures=missing)


def lint_bytes(
    path: str, data: bytes, settings: Settings, *, understand: Understand | None = None, raises: bool = False
) -> Outcome:
    """Lint text that need not be saved, as if it stood at `path`."""
    discovery = Discovery(settings)
    if settings.force_exclude and not discovery.files([path]) and os.path.exists(path):
        return Outcome()
    analyser = Analyser(_plan(settings, {os.path.abspath(path): path}, raises=raises), understand)
    reports = [analyser.analyse(path, data)] if needs_analysis(path, data) else []
    return _outcome(reports, [path], discovery)


def _plan(settings: Settings, shown: dict[str, str], *, raises: bool) -> Plan:
    raises = raises or bool(os.environ.get("AELINT_RAISE"))
    return Plan(settings, tuple(settings.chosen().values()), shown, raises)


def _gate(files: Sequence[str]) -> tuple[list[FileReport], list[str], int]:
    """Read every file once: reports on what cannot be read, the files worth analysing, and their bytes."""
    reports, todo, size = [], [], 0
    for path in files:
        try:
            data = read_bytes(path)
        except UnreadableError as error:
            reports.append(FileReport(path, (unreadable(path, error),)))
            continue
        if needs_analysis(path, data):
            todo.append(path)
            size += len(data)
    return reports, todo, size


def _outcome(
    reports: Sequence[FileReport], files: Sequence[str], discovery: Discovery, failures: Sequence[str] = ()
) -> Outcome:
    verdict = Verdict(discovery.settings, discovery.relative)
    diagnostics = tuple(verdict.decide(reports, files))
    failed = (*failures, *(line for report in reports for line in report.failures))
    return Outcome(diagnostics, len(files), tuple(discovery.problems), failed, verdict.silenced)
