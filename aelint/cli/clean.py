"""`aelint clean`: remove the cache, and what a run that was killed left behind."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

from aelint.cli.terminal import complain, say

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Remove the caches and unfinished copies in the folder and below it."""
    for path in list(_leftovers(Path(args.folder))):
        try:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        except OSError as error:
            complain(f"{path}: cannot be removed: {error.strerror}")
            return 2
        say(f"Removed {path}")
    return 0


def _leftovers(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.rglob(".aelint_cache") if (path / "CACHEDIR.TAG").is_file())
    # a fix is written beside its file under a hidden name, and takes its place at once when it is complete
    yield from (path for path in folder.rglob(".*.aelint") if path.is_file())
