"""For people: what is wrong, the row it stands in, the rows it was derived from, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aelint.diagnostics import Applicability, Confidence, Diagnostic, Related, Severity, Span
from aelint.reporters.excerpt import excerpt
from aelint.reporters.presentation import Presentation, printable

__all__ = ["render"]

COLOURS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.ADVICE: "1;36"}
STRONG, BLUE = "1", "1;34"
FIXES = {
    Applicability.SAFE: "can be fixed with --fix",
    Applicability.UNSAFE: "can be fixed with --fix --unsafe-fixes",
    Applicability.DISPLAY: "a suggestion",
}


def render(diagnostics: Sequence[Diagnostic], presentation: Presentation) -> Iterator[str]:
    """One block per diagnostic, with an empty line after it."""
    for diagnostic in diagnostics:
        yield from _Block(diagnostic, presentation).lines()
        yield ""


class _Block:
    """The lines of one diagnostic, which share the width of their row numbers."""

    def __init__(self, found: Diagnostic, presentation: Presentation) -> None:
        self.found = found
        self.presentation = presentation
        self.paint = _Painter(presentation.colours)
        last = max(span.end.row for span in (found.span, *(note.span for note in found.related)))
        self.margin = " " * len(str(last))
        self.bar = self.paint(BLUE, "|")

    def lines(self) -> Iterator[str]:
        found = self.found
        yield self._headline()
        yield f"{self.margin}{self.paint(BLUE, '-->')} {_place(found.filename, found.span, found.cell)}"
        yield from self._main()
        for note in found.related:
            yield from self._note(note)
        if found.fix is not None:
            text = f"{printable(found.fix.message)} ({FIXES[found.fix.applicability]})"
            yield f"{self.margin} {self.paint(BLUE, '=')} {self.paint(STRONG, 'help')}: {text}"

    def _headline(self) -> str:
        found = self.found
        level = self.paint(COLOURS[found.severity], f"{found.severity}[{found.code}]")
        doubt = "" if found.confidence is Confidence.HIGH else f" ({found.confidence} confidence)"
        return f"{level} {self.paint(STRONG, found.name)}: {printable(found.message)}{doubt}"

    def _main(self) -> Iterator[str]:
        found = self.found
        lines = self.presentation.lines(found.filename, found.cell)
        if 0 < found.span.start.row <= len(lines) and any(lines):
            yield f"{self.margin} {self.bar}"
            yield from self._rows(excerpt(lines, found.span, "^"), COLOURS[found.severity])

    def _note(self, note: Related) -> Iterator[str]:
        elsewhere = (note.filename, note.cell) != (self.found.filename, self.found.cell)
        where = _place(note.filename, note.span, note.cell) if elsewhere else f"line {note.span.start.row}"
        said = printable(note.message)
        lines = self.presentation.lines(note.filename, note.cell)
        if not 0 < note.span.start.row <= len(lines):
            yield f"{self.margin}{self.paint(BLUE, ':::')} {where}: {said}"
            return
        yield f"{self.margin}{self.paint(BLUE, ':::')} {where}"
        yield from self._rows(excerpt(lines, note.span, "-", said, context=0), BLUE)

    def _rows(self, rows: Iterator[tuple[str, str, str]], colour: str) -> Iterator[str]:
        for number, text, below in rows:
            yield f"{self.paint(BLUE, number.rjust(len(self.margin)))} {self.bar} {text}".rstrip()
            if below:
                indent = len(below) - len(below.lstrip())
                yield f"{self.margin} {self.bar} {below[:indent]}{self.paint(colour, below[indent:])}"


def _place(path: str, span: Span, cell: int | None) -> str:
    inside = "" if cell is None else f"cell {cell}:"
    return f"{printable(path)}:{inside}{span.start.row}:{span.start.column}"


class _Painter:
    """Wraps text in the terminal's colours, or leaves it as it is."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours

    def __call__(self, colour: str, text: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._colours and text else text
