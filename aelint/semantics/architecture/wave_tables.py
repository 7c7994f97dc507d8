"""Tables of sines and cosines that encode positions, and what their frequencies are.

Where an angle cannot be evaluated from its function alone, nothing is said.
"""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.architecture.angles import MODULES, Evaluation, UnknownValueError, start
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.syntax.walk import every, own_nodes, walk

__all__ = ["OddTable", "odd_tables"]

_LARGE = 1000.0
"""From here on a number in an exponent is a longest period."""


@dataclass(frozen=True, slots=True, eq=False)
class OddTable:
    """A table of waves with a slip: "pair", "columns", "growing", "flat" or "rows"; `other` is the sine's place."""

    site: Site
    slip: str
    other: Site | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Wave:
    """`table[..., index] = sin(angle)`."""

    statement: ast.Assign
    table: str
    kind: str
    angle: ast.expr
    index: ast.expr


@per_program
def odd_tables(program: Program) -> list[OddTable]:
    """The slips in tables of waves of the entry file; each place once."""
    found: dict[int, OddTable] = {}
    for scope in _scopes(program):
        nodes = own_nodes(scope)
        words = {
            n.attr if isinstance(n, ast.Attribute) else n.id for n in nodes if isinstance(n, (ast.Attribute, ast.Name))
        }
        if not {"sin", "cos"} <= words:
            continue
        bound = _definitions(nodes)
        for one in (*_uneven(program, _waves(nodes), bound), *_flat(program, nodes, bound)):
            found.setdefault(id(one.site.node), one)
    return list(found.values())


def _scopes(program: Program) -> Iterator[ast.AST]:
    yield program.tree
    yield from (f.node for f in program.own_functions if not isinstance(f.node, ast.Lambda))


def _definitions(nodes: list[ast.AST]) -> dict[str, ast.expr]:
    """What each name is set to, where it is set once."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.setdefault(name, []).append(value)
            case ast.AugAssign(target=ast.Name(id=name)) | ast.For(target=ast.Name(id=name)):
                found.setdefault(name, []).extend([ast.Constant(value=None)] * 2)
            case _:
                pass
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def _waves(nodes: list[ast.AST]) -> list[_Wave]:
    found = []
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=table), slice=index)], value=ast.Call() as call):
                wave = _sine(call)
                if wave is not None:
                    found.append(_Wave(node, table, wave[0], wave[1], index))
            case _:
                pass
    return found


def _sine(call: ast.Call) -> tuple[str, ast.expr] | None:
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr="sin" | "cos" as kind), args=[angle]) if (
            module in MODULES
        ):
            return kind, angle
        case ast.Call(func=ast.Attribute(value=angle, attr="sin" | "cos" as kind), args=[]):
            return kind, angle
        case _:
            return None


def _uneven(program: Program, waves: list[_Wave], bound: dict[str, ast.expr]) -> Iterator[OddTable]:
    for sine, cosine in itertools.pairwise(waves):
        paired = (sine.kind, cosine.kind) == ("sin", "cos") and sine.table == cosine.table
        if not paired or not _are_neighbours(sine, cosine):
            continue
        if _alternates_over_rows(sine, cosine, bound):
            yield OddTable(Site(program.unit, sine.statement), "rows", Site(program.unit, cosine.statement))
            continue
        try:
            slip = _slip(program, sine, cosine, bound)
        except (UnknownValueError, ArithmeticError, ValueError):
            continue
        if slip is not None:
            yield slip


def _slip(program: Program, sine: _Wave, cosine: _Wave, bound: dict[str, ast.expr]) -> OddTable | None:
    """What is wrong with the angles of a pair, from their values at one place.

    Raises:
        UnknownValueError: The angles hang on something that is not known.
        ArithmeticError: They cannot be computed there.
        ValueError: They cannot be computed there.
    """
    unit, at_sine = program.unit, Site(program.unit, sine.statement)
    first, second = Evaluation(bound, 2), Evaluation(bound, 2)
    same = math.isclose(first.of(sine.angle), second.of(cosine.angle), rel_tol=1e-9)
    if not first.powers:
        return None
    if same:
        return OddTable(at_sine, "growing") if _is_growing(sine.angle, bound) else None
    if isinstance(sine.angle, ast.Subscript) or _has_steps(sine.angle):
        return OddTable(Site(unit, first.powers[-1]), "columns", at_sine)
    return OddTable(Site(unit, cosine.statement), "pair", at_sine)


def _has_steps(angle: ast.expr) -> bool:
    return any(isinstance(n, ast.Slice) and n.step is not None for n in walk(angle))


def _are_neighbours(sine: _Wave, cosine: _Wave) -> bool:
    """Whether the cosine's column is the one behind the sine's."""
    first, second = (w.index.elts[-1] if isinstance(w.index, ast.Tuple) else w.index for w in (sine, cosine))
    if isinstance(first, ast.Slice) and isinstance(second, ast.Slice):
        steps = [s.step.value if isinstance(s.step, ast.Constant) else None for s in (first, second)]
        return steps == [2, 2] and (start(first), start(second)) == (0, 1)
    try:
        gap = Evaluation({}, 2).of(second) - Evaluation({}, 2).of(first)
    except (UnknownValueError, ArithmeticError, AttributeError):
        return False
    return gap == 1


def _is_growing(angle: ast.expr, bound: dict[str, ast.expr]) -> bool:
    """Whether later columns turn faster, over whole positions and with a longest period in the exponent."""
    early, late = Evaluation(bound, 0), Evaluation(bound, 8)
    grows = abs(late.of(angle)) > 2 * abs(early.of(angle))
    return grows and late.positions > 0 and any(abs(number) >= _LARGE for number in late.literals)


def _alternates_over_rows(sine: _Wave, cosine: _Wave, bound: dict[str, ast.expr]) -> bool:
    """`table[::2] = table[::2].sin()` where the rows are positions: `positions[:, None] * frequencies`."""
    made = bound.get(sine.table)
    if made is None or not all(
        isinstance(w.index, ast.Slice) and isinstance(w.angle, ast.Subscript) for w in (sine, cosine)
    ):
        return False
    match made:
        case ast.BinOp(left=ast.Subscript(slice=ast.Tuple(elts=[ast.Slice(), ast.Constant(value=None)])), right=right):
            probe = Evaluation(bound, 2)
            try:
                probe.of(right)
            except (UnknownValueError, ArithmeticError, ValueError):
                return bool(probe.powers)
            return bool(probe.powers)
        case _:
            return False


def _flat(program: Program, nodes: list[ast.AST], bound: dict[str, ast.expr]) -> Iterator[OddTable]:
    """`exponents ** 1e-4` of an index: all frequencies are nearly one."""
    for node in nodes:
        match node:
            case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=float() as small)) if 0 < small <= 0.01:
                indices = [left, *(bound[n.id] for n in every(ast.Name, left) if n.id in bound)]
                names = {n.attr for i in indices for n in every(ast.Attribute, i)}
                first = [a.value for a in nodes if isinstance(a, ast.Assign) and _sets(a, left)]
                names |= {n.attr for value in first for n in every(ast.Attribute, value)}
                if "arange" in names:
                    yield OddTable(Site(program.unit, node), "flat")
            case _:
                pass


def _sets(assign: ast.Assign, name: ast.expr) -> bool:
    return isinstance(name, ast.Name) and any(isinstance(t, ast.Name) and t.id == name.id for t in assign.targets)
