"""The version, readable without asking the installed metadata (which takes longer than the answer)."""

from __future__ import annotations

__all__ = ["VERSION"]

VERSION = "0.1.0"
