"""Masks that a function has at hand and leaves out of the call that takes one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.callables import applied
from aelint.semantics.dataflow.liveness import DeadStore, dead_stores, names_read
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function
from aelint.syntax.signatures import FunctionNode, defaults, parameters, positional
from aelint.syntax.walk import every, holds

__all__ = ["WithheldMask", "withheld_masks"]

_ATTENTION = {
    "multihead_attention": (3, "key_padding_mask"),
    "scaled_dot_product_attention": (3, "attn_mask"),
    "transformer_encoder": (1, "src_key_padding_mask"),
    "transformer_encoder_layer": (1, "src_key_padding_mask"),
    "transformer_decoder": (2, "memory_key_padding_mask"),
    "transformer_decoder_layer": (2, "memory_key_padding_mask"),
}
"""How many arguments of attention come before its masks, and what a mask of padding is called there."""


@dataclass(frozen=True, slots=True, eq=False)
class WithheldMask:
    """A call that takes a mask called `parameter` and gets none, and the mask that nothing reads."""

    call: Site
    parameter: str
    mask: str
    made: Site
    source: str
    """The parameter that the mask was computed from, "" if there is none."""


def withheld_masks(program: Program) -> Iterator[WithheldMask]:
    """Calls that leave out their mask, in functions that compute one which nothing reads."""
    for function in program.own_functions:
        node = function.node
        if isinstance(node, ast.Lambda):
            continue
        for store in dead_stores(node):
            source = _source(store, node)
            if source is None or not _is_computed(store.value):
                continue
            call, parameter = next(_calls_without(program, function, store), (None, ""))
            if call is not None:
                unit = function.module.unit
                yield WithheldMask(call.site, parameter, store.target.id, Site(unit, store.target), source)
                break


def _source(store: DeadStore, function: FunctionNode) -> str | None:
    """The mask that the caller gave and that is read nowhere else, "" for a mask made here, None if neither is at hand."""
    name = store.target.id.lower()
    if name.startswith("_") or store.overwritten is not None:
        return None
    given = {a.arg for a in parameters(function) if "mask" in a.arg.lower()} & names_read(store.value)
    for one in given:
        return one if _reads_outside(function, one, store.value) == [] else None
    return "" if "mask" in name.split("_") else None


def _reads_outside(function: FunctionNode, name: str, value: ast.expr) -> list[ast.Name]:
    """Where a parameter is read apart from a value, and apart from asking whether it was given at all."""
    asked = [c.left for c in every(ast.Compare, function) if isinstance(c.ops[0], (ast.Is, ast.IsNot))]
    read = [n for n in every(ast.Name, function) if n.id == name and isinstance(n.ctx, ast.Load)]
    return [n for n in read if not holds(value, n) and not any(n is a for a in asked)]


def _is_computed(value: ast.expr) -> bool:
    match value:
        case ast.IfExp(body=body, orelse=orelse):
            return _is_computed(body) or _is_computed(orelse)
        case ast.Call(func=ast.Attribute(attr="to" | "cuda" | "cpu" | "size" | "dim" | "sum" | "numpy")):
            return False
        case ast.Call(func=ast.Name(id=name)):
            return name not in {"len", "int", "list", "tuple", "print", "range"}
        case ast.Call() | ast.Compare() | ast.BinOp():
            return True
        case ast.UnaryOp(operand=operand):
            return isinstance(operand, ast.Name) or _is_computed(operand)
        case _:
            return False


def _calls_without(program: Program, function: Function, store: DeadStore) -> Iterator[tuple[Call, str]]:
    """Calls after a store that take a mask and get none, with the name of their parameter."""
    for call in program.calls:
        inside = call.context.function
        if inside is None or inside.node is not function.node or call.site.row < store.target.lineno:
            continue
        parameter = _left_out(call, store.target.id)
        if parameter:
            yield call, parameter


def _left_out(call: Call, mask: str) -> str:
    """The parameter that waits for the mask: one of its very name beside another mask that is given, or any where none is."""
    node = call.site.node
    if not isinstance(node, ast.Call) or any(isinstance(a, ast.Starred) for a in node.args):
        return ""
    keywords = [k.arg for k in node.keywords]
    if None in keywords or "is_causal" in keywords:
        return ""
    if mask not in keywords and call.bound.get(mask, mask) is None:
        return mask
    if any("mask" in k for k in keywords if k):
        return ""
    if call.name in _ATTENTION:
        before, parameter = _ATTENTION[call.name]
        return parameter if len(node.args) <= before else ""
    taken = applied(call.callee)
    if taken is None or isinstance(taken.node, ast.Lambda):
        return ""
    names = positional(taken.node)
    left_in = names[taken.owner is not None and "staticmethod" not in taken.decorators :][: len(node.args)]
    masks = [p for p in parameters(taken.node) if "mask" in p.arg.lower()]
    optional = defaults(taken.node)
    if any(p.arg in left_in for p in masks):
        return ""
    empty = [p.arg for p in masks if isinstance(d := optional.get(p.arg), ast.Constant) and d.value is None]
    return empty[0] if empty else ""
