"""Flattened tensors whose features stand first: `x.view(784, -1)` in front of `Linear(784, ...)`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.values import Object, Sym

__all__ = ["FeaturesFirst", "features_first"]


@dataclass(frozen=True, slots=True, eq=False)
class FeaturesFirst:
    """The reshape, the layer that takes as many features as stand first, and where the layer is run."""

    site: Site
    layer: Object
    features: Dim
    run: Site


def features_first(program: Program) -> Iterator[FeaturesFirst]:
    """Such reshapes, where nothing is known of the size that is left for the last axis."""
    for call in program.calls_to("linear"):
        layer = call.receiver if isinstance(call.receiver, Object) else call.callee
        given = call.args[0] if call.args else None
        if not isinstance(layer, Object) or layer.class_name != "Linear" or not isinstance(given, Sym):
            continue
        if given.site is None or given.op != "view" or given.shape is None or len(given.shape) != 2:
            continue
        features = layer.bound.get("in_features")
        if given.shape[0] == features and not isinstance(given.shape[1], int) and _leaves_the_last(given.site.node):
            yield FeaturesFirst(given.site, layer, given.shape[0], call.site)


def _leaves_the_last(reshape: ast.AST) -> bool:
    match reshape:
        case ast.Call(args=[*_, ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=1))]):
            return True
        case _:
            return False
