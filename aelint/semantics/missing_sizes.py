"""Layers that are built with `None` for a size, and the call that passes the `None`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.program import Program
from aelint.semantics.trace import Activation, Call
from aelint.syntax.names import uses
from aelint.syntax.signatures import FunctionNode, parameters, positional

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
    """Every place that passes `None` where a layer needs a number, once."""
    seen: set[int] = set()
    for call in program.calls:
        empty = [n for n in _SIZES & call.bound.keys() if call.bound[n] is None] if _builds_layer(call) else []
        for size in sorted(empty):
            found = _origin(call, size)
            if found is not None and id(found[0].node) not in seen and "raises(" not in found[0].unit.text:
                seen.add(id(found[0].node))
                yield MissingSize(*found, call, size)


def _builds_layer(call: Call) -> bool:
    # What an unknown condition leads to may never run.
    return call.name.startswith("torch.nn.") and not call.context.guards


def _origin(call: Call, size: str) -> tuple[Site, str] | None:
    """The `None` in the source, and the parameter that it is given to, followed from callee to caller."""
    node = call.site.node
    given = _argument(node, size, list(call.bound)) if isinstance(node, ast.Call) else None
    return _follow(given, size, call.site, list(call.context.stack))


def _follow(given: ast.expr | None, name: str, site: Site, stack: list[Activation]) -> tuple[Site, str] | None:
    match given:
        case ast.Constant(value=None):
            return Site(site.unit, given), name
        case ast.IfExp(body=body, orelse=orelse):
            return _follow(body, name, site, stack) or _follow(orelse, name, site, stack)
        case ast.Name(id=passed) if stack and _is_passed_on(stack[-1], given):
            *outer, activation = stack
            caller = activation.site.node if activation.site is not None and not activation.is_entry else None
            if not isinstance(caller, ast.Call) or activation.site is None:
                return None
            return _follow(_argument(caller, passed, _taken(activation)), passed, activation.site, outer)
        case _:
            return None


def _is_passed_on(activation: Activation, name: ast.Name) -> bool:
    """Whether a name is a parameter that its function never sets."""
    node = activation.function.node
    own = any(p.arg == name.id for p in parameters(node))
    return own and all(isinstance(n.ctx, ast.Load) for n in uses(node, name.id))


def _taken(activation: Activation) -> list[str]:
    """The names of the parameters that arguments are bound to, in order, without `self`."""
    node: FunctionNode = activation.function.node
    names = positional(node)
    bound = activation.function.owner is not None and "staticmethod" not in activation.function.decorators
    return names[1:] if bound else names


def _argument(call: ast.Call, name: str, names: list[str]) -> ast.expr | None:
    """What a call gives for a parameter; None if it leaves it out or hands on lists of arguments."""
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        return None
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    place = names.index(name) if name in names else len(call.args)
    return call.args[place] if place < len(call.args) else None
