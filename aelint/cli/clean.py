"""`aelint clean`: remove the cache."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from aelint.cli.terminal import complain, say

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Remove the caches in the folder and below it."""
    caches = [path for path in Path(args.folder).rglob(".aelint_cache") if (path / "CACHEDIR.TAG").is_file()]
    for cache in caches:
        try:
            shutil.rmtree(cache)
        except OSError as error:
            complain(f"{cache}: cannot be removed: {error.strerror}")
            return 2
        say(f"Removed {cache}")
    return 0
