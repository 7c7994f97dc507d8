"""Calls outside of torch that give one number, whatever they are given: those of `random`, clocks."""

from __future__ import annotations

from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.values import External, ListValue, Sym, Value

__all__ = ["gives_number"]

_LAWS = frozenset(
    "random uniform gauss normalvariate lognormvariate expovariate betavariate gammavariate paretovariate "
    "weibullvariate vonmisesvariate triangular randint randrange getrandbits".split()
)
_CLOCKS = frozenset({"time.time", "time.perf_counter", "time.monotonic", "time.process_time"})


def gives_number(name: str, args: tuple[Value, ...], receiver: Value = None) -> bool:
    """Whether `random.uniform(0, 1)`, or a method of an own `random.Random(seed)`, gives a number."""
    if receiver is None:
        module, _, law = name.rpartition(".")
        return name in _CLOCKS or (module == "random" and _draws_number(law, args))
    callee = receiver.attrs.get("callee") if isinstance(receiver, Sym) and receiver.op == "call" else None
    return isinstance(callee, External) and callee.name == "random.Random" and _draws_number(name, args)


def _draws_number(law: str, args: tuple[Value, ...]) -> bool:
    match law, args:
        case "choice", (tuple() as items,) | (ListValue(items=items),):
            return bool(items) and all(_is_number(one) for one in items)
        case _:
            return law in _LAWS


def _is_number(value: Value) -> bool:
    return isinstance(value, (int, float, Poly)) or (isinstance(value, Sym) and value.tensor is False)
