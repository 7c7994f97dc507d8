"""What of the project a call runs, and by what names it takes its arguments."""

from __future__ import annotations

from aelint.semantics.domain.values import ClassValue, Function, Instance, Value
from aelint.syntax.signatures import positional

__all__ = ["applied", "positional_names", "run_by"]


def applied(callee: Value) -> Function | None:
    """The function that runs where a function, a network or an object is called; None where an object is built."""
    match callee:
        case Function():
            return callee
        case Instance(cls=cls):
            found = [cls.find("forward"), cls.find("__call__")]
            return next((one for one in found if isinstance(one, Function)), None)
        case _:
            return None


def run_by(callee: Value) -> Function | None:
    """The function that a call runs, be it a function, a network or a class."""
    found = callee.find("__init__") if isinstance(callee, ClassValue) else applied(callee)
    return found if isinstance(found, Function) else None


def positional_names(callee: Value) -> list[str]:
    """What a function, or a class of which an object is built, takes without a name; nothing for all else."""
    function = run_by(callee) if isinstance(callee, ClassValue | Function) else None
    if function is None:
        return []
    return positional(function.node)[1:] if isinstance(callee, ClassValue) else positional(function.node)
