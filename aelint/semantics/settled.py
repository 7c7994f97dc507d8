"""Functions of other files that were followed often enough: what one more visit could tell is not worth its cost."""

from __future__ import annotations

from dataclasses import dataclass, field

from aelint.semantics.trace import Call, Event, Store
from aelint.semantics.values import Function, ListValue, Sym, Value

__all__ = ["Settled"]

QUIET_VISITS = 4
"""So often a function that gives nothing known is followed."""
PURE_STEPS = 2_000
"""So many steps are spent on a function that gives something, over all its visits."""

_ORDERED = frozenset({"backward", "step", "zero_grad", "manual_backward", "training_step", "train", "eval"})
_ORIGIN_ONLY = frozenset(
    {"call", "item", "attr", "name", "param", "entered", "string", "element", "and", "not", "shape"}
)


@dataclass(slots=True)
class Settled:
    """Which functions need not be followed again.

    A library's readers, loggers and token counters are entered dozens of times from one program. They are
    findings of the file that defines them; here only their result matters. A function that stores, builds
    or contradicts something, or takes part in the order of training, is never settled.
    """

    spent: dict[int, int] = field(default_factory=dict)
    """Steps by the identity of a function's node; negative for one that did something."""

    def __contains__(self, function: Function) -> bool:
        return self.spent.get(id(function.node), 0) >= PURE_STEPS

    def visited(self, function: Function, result: Value, events: list[Event], *, steps: int, built: bool) -> None:
        """Note a visit that took so many steps, in which `events` happened and objects or contradictions arose."""
        key = id(function.node)
        spent = self.spent.get(key, 0)
        if spent < 0:
            return
        if built or any(map(_matters, events)):
            self.spent[key] = -1
        else:
            self.spent[key] = spent + (max(steps, PURE_STEPS // QUIET_VISITS) if _tells_nothing(result) else steps)


def _matters(event: Event) -> bool:
    match event:
        case Store():
            return True
        case Call(name=name, method=method):
            return method in _ORDERED or name in _ORDERED
        case _:
            return False


def _tells_nothing(value: Value, depth: int = 3) -> bool:
    match value:
        case None | str():
            return True
        case Sym(op="phi", inputs=inputs) if depth:
            return all(_tells_nothing(one, depth - 1) for one in inputs)
        case Sym(op=op, shape=None):
            return op in _ORIGIN_ONLY
        case tuple() | ListValue() if depth:
            items = value.items if isinstance(value, ListValue) else value
            return all(_tells_nothing(one, depth - 1) for one in items)
        case _:
            return False
