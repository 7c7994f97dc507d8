"""Shortcuts of residual blocks: what is added to what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.graph import consumers
from aelint.semantics.kinds import is_network
from aelint.semantics.memo import per_program
from aelint.semantics.program import Program
from aelint.semantics.trace import Call
from aelint.semantics.values import Instance, Sym, Value
from aelint.syntax.signatures import positional
from aelint.syntax.walk import walk

__all__ = ["Doubled", "WrongSide", "doubled_branches", "shortcuts_of_keys"]


@dataclass(frozen=True, slots=True, eq=False)
class Doubled:
    """A sum of a name with itself in a method that has overwritten its argument of that name (`replaced`)."""

    site: Site
    name: str
    replaced: Site


@dataclass(frozen=True, slots=True, eq=False)
class WrongSide:
    """Attention whose output is added to its keys; `added` is the sum."""

    site: Site
    added: Site


@per_program
def doubled_branches(program: Program) -> list[Doubled]:
    """`x += x` and `x = x + x` in methods of networks, where `x` was the input and holds the branch by then."""
    found = []
    for function in program.own_functions:
        node, unit = function.node, function.module.unit
        if function.owner is None or not is_network(function.owner) or isinstance(node, ast.Lambda):
            continue
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
