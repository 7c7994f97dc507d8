"""aelint: finds the faults of autoencoders in PyTorch source, without running it and without torch.

>>> import aelint
>>> aelint.lint_source("import torch")
[]

`lint_source` and `lint_paths` are loaded when they are first used: `import aelint` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aelint import _version

if TYPE_CHECKING:
    from aelint.api import lint_paths, lint_source
    from aelint.diagnostics import Diagnostic

__all__ = ["Diagnostic", "__version__", "lint_paths", "lint_source"]

__version__ = _version.VERSION

LAZY = {"Diagnostic": "diagnostics", "lint_paths": "api", "lint_source": "api"}


def __getattr__(name: str) -> object:
    if name not in LAZY:
        raise AttributeError(f"module 'aelint' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - `aelint --version` does without it

    return getattr(import_module(f"aelint.{LAZY[name]}"), name)
