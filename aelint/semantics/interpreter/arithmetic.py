"""Operators on values: Python's on constants, polynomials on sizes, canonical operations on everything else."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.values import (
    Bound,
    ClassValue,
    DictValue,
    External,
    Function,
    Instance,
    ListValue,
    Object,
    Sym,
    Value,
)
from aelint.semantics.interpreter.apply import apply_named
from aelint.semantics.interpreter.joins import alternatives, same
from aelint.semantics.interpreter.machine import Frame
from aelint.semantics.operators import REGISTRY

__all__ = ["binary", "compare", "unary"]

BINARY: dict[str, tuple[str, Callable[[Any, Any], Any] | None]] = {
    "Add": ("add", operator.add),
    "Sub": ("sub", operator.sub),
    "Mult": ("mul", operator.mul),
    "Div": ("truediv", operator.truediv),
    "FloorDiv": ("floordiv", operator.floordiv),
    "Mod": ("mod", operator.mod),
    "Pow": ("pow", operator.pow),
    "MatMult": ("matmul", None),
    "BitAnd": ("and", operator.and_),
    "BitOr": ("or", operator.or_),
    "BitXor": ("xor", operator.xor),
    "LShift": ("lshift", operator.lshift),
    "RShift": ("rshift", operator.rshift),
}
COMPARE: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "Lt": ("lt", operator.lt),
    "LtE": ("le", operator.le),
    "Gt": ("gt", operator.gt),
    "GtE": ("ge", operator.ge),
    "Eq": ("eq", operator.eq),
    "NotEq": ("ne", operator.ne),
}
LARGEST_LIST = 4096
LARGEST_POWER = 256

_PLAIN = (int, float, str, bytes, bool)
_NEVER_NONE = (Instance, Object, ListValue, DictValue, Function, ClassValue, External, Bound, tuple, Poly)


def binary(frame: Frame, op: str, left: Value, right: Value, node: ast.AST) -> Value:
    """`left op right`."""
    name, concrete = BINARY[op]
    if concrete is not None and isinstance(left, _PLAIN) and isinstance(right, _PLAIN):
        return _concrete(frame, name, concrete, left, right, node)
    match name, left, right:
        case "add", tuple(), tuple():
            return left + right
        case "add", ListValue(), (ListValue() | tuple()):
            items = right if isinstance(right, tuple) else right.items
            complete = left.complete and (isinstance(right, tuple) or right.complete)
            return ListValue([*left.items, *items], complete, frame.site(node))
        case "mul", (tuple() | ListValue()), _:
            return _repeat(frame, left, right, node)
        case "mul", _, (tuple() | ListValue()):
            return _repeat(frame, right, left, node)
        case "or", DictValue(), DictValue():
            return DictValue({**left.items, **right.items}, left.complete and right.complete, frame.site(node))
    if isinstance(left, (int, Poly)) and isinstance(right, (int, Poly)):
        match name:
            case "add":
                return dims.add(left, right)
            case "sub":
                return dims.sub(left, right)
            case "mul":
                return dims.mul(left, right)
            case "floordiv" if right != 0:
                return dims.floor_divide(left, right)
            case "pow" if isinstance(right, int) and 0 < right <= 4:
                return dims.product([left] * right)
    if name == "mul" and _is_square(left, right):
        return apply_named(frame, "pow", (left, 2), node)
    return apply_named(frame, name, (left, right), node)


_PURE = frozenset({"add", "sub", "neg", "mul", "truediv", "pow", "detach"})


def _is_square(left: Value, right: Value) -> bool:
    """Whether something that is no number is multiplied with itself, be it written out twice: `(x - y) * (x - y)`."""
    return isinstance(left, Sym) and left.tensor is not False and _are_equal(left, right)


def _are_equal(left: Value, right: Value, depth: int = 4) -> bool:
    match left, right:
        case _ if same(left, right):
            return True
        case Sym(op=op), Sym(op=other) if op == other and op in _PURE and len(left.inputs) == len(right.inputs):
            pairs = zip(left.inputs, right.inputs, strict=True)
            return depth > 0 and all(_are_equal(a, b, depth - 1) for a, b in pairs)
        case _:
            return False


def _concrete(
    frame: Frame, name: str, concrete: Callable[[Any, Any], Any], left: Any, right: Any, node: ast.AST
) -> Value:
    if name == "mul" and (isinstance(left, (str, bytes)) or isinstance(right, (str, bytes))):
        return frame.unknown("string", node=node)
    if name in {"pow", "lshift"} and isinstance(right, (int, float)) and abs(right) > LARGEST_POWER:
        return frame.unknown(name, left, right, node=node)
    try:
        return concrete(left, right)
    except (ArithmeticError, TypeError, ValueError, OverflowError):
        return frame.unknown(name, left, right, node=node)


def _repeat(frame: Frame, sequence: tuple[Value, ...] | ListValue, times: Value, node: ast.AST) -> Value:
    items = list(sequence) if isinstance(sequence, tuple) else sequence.items
    known = isinstance(times, int) and len(items) * max(times, 0) <= LARGEST_LIST
    if isinstance(sequence, tuple):
        return sequence * times if known else frame.unknown("mul", sequence, times, node=node)
    repeated = ListValue(items * times if known else list(items), known and sequence.complete, frame.site(node))
    repeated.kind = "repeated"
    return repeated


def unary(frame: Frame, op: str, operand: Value, node: ast.AST) -> Value:
    """`op operand` for the arithmetic unary operators."""
    match op, operand:
        case "USub", bool() | int() | float():
            return -operand
        case "UAdd", _:
            return operand
        case "Invert", bool() | int():
            return ~operand
        case "USub", Poly():
            return dims.mul(operand, -1)
        case "USub", _:
            return apply_named(frame, "neg", (operand,), node)
        case _:
            return apply_named(frame, "invert", (operand,), node)


def compare(frame: Frame, op: str, left: Value, right: Value, node: ast.AST) -> Value:
    """`left op right` for one comparison: a bool where it is known."""
    match op:
        case "Is" | "IsNot":
            outcome = _is(left, right)
            return (outcome == (op == "Is")) if outcome is not None else frame.unknown("is", left, right, node=node)
        case "In" | "NotIn":
            found = _contains(right, left)
            return (found == (op == "In")) if found is not None else frame.unknown("in", left, right, node=node)
    name, concrete = COMPARE[op]
    if isinstance(left, _PLAIN) and isinstance(right, _PLAIN):
        return _concrete(frame, name, concrete, left, right, node)
    if isinstance(left, (int, Poly)) and isinstance(right, (int, Poly)):
        return _compare_dims(frame, name, concrete, left, right, node)
    if name in {"eq", "ne"}:
        match left, right:
            case tuple(), tuple() if len(left) != len(right):
                return name == "ne"
            case tuple(), tuple():
                outcomes = [compare(frame, "Eq", a, b, node) for a, b in zip(left, right, strict=True)]
                if all(o is True for o in outcomes):
                    return name == "eq"
                if any(o is False for o in outcomes):
                    return name == "ne"
                return frame.unknown(name, left, right, node=node)
            case (
                (None, _)
                | (_, None)
                | (ClassValue() | External(), ClassValue() | External())
                | (Function(), Function())
            ):
                outcome = _is(left, right)
                if outcome is not None:
                    return outcome == (name == "eq")
    return apply_named(frame, name, (left, right), node)


def _compare_dims(
    frame: Frame, name: str, concrete: Callable[[Any, Any], Any], left: Any, right: Any, node: ast.AST
) -> Value:
    difference = dims.sub(left, right)
    if isinstance(difference, int):
        return concrete(difference, 0)
    return Sym(name, (left, right), {}, frame.site(node), kind="bool", tensor=False)


def _is(left: Value, right: Value) -> bool | None:
    if left is right and not isinstance(left, Sym):
        return True
    for value, other in ((left, right), (right, left)):
        if value is None:
            if any(o is None for o in alternatives(other)):
                return None
            if isinstance(other, (*_PLAIN, *_NEVER_NONE)):
                return False
            if isinstance(other, Sym):
                # What was computed is not None; only what came from outside may be.
                return False if other.tensor is True and other.op not in {"param", "phi"} else None
    if isinstance(left, bool) and isinstance(right, bool):
        return left == right
    if isinstance(left, (ClassValue, Function)) and isinstance(right, (ClassValue, Function)):
        # A definition that is run twice gives two classes; two definitions never give the same one.
        return None if left.node is right.node else False
    # One layer has one name here, and a class of the project is none of them.
    classes = [
        o.name in REGISTRY.layers if isinstance(o, External) else isinstance(o, ClassValue) for o in (left, right)
    ]
    return False if all(classes) else None


def _contains(container: Value, item: Value) -> bool | None:
    match container, item:
        case DictValue(), (str() | int()):
            return True if item in container.items else (False if container.complete else None)
        case ((tuple() | ListValue()), (str() | int() | float() | bool())):
            items = container if isinstance(container, tuple) else container.items
            if any(type(i) is type(item) and i == item for i in items):
                return True
            known = all(isinstance(i, _PLAIN) or i is None for i in items)
            return False if known and (isinstance(container, tuple) or container.complete) else None
        case str(), str():
            return item in container
        case _:
            return None
