"""The other files of a project, found as Python would find them, read at most once in a while."""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

from aelint.engine.reading import Reader
from aelint.sources.decode import UnreadableError, decode_python
from aelint.sources.unit import SourceUnit
from aelint.syntax.walk import dissolve

__all__ = ["Project"]

KEPT_CHARACTERS = 1_000_000
"""How much source text is kept, with trees that take a hundred times as much; a package of thirty modules fits."""
HIGHEST = 8
"""How many folders above a file may be a source root."""
NEAR = 200
"""How many files of a folder, and how many folders, are looked at for those that import one."""
FOREIGN = frozenset({"site-packages", "dist-packages"})
ROOT_MARKS = (".git", "pyproject.toml", "setup.py", "setup.cfg")


class Project:
    """Resolves imports among the files of one run; satisfies `aelint.semantics.interpreter.project.ProjectFiles`.

    `lookups` tells afterwards which files an analysis asked for and whether they were there: a cached
    result is valid as long as the answers stay the same.
    """

    def __init__(self, shown: Callable[[str], str] | None = None, reader: Reader | None = None) -> None:
        self.lookups: dict[str, bool] = {}
        self._shown = shown or _relative_to_here
        self._reader = reader or Reader()
        self._exists: dict[str, bool] = {}
        self._roots: dict[str, tuple[str, ...]] = {}
        self._units: OrderedDict[str, SourceUnit | None] = OrderedDict()
        self._kept = 0
        self._evicted: list[SourceUnit] = []

    def release(self) -> None:
        """Give back the trees for which there was no room; to be called when no program is in use."""
        for unit in self._evicted:
            if (tree := vars(unit).pop("tree", None)) is not None:
                dissolve(tree)
        self._evicted.clear()

    @contextmanager
    def recording(self) -> Iterator[dict[str, bool]]:
        """Record the lookups of one analysis."""
        self.lookups = {}
        yield self.lookups

    def find(self, module: str, origin: SourceUnit, level: int = 0) -> SourceUnit | None:
        """The unit that `module`, imported in `origin` with `level` leading dots, names; None if it is not here."""
        parts = [part for part in module.split(".") if part]
        if not all(part.isidentifier() for part in parts) or (level == 0 and not parts):
            return None
        for path in self._candidates(parts, os.path.dirname(os.path.abspath(origin.path)), level):
            if self._is_file(path):
                return self._read(path)
        return None

    def around(self, origin: SourceUnit) -> Iterator[SourceUnit]:
        """Files that may import `origin`: those of its folder and below, and of the folder above where that is one package."""
        own = os.path.abspath(origin.path)
        folder = os.path.dirname(own)
        above = os.path.dirname(folder) if os.path.isfile(os.path.join(folder, "__init__.py")) else folder
        near = dict.fromkeys((own, *islice(_below(folder), NEAR), *islice(_below(above), NEAR)))
        for path in islice(near, 1, None):
            unit = self._read(path) if self._is_file(path) else None
            if unit is not None:
                yield unit

    def shared(self, path: str, unit: SourceUnit) -> SourceUnit:
        """The one unit for the whole file at `path`, so that its tree is made once however often it is imported."""
        known = self._units.get(path)
        if known is not None and known.text == unit.text:
            return known
        self._keep(path, unit)
        return unit

    def _candidates(self, parts: list[str], folder: str, level: int) -> Iterator[str]:
        if level:
            for _ in range(level - 1):
                folder = os.path.dirname(folder)
            roots: tuple[str, ...] = (folder,)
        else:
            roots = () if parts[0] in sys.stdlib_module_names else self._roots_of(folder)
        for root in roots:
            base = os.path.join(root, *parts)
            if parts:
                yield base + ".py"
            yield os.path.join(base, "__init__.py")

    def _roots_of(self, folder: str) -> tuple[str, ...]:
        """Where an absolute import made in `folder` may lead: itself, then the folders above it and their `src`.

        The search ends at the project's root, or at what somebody installed.
        """
        if folder not in self._roots:
            roots = [folder]
            current = folder
            for _ in range(HIGHEST):
                if os.path.basename(current) in FOREIGN or self._is_project_root(current):
                    break
                parent = os.path.dirname(current)
                if parent == current:
                    break
                current = parent
                roots.append(current)
            sources = [os.path.join(root, "src") for root in roots[::-1]]
            self._roots[folder] = (*roots, *(source for source in sources if os.path.isdir(source)))
        return self._roots[folder]

    def _is_project_root(self, folder: str) -> bool:
        return any(os.path.exists(os.path.join(folder, mark)) for mark in ROOT_MARKS)

    def _is_file(self, path: str) -> bool:
        exists = self._exists.get(path)
        if exists is None:
            exists = self._exists[path] = self._reader.exists(path)
        self.lookups[path] = exists
        return exists

    def _read(self, path: str) -> SourceUnit | None:
        if path in self._units:
            self._units.move_to_end(path)
            return self._units[path]
        unit = self._unit(path)
        self._keep(path, unit)
        return unit

    def _keep(self, path: str, unit: SourceUnit | None) -> None:
        self._units[path] = unit
        self._kept += len(unit.text) if unit else 0
        while self._kept > KEPT_CHARACTERS and len(self._units) > 1:
            _, oldest = self._units.popitem(last=False)
            if oldest is not None:
                self._kept -= len(oldest.text)
                self._evicted.append(oldest)

    def _unit(self, path: str) -> SourceUnit | None:
        try:
            return SourceUnit(self._shown(path), decode_python(self._reader.read(path)).text)
        except UnreadableError:
            return None


def _below(folder: str) -> Iterator[str]:
    """The Python files of a folder and of those below it, without what is hidden or installed."""
    for current, folders, files in islice(os.walk(folder), NEAR):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in FOREIGN)
        yield from (os.path.join(current, name) for name in sorted(files) if name.endswith(".py"))


def _relative_to_here(path: str) -> str:
    here = os.getcwd().rstrip(os.sep) + os.sep
    return path.removeprefix(here)
