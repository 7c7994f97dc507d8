"""What is known of the texts that are open in an editor, without a word about its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aelint.config import ConfigError, Settings, find_config, read_config
from aelint.diagnostics import Diagnostic
from aelint.engine.run import Run
from aelint.registry import UnknownRuleError
from aelint.semantics import understand
from aelint.semantics.explanation.hints import Hint, hints
from aelint.sources.unit import SourceUnit

if TYPE_CHECKING:
    from aelint.semantics import Program
    from aelint.semantics.interpreter.project import ProjectFiles

__all__ = ["Analysis", "Session"]

FOREIGN = frozenset({"site-packages", "dist-packages"})
"""An editor that jumps to a definition opens what a library installed; nobody edits that."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What one version of a text says."""

    data: bytes = b""
    diagnostics: tuple[Diagnostic, ...] = ()
    hints: tuple[Hint, ...] = ()
    problems: tuple[str, ...] = ()
    """One line for each thing that went wrong: the configuration, a rule that failed."""


@dataclass(frozen=True)
class Session:
    """How texts are linted: by a configuration that is named, or the nearest one to each file."""

    config: str | None = None
    isolated: bool = False
    folder: str = ""
    """The editor's folder: patterns without a configuration are relative to it."""

    def analyse(self, path: str, texts: Mapping[str, bytes]) -> Analysis:
        """Lint the text of `path`.

        Args:
            path: Absolute; the file need not exist.
            texts: The texts that are open, by absolute path: imports see them as they are, saved or not.
        """
        if FOREIGN & set(Path(path).parts):
            return Analysis(texts[path])
        problems: tuple[str, ...] = ()
        try:
            settings = self._settings(Path(path).parent)
        except (ConfigError, UnknownRuleError) as error:
            settings, problems = self._defaults(Path(path).parent), (str(error),)
        programs: list[Program] = []

        def remember(unit: SourceUnit, project: ProjectFiles) -> Program:
            programs.append(understand(unit, project))
            return programs[-1]

        # An editor opens one file after the other; none of them is named in earnest.
        run = Run([], replace(settings, force_exclude=True), jobs=1, understand=remember, stdin=path)
        outcome = run.lint(texts)
        shown = tuple(hint for program in programs for hint in hints(program))
        return Analysis(texts[path], outcome.diagnostics, shown, (*problems, *outcome.failures))

    def _settings(self, folder: Path) -> Settings:
        if self.isolated:
            return self._defaults(folder)
        found = Path(self.config) if self.config else find_config(folder)
        return read_config(found) if found else self._defaults(folder)

    def _defaults(self, folder: Path) -> Settings:
        inside = bool(self.folder) and folder.is_relative_to(self.folder)
        return Settings(root=self.folder if inside else str(folder))
