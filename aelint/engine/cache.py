"""What earlier runs found, valid as long as nothing changed that the finding depends on.

An entry is a file's raw report. It holds while the file's content, the linter's own code, the rules that run,
their options and the Python version are the same, and every other file that the analysis asked for still
gives the same answer: the same content, or still no file.

One JSON file per source folder and choice of rules lies in `.aelint_cache`. Each is replaced at once, so that
parallel runs and a kill leave the old or the new one; what cannot be read is ignored.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from aelint.config import Settings
from aelint.engine.analyse import FileReport
from aelint.engine.own_code import code_digest, to_remember
from aelint.engine.reading import Reader
from aelint.engine.stored import from_json, to_json
from aelint.sources.decode import UnreadableError

__all__ = ["FOLDER", "Cache", "content_digest"]

FOLDER = ".aelint_cache"
CODE = "own-code"
TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder was made by aelint; `aelint clean` removes it.\n"
ABSENT = ""
"""The digest of a file that is not there."""


class Cache:
    """The cache of one run.

    Args:
        settings: Their root holds the folder; their rules and options are part of the key.
        reader: Gives the content of the files.
        display: Absolute path -> path as the run shows it.
    """

    def __init__(self, settings: Settings, reader: Reader, display: Callable[[str], str]) -> None:
        self.notes: list[str] = []
        """One line for each part that could not be used."""
        self._root = os.path.abspath(settings.root)
        self._folder = Path(self._root) / FOLDER
        self._reader = reader
        self._display = display
        self._rules = _rules_digest(settings)
        self._shards: dict[str, dict[str, Any]] = {}
        self._changed: set[str] = set()
        self._digests: dict[str, str] = {}
        self._as_stored: dict[str, str] = {}
        """Digests by path as the cache keeps it: the same few files are asked for by most others."""

    def get(self, path: str, digest: str) -> FileReport | None:
        """The report on the file at `path` with this content, if it is known and still holds."""
        folder, name = os.path.split(os.path.abspath(path))
        entry = self._shard(folder).get(name)
        try:
            if entry is None or entry["digest"] != digest or not self._holds(entry["lookups"]):
                return None
            return from_json(path, entry, self._shown)
        except (AttributeError, KeyError, TypeError, ValueError):
            self._complain(folder)
            return None

    def put(self, report: FileReport) -> None:
        """Keep a report, unless something failed or was passed over on the way to it."""
        if report.failures or report.notes or not report.digest:
            return
        folder, name = os.path.split(os.path.abspath(report.path))
        lookups = {
            self._stored(path): self._digest(path) if there else ABSENT for path, there in report.lookups.items()
        }
        entry = {"digest": report.digest, "lookups": lookups, **to_json(report, self._stored)}
        self._shard(folder)[name] = entry
        self._changed.add(folder)

    def save(self) -> None:
        """Write what is new. A folder that cannot be written costs a note, not the run."""
        if not self._changed:
            return
        try:
            self._prepare()
            for folder in sorted(self._changed):
                _replace(self._file(folder), {"code": self._code, "entries": self._shards[folder]})
            _replace(self._folder / CODE, to_remember(self._code))
        except OSError as error:
            self.notes.append(f"{self._folder}: cache not written: {error.strerror}")
        self._changed.clear()

    def _holds(self, lookups: dict[str, str]) -> bool:
        known = self._as_stored
        for path, digest in lookups.items():
            if path not in known:
                known[path] = self._digest(self._absolute(path))
            if known[path] != digest:
                return False
        return True

    def _digest(self, path: str) -> str:
        """The digest of the file at an absolute path as it is now, asked for once per run."""
        if path not in self._digests:
            try:
                is_there = self._reader.exists(path)
                self._digests[path] = content_digest(self._reader.read(path)) if is_there else ABSENT
            except UnreadableError:
                self._digests[path] = "unreadable"
        return self._digests[path]

    @cached_property
    def _code(self) -> str:
        return code_digest(self._folder / CODE)

    def _shard(self, folder: str) -> dict[str, Any]:
        if folder not in self._shards:
            self._shards[folder] = self._load(folder)
        return self._shards[folder]

    def _load(self, folder: str) -> dict[str, Any]:
        try:
            content = json.loads(self._file(folder).read_bytes())
            if content["code"] != self._code:
                return {}
            return {name: entry for name, entry in content["entries"].items() if os.path.exists(f"{folder}/{name}")}
        except FileNotFoundError:
            return {}
        except (OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError):
            self._complain(folder)
            return {}

    def _complain(self, folder: str) -> None:
        self._shards[folder] = {}
        self.notes.append(f"{self._file(folder)}: damaged cache ignored")

    def _file(self, folder: str) -> Path:
        key = f"{self._stored(folder)}\0{self._rules}".encode("utf-8", "surrogateescape")
        return self._folder / f"{hashlib.blake2b(key, digest_size=12).hexdigest()}.json"

    def _prepare(self) -> None:
        self._folder.mkdir(exist_ok=True)
        for name, text in ((".gitignore", "*\n"), ("CACHEDIR.TAG", TAG)):
            if not (self._folder / name).exists():
                (self._folder / name).write_text(text, encoding="ascii")

    def _stored(self, path: str) -> str:
        """A path as the cache keeps it: a moved checkout keeps its cache."""
        return os.path.relpath(path, self._root)

    def _absolute(self, stored: str) -> str:
        return os.path.normpath(os.path.join(self._root, stored))

    def _shown(self, stored: str) -> str:
        return self._display(self._absolute(stored))


def content_digest(data: bytes) -> str:
    """The name of a content."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _rules_digest(settings: Settings) -> str:
    rules = [(rule.code, sorted(settings.options_of(rule).items())) for rule in settings.chosen().values()]
    return content_digest(repr(rules).encode())


def _replace(path: Path, content: object) -> None:
    import tempfile  # noqa: PLC0415 - a run in which nothing changed writes nothing

    handle, name = tempfile.mkstemp(suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
            json.dump(content, file, ensure_ascii=True, separators=(",", ":"))
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
