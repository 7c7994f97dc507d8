"""Replacing a file at once, or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["ChangedMeanwhileError", "replace_file"]


class ChangedMeanwhileError(OSError):
    """Somebody else wrote the file after it was read."""


def replace_file(path: str, before: bytes, after: bytes) -> None:
    """Replace the content `before` of the file by `after`; whoever reads it sees the one or the other.

    The file keeps its mode; a symbolic link stays one, and the file it leads to is replaced.

    Raises:
        ChangedMeanwhileError: The file does not hold `before` any more.
        OSError: It cannot be read, or its folder cannot be written.
    """
    target = Path(path).resolve()
    if target.read_bytes() != before:
        raise ChangedMeanwhileError("it changed meanwhile and is left as it is")
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=".aelint", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(target, name)
        Path(name).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
