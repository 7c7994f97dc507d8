"""What git does not track is not linted: `.gitignore` files from a folder up to the repository's root."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from aelint.patterns import glob_expression

__all__ = ["GitIgnore"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a `.gitignore`: the expression, whether it takes back, whether it means folders only."""

    expression: re.Pattern[str]
    negated: bool
    folders: bool


class GitIgnore:
    """Answers for one path at a time; each `.gitignore` is read once.

    The walk asks for every folder before its content, so that a file below an ignored folder is never asked for.
    """

    def __init__(self) -> None:
        self._chains: dict[str, tuple[tuple[str, tuple[Line, ...]], ...]] = {}
        self._tracked: dict[str, bool] = {}

    def ignores(self, path: str, *, is_folder: bool) -> bool:
        """Whether the last line that means `path` ignores it."""
        absolute = os.path.abspath(path)
        verdict = False
        for folder, lines in self._chain(os.path.dirname(absolute)):
            relative = absolute[len(folder.rstrip(os.sep)) + 1 :].replace(os.sep, "/")
            for line in lines:
                if (is_folder or not line.folders) and line.expression.fullmatch(relative):
                    verdict = not line.negated
        return verdict

    def _chain(self, folder: str) -> tuple[tuple[str, tuple[Line, ...]], ...]:
        """The `.gitignore` files that speak about `folder`, the outermost first; none outside a repository."""
        if folder not in self._chains:
            parent = os.path.dirname(folder)
            is_root = os.path.exists(os.path.join(folder, ".git"))
            above = () if is_root or parent == folder else self._chain(parent)
            lines = _read(os.path.join(folder, ".gitignore")) if is_root or self._is_tracked(parent) else ()
            self._chains[folder] = (*above, (folder, lines)) if lines else above
        return self._chains[folder]

    def _is_tracked(self, folder: str) -> bool:
        """Whether the folder is a repository's root or below one."""
        if folder not in self._tracked:
            parent = os.path.dirname(folder)
            is_root = os.path.exists(os.path.join(folder, ".git"))
            self._tracked[folder] = is_root or (parent != folder and self._is_tracked(parent))
        return self._tracked[folder]


def _read(path: str) -> tuple[Line, ...]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return tuple(line for text in file if (line := _line(text.rstrip("\n"))) is not None)
    except OSError:
        return ()


def _line(text: str) -> Line | None:
    text = text.rstrip() if not text.endswith("\\ ") else text
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    pattern = text.removeprefix("!").removeprefix("\\")
    folders = pattern.endswith("/")
    if not (pattern := pattern.rstrip("/")):
        return None
    return Line(re.compile(glob_expression(pattern)), negated, folders)
