"""From the paths that a user names to the files that are linted, in one order on every machine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from aelint.config import Settings
from aelint.engine.gitignore import GitIgnore
from aelint.patterns import Patterns
from aelint.sources.load import SUFFIXES

__all__ = ["Discovery", "common_root"]


@dataclass
class Discovery:
    """A walk over the named paths; what could not be entered is kept in `problems` and `missing`."""

    settings: Settings
    problems: list[str] = field(default_factory=list)
    """One line each: a folder or link that was passed over."""
    missing: list[str] = field(default_factory=list)
    """Named paths that do not exist."""
    named: set[str] = field(default_factory=set)
    """Files that were named themselves, not found in a folder."""

    def __post_init__(self) -> None:
        self._excluded = Patterns((*self.settings.exclude, *self.settings.extend_exclude))
        self._root = os.path.abspath(self.settings.root)
        self._gitignore = GitIgnore() if self.settings.respect_gitignore else None

    def files(self, paths: Iterable[str]) -> list[str]:
        """Every file to lint, each once: in the order of the named paths, then of the names."""
        found: dict[str, str] = {}
        for path in paths:
            for file in self._named(path):
                found.setdefault(os.path.abspath(file), file)
        return list(found.values())

    def unsaved(self, path: str) -> list[str]:
        """The path of text that need not be saved, unless it is excluded."""
        if self.settings.force_exclude and self._excluded.match(self.relative(path)):
            return []
        self.named.add(path)
        return [path]

    def relative(self, path: str) -> str:
        """The path as patterns see it: relative to the root, with "/"."""
        absolute = os.path.abspath(path)
        if absolute.startswith(self._root.rstrip(os.sep) + os.sep):
            absolute = absolute[len(self._root.rstrip(os.sep)) + 1 :]
        return absolute.replace(os.sep, "/").lstrip("/")

    def _named(self, path: str) -> Iterator[str]:
        """A path that the user named: excluded only under `force-exclude`, and never by its suffix."""
        if self.settings.force_exclude and self._excluded.match(self.relative(path)):
            return
        if os.path.isdir(path):
            yield from self._walk(path)
        elif os.path.lexists(path):
            self.named.add(file := os.path.normpath(path))
            yield file
        else:
            self.missing.append(path)

    def _walk(self, top: str) -> Iterator[str]:
        """Depth first, names sorted, links to folders not followed: a loop of links cannot catch it."""
        stack = [os.path.normpath(top)]
        while stack:
            path = stack.pop()
            if os.path.splitext(path)[1].lower() in SUFFIXES and not os.path.isdir(path):
                yield path
            else:
                stack += reversed(self._entries(path))

    def _entries(self, folder: str) -> list[str]:
        try:
            with os.scandir(folder) as entries:
                wanted = [entry for entry in entries if self._is_wanted(entry)]
        except OSError as error:
            self.problems.append(f"{folder}: folder not read: {error.strerror}")
            return []
        return sorted(entry.path.removeprefix("./") for entry in wanted)

    def _is_wanted(self, entry: os.DirEntry[str]) -> bool:
        is_folder = entry.is_dir(follow_symlinks=False)
        if not is_folder and os.path.splitext(entry.name)[1].lower() not in SUFFIXES:
            return False
        if not is_folder and not self._leads_to_file(entry):
            return False
        if self._excluded and self._excluded.match_entry(self.relative(entry.path)):
            return False
        return self._gitignore is None or not self._gitignore.ignores(entry.path, is_folder=is_folder)

    def _leads_to_file(self, entry: os.DirEntry[str]) -> bool:
        """Whether there is text behind the entry: reading a pipe or a device would never end."""
        try:
            if entry.is_file():
                return True
            is_broken = not os.path.exists(entry.path)
        except OSError:  # a link that leads to itself
            is_broken = True
        if is_broken:
            self.problems.append(f"{entry.path}: link passed over: it leads nowhere")
        return False


def common_root(paths: Iterable[str]) -> str:
    """The working directory if it holds every path, else the folder that holds them all."""
    here = os.getcwd()
    absolute = [os.path.abspath(path) for path in paths]
    if all(path == here or path.startswith(here.rstrip(os.sep) + os.sep) for path in absolute):
        return here
    try:
        shared = os.path.commonpath(absolute)
    except ValueError:  # different drives
        return here
    return shared if os.path.isdir(shared) else os.path.dirname(shared)
