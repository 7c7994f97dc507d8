"""The linter's own code, as one digest: a rule that changes makes the findings that it made before stale."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from aelint._version import VERSION

__all__ = ["code_digest", "to_remember"]

PACKAGE = str(Path(__file__).parent.parent)


def code_digest(remembered: Path) -> str:
    """The digest of the version of Python and of every module of this package.

    Args:
        remembered: A file with what `to_remember` gave to an earlier run. Its digest is taken where the modules have the
            sizes and times that they had then: to read them all takes longer than a run in which nothing has changed.
    """
    try:
        stamp, digest = json.loads(remembered.read_bytes())
    except (OSError, TypeError, ValueError, RecursionError):
        return _read()
    return digest if stamp == _stamp() and isinstance(digest, str) else _read()


def to_remember(digest: str) -> list[str]:
    """What saves the next run the reading of every module."""
    return [_stamp(), digest]


@cache
def _read() -> str:
    digest = _started()
    for path in sorted(_modules(PACKAGE), key=lambda module: module.path):
        digest.update(f"\0{os.path.relpath(path.path, PACKAGE)}\0".encode())
        digest.update(Path(path.path).read_bytes())
    return digest.hexdigest()


@cache
def _stamp() -> str:
    digest = _started()
    told = ((module.path, module.stat()) for module in _modules(PACKAGE))
    digest.update(repr(sorted((path, stat.st_size, stat.st_mtime_ns) for path, stat in told)).encode())
    return digest.hexdigest()


def _started() -> hashlib.blake2b:
    return hashlib.blake2b(f"{VERSION} {sys.version_info}".encode(), digest_size=16)


def _modules(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir() and entry.name != "__pycache__":
                yield from _modules(entry.path)
            elif entry.name.endswith(".py"):
                yield entry
