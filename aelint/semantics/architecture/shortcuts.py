"""Shortcuts of residual blocks: what is added to what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.graph import consumers
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Instance, Sym, Value
from aelint.semantics.interpreter.kinds import is_network
from aelint.sources.unit import SourceUnit
from aelint.syntax.names import is_own_attribute, uses
from aelint.syntax.signatures import positional
from aelint.syntax.walk import every, walk

__all__ = [
    "Doubled",
    "Forgotten",
    "Projected",
    "WrongSide",
    "doubled_branches",
    "forgotten_inputs",
    "projected_branches",
    "shortcuts_of_keys",
]


@dataclass(frozen=True, slots=True, eq=False)
class Doubled:
    """A sum of a name with itself in a method that has overwritten its argument of that name (`replaced`)."""

    site: Site
    name: str
    replaced: Site


@dataclass(frozen=True, slots=True, eq=False)
class Projected:
    """A shortcut that a layer makes of the branch it is added to: `shortcut` held the input `given` (`saved`)."""

    site: Site
    shortcut: str
    branch: str
    given: str
    saved: Site
    added: Site


@dataclass(frozen=True, slots=True, eq=False)
class Forgotten:
    """A block that keeps its input as `name` (`saved`), works on it up to `site`, and never reads what it kept."""

    site: Site
    name: str
    given: str
    saved: Site


@dataclass(frozen=True, slots=True, eq=False)
class WrongSide:
    """Attention whose output is added to its keys; `added` is the sum."""

    site: Site
    added: Site


def _methods(program: Program) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, SourceUnit]]:
    """The methods of networks, with the files that hold them."""
    for function in program.own_functions:
        node = function.node
        if function.owner is not None and is_network(function.owner) and not isinstance(node, ast.Lambda):
            yield node, function.module.unit


@per_program
def doubled_branches(program: Program) -> list[Doubled]:
    """`x += x` and `x = x + x` in methods of networks, where `x` was the input and holds the branch by then."""
    found = []
    for node, unit in _methods(program):
        given = set(positional(node)[1:])
        replaced: dict[str, ast.stmt] = {}
        for statement in node.body:
            match statement:
                case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=ast.Name(id=other)) if name == other:
                    doubled = True
                case ast.Assign(
                    targets=[ast.Name(id=name)],
                    value=ast.BinOp(left=ast.Name(id=one), op=ast.Add(), right=ast.Name(id=other)),
                ):
                    doubled = name == one == other
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if _calls_with(value, name):
                    replaced.setdefault(name, statement)
                    continue
                case _:
                    continue
            if doubled and name in given and name in replaced:
                found.append(Doubled(Site(unit, statement), name, Site(unit, replaced[name])))
    return found


@per_program
def projected_branches(program: Program) -> list[Projected]:
    """`shortcut = self.projection(h)` before `h + shortcut`, in methods that else take the shortcut from their input."""
    found = []
    for node, unit in _methods(program):
        given = set(positional(node)[1:])
        stores = _stores(node)
        saved = {
            name: (s, s.value.id)
            for name, s in stores
            if isinstance(s.value, ast.Name) and s.value.id in given - {name}
        }
        for name, statement in stores:
            branch = _projected(statement.value) if name in saved else None
            added = _sum_behind(node, statement, name, branch) if branch is not None and branch != name else None
            before = [s for n, s in stores if n == branch and s.lineno < statement.lineno]
            # One layer is a norm that may stand in front of both; a block has several.
            layers = sum(_calls_own(s.value) for s in before)
            if (
                branch is not None
                and added is not None
                and layers > 1
                and _is_unread(node, name, saved[name][0], statement)
            ):
                shown, place = saved[name][1], Site(unit, saved[name][0])
                found.append(Projected(Site(unit, statement), name, branch, shown, place, Site(unit, added)))
    return found


@per_program
def forgotten_inputs(program: Program) -> list[Forgotten]:
    """`shortcut = x` before layers that overwrite `x`, the input, where nothing reads `shortcut`."""
    found = []
    for node, unit in _methods(program):
        for saved in node.body:
            match saved:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name(id=given)) if (
                    given in positional(node)[1:] and given != name and len(uses(node, name)) == 1
                ):
                    work = _work_on(node, given)
                    # What is kept behind a layer is a value that somebody looks at; and one layer may be no block.
                    if len(work) > 1 and saved.lineno < work[0].lineno:
                        found.append(Forgotten(Site(unit, work[-1]), name, given, Site(unit, saved)))
                case _:
                    pass
    return found


def _work_on(node: ast.FunctionDef | ast.AsyncFunctionDef, given: str) -> list[ast.Assign]:
    """The statements that give an argument a new value, if more than one of them calls a layer on it."""
    stores = [s for name, s in _stores(node) if name == given]
    return stores if sum(_calls_with(s.value, given) for s in stores) > 1 else []


def _stores(function: ast.AST) -> list[tuple[str, ast.Assign]]:
    """The assignments to one name each."""
    assigned = every(ast.Assign, function)
    return [(s.targets[0].id, s) for s in assigned if len(s.targets) == 1 and isinstance(s.targets[0], ast.Name)]


def _projected(value: ast.expr) -> str | None:
    """`h` of `self.projection(h)`."""
    match value:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self")), args=[ast.Name(id=name)], keywords=[]):
            return name
        case _:
            return None


def _calls_own(value: ast.expr) -> bool:
    return any(is_own_attribute(call.func) for call in every(ast.Call, value))


def _sum_behind(function: ast.AST, projected: ast.Assign, name: str, branch: str) -> ast.AST | None:
    """The first sum of both behind the projection, where the branch is still what was projected."""
    for node in walk(function):
        if getattr(node, "lineno", 0) <= projected.lineno:
            continue
        match node:
            case (
                ast.BinOp(left=ast.Name(id=one), op=ast.Add(), right=ast.Name(id=other))
                | ast.AugAssign(target=ast.Name(id=one), op=ast.Add(), value=ast.Name(id=other))
            ) if {one, other} == {name, branch}:
                return node
            case ast.Assign(targets=[ast.Name(id=one)], value=value) if one in {name, branch}:
                if not isinstance(value, ast.Name) and not {name, branch} <= {n.id for n in every(ast.Name, value)}:
                    return None
            case _:
                pass
    return None


def _is_unread(function: ast.AST, name: str, saved: ast.Assign, projected: ast.Assign) -> bool:
    """Whether nothing reads the saved input before the projection takes its name."""
    reads = (n for n in every(ast.Name, function) if n.id == name and isinstance(n.ctx, ast.Load))
    return not any(saved.lineno < n.lineno <= projected.lineno for n in reads)


def _calls_with(value: ast.expr, name: str) -> bool:
    """Whether a layer of the network is called with the name: `self.conv(x)`."""
    for node in walk(value):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self")), args=args):
                if any(isinstance(a, ast.Name) and a.id == name for a in args):
                    return True
            case _:
                pass
    return False


@per_program
def shortcuts_of_keys(program: Program) -> list[WrongSide]:
    """Attention between two tensors, of which the one that gives the keys is added to the output; each place once."""
    users = consumers(program)
    found: dict[int, WrongSide] = {}
    for call in program.calls_to("multihead_attention", "multi_head_attention"):
        query, key, value = (call.bound.get(k) for k in ("query", "key", "value"))
        if not (isinstance(query, Sym) and isinstance(key, Sym) and isinstance(value, Sym)) or query is key:
            continue
        for added in _sums_with(call.result, users):
            others = [i for i in added.inputs if i is key or i is value]
            if others and not any(i is query for i in added.inputs) and added.site is not None:
                site = _handed(program, call, query, others[0]) or call.site
                found.setdefault(id(site.node), WrongSide(site, added.site))
    return list(found.values())


def _sums_with(result: Value, users: dict[int, list[Sym]]) -> Iterator[Sym]:
    output = result[0] if isinstance(result, tuple) and result else result
    pending = [output] if isinstance(output, Sym) else []
    for one in pending:
        for user in users.get(one.id, ()):
            if user.op == "add":
                yield user
            elif user.op in {"dropout", "item", "to"}:
                pending.append(user)


def _handed(program: Program, call: Call, query: Sym, key: Sym) -> Site | None:
    """The call that hands both tensors to the block that attends and adds."""
    for other in program.calls:
        if isinstance(other.callee, Instance) and other.order != call.order and len(call.context.stack) > 1:
            given = [*other.args, *other.kwargs.values()]
            inside = call.context.stack[-1].site is not None and other.site.node is call.context.stack[-1].site.node
            if inside and any(g is query for g in given) and sum(g is key for g in given) > 1:
                return other.site
    return None
