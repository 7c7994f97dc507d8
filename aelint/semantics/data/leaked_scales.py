"""Data that is scaled as a whole and then split: the scale of the training part knows the held-out part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from aelint.rule import Site
from aelint.semantics.data.batches import is_held_out_name, is_training_name
from aelint.semantics.data.own_scales import fits_of, scale_measured_on
from aelint.semantics.data.scaling import SCALES
from aelint.semantics.data.splits import Part, parts_of
from aelint.semantics.dataflow.graph import nodes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import External, Sym, Value

__all__ = ["LeakedScale", "leaked_scales"]

_SCALES_SPELLED_ALIKE = frozenset(name.replace("_", "") for name in SCALES)


@dataclass(frozen=True, slots=True, eq=False)
class LeakedScale:
    """Where a scaler is fitted to all rows, or all rows are scaled at once, and the held-out part that is taken from them."""

    site: Site
    is_fit: bool
    held_out: str
    taken: Site


@dataclass(frozen=True, slots=True, eq=False)
class _Taken:
    """Some rows of data, and what says which."""

    name: str
    site: Site
    value: Value
    whole: Sym


def leaked_scales(program: Program) -> Iterator[LeakedScale]:
    """What scalers give that were fitted to all rows, of which both a training and a held-out part are taken afterwards.

    Numbers that are centred by hand are no such claim: nothing there was to be fitted to the training part.
    """
    scaled = _scaled(program)
    if not scaled:
        return
    taken = [one for one in _taken(program) if one.whole.id in scaled]
    fits = fits_of(program)
    training = [one for one in taken if is_training_name(one.name)]
    for part in taken:
        beside = [one for one in training if one.whole is part.whole]
        held_out = is_held_out_name(part.name) or any(_is_the_rest(part, one) for one in beside)
        if not beside or not held_out or scale_measured_on(part.whole, fits) is None:
            continue
        call = scaled[part.whole.id]
        fit = _fit_before(program, call)
        site = fit.site if fit is not None else _named(program, part.whole) or call.site
        yield LeakedScale(site, fit is not None, part.name, part.site)


def _taken(program: Program) -> Iterator[_Taken]:
    """The parts of data that are kept under a name, and those whose rows have one: `data[train_rows]`."""
    for binding in program.assignments:
        whole = _whole(binding.value)
        if whole is not None:
            yield _Taken(binding.name, binding.site, binding.value, whole)
    for node in nodes(program):
        match parts_of(node):
            case Part(data=Sym() as data, index=Sym(name=name), site=Site() as site):
                yield _Taken(name, site, node, data)
            case _:
                pass


def _scaled(program: Program) -> dict[int, Call]:
    """The calls that apply a scaler, by what they give; of calls that hand on what another one gives, the outermost."""
    found: dict[int, Call] = {}
    for call in program.calls:
        if _transforms(call.method) and isinstance(call.result, Sym):
            inner = found.get(call.result.id)
            if inner is None or len(call.context.stack) < len(inner.context.stack):
                found[call.result.id] = call
    return found


def _fit_before(program: Program, scaled: Call) -> Call | None:
    """The call that fitted the scaler, where that is another one than the call that applies it."""
    before = (c for c in program.calls if c.method.lower() == "fit" and c.order < scaled.order)
    fits = [c for c in before if c.receiver is scaled.receiver]
    return fits[-1] if fits and "fit" not in scaled.method.lower() else None


def _is_the_rest(part: _Taken, training: _Taken) -> bool:
    """Whether it holds the rows behind those of the training part, `x[n:]` beside `x[:n]`, whatever it is called."""
    match parts_of(part.value), parts_of(training.value):
        case Part(index=slice(start=start, stop=None, step=None)), Part(index=slice(start=None, stop=stop, step=None)):
            return start is not None and start == stop and not is_training_name(part.name)
        case _:
            return False


@cache  # every call of a program is asked, by one of few names
def _transforms(method: str) -> bool:
    """Whether a method applies a scaler; classes of the project spell it in their own way (`FitTransform`)."""
    return method.replace("_", "").lower() in _SCALES_SPELLED_ALIKE


def _whole(value: Value) -> Sym | None:
    """What a value is some rows of: an index, or one of the results of `train_test_split`."""
    match value:
        case Sym(
            op="item", attrs={"index": int() as place}, inputs=(Sym(attrs={"callee": External(name=name)}) as split, *_)
        ):
            given = split.attrs.get("args", ())
            found = given[place // 2] if name.endswith(".train_test_split") and place // 2 < len(given) else None
        case _:
            part = parts_of(value)
            found = part.data if part is not None else None
    return found if isinstance(found, Sym) else None


def _named(program: Program, whole: Sym) -> Site | None:
    """Where the scaled rows get a name, which may be far from where they are computed."""
    return next((b.site for b in program.bindings if b.value is whole), None)
