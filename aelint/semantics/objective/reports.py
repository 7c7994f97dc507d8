"""Values that a program shows to its user under a name: what it logs, and entries of results that nothing else takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from aelint.semantics.dataflow.lineage import depends_on
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Store
from aelint.semantics.domain.values import DictValue, Sym, Value
from aelint.semantics.operators.api import to_number

__all__ = ["LOGGED", "Report", "reports_turned_round"]

LOGGED = frozenset({"log", "add_scalar", "log_metric", "log_scalar", "log_dict"})
"""Methods of loggers that are given a number and its name."""
_FOR_READING = frozenset({"detach", "item", "data", "float", "cpu", "numpy"})


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """A named value, or one that nothing is called, that is shown as `name` with another sign; `turned` turns it round."""

    name: str
    value: Sym
    turned: Sym


def reports_turned_round(program: Program) -> Iterator[Report]:
    """Every value that is shown for reading alone with its sign turned round."""
    for name, shown, for_reading in _named(program):
        value, turned, left = _unsigned(shown)
        if isinstance(value, Sym) and turned is not None and (left or for_reading(value)):
            yield Report(name, value, turned)


_Judge = Callable[[Sym], bool]
"""Whether nothing but a reader takes a value from where it is put down."""


def _named(program: Program) -> Iterator[tuple[str, Value, _Judge]]:
    for event in program.machine.trace.events:
        match event:
            case Call(args=(str(name), value, *_), method=method) if method in LOGGED:
                yield name, value, lambda _: True
            case Call(args=(DictValue(items=items), *_), method=method) if method in LOGGED:
                yield from ((k, v, lambda _: True) for k, v in items.items() if isinstance(k, str))
            case Store(index=str(name), value=value):
                yield name, value, lambda _: False
    for ended in program.returns:
        for result in ended.value if isinstance(ended.value, tuple) else (ended.value,):
            if isinstance(result, DictValue):
                # Next to a loss that holds the value already.
                whole = result.items.get("loss")
                is_held = partial(depends_on, whole) if isinstance(whole, Sym) else (lambda _: False)
                yield from ((k, v, is_held) for k, v in result.items.items() if isinstance(k, str))


def _unsigned(shown: Value) -> tuple[Value, Sym | None, bool]:
    """The value that is shown, what turned its sign round if it is turned round, and whether it left the graph before."""
    value, turned, left = shown, None, False
    while isinstance(value, Sym) and value.inputs and (value is shown or not value.name):
        number = next((n for n in map(to_number, value.inputs) if n is not None), None)
        match value.op:
            case "neg":
                turned = None if turned is not None else value
            case "mul" if number is not None:
                turned = turned if number > 0 else None if turned is not None else value
            case op if op in _FOR_READING:
                left = True
            case _:
                break
        value = next((one for one in value.inputs if isinstance(one, Sym)), None)
    return value, turned, left
