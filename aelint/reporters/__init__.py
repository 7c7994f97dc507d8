"""One module per output format, each from diagnostics alone."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence

from aelint.diagnostics import Diagnostic
from aelint.reporters.presentation import Presentation

__all__ = ["FORMATS", "Presentation", "Reporter", "reporter"]

Reporter = Callable[[Sequence[Diagnostic], Presentation], Iterator[str]]

FORMATS = ("full", "concise", "json", "json-lines", "sarif", "github", "gitlab", "junit", "rdjson")


def reporter(name: str) -> Reporter:
    """The function that writes the format `name`: it yields lines without their line ends."""
    module = importlib.import_module(f"aelint.reporters.{name.replace('-', '_')}")
    render: Reporter = module.render
    return render
