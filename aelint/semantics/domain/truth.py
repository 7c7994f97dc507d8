"""Whether a value is true, where that is known."""

from __future__ import annotations

from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.values import (
    Bound,
    ClassValue,
    DictValue,
    External,
    Function,
    Instance,
    ListValue,
    Object,
    Value,
)

__all__ = ["truth"]


def truth(value: Value) -> bool | None:
    """True, False, or None where only a run can tell."""
    match value:
        case None:
            return False
        case bool() | int() | float() | str() | bytes():
            return bool(value)
        case tuple():
            return bool(value)
        case ListValue(perhaps_empty=True):
            return None
        case ListValue() | DictValue():
            return True if value.items else (False if value.complete else None)
        case Function() | ClassValue() | Bound():
            return True
        case Object(children=children) if children is not None:
            return None
        case Object():
            return True
        case Instance(cls=cls):
            return None if cls.find("__len__") or cls.find("__bool__") else True
        case External() | Poly():
            return None
        case _:
            return None
