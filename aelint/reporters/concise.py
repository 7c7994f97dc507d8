"""One line per diagnostic, as editors and `grep` read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aelint.diagnostics import Diagnostic
from aelint.reporters.presentation import Presentation, printable

__all__ = ["render"]


def render(diagnostics: Sequence[Diagnostic], presentation: Presentation) -> Iterator[str]:
    """`path:row:column: severity CODE name: message`."""
    for found in diagnostics:
        cell = "" if found.cell is None else f"cell {found.cell}:"
        code = f"\033[1;31m{found.code}\033[0m" if presentation.colours else found.code
        place = f"{printable(found.filename)}:{cell}{found.span.start.row}:{found.span.start.column}"
        yield f"{place}: {found.severity} {code} {found.name}: {printable(found.message)}"
