"""Layers that are built with `None` for a size, and the call that passes the `None`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.written_arguments import Written, argument, written
from aelint.semantics.domain.trace import Activation, Call

__all__ = ["MissingSize", "missing_sizes"]

_SIZES = frozenset(
    {
        "in_channels", "out_channels", "in_features", "out_features", "num_channels", "num_features", "num_embeddings",
        "embedding_dim", "embed_dim", "d_model", "normalized_shape",
    }
)  # fmt: skip
"""Sizes without which torch builds no layer."""


@dataclass(frozen=True, slots=True, eq=False)
class MissingSize:
    """A `None` that is passed as `given` and arrives as the `size` of a layer."""

    site: Site
    given: str
    layer: Call
    size: str


def missing_sizes(program: Program) -> Iterator[MissingSize]:
    """Every place that passes `None` where a layer needs a number."""
    for call in program.calls:
        empty = [n for n in _SIZES & call.bound.keys() if call.bound[n] is None] if _builds_layer(call) else []
        for size in sorted(empty):
            found = _origin(call, size)
            if found is not None and "raises(" not in found[0].unit.text:
                yield MissingSize(*found, call, size)


def _builds_layer(call: Call) -> bool:
    # What an unknown condition leads to may never run.
    return call.name.startswith("torch.nn.") and not call.context.guards


def _origin(call: Call, size: str) -> tuple[Site, str] | None:
    """The `None` in the source, and the parameter that it is given to, followed from callee to caller."""
    node = call.site.node
    given = argument(node, size, list(call.bound)) if isinstance(node, ast.Call) else None
    return _nothing(given, size, call.site, call.context.stack) if given is not None else None


def _nothing(given: ast.expr, name: str, site: Site, stack: tuple[Activation, ...]) -> tuple[Site, str] | None:
    match written(given, name, site, stack):
        case Written(site=place, expression=ast.Constant(value=None), parameter=parameter, is_default=False):
            return place, parameter
        case Written(site=place, expression=ast.IfExp(body=body, orelse=orelse), is_default=False) as choice:
            branches = (_nothing(one, choice.parameter, place, choice.stack) for one in (body, orelse))
            return next((found for found in branches if found is not None), None)
        case _:
            return None
