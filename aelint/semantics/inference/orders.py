"""Rows in two orders: what a shuffling loader gave, beside what the data set holds in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.graph import parts
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.interpreter.loaders import loader_argument

__all__ = ["Misordered", "misordered_rows"]

_SCORES = ("sklearn.metrics.",)
_HANDED_ON = RESHAPES | {"numpy", "tolist", "detach"}


@dataclass(frozen=True, slots=True, eq=False)
class Misordered:
    """A score of rows from a loader that shuffles against rows of the data that the loader was built from."""

    call: Call
    loader: Object


def misordered_rows(program: Program) -> Iterator[Misordered]:
    """Scores that compare outputs in the order of a shuffling loader with labels in the order of its data set."""
    seen: set[int] = set()
    for call in program.calls:
        if not call.name.startswith(_SCORES) or len(call.args) < 2 or id(call.site.node) in seen:
            continue
        for rows, other in (call.args[:2], call.args[1::-1]):
            loader = _shuffling(rows)
            if loader is not None and _is_of_its_data(other, loader):
                seen.add(id(call.site.node))
                yield Misordered(call, loader)
                break


def _shuffling(value: Value) -> Object | None:
    """The only loader behind a value, if it goes through its data in a new order each time."""
    if not isinstance(value, Sym):
        return None
    found = {
        id(o): o for one in ancestors(value) if one.op == "batch" and isinstance(o := one.attrs.get("loader"), Object)
    }
    loader = next(iter(found.values()), None)
    if loader is None or len(found) > 1 or loader_argument(loader, "sampler") is not None:
        return None
    return loader if loader_argument(loader, "shuffle") is True else None


def _is_of_its_data(value: Value, loader: Object) -> bool:
    """Whether the value was never loaded, and the loader's data was made of it."""
    if not isinstance(value, Sym) or any(one.op == "batch" for one in ancestors(value)):
        return False
    data = loader_argument(loader, "dataset")
    held = [s for v in (data.args if isinstance(data, Object) else ()) for s in parts(v)]
    handed = through(value, _HANDED_ON)
    return any(one is handed for s in held for one in (s, *ancestors(s)))
