"""Normalisations and what is to undo them, as they are written: `(x - mean) / std` against `(y + mean) * std`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.syntax.walk import every

__all__ = ["HalfInverse", "WrongInverse", "half_inverses", "wrong_inverses"]


@dataclass(frozen=True, slots=True, eq=False)
class WrongInverse:
    """An expression that adds before it multiplies, and the normalisation with the same two numbers."""

    site: Site
    normalized: Site
    mean: str
    std: str


def wrong_inverses(program: Program) -> Iterator[WrongInverse]:
    """Sums multiplied by a deviation in a file that normalises with the same mean and deviation, subtraction first."""
    forward: dict[tuple[str, str], ast.AST] = {}
    other: set[tuple[str, str]] = set()
    nodes = every(ast.BinOp, program.tree)
    for node in nodes:
        match node:
            case ast.BinOp(left=ast.BinOp(op=ast.Sub(), right=mean), op=ast.Div(), right=std) if _fits(mean, std):
                forward.setdefault((ast.unparse(mean), ast.unparse(std)), node)
            case ast.BinOp(left=ast.BinOp(op=ast.Div(), right=std), op=ast.Sub(), right=mean):
                other.add((ast.unparse(mean), ast.unparse(std)))
    for node in nodes if forward else ():
        for mean, std in _added_then_scaled(node):
            key = (ast.unparse(mean), ast.unparse(std))
            if key in forward and key not in other:
                yield WrongInverse(Site(program.unit, node), Site(program.unit, forward[key]), *key)
                break


def _fits(mean: ast.expr, std: ast.expr) -> bool:
    """Whether both are names or numbers, and the mean is not the number that makes the order irrelevant."""
    kinds = (ast.Name, ast.Attribute, ast.Constant, ast.Subscript)
    # `(n - 1) / size` counts chunks, and `(i + 1) * size` is where one of them ends.
    alike = isinstance(mean, ast.Constant) == isinstance(std, ast.Constant)
    return alike and isinstance(mean, kinds) and isinstance(std, kinds) and ast.unparse(std) != "1"


def _added_then_scaled(node: ast.BinOp) -> Iterator[tuple[ast.expr, ast.expr]]:
    if not isinstance(node.op, ast.Mult):
        return
    for total, factor in ((node.left, node.right), (node.right, node.left)):
        match total:
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                yield right, factor
                yield left, factor


@dataclass(frozen=True, slots=True, eq=False)
class HalfInverse:
    """A scaling that lacks the shift which the other direction has: `x * scale` beside `z / scale + shift`."""

    site: Site
    other: Site
    scale: str
    shift: str
    decodes: bool
    """Whether the direction without the shift is the one that divides."""


def half_inverses(program: Program) -> Iterator[HalfInverse]:
    """Latents that are scaled in one direction and scaled and shifted in the other, with settings of one object."""
    nodes = every(ast.BinOp, program.tree)
    divided = [(n.right, n) for n in nodes if isinstance(n.op, ast.Div) and _is_setting(n.right)]
    scaled = [(f, n) for n in nodes if isinstance(n.op, ast.Mult) for f in (n.left, n.right) if _is_setting(f)]
    added = [(t, n) for n in nodes if isinstance(n.op, ast.Add) for t in (n.left, n.right) if _is_setting(t)]
    taken = [(n.right, n) for n in nodes if isinstance(n.op, ast.Sub) and _is_setting(n.right)]
    one_way = {_key(t) for t, _ in added} ^ {_key(t) for t, _ in taken}
    # A sum with anything else may shift by the same number under another name.
    summed = [n for n in nodes if isinstance(n.op, (ast.Add, ast.Sub))]
    alone = [
        n for _, n in (*divided, *scaled) if not any(s in (n.left, n.right) or n in (s.left, s.right) for s in summed)
    ]
    told: set[ast.AST] = set()
    for (scale, inner), whole, shift in (
        *((one, n, t) for one in divided for t, n in added if one[1] in (n.left, n.right)),
        *((one, one[1], t) for one in scaled for t, n in taken if n in (one[1].left, one[1].right)),
    ):
        decodes = isinstance(inner.op, ast.Mult)
        back = [n for s, n in (divided if decodes else scaled) if n in alone and _key(s) == _key(scale)]
        if back and back[0] not in told and _owner(scale) == _owner(shift) and _key(shift) in one_way - {_key(scale)}:
            told.add(back[0])
            site, other = Site(program.unit, back[0]), Site(program.unit, whole)
            yield HalfInverse(site, other, ast.unparse(scale), ast.unparse(shift), decodes)


def _is_setting(node: ast.expr) -> bool:
    """Whether it is an attribute of a configuration or a model that is named as a scale or a shift."""
    return isinstance(node, ast.Attribute) and bool(_SETTING.search(node.attr))


_SETTING = re.compile(r"(scal|shift)\w*_factor|latent_(scale|shift)|latents?_(mean|std)|^(scaling|shift)$")


def _key(node: ast.expr) -> str:
    return ast.unparse(node).removeprefix("self.")


def _owner(node: ast.expr) -> str:
    return _key(node).rpartition(".")[0]
