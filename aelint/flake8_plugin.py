"""aelint as a plugin of flake8: the same findings in flake8's list, by row and column.

flake8 shows one file at a time; imports of the same project are followed from there as on the command line.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from aelint._version import VERSION
from aelint.api import IncompleteRunError, lint_source
from aelint.config import ConfigError, Settings, find_config, read_config
from aelint.registry import UNREADABLE

__all__ = ["Plugin"]

Found = tuple[int, int, str, type]


class Plugin:
    """What flake8 makes for each file.

    Args:
        tree: flake8's own; a file that cannot be parsed never comes here.
        filename: "stdin" or "-" for text that is no file.
        lines: The rows with their line ends.
    """

    name = "aelint"
    version = VERSION

    def __init__(self, tree: ast.AST, filename: str, lines: Sequence[str]) -> None:
        del tree  # flake8 recognises a plugin for whole files by this argument
        self._filename = filename if filename not in {"-", "stdin"} else "stdin.py"
        self._source = "".join(lines)

    def run(self) -> Iterator[Found]:
        """The findings as flake8 wants them: rows from 1, columns from 0."""
        if "torch" not in self._source.lower():
            return
        try:
            found = lint_source(self._source, filename=self._filename, settings=self._settings())
        except ConfigError as error:
            yield 1, 0, f"{UNREADABLE.code} {error}", Plugin
            return
        except IncompleteRunError as error:
            found = error.diagnostics
        for each in found:
            start = each.span.start
            yield start.row, start.column - 1, f"{each.code} {each.name}: {each.message}", Plugin

    def _settings(self) -> Settings:
        folder = Path(self._filename).resolve().parent
        config = find_config(folder)
        return read_config(config) if config else Settings(root=str(folder))
