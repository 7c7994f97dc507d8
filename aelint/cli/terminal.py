"""Where messages go and whether colours help."""

from __future__ import annotations

import os
import sys
from typing import TextIO

__all__ = ["colours", "complain", "say"]


def colours(wish: str, stream: TextIO | None = None) -> bool:
    """Whether to colour: as the user says, else by FORCE_COLOR and NO_COLOR, else on a terminal."""
    if wish in {"always", "never"}:
        return wish == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in {"", "0"}:
        return True
    return (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"


def say(text: str) -> None:
    """A line of the answer."""
    sys.stdout.write(text + "\n")


def complain(text: str, kind: str = "error") -> None:
    """A line about the run itself."""
    sys.stdout.flush()
    sys.stderr.write(f"aelint: {kind}: {text}\n")
