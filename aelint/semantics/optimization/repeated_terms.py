"""Terms that are added to a loss twice, written alike, in one block, and tensors that are joined with themselves."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.liveness import dead_stores, names_read
from aelint.semantics.dataflow.program import Program
from aelint.syntax.blocks import blocks
from aelint.syntax.names import last_name
from aelint.syntax.sums import terms_of
from aelint.syntax.walk import every, walk

__all__ = ["RepeatedPart", "RepeatedTerm", "repeated_parts", "repeated_terms"]

_LOSSES = ("loss", "cross_entropy", "with_logits", "criterion", "divergence", "kl_div")


@dataclass(frozen=True, slots=True, eq=False)
class RepeatedTerm:
    """The second of two equal terms of one sum, and the first."""

    site: Site
    first: Site
    total: str


def repeated_terms(program: Program) -> Iterator[RepeatedTerm]:
    """Calls of a loss that one block adds twice to the same name, with nothing in between that changes their arguments."""
    for block in blocks(program.tree):
        yield from _in_block(program, block)


def _in_block(program: Program, block: list[ast.stmt]) -> Iterator[RepeatedTerm]:
    added: dict[tuple[str, str], ast.expr] = {}
    for statement in block:
        if not isinstance(statement, (ast.Assign, ast.AugAssign)):
            # A step, a loop or a call may change anything that the terms are computed from.
            added.clear()
            continue
        total, terms, anew = _sum(statement)
        losses = [term for term in terms if _is_loss(term)]
        if not added and not losses:
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        changed = set[str]().union(*(_names(t) for t in targets))
        added = {k: v for k, v in added.items() if not (anew and k[0] == total) and not changed & _names(v)}
        for term in losses:
            key = (total, ast.dump(term))
            if key in added:
                yield RepeatedTerm(Site(program.unit, term), Site(program.unit, added[key]), total)
            added.setdefault(key, term)


def _sum(statement: ast.Assign | ast.AugAssign) -> tuple[str, list[ast.expr], bool]:
    """The name that a statement adds to, the terms, and whether the name starts anew."""
    match statement:
        case ast.AugAssign(target=target, op=ast.Add(), value=value):
            return ast.unparse(target), terms_of(value), False
        case ast.Assign(targets=[target], value=value):
            terms, name = terms_of(value), ast.unparse(target)
            goes_on = any(ast.unparse(t) == name for t in terms)
            return name, terms, not goes_on
        case _:
            return "", [], True


def _is_loss(term: ast.expr) -> bool:
    """Whether a term is a loss of values that have names: what is drawn or computed anew may differ."""
    match term:
        case (
            ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args)
            | ast.Call(func=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)), args=args)
        ) if len(args) > 1:
            inner = [n for a in args for n in walk(a) if isinstance(n, (ast.Call, ast.Await))]
            return name.lower().endswith(_LOSSES) and not inner
        case _:
            return False


def _names(term: ast.expr) -> set[str]:
    return {ast.unparse(n) for n in walk(term) if isinstance(n, (ast.Name, ast.Attribute))}


@dataclass(frozen=True, slots=True, eq=False)
class RepeatedPart:
    """A name that stands in a joined list twice, and its twin, which nothing reads."""

    site: Site
    name: str
    twin: str
    unread: Site


_JOINS = frozenset({"cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack"})


def repeated_parts(program: Program) -> Iterator[RepeatedPart]:
    """Joins of a tensor with itself in a function that computes one of nearly the same name in vain."""
    for function in program.own_functions:
        calls = (c for c in every(ast.Call, function.node) if last_name(c.func) in _JOINS)
        for call, name in ((c, n) for c in calls if (n := _twice(c)) is not None):
            twin = next((t for t in _unread(function.node) if _are_twins(name.id, t[0])), None)
            if twin is not None:
                unit = function.module.unit
                yield RepeatedPart(Site(unit, call), name.id, twin[0], Site(unit, twin[1]))


def _unread(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Iterator[tuple[str, ast.AST]]:
    """The arguments and the names of a function that it never reads, parts of an unpacked result among them."""
    read = names_read(function)
    yield from ((a.arg, a) for a in (*function.args.posonlyargs, *function.args.args) if a.arg not in read)
    yield from ((d.target.id, d.target) for d in dead_stores(function) if d.overwritten is None)
    for unpacked in every(ast.Tuple, function):
        stored = (n for n in unpacked.elts if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
        yield from ((n.id, n) for n in stored if n.id not in read)


def _twice(call: ast.Call) -> ast.Name | None:
    """The name that stands twice in the list that a call joins, if each part of it is a name of its own."""
    match call.args:
        case [ast.List(elts=parts) | ast.Tuple(elts=parts), *_]:
            names = [p for p in parts if isinstance(p, ast.Name)]
            twice = [n for n in names if sum(n.id == other.id for other in names) == 2]
            return twice[0] if len(names) == len(parts) and len(twice) == 2 else None
        case _:
            return None


def _are_twins(first: str, second: str) -> bool:
    """Whether two names differ in one word or number: `forward_out` and `backward_out`, `x1` and `x2`."""
    a, b = (re.findall(r"[A-Za-z]+|\d+", name) for name in (first, second))
    return len(a) == len(b) > 1 and sum(x != y for x, y in zip(a, b, strict=True)) == 1
