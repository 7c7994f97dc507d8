"""Measures of image quality that are told another range of values than the images can have."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

from aelint.rule import Site
from aelint.semantics.dataflow.graph import parts
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.operators.api import to_number

__all__ = ["WiderRange", "wider_ranges"]

_SETTINGS = ("data_range", "val_range", "max_val", "max_value", "pixel_max", "dynamic_range")
_FACTOR = 1.5
"""A range that is wider by less may be meant: images in [-1, 1] seldom fill all of it."""


@dataclass(frozen=True, slots=True, eq=False)
class WiderRange:
    """Where the range is told, what it is called, and the image whose values all lie in a smaller one."""

    site: Site
    setting: str
    told: float
    image: Sym
    image_site: Site


def wider_ranges(program: Program) -> Iterator[WiderRange]:
    """Numbers given as the range of two images, one of which cannot have values so far apart; each place once."""
    seen: set[ast.AST] = set()
    for call in program.calls:
        images = [v for a in call.args[:2] for v in parts(a)] if len(call.args) > 1 else []
        known = [i for i in images if isfinite(i.range.high - i.range.low) and i.range.high > i.range.low]
        told = _told(call) if len(images) > 1 and known else None
        if told is None or told[2].node in seen:
            continue
        setting, number, site = told
        narrow = min(known, key=lambda image: image.range.high - image.range.low)
        if number >= _FACTOR * (narrow.range.high - narrow.range.low) and narrow.site is not None:
            seen.add(site.node)
            yield WiderRange(site, setting, number, narrow, narrow.site)


def _told(call: Call) -> tuple[str, float, Site] | None:
    """The range as a keyword of the call, or of the object that is called."""
    for given, site in ((call.kwargs, call.site), _settings_of(call.callee)):
        for setting in _SETTINGS:
            number = to_number(given.get(setting))
            if number is not None and site is not None:
                return setting, number, site
    return None


def _settings_of(measure: Value) -> tuple[Mapping[str, Value], Site | None]:
    match measure:
        case Object(kwargs=given, site=site):
            return given, site
        case Sym(op="call", attrs={"kwargs": dict() as given}, site=site):  # of a library that is not followed
            return given, site
        case _:
            return {}, None
