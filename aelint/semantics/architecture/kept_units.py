"""Random masks that keep units, and the number by which what is kept is made larger."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.syntax.blocks import blocks_of
from aelint.syntax.walk import own_nodes, walk

__all__ = ["UnbalancedMask", "unbalanced_masks"]

UNIFORM = frozenset({"rand", "rand_like", "random_sample"})
"""Calls that draw evenly between zero and one, whatever their arguments."""

CONVERSIONS = frozenset({"float", "to", "type", "type_as", "double", "half", "int", "long", "astype", "detach", "cuda"})
FILLED = frozenset({"full", "full_like"})
ONES = frozenset({"ones", "ones_like", "new_ones"})
DEPTH = 6
"""Names behind names that are looked through."""


@dataclass(frozen=True, slots=True, eq=False)
class UnbalancedMask:
    """A product that divides what a mask keeps by the probability that it drops a unit."""

    site: Site
    mask: Site
    kept: str
    divisor: str


@dataclass(frozen=True, slots=True)
class _Chance:
    """A probability as written, or what is missing to one."""

    text: str
    complement: bool

    @property
    def other(self) -> _Chance:
        return _Chance(self.text, not self.complement)

    def __str__(self) -> str:
        return f"1 - {self.text}" if self.complement else self.text


@per_program
def unbalanced_masks(program: Program) -> list[UnbalancedMask]:
    """The products of the entry file that divide by the wrong one of the two probabilities."""
    functions = [n for n in walk(program.tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return [one for function in functions for one in _in_function(program, _Names(function), function)]


def _in_function(program: Program, names: _Names, function: ast.AST) -> Iterator[UnbalancedMask]:
    inner: set[int] = set()
    for node in own_nodes(function):
        if id(node) in inner or not isinstance(node, (ast.BinOp, ast.Call)):
            continue
        above, below = _factors(node)
        if not below:
            continue
        inner |= {id(n) for n in walk(node)}
        masks = [(part, chance) for part in above if (chance := names.kept(part)) is not None]
        divisors = [names.chance(part) for part in below]
        if len(masks) != 1:
            continue
        part, chance = masks[0]
        if chance.other in divisors and chance not in divisors:
            yield UnbalancedMask(
                Site(program.unit, node), Site(program.unit, names.value(part)), str(chance), str(chance.other)
            )


def _factors(node: ast.expr) -> tuple[list[ast.expr], list[ast.expr]]:
    """What a product multiplies and what it divides by."""
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            sign = 1
        case ast.Call(func=ast.Attribute(value=left, attr="mul" | "mul_"), args=[right], keywords=[]):
            sign = 1
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            sign = -1
        case ast.Call(func=ast.Attribute(value=left, attr="div" | "div_"), args=[right], keywords=[]):
            sign = -1
        case _:
            return [node], []
    above, below = _factors(left)
    more, less = _factors(right)
    return (above + more, below + less) if sign > 0 else (above + less, below + more)


class _Names:
    """What the names of one function hold, as far as its straight lines tell."""

    def __init__(self, function: ast.AST) -> None:
        self.stores: dict[str, list[tuple[int, ast.Assign]]] = {}
        self.other: set[str] = set()
        blocks = [block for holder in (function, *own_nodes(function)) for block in blocks_of(holder)]
        for number, statement in ((number, one) for number, block in enumerate(blocks) for one in block):
            match statement:
                case ast.Assign(targets=[ast.Name(id=name), *_]):
                    self.stores.setdefault(name, []).append((number, statement))
                case _:
                    pass
        stored = {id(s.targets[0]) for found in self.stores.values() for _, s in found if len(s.targets) == 1}
        for node in own_nodes(function):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) and id(node) not in stored:
                self.other.add(node.id)

    def value(self, node: ast.expr) -> ast.expr:
        """What a name holds where it stands, or the expression itself."""
        for _ in range(DEPTH):
            if not isinstance(node, ast.Name) or node.id in self.other:
                return node
            before = [(b, s) for b, s in self.stores.get(node.id, ()) if _end(s) < node.lineno]
            if not before or len({b for b, _ in before}) != 1:
                return node
            node = max(before, key=lambda one: one[1].lineno)[1].value
        return node

    def chance(self, node: ast.expr) -> _Chance | None:
        """A probability, with `1 - p` told apart from `p`."""
        match self.value(node):
            case ast.BinOp(left=ast.Constant(value=1), op=ast.Sub(), right=right):
                inner = self.chance(right)
                return inner.other if inner is not None else None
            case ast.Name() | ast.Attribute() | ast.Constant(value=float()) as plain:
                return _Chance(ast.unparse(plain), complement=False)
            case _:
                return None

    def kept(self, node: ast.expr) -> _Chance | None:
        """The probability with which a random mask is one."""
        match self.value(node):
            case ast.Call(func=ast.Attribute(value=inner, attr=attr)) if attr in CONVERSIONS:
                return self.kept(inner)
            case ast.Call(func=ast.Attribute(attr="bernoulli_"), args=[chance]):
                return self.chance(chance)
            case ast.Call(func=ast.Attribute(attr="bernoulli"), args=[chances]):
                return self._all(chances)
            case ast.Call(func=ast.Attribute(attr="binomial"), args=[ast.Constant(value=1), chance, *_]):
                return self.chance(chance)
            case ast.Call(
                func=ast.Attribute(attr="floor"),
                args=[ast.BinOp(left=left, op=ast.Add(), right=right)],
            ):
                added = [part for part in (left, right) if not self._uniform(part)]
                return self.chance(added[0]) if len(added) == 1 else None
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self._compared(left, op, right)
            case (
                ast.UnaryOp(op=ast.Invert(), operand=inner)
                | ast.BinOp(left=ast.Constant(value=1), op=ast.Sub(), right=inner)
            ):
                dropped = self.kept(inner)
                return dropped.other if dropped is not None else None
            case _:
                return None

    def _compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> _Chance | None:
        below = isinstance(op, (ast.Lt, ast.LtE))
        if not below and not isinstance(op, (ast.Gt, ast.GtE)):
            return None
        if self._uniform(right) and not self._uniform(left):
            left, right, below = right, left, not below
        if not self._uniform(left):
            return None
        chance = self.chance(right)
        return chance if below or chance is None else chance.other

    def _uniform(self, node: ast.expr) -> bool:
        match self.value(node):
            case ast.Call(func=ast.Attribute(value=inner, attr=attr)) if attr in CONVERSIONS:
                return self._uniform(inner)
            case ast.Call(func=ast.Attribute(attr="uniform_"), args=[], keywords=[]):
                return True
            case ast.Call(func=ast.Attribute(attr=attr)):
                return attr in UNIFORM
            case _:
                return False

    def _all(self, node: ast.expr) -> _Chance | None:
        """The one probability of which a tensor is full."""
        match self.value(node):
            case ast.Call(func=ast.Attribute(attr=attr), args=[_, chance]) if attr in FILLED:
                return self.chance(chance)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                others = [part for part in (left, right) if not self._ones(part)]
                return self.chance(others[0]) if len(others) == 1 else None
            case _:
                return None

    def _ones(self, node: ast.expr) -> bool:
        match self.value(node):
            case ast.Call(func=ast.Attribute(attr=attr)):
                return attr in ONES
            case _:
                return False


def _end(statement: ast.stmt) -> int:
    return statement.end_lineno or statement.lineno
