"""The one registry, and the modules that fill it."""

from __future__ import annotations

from aelint.semantics.operators.api import Registry

__all__ = ["REGISTRY"]

REGISTRY = Registry()
