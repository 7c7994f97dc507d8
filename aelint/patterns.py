"""Path patterns as `.gitignore` writes them, compiled once for a whole tree."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["Patterns", "glob_expression"]

WILD = re.compile(r"[*?\[]")


class Patterns:
    """A set of patterns over paths that are relative to one folder and separated by "/".

    A pattern without a slash means a file or folder of that name anywhere; one with a slash is anchored
    at the folder. What lies below a folder that a pattern means is meant too.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        words = [pattern.rstrip("/") for pattern in patterns]
        self.names = frozenset(word for word in words if "/" not in word and not WILD.search(word))
        wild = [glob_expression(word) for word in words if word and word not in self.names]
        self.expression = re.compile("|".join(wild)) if wild else None

    def match(self, path: str) -> bool:
        """Whether the path, or a folder above it, is meant."""
        if self.names and not self.names.isdisjoint(path.split("/")):
            return True
        return self.expression is not None and self.expression.fullmatch(path) is not None

    def match_entry(self, path: str) -> bool:
        """As `match` during a walk, where the folders above were asked for already or named by the user."""
        if path.rpartition("/")[2] in self.names:
            return True
        return self.expression is not None and self.expression.fullmatch(path) is not None

    def __bool__(self) -> bool:
        return bool(self.names) or self.expression is not None


def glob_expression(pattern: str) -> str:
    """The regular expression of one pattern, for `re.fullmatch` on a path."""
    anchored = "/" in pattern
    body = "".join(_piece(piece) for piece in re.split(r"(\*\*/|/\*\*$|\*|\?|\[[^\]]+\])", pattern.lstrip("/")))
    return f"{'' if anchored else '(?:.*/)?'}{body}(?:/.*)?"


def _piece(piece: str) -> str:
    match piece:
        case "**/":
            return "(?:.*/)?"
        case "/**":
            return "/.*"
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
    if piece.startswith("[") and piece.endswith("]"):
        inside = piece[1:-1].replace("\\", r"\\").replace("[", r"\[")
        return _valid(f"[^{inside[1:]}]" if inside[:1] in "!^" and len(inside) > 1 else f"[{inside}]", piece)
    return re.escape(piece)


def _valid(expression: str, piece: str) -> str:
    """The expression, or the piece taken literally where it is no class of characters (`[z-a]`)."""
    try:
        re.compile(expression)
    except re.error:
        return re.escape(piece)
    return expression
