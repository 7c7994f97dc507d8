"""Random numbers of numpy: what a draw of one of its generators gives."""

from __future__ import annotations

import ast
import random

from aelint.semantics.domain.values import External, Sym, Value
from aelint.semantics.operators.api import to_number

__all__ = ["NORMAL_REACH", "normal_draw", "numpy_draw"]

NORMAL_REACH = 3.0
"""Standard deviations that a draw from a normal law certainly reaches in a data set."""
_MODULE = "numpy.random."


def normal_draw(draw: random.Random) -> float:
    """A number of a standard normal law, its tails more often than there."""
    return max(-NORMAL_REACH, min(NORMAL_REACH, draw.gauss(0, 1.5)))


def numpy_draw(value: Sym, draw: random.Random) -> float | None:
    """One number that a call of numpy's generators may give, the ends of its law included; None for any other call."""
    name, given = _call(value)
    numbers = [n for v in given[:2] if (n := to_number(v)) is not None]
    match name, numbers:
        case "integers" | "randint", [low, high] if low < high:
            return draw.choice([low, high - 1])
        case "integers" | "randint", [high] if high > 0:
            return draw.choice([0.0, high - 1])
        case ("random" | "random_sample" | "rand", _) | ("uniform", []):
            return draw.choice([0.0, 1.0])
        case "uniform", [low, high]:
            return draw.choice([low, high])
        case ("standard_normal" | "randn", _) | ("normal", []):
            return normal_draw(draw)
        case "normal", [mean, deviation]:
            return mean + deviation * normal_draw(draw)
        case _:
            return None


def _call(value: Sym) -> tuple[str, tuple[Value, ...]]:
    """The name of the draw and its positional arguments; "" where a law is given by keywords, or nothing is drawn."""
    match value.attrs:
        case {"callee": External(name=name), "args": args} if name.startswith(_MODULE):
            name = name.removeprefix(_MODULE)
        case {"method": str(name)}:
            args = value.inputs[1:]
        case _:
            return "", ()
    node = value.site.node if value.site is not None else None
    if not isinstance(node, ast.Call) or any(k.arg not in {"size", "dtype"} for k in node.keywords):
        return "", ()
    return name, tuple(args[: len(node.args)])
