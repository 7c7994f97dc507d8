"""Moving averages of buffers that a network's pass advances whether or not it is training."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import ClassValue, Function
from aelint.semantics.interpreter.kinds import is_module, is_network
from aelint.semantics.interpreter.modules import submodules
from aelint.syntax.registrations import registered
from aelint.syntax.walk import walk

__all__ = ["Ungated", "ungated_averages"]


@dataclass(frozen=True, slots=True, eq=False)
class Ungated:
    """An average in `forward` of a class that never asks for its mode, and an `eval()` that therefore does not stop it."""

    site: Site
    name: str
    switch: Site


def ungated_averages(program: Program) -> Iterator[Ungated]:
    """The first average in each class whose pass runs in evaluation mode as well."""
    switched = [c for c in program.method_calls("eval") if is_module(c.receiver)]
    if not switched:
        return
    for cls in program.own_classes:
        forward = cls.namespace.get("forward")
        if not is_network(cls) or not isinstance(forward, Function) or _asks_for_mode(cls):
            continue
        buffers = registered(cls.node)
        first = next((n for n in walk(forward.node) if _averaged(n) in buffers), None) if buffers else None
        switch = next(
            (c for c in switched if any(getattr(m, "cls", None) is cls for _, m in submodules(c.receiver))), None
        )
        if first is not None and switch is not None:
            yield Ungated(Site(program.unit, first), _averaged(first), switch.site)


def _asks_for_mode(cls: ClassValue) -> bool:
    return any(isinstance(n, ast.Attribute) and n.attr == "training" for c in cls.mro() for n in walk(c.node))


def _averaged(node: ast.AST) -> str:
    """The attribute of `self` that a statement moves by a share: `mul_(...).add_(...)`, `lerp_`, or `a * old + b * new`."""
    match node:
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(attr="add_", value=ast.Call(func=ast.Attribute(attr="mul_", value=owner)))
            )
        ):
            return _own(owner)
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="lerp_", value=owner))):
            return _own(owner)
        case ast.Assign(targets=[target], value=ast.BinOp(op=ast.Add(), left=left, right=right)):
            name = _own(target)
            shares = [p for p in (left, right) if isinstance(p, ast.BinOp) and isinstance(p.op, ast.Mult)]
            kept = any(_own(n) == name for p in shares for n in (p.left, p.right))
            return name if name and len(shares) > 1 and kept else ""
        case _:
            return ""


def _own(node: ast.AST) -> str:
    match node:
        case ast.Attribute(attr="data", value=inner):
            return _own(inner)
        case ast.Attribute(attr=attr, value=ast.Name(id="self")):
            return attr
        case _:
            return ""
