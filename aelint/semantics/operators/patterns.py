"""einops: `rearrange`, `repeat` and `reduce`, as functions and as layers."""

from __future__ import annotations

import re

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.intervals import ANY
from aelint.semantics.domain.values import Object, Shape
from aelint.semantics.operators.api import (
    Apply,
    Facts,
    LayerSpec,
    Operation,
    Transfer,
    fresh,
    to_dim,
    unknown,
)
from aelint.semantics.operators.axes import differ
from aelint.semantics.operators.tables import REGISTRY

__all__: list[str] = []

_GROUP = re.compile(r"\([^()]*\)|\S+")


def _groups(side: str) -> list[list[str]] | None:
    """The axes of one side of a pattern, each a list of names; None for a pattern with an ellipsis."""
    if "..." in side or "…" in side:
        return None
    return [g.strip("()").split() for g in _GROUP.findall(side)]


def _lengths(apply: Apply) -> dict[str, Dim]:
    """Axis lengths given by keyword."""
    given = dict(apply.layer.kwargs) if isinstance(apply.layer, Object) else dict(apply.args)
    known = {name: to_dim(value) for name, value in given.items()}
    return {name: size for name, size in known.items() if size is not None}


def _solve(apply: Apply, groups: list[list[str]], shape: Shape, sizes: dict[str, Dim]) -> bool:
    """Find the length of every name on the left; reports axes that do not divide."""
    if len(groups) != len(shape):
        apply.conflict("rank", expected=(len(groups),), shape=shape)
        return False
    for names, size in zip(groups, shape, strict=True):
        lengths = [int(n) if n.isdigit() else sizes.get(n) for n in names]
        known = dims.product(d for d in lengths if d is not None)
        missing = [n for n, d in zip(names, lengths, strict=True) if d is None]
        wrong = (
            differ(known, size)
            if not missing
            else (isinstance(known, int) and isinstance(size, int) and (known == 0 or size % known != 0))
        )
        if wrong:
            apply.conflict("elements", shape=shape, target=tuple(names), have=size, want=known)
            return False
        for name in missing[:-1]:
            sizes[name] = fresh(name)
            known = dims.mul(known, sizes[name])
        if missing:
            sizes[missing[-1]] = fresh(missing[-1]) if known == 0 else dims.floor_divide(size, known)
    return True


def _pattern(*, reducing: bool) -> Transfer:
    def transfer(apply: Apply) -> Facts:
        x, pattern = apply.tensor(), apply.text("pattern")
        bounds = x.range if not reducing or apply.text("reduction") in {"mean", "min", "max"} else ANY
        if pattern is None or pattern.count("->") != 1:
            return unknown(x.kind, bounds)
        left, right = (_groups(side) for side in pattern.split("->"))
        if left is None or right is None:
            return unknown(x.kind, bounds)
        sizes = _lengths(apply)
        if x.shape is None:
            # The rank is what the pattern says it is.
            sizes = {
                name: sizes.get(name, fresh(name)) for names in left for name in names if not name.isdigit()
            } | sizes
        elif not _solve(apply, left, x.shape, sizes):
            return unknown(x.kind, bounds)
        result = tuple(dims.product(_length(n, sizes) for n in names) for names in right)
        return Facts(result, (), bounds, x.kind)

    return transfer


def _length(name: str, sizes: dict[str, Dim]) -> Dim:
    return int(name) if name.isdigit() else sizes.get(name, fresh(name))


def _register(name: str, layer: str, *, reducing: bool) -> None:
    transfer = _pattern(reducing=reducing)
    pattern = "pattern, reduction" if reducing else "pattern"
    REGISTRY.functions[f"einops.{name}"] = Operation(f"einops.{name}", f"input, {pattern}", transfer)
    if not layer:
        return
    operation = Operation(f"einops.{name}", "input", transfer)
    qualname = f"einops.layers.torch.{layer}"
    REGISTRY.layers[qualname] = LayerSpec(qualname, operation, pattern, stateful=False)


_register("rearrange", "Rearrange", reducing=False)
_register("repeat", "", reducing=False)
_register("reduce", "Reduce", reducing=True)
