"""Data that is scaled as a whole and then split: the scale of the training part knows the held-out part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from aelint.rule import Site
from aelint.semantics.data.batches import is_held_out_name, is_training_name
from aelint.semantics.data.own_scales import fits_of, scale_measured_on
from aelint.semantics.data.scaling import SCALES
from aelint.semantics.data.splits import parts_of
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding
from aelint.semantics.domain.values import External, Sym, Value

__all__ = ["LeakedScale", "leaked_scales"]

_SCALES_SPELLED_ALIKE = frozenset(name.replace("_", "") for name in SCALES)


@dataclass(frozen=True, slots=True, eq=False)
class LeakedScale:
    """Where all rows are scaled, and the held-out part that is taken from them."""

    scaled: Site
    held_out: Binding


def leaked_scales(program: Program) -> Iterator[LeakedScale]:
    """What scalers give that were fitted to all rows, of which both a training and a held-out part are taken afterwards.

    Numbers that are centred by hand are no such claim: nothing there was to be fitted to the training part.
    """
    scaled = {c.result.id for c in program.calls if _transforms(c.method) and isinstance(c.result, Sym)}
    if not scaled:
        return
    taken = [(b, whole) for b in program.bindings if (whole := _whole(b.value)) is not None and whole.id in scaled]
    fits = fits_of(program)
    training = {whole.id for b, whole in taken if is_training_name(b.name)}
    told: set[int] = set()
    for binding, whole in taken:
        if whole.id in training and is_held_out_name(binding.name) and scale_measured_on(whole, fits) is not None:
            site = _named(program, whole)
            if site is not None and id(site.node) not in told:
                told.add(id(site.node))
                yield LeakedScale(site, binding)


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
    """Where the scaled rows get their name, which may be far from where they are computed."""
    return next((b.site for b in program.bindings if b.value is whole), whole.site)
