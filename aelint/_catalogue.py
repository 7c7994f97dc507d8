"""Written by tools/generate.py from the rule modules; do not edit."""

from __future__ import annotations

from typing import Any

# fmt: off
CATALOGUE: tuple[tuple[Any, ...], ...] = ()
