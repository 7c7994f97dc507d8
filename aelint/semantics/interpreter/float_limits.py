"""The limits of floating-point numbers that a program asks `finfo` for."""

from __future__ import annotations

import sys

from aelint.semantics.domain.values import External, Sym

__all__ = ["float_limit"]

# eps, smallest normal number and largest number (IEEE 754; bfloat16 is the upper half of binary32).
_DOUBLE = (2.0**-52, 2.0**-1022, sys.float_info.max)
_SINGLE = (2.0**-23, 2.0**-126, (2 - 2.0**-23) * 2.0**127)
_HALF = (2.0**-10, 2.0**-14, 65504.0)
_BRAIN = (2.0**-7, 2.0**-126, (2 - 2.0**-7) * 2.0**127)
_LIMITS = {
    "float64": _DOUBLE,
    "double": _DOUBLE,
    "float32": _SINGLE,
    "float": _SINGLE,
    "single": _SINGLE,
    "float16": _HALF,
    "half": _HALF,
    "bfloat16": _BRAIN,
}


def float_limit(value: Sym, name: str) -> float | None:
    """`torch.finfo(torch.float32).eps` as a number; None where the type is unknown, or it is no limit."""
    match value.attrs:
        case {"callee": External(name="torch.finfo"), "args": ()}:
            limits: tuple[float, float, float] | None = _SINGLE
        case {"callee": External(name="torch.finfo" | "numpy.finfo"), "args": (External(name=kind),)}:
            limits = _DOUBLE if kind == "builtins.float" else _LIMITS.get(kind.rpartition(".")[2])
        case _:
            limits = None
    if limits is None:
        return None
    eps, tiny, largest = limits
    return {"eps": eps, "tiny": tiny, "smallest_normal": tiny, "max": largest, "min": -largest}.get(name)
