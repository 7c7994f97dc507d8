"""Learning rates that a loop lowers in a name of its own, while the optimiser keeps the number it was built with."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.optimization.parameters import is_optimizer
from aelint.syntax.names import Scope, last_name, scopes, uses
from aelint.syntax.rounds import LoopNode
from aelint.syntax.signatures import parameters
from aelint.syntax.walk import every, holds, own_nodes, walk

__all__ = ["UnheardRate", "unheard_rates"]

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_REPORTS = frozenset("print info debug log write add_scalar append format set_description set_postfix".split())
_PLAIN = frozenset({"max", "min", "float", "pow", "sqrt", "exp", "cos"})
"""Functions of numbers: whatever else is called may hand the rate on."""


@dataclass(frozen=True, slots=True, eq=False)
class UnheardRate:
    """A name that a loop computes anew from itself, and the optimiser that was built with its first value."""

    name: str
    site: Site
    built: Site


def unheard_rates(program: Program) -> Iterator[UnheardRate]:
    """The rates of the entry file whose new values nothing but a report reads."""
    built = {id(c.site.node): c.site for c in program.calls if is_optimizer(c.result) and c.site.unit is program.unit}
    if not built or any(a.attr == "param_groups" for a in every(ast.Attribute, program.tree)):
        return  # the groups' own rate is changed, and the name is kept beside it
    told: set[int] = set()
    for scope in scopes(program.tree):
        nodes = own_nodes(scope)
        for call in (n for n in nodes if isinstance(n, ast.Call) and id(n) in built):
            for name in _rates(call):
                loops = (
                    n for n in nodes if isinstance(n, LoopNode) and n.lineno > call.lineno and _trains(n, call, nodes)
                )
                changed = next((c for loop in loops if (c := _changed(scope, call, loop, name)) is not None), None)
                if changed is not None and id(changed) not in told:
                    told.add(id(changed))
                    yield UnheardRate(name, Site(program.unit, changed), built[id(call)])


def _rates(call: ast.Call) -> Iterator[str]:
    """The names whose values the optimiser takes for its learning rate."""
    for given in (*call.args[1:2], *(k.value for k in call.keywords if k.arg == "lr")):
        if isinstance(given, ast.Name):
            yield given.id


def _trains(loop: LoopNode, call: ast.Call, nodes: list[ast.AST]) -> bool:
    """Whether the loop advances optimisers, with no schedule, and without handing this one to a function that may change its rate."""
    names = {last_name(t) for n in nodes if isinstance(n, ast.Assign) and n.value is call for t in n.targets}
    calls = every(ast.Call, loop)
    given = {last_name(a) for c in calls for a in (*c.args, *(k.value for k in c.keywords))}
    planned = any("sched" in last_name(n).lower() for n in walk(loop))
    return any(last_name(c.func) == "step" for c in calls) and not planned and not (given & names)


def _changed(scope: Scope, call: ast.Call, loop: LoopNode, name: str) -> ast.stmt | None:
    """The statement of the loop that computes the name from itself, where no other use could reach the optimiser."""
    changes = [s for s in own_nodes(loop) if isinstance(s, ast.stmt) and _computes(s, name)]
    if not changes or not _is_number(scope, name) or _is_shared(scope, name):
        return None
    own = {id(n) for n in own_nodes(scope)}
    seen = {id(n) for part in (*changes, *_reports(loop)) for n in uses(part, name)}
    for use in uses(scope, name):
        before = id(use) in own and use.lineno < loop.lineno
        if not before and id(use) not in seen and not _is_of_another(scope, use):
            return None
    return None if holds(loop, call) else changes[0]


def _computes(statement: ast.stmt, name: str) -> bool:
    """Whether it is `rate = ...` or `rate *= ...` with nothing but arithmetic of numbers on the right."""
    match statement:
        case ast.AugAssign(target=ast.Name(id=target), value=value) if target == name:
            pass
        case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name and uses(value, name):
            pass
        case _:
            return False
    return all(last_name(c.func) in _PLAIN for c in every(ast.Call, value)) and not every(ast.Lambda, value)


def _reports(loop: LoopNode) -> list[ast.AST]:
    """The calls of the loop that show numbers to a reader."""
    return [c for c in every(ast.Call, loop) if last_name(c.func) in _REPORTS]


def _is_number(scope: Scope, name: str) -> bool:
    """Whether the name begins with a number of the text, which cannot change in place as a tensor does."""
    given = [s.value for s in own_nodes(scope) if isinstance(s, ast.Assign) and _sets(s.targets, name)]
    if not isinstance(scope, ast.Module) and any(p.arg == name for p in parameters(scope)):
        return True
    return any(isinstance(v, (ast.Constant, ast.Attribute, ast.Subscript, ast.Tuple)) for v in given)


def _sets(targets: list[ast.expr], name: str) -> bool:
    return any(isinstance(n.ctx, ast.Store) for target in targets for n in uses(target, name))


def _is_shared(scope: Scope, name: str) -> bool:
    """Whether another function may read or set the name, or somebody reads all names at once."""
    declared = {n for s in walk(scope) if isinstance(s, (ast.Global, ast.Nonlocal)) for n in s.names}
    return name in declared or any(last_name(c.func) in {"locals", "globals", "vars"} for c in every(ast.Call, scope))


def _is_of_another(scope: Scope, use: ast.Name) -> bool:
    """Whether the use stands in a function that takes the name as an argument of its own."""
    inner = [f for f in walk(scope) if isinstance(f, _Function) and f is not scope and holds(f, use)]
    return any(any(p.arg == use.id for p in parameters(f)) for f in inner)
