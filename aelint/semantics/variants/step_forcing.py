"""Teacher forcing step by step: which step of the target a decoder may read instead of its own last prediction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, through
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import ListValue, Sym, Value
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.objective.comparisons import comparisons

__all__ = ["ForcedStep", "forced_steps"]

_LOSSES = (
    "cross_entropy",
    "nll_loss",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
)
_CHOOSING = RESHAPES | {"argmax", "topk", "item", "getitem", "detach", "softmax", "log_softmax", "sigmoid", "embedding"}
"""What makes the next input of a prediction."""
_COUNTED = "counted from 0"
_ROUNDS = 3
"""Rounds of a loop that are looked at: later ones repeat them."""


@dataclass(frozen=True, slots=True, eq=False)
class ForcedStep:
    """A decoder that reads step i of the target, or else its prediction of step i - 1, while it predicts step i."""

    read: Site
    loss: Site


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """A prediction of one place of a sequence, and the prediction before it, where that is known."""

    value: Sym
    before: Sym | None
    place: object
    """The index, the id of the loop's own symbol for it, or `_COUNTED` for the index of any loop that counts from 0."""
    sequence: Value


def forced_steps(program: Program) -> Iterator[ForcedStep]:
    """Decoders in a loop whose teacher forcing is one step ahead."""
    seen: set[int] = set()
    compared = [(c.site, c.bound.get("input"), c.bound.get("target")) for c in program.calls_to(*_LOSSES)]
    for one in comparisons(program):
        if not one.ordered:
            compared += [(one.site, one.first, one.second), (one.site, one.second, one.first)]
    for loss, left, right in compared:
        predicted, wanted = _aligned(left, right)
        for step in islice(_steps(predicted, wanted), _ROUNDS):
            for read in _read_ahead(step):
                if read.site is not None and id(read.site.node) not in seen:
                    seen.add(id(read.site.node))
                    yield ForcedStep(read.site, loss)


def _aligned(predicted: Value, wanted: Value) -> tuple[Value, Value]:
    """Both sequences without the reshapes and the slices that they share."""
    for _ in range(_ROUNDS):
        predicted, wanted = through(predicted, RESHAPES | {"log_softmax"}), through(wanted, RESHAPES | {"long"})
        match predicted, wanted:
            case (
                Sym(op="getitem", attrs={"input": one, "index": first}),
                Sym(op="getitem", attrs={"input": other, "index": second}),
            ) if repr(first) == repr(second):
                predicted, wanted = one, other
            case _:
                break
    return predicted, wanted


def _steps(predicted: Value, wanted: Value) -> Iterator[_Step]:
    match predicted, wanted:
        case Sym(op="stack" | "cat", attrs={"tensors": ListValue(items=items) as listed}), _:
            made = [one for one in items if isinstance(one, Sym)]
            if not listed.complete:
                yield from (_Step(one, None, _COUNTED, wanted) for one in made)
            elif len(made) == len(items):
                # What the first step falls back on tells nothing.
                yield from (_Step(made[i], made[i - 1], i, wanted) for i in range(1, len(made)))
        case Sym(op="phi", inputs=inputs), _:
            for one in inputs:
                yield from _steps(one, wanted)
        case Sym(op="setitem", attrs={"index": index}, inputs=(Sym() as rest, Sym() as value, *_)), _:
            before = rest.inputs[1] if rest.op == "setitem" else None
            yield _Step(value, before if isinstance(before, Sym) else None, _place(index), wanted)
            yield from _steps(rest, wanted)
        case Sym() as value, Sym(op="getitem", attrs={"input": sequence, "index": index}):
            yield _Step(value, None, _place(index), sequence)


def _place(index: Value) -> object:
    """The only index that is no full slice: a number, or the id of a loop's symbol; None if there is no such."""
    parts = index if isinstance(index, tuple) else (index,)
    chosen = [p for p in parts if p is not Ellipsis and p != slice(None)]
    match chosen:
        case [slice(start=int(start), stop=int(stop), step=None)] if stop == start + 1:
            return start
        case [int(number)]:
            return number
        case [Sym(op="element") as round_]:
            return round_.id
        case _:
            return None


def _read_ahead(step: _Step) -> Iterator[Sym]:
    """The reads of the target at the place of a step that stand beside the prediction before it."""
    for joined in ancestors(step.value):
        if joined.op != "phi":
            continue
        choices = alternatives(joined)
        reads = [r for c in choices if isinstance(r := through(c, RESHAPES | {"embedding"}), Sym) and _is_at(r, step)]
        if reads and any(_is_own(choice, step) for choice in choices):
            yield reads[0]


def _is_at(read: Sym, step: _Step) -> bool:
    if read.op != "getitem":
        return False
    sequence, index = read.attrs.get("input"), read.attrs.get("index")
    same = _counts_from_zero(index) if step.place == _COUNTED else _place(index) == step.place is not None
    # What is handed over in training alone, `x if self.training else None`, is read where there is something to read.
    given = (through(one, RESHAPES) for one in alternatives(sequence))
    return same and isinstance(step.sequence, Sym) and any(one is step.sequence for one in given)


def _counts_from_zero(index: Value) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    rounds = [p for p in parts if isinstance(p, Sym) and p.op == "element"]
    ranges = [r for one in rounds for r in one.inputs if isinstance(r, Sym) and r.op == "range" and len(r.inputs) <= 1]
    return len(ranges) == 1


def _is_own(choice: Value, step: _Step) -> bool:
    """Whether a choice is the prediction before, or, in a first round, goes by the name of what the step predicts."""
    made = through(choice, _CHOOSING)
    if made is step.before:
        return True
    named = isinstance(choice, Sym) and bool(choice.name) and choice.name == step.value.name
    return step.before is None and named
