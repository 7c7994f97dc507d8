"""Generators that a data set keeps: every worker of a loader gets a copy of it, in the same state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.data.batches import loaders
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import External, Object, Sym, Value
from aelint.semantics.interpreter.loaders import loader_argument

__all__ = ["CopiedGenerator", "copied_generators"]

_GENERATORS = frozenset({"numpy.random.RandomState", "numpy.random.default_rng", "random.Random", "torch.Generator"})
_SEEDS = frozenset({"seed", "manual_seed", "initial_seed", "set_state", "get_worker_info"})


@dataclass(frozen=True, slots=True)
class CopiedGenerator:
    """A loader with several workers, the draw of a sample in its data set, and the generator that it is drawn from."""

    loader: Site
    workers: int
    draw: Site
    made: Site


def copied_generators(program: Program) -> Iterator[CopiedGenerator]:
    """Training loaders whose workers all start with the generator that the data set was built with."""
    for loader in loaders(program):
        workers, data = loader_argument(loader, "num_workers"), loader_argument(loader, "dataset")
        shuffled = loader_argument(loader, "shuffle") is True
        seeded = loader_argument(loader, "worker_init_fn") is not None
        if not isinstance(workers, int) or workers < 2 or seeded or not shuffled:
            continue
        visits = [c for c in program.calls if _is_visit_of(data, c)]
        if any(c.name.rpartition(".")[2] in _SEEDS for c in visits):
            continue
        for call in visits:
            made = _drawn_from(call)
            if made is not None and made.site is not None and loader.site is not None and not _is_made_in(visits, made):
                yield CopiedGenerator(loader.site, workers, call.site, made.site)
                break


def _is_visit_of(data: Value, call: Call) -> bool:
    return any(a.function.name == "__getitem__" and a.receiver is data for a in call.context.stack)


def _drawn_from(call: Call) -> Sym | Object | None:
    """The generator that a call draws from: its receiver, or what it is given as one."""
    for value in (call.receiver, call.kwargs.get("generator")):
        if isinstance(value, (Sym, Object)) and _maker(value) in _GENERATORS:
            return value
    return None


def _maker(value: Value) -> str:
    match value:
        case Object(name=name):
            return name
        case Sym(op="call", attrs={"callee": External(name=name)}):
            return name
        case Sym(op="call", attrs={"method": "manual_seed"}, inputs=(seeded, *_)):
            return _maker(seeded)
        case _:
            return ""


def _is_made_in(visits: list[Call], made: Sym | Object) -> bool:
    """Whether the data set builds it while it is read: each worker has its own then."""
    return any(call.result is made for call in visits)
