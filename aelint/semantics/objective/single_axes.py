"""Axes that are written to hold one number, whatever the sizes of the program are."""

from __future__ import annotations

import ast

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import source
from aelint.semantics.domain.values import Object, Sym, Value

__all__ = ["written_to_hold_one"]

_ELEMENTWISE = frozenset({"tanh", "relu", "leaky_relu", "sigmoid", "truediv", "mul", "dropout", "clamp", "masked_fill"})


def written_to_hold_one(value: Value, axis: int) -> Site | None:
    """Where the axis, counted from the back, was written to hold one number: a view, a slice, a layer of one output."""
    for _ in range(8):
        site = value.site if isinstance(value, Sym) else None
        if not isinstance(value, Sym) or site is None:
            return None
        if value.op in _ELEMENTWISE:
            value = source(value)
            continue
        made = value.layer.site if isinstance(value.layer, Object) else None
        node = site.node if made is None else made.node
        arguments = node.args if isinstance(node, ast.Call) else []
        match value.op:
            case "view" if len(arguments) >= -axis and _is_one(arguments[axis]):
                return site
            case "linear" if axis == -1 and len(arguments) >= 2 and _is_one(arguments[1]):
                return site
            case "getitem" if _leaves_one(value, axis):
                return site
            case _:
                return None
    return None


def _leaves_one(taken: Sym, axis: int) -> bool:
    """Whether a slice is written to leave one of several elements: `x[:, 4:5]`, `x[..., -1:]`, `x[:, n:]` of `n + 1`."""
    whole, node = source(taken), taken.site.node if taken.site is not None else None
    if not isinstance(whole, Sym) or not isinstance(node, ast.Subscript) or whole.shape is None or taken.shape is None:
        return False
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    narrowed = [a for a, b in zip(whole.shape, taken.shape, strict=False) if a != b]
    if len(whole.shape) != len(taken.shape) or whole.shape[axis] == 1 or len(narrowed) != 1:
        return False
    place = axis if _has_ellipsis(parts) else axis + len(whole.shape)
    cut = parts[place] if -len(parts) <= place < len(parts) else None
    if not isinstance(cut, ast.Slice) or cut.step is not None:
        return False
    return _spans_one(cut) or (cut.upper is None and cut.lower is not None and _is_one_more(whole, axis, cut.lower))


def _has_ellipsis(parts: list[ast.expr]) -> bool:
    return any(isinstance(p, ast.Constant) and p.value is ... for p in parts)


def _spans_one(cut: ast.Slice) -> bool:
    match cut:
        case ast.Slice(lower=None, upper=upper) if upper is not None:
            return _is_one(upper)
        case ast.Slice(lower=ast.UnaryOp(op=ast.USub(), operand=operand), upper=None):
            return _is_one(operand)
        case ast.Slice(lower=ast.expr() as lower, upper=ast.BinOp(left=left, op=ast.Add(), right=right)):
            return _is_one(right) and ast.dump(left) == ast.dump(lower)
        case ast.Slice(lower=ast.Constant(value=int() as low), upper=ast.Constant(value=int() as high)):
            return high - low == 1
        case _:
            return False


def _is_one_more(whole: Sym, axis: int, start: ast.expr) -> bool:
    """Whether the axis that is cut was written to hold one number more than lie before the cut: `view(b, n + 1)`."""
    node = whole.site.node if whole.op == "view" and whole.site is not None else None
    size = node.args[axis] if isinstance(node, ast.Call) and len(node.args) >= -axis else None
    match size:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            pairs = ((left, right), (right, left))
            return any(_is_one(one) and ast.dump(other) == ast.dump(start) for other, one in pairs)
        case ast.Constant(value=int() as count):
            return isinstance(start, ast.Constant) and start.value == count - 1
        case _:
            return False


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 1 and not isinstance(node.value, bool)
