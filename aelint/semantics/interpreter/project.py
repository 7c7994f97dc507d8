"""How the interpreter asks for other files of the same project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from aelint.sources.unit import SourceUnit

__all__ = ["NoProject", "ProjectFiles"]


class ProjectFiles(Protocol):
    """Finds the source of modules that are imported within a project."""

    def find(self, module: str, origin: SourceUnit, level: int = 0) -> SourceUnit | None:
        """The unit that `module`, imported in `origin` with `level` leading dots, names; None if it is not here."""
        ...

    def around(self, origin: SourceUnit) -> Iterator[SourceUnit]:
        """The files that lie near `origin` and may import it."""
        ...


class NoProject:
    """A project of one file."""

    def find(self, module: str, origin: SourceUnit, level: int = 0) -> SourceUnit | None:  # noqa: ARG002
        """Nothing else is known."""
        return None

    def around(self, origin: SourceUnit) -> Iterator[SourceUnit]:  # noqa: ARG002
        """Nothing else is known."""
        return iter(())
