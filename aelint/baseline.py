"""Findings that are accepted for now: what is new fails, what is gone is told."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from aelint.diagnostics import Diagnostic
from aelint.fingerprints import fingerprints
from aelint.reporters.presentation import Presentation

__all__ = ["Accepted", "BaselineError", "Comparison", "accept", "compare", "read", "write"]

VERSION = 1


class BaselineError(Exception):
    """A baseline that cannot be read."""


@dataclass(frozen=True, slots=True, order=True)
class Accepted:
    """One accepted finding; `fingerprint` finds it again, the rest is for people who review the file."""

    path: str
    code: str
    name: str
    message: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Findings against a baseline."""

    new: tuple[Diagnostic, ...]
    known: tuple[Accepted, ...]
    vanished: tuple[Accepted, ...]


def accept(diagnostics: Sequence[Diagnostic], presentation: Presentation) -> list[Accepted]:
    """The findings as a baseline keeps them."""
    names = fingerprints(diagnostics, presentation.lines, presentation.relative)
    return [
        Accepted(presentation.relative(each.filename), each.code, each.name, each.message, name)
        for each, name in zip(diagnostics, names, strict=True)
    ]


def compare(diagnostics: Sequence[Diagnostic], baseline: Iterable[Accepted], presentation: Presentation) -> Comparison:
    """Tell new findings from accepted ones, wherever these have moved in their file."""
    known = {entry.fingerprint: entry for entry in baseline}
    present = {
        entry.fingerprint: each for entry, each in zip(accept(diagnostics, presentation), diagnostics, strict=True)
    }
    return Comparison(
        tuple(each for name, each in present.items() if name not in known),
        tuple(entry for name, entry in known.items() if name in present),
        tuple(entry for name, entry in known.items() if name not in present),
    )


def read(path: Path) -> list[Accepted]:
    """The accepted findings in the file at `path`.

    Raises:
        BaselineError: It cannot be read, or is no baseline of this version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            raise BaselineError(f"{path}: a baseline of version {content['version']}; this aelint reads {VERSION}")
        return [Accepted(**{key: str(value) for key, value in entry.items()}) for entry in content["findings"]]
    except OSError as error:
        raise BaselineError(f"{path}: cannot be read: {error.strerror}") from error
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise BaselineError(f"{path}: not a baseline of aelint") from error


def write(path: Path, accepted: Iterable[Accepted]) -> None:
    """Write a baseline, one finding per line and sorted, so that a diff can be reviewed.

    Raises:
        OSError: The folder cannot be written; the old file is as it was.
    """
    rows = ",\n".join(f"  {json.dumps(asdict(entry), ensure_ascii=False)}" for entry in sorted(accepted))
    text = (
        f'{{"version": {VERSION}, "findings": [\n{rows}\n]}}\n'
        if rows
        else f'{{"version": {VERSION}, "findings": []}}\n'
    )
    handle, name = tempfile.mkstemp(prefix=".aelint-baseline", dir=path.resolve().parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
