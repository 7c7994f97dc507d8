"""Ask the interpreter about a piece of source: what the tests of the semantic model share."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from aelint.semantics import Program
from tests.rules.harness import program

PRELUDE = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"

__all__ = ["PRELUDE", "names", "read", "shape", "understood"]


def understood(source: str | Mapping[str, str]) -> Program:
    """The program of a source that starts with torch's usual imports."""
    return program(PRELUDE + textwrap.dedent(source) if isinstance(source, str) else source)


def read(source: str | Mapping[str, str], name: str = "y") -> Any:
    """The value that a module-level name has at the end."""
    return understood(source).entry.scope.names[name]


def shape(source: str | Mapping[str, str], name: str = "y") -> Any:
    """The shape of the tensor that a module-level name has at the end."""
    return read(source, name).shape


def names(source: str) -> dict[str, Any]:
    """All module-level names at the end."""
    return understood(source).entry.scope.names
