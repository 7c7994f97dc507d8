"""Comments that silence a finding, and what they cover.

`# aelint: ignore[AEL401, oversized-kl-weight] reason` covers the logical line it stands in; on a line of
its own, the next logical line, and with a decorator the definition below it. Without brackets it covers
every rule. `# aelint: ignore-file[...]` covers the file. `# noqa` and `# noqa: AEL401` are honoured.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, replace

from aelint.diagnostics import Diagnostic, Position, Span
from aelint.sources.unit import SourceUnit

__all__ = ["Suppression", "suppressions"]

OWN = re.compile(r"#\s*aelint:\s*(?P<verb>[\w-]*)\s*(?P<list>\[(?P<words>[^\]#]*)\]?)?(?P<reason>[^#]*)")
NOQA = re.compile(r"#\s*noqa\b(?P<list>\s*:\s*(?P<words>[A-Za-z]+[0-9]+(?:[,\s]+[A-Za-z]+[0-9]+)*))?", re.IGNORECASE)
LAYOUT = frozenset({tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER})


@dataclass(frozen=True, slots=True)
class Suppression:
    """One comment. `words` is None for a comment that covers every rule."""

    verb: str
    words: tuple[str, ...] | None
    span: Span
    """Where the comment stands in the file."""
    gap: int
    """Spaces between it and what stands before it, which go with it; 0 if more of the comment follows."""
    text: str
    first: int
    last: int
    """The rows of the file (or cell) that it covers, both included."""
    cell: int | None = None
    alone: bool = False
    """Nothing else stands on its line."""

    @property
    def foreign(self) -> bool:
        """A `noqa`: written for several linters, so never reported as unused."""
        return self.verb == "noqa"

    def covers(self, diagnostic: Diagnostic) -> bool:
        """Whether the diagnostic stands where the comment is in force, whatever its rule."""
        if self.verb == "ignore-file":
            return True
        return self.cell == diagnostic.cell and self.first <= diagnostic.span.start.row <= self.last

    def meaning(self, diagnostic: Diagnostic) -> tuple[str, ...]:
        """The words of the comment that mean the diagnostic's rule; "" stands for a comment without a list."""
        if self.words is None:
            return ("",)
        return tuple(word for word in self.words if word.lower() in {diagnostic.code.lower(), diagnostic.name})


def suppressions(unit: SourceUnit) -> tuple[Suppression, ...]:
    """The comments of a unit that silence rules, in order."""
    return tuple(_comments(unit))


def _comments(unit: SourceUnit) -> Iterator[Suppression]:
    waiting: list[Suppression] = []
    inside: list[Suppression] = []
    start: int | None = None
    decorated = False
    for token in _tokens(unit.text):
        row = token.start[0]
        if token.type == tokenize.COMMENT:
            alone = not token.line[: token.start[1]].strip()
            found = [_placed(unit, token, suppression, alone=alone) for suppression in _parsed(token.string)]
            (waiting if start is None and alone else inside).extend(found)
        elif token.type == tokenize.NEWLINE:
            first, start = (row if start is None else start), None
            if not decorated:
                yield from (_covering(unit, s, first, token.end[0]) for s in (*waiting, *inside))
                waiting, inside = [], []
            else:  # a comment at a decorator speaks about the whole definition
                waiting, inside = [*waiting, *inside], []
        elif token.type not in LAYOUT and start is None:
            start = row
            decorated = token.string == "@"
    last = len(unit.lines)
    yield from (_covering(unit, s, last, last) for s in (*waiting, *inside))


def _tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    """The tokens up to the first fault: a file that does not parse has no findings to silence."""
    try:
        yield from tokenize.generate_tokens(io.StringIO(text).readline)
    except (tokenize.TokenError, SyntaxError):
        return


def _parsed(comment: str) -> Iterator[tuple[re.Match[str], str]]:
    yield from ((match, match["verb"].lower()) for match in OWN.finditer(comment))
    yield from ((match, "noqa") for match in NOQA.finditer(comment))


def _placed(
    unit: SourceUnit, token: tokenize.TokenInfo, found: tuple[re.Match[str], str], *, alone: bool
) -> Suppression:
    match, verb = found
    origin = unit.origin(token.start[0])
    text = match[0].rstrip()
    column = token.start[1] + match.start() + origin.indent + 1
    words = None
    if match["list"] is not None:
        words = tuple(word.strip() for word in re.split(r"[,\s]+", match["words"].strip()) if word.strip())
    span = Span(Position(origin.row, column), Position(origin.row, column + len(text)))
    before = (
        token.line[: token.start[1] + match.start()] if not token.string[match.start() + len(text) :].strip() else ""
    )
    gap = len(before) - len(before.rstrip())
    is_alone = alone and text == token.string.rstrip()
    return Suppression(verb, words, span, gap, text, origin.row, origin.row, origin.cell, is_alone)


def _covering(unit: SourceUnit, suppression: Suppression, first: int, last: int) -> Suppression:
    begin, end = unit.origin(first), unit.origin(last)
    last_row = end.row if end.cell == begin.cell else begin.row
    return replace(suppression, first=begin.row, last=last_row, cell=begin.cell)
