"""Assignments to local names that nothing reads: backward liveness over the statements of one function."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from aelint.syntax.walk import every, once_per_node, walk

__all__ = ["DeadStore", "dead_stores", "names_read"]

_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.GeneratorExp, ast.ListComp, ast.SetComp)
_ROUNDS = 3
_HIDDEN = frozenset({"locals", "vars", "eval", "exec"})


@dataclass(frozen=True, slots=True, eq=False)
class DeadStore:
    """An assignment whose value no path reads. `overwritten` is a later assignment to the name, if there is one."""

    target: ast.Name
    value: ast.expr
    overwritten: ast.Name | None


def names_read(node: ast.AST) -> set[str]:
    """Every name that is read in a node, nested functions included."""
    return {n.id for n in every(ast.Name, node) if not isinstance(n.ctx, ast.Store)}


@once_per_node
def dead_stores(function: ast.AST) -> list[DeadStore]:
    """The assignments to names of a function whose values are never read, in the order of the source.

    A name that a nested function reads, that is declared global or nonlocal, or that may be read by
    `locals()`, is taken to be read everywhere.
    """
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) or _HIDDEN & names_read(function):
        return []
    always = set[str]()
    for node in walk(function):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            always.update(node.names)
        elif isinstance(node, _NESTED) and node is not function:
            always |= names_read(node)
    liveness = _Walk(frozenset(always))
    liveness.block(function.body, frozenset())
    later = [n for n in every(ast.Name, function) if isinstance(n.ctx, ast.Store)]
    found = [DeadStore(t, v, _next(t, later)) for t, v in liveness.dead.values() if id(t) not in liveness.read]
    return sorted(found, key=lambda d: (d.target.lineno, d.target.col_offset))


def _next(target: ast.Name, stores: Iterable[ast.Name]) -> ast.Name | None:
    after = [s for s in stores if s.id == target.id and s.lineno > target.lineno]
    return min(after, key=lambda s: s.lineno, default=None)


Live = frozenset[str]


@dataclass(slots=True)
class _Walk:
    """Statements from the last to the first, with the names that are read afterwards."""

    always: Live
    dead: dict[int, tuple[ast.Name, ast.expr]] = field(default_factory=dict)
    read: set[int] = field(default_factory=set)
    """Targets whose value some round of a loop reads."""
    loops: list[tuple[Live, Live]] = field(default_factory=list)
    handlers: list[Live] = field(default_factory=list)

    def block(self, body: list[ast.stmt], after: Live) -> Live:
        live = after
        for statement in reversed(body):
            live = self.statement(statement, live)
        return live

    def statement(self, node: ast.stmt, after: Live) -> Live:
        if self.handlers:
            after |= self.handlers[-1]
        match node:
            case ast.Assign(targets=targets, value=value):
                return self._assign(targets, value, after)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                return self._assign([target], value, after)
            case ast.Return() | ast.Raise():
                return self.handlers[-1] | names_read(node) if self.handlers else frozenset(names_read(node))
            case ast.If(test=test, body=body, orelse=orelse):
                return self.block(body, after) | self.block(orelse, after) | names_read(test)
            case ast.For() | ast.AsyncFor():
                return self._loop(node.body, node.orelse, after, names_read(node.iter) | names_read(node.target))
            case ast.While():
                return self._loop(node.body, node.orelse, after, names_read(node.test))
            case ast.Break() | ast.Continue():
                return self.loops[-1][isinstance(node, ast.Continue)] if self.loops else after
            case ast.Try() | ast.TryStar():
                return self._try(node, after)
            case ast.With() | ast.AsyncWith():
                live = self.block(node.body, after)
                return live.union(*(names_read(item) for item in node.items))
            case ast.Match(subject=subject, cases=cases):
                branches = [self.block(c.body, after) | names_read(c) for c in cases]
                return after.union(names_read(subject), *branches)
            case _:
                return after | names_read(node)

    def _assign(self, targets: list[ast.expr], value: ast.expr, after: Live) -> Live:
        live = after
        for target, part in _pairs(targets, value):
            if target.id in after | self.always:
                self.read.add(id(target))
            elif len(targets) == 1:
                self.dead[id(target)] = (target, part)
            live -= {target.id}
        # `x.attribute = ...` and `x[i] = ...` read `x`.
        return live.union(names_read(value), *(names_read(t) for t in targets))

    def _loop(self, body: list[ast.stmt], orelse: list[ast.stmt], after: Live, header: set[str]) -> Live:
        done = self.block(orelse, after) | after
        head = done | header
        for _ in range(_ROUNDS):
            self.loops.append((done, head))
            head = head | self.block(body, head)
            self.loops.pop()
        return head

    def _try(self, node: ast.Try | ast.TryStar, after: Live) -> Live:
        last = self.block(node.finalbody, after)
        caught = last.union(*(self.block(h.body, last) | names_read(h) for h in node.handlers))
        self.handlers.append(caught | (self.handlers[-1] if self.handlers else frozenset()))
        live = self.block(node.body, self.block(node.orelse, last))
        self.handlers.pop()
        return live | caught


def _pairs(targets: list[ast.expr], value: ast.expr) -> list[tuple[ast.Name, ast.expr]]:
    """Names with the expression each is set to; an unpacked result counts as read, since its parts belong together."""
    found: list[tuple[ast.Name, ast.expr]] = []
    for target in targets:
        match target, value:
            case ast.Name(), _:
                found.append((target, value))
            case (ast.Tuple(elts=names), ast.Tuple(elts=parts)) if len(names) == len(parts):
                found += [(n, p) for n, p in zip(names, parts, strict=True) if isinstance(n, ast.Name)]
    return found
