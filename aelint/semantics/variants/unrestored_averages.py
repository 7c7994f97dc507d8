"""Averaged weights that are put into the network while it is trained, and that nothing takes out again."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.mentions import attributes_read
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import ClassValue, Function, Instance, Object, Sym, Value
from aelint.semantics.optimization.parameters import held_by
from aelint.semantics.optimization.training import Action, Kind, actions
from aelint.syntax.names import is_own_attribute
from aelint.syntax.walk import every, holds, own_nodes, walk

__all__ = ["UnrestoredAverage", "unrestored_averages"]


@dataclass(frozen=True, slots=True, eq=False)
class UnrestoredAverage:
    """What keeps the average, where it is written into the network, where that should be undone, and what trains on."""

    name: str
    copied: Site
    missing: Site
    training: Site


_PUTS_IN = re.compile(r"(copy|apply|use|swap_in)(_|$)")
_KEEPS = re.compile(r"(store|stash|keep|back_?up)(_|$)")
_TAKES_OUT = re.compile(r"(restore|revert|unapply|undo|put_back|swap_back|swap_out)(_|$)")
_EVALUATES = re.compile(r"eval|valid|test|sampl|generat|infer")
_AVERAGES = re.compile(r"[Aa]verag|[Ss]hadow|[Pp]olyak|EMA|Ema|SWA|(?<![a-z])ema(?![a-z])")


def unrestored_averages(program: Program) -> Iterator[UnrestoredAverage]:
    """Averages that a training loop puts into its network for a while, and never takes out."""
    computed = [a for a in actions(program) if a.kind is Kind.BACKWARD]
    for call in program.calls:
        training = _training_after(call, computed) if _PUTS_IN.match(call.method) else None
        if training is not None and _stays(program, call):
            yield UnrestoredAverage(_name(call), call.site, _end(call), training.event.site)


def _training_after(call: Call, computed: list[Action]) -> Action | None:
    """The first backward pass that follows a call in a loop that both are in."""
    loops = {id(loop.node) for loop in call.context.loops}
    shared = [a for a in computed if loops & {id(loop.node) for loop in a.context.loops}]
    later = next((a for a in shared if a.order > call.order), None)
    return later or (shared[0] if shared and _recurs(call) else None)


def _recurs(call: Call) -> bool:
    """Whether a call every so many rounds is followed by rounds: of `if epoch % 5 == 4` the last round looked at stands for many."""
    loops, guards = call.context.loops, call.context.guards
    periods = [one.inputs[1] for guard in guards for one in ancestors(guard.value) if one.op == "mod"]
    rounds = max(len(one.iterable) if isinstance(one.iterable, range) else sys.maxsize for one in loops)
    branches = (n for one in loops for n in every(ast.If, one.node) if any(n.test is guard.test for guard in guards))
    ends = any(isinstance(n, (ast.Break, ast.Return)) for branch in branches for n in walk(branch))
    return any(isinstance(period, int) and period < rounds for period in periods) and not ends


def _stays(program: Program, call: Call) -> bool:
    """Whether a call puts an average into a network whose own weights never come back."""
    average, undoing = call.receiver, _undoing(call)
    if undoing is None or _is_undone(program, average, undoing):
        return False
    given = (value for value in (*call.args, *call.kwargs.values()) if value is not average)
    written = frozenset[int]().union(*(held_by(value).owners for value in given))
    overwritten = bool(written & _trained(program))
    if undoing and (_keeps(call) or any(c.receiver is average and _KEEPS.match(c.method) for c in program.calls)):
        return overwritten or not written
    evaluates = call.context.no_grad or any(_EVALUATES.search(a.function.name) for a in call.context.stack)
    return evaluates and overwritten and "load_state_dict" not in attributes_read(program)


@per_program
def _trained(program: Program) -> frozenset[int]:
    """What the optimisers hold that take steps, as identities of modules and parameters."""
    return frozenset[int]().union(*(a.held.owners for a in actions(program) if a.kind is Kind.STEP))


def _undoing(call: Call) -> frozenset[str] | None:
    """The methods by which an average gives a network its own weights back; None where the call does not put one in."""
    match call.receiver:
        case Instance(cls=cls) if _is_average(cls) and _overwrites(call.callee):
            names = {name for one in cls.mro() for name in one.namespace if _TAKES_OUT.match(name)}
            return frozenset(name for name in names if _overwrites(cls.find(name)))
        case Sym(attrs=attrs) if _AVERAGES.search(f"{_name(call)} {attrs.get('callee')}"):
            return frozenset({"restore"})
        case _:
            return None


def _is_average(cls: ClassValue) -> bool:
    names = (cls.name, *(n.attr for n in every(ast.Attribute, cls.node)))
    return any(_AVERAGES.search(name) for name in names)


def _overwrites(method: Value) -> bool:
    """Whether a method writes into tensors."""
    written = every(ast.Attribute, method.node) if isinstance(method, Function) else []
    return any(n.attr == "copy_" or (n.attr == "data" and isinstance(n.ctx, ast.Store)) for n in written)


def _keeps(call: Call) -> bool:
    """Whether the method of the project that puts the average in sets an attribute, to what was there before."""
    own = every(ast.Assign, call.callee.node) if isinstance(call.callee, Function) else []
    targets = (target for statement in own for target in statement.targets)
    return any(is_own_attribute(t.value if isinstance(t, ast.Subscript) else t) for t in targets)


def _is_undone(program: Program, average: Value, undoing: frozenset[str]) -> bool:
    """Whether a method that undoes it is mentioned anywhere, but as one of another object."""
    called = [
        (c.site.node.func, c.receiver) for c in program.method_calls(*undoing) if isinstance(c.site.node, ast.Call)
    ]
    for unit in program.files:
        for mention in (n for n in every(ast.Attribute, unit.tree) if n.attr in undoing):
            receivers = [receiver for function, receiver in called if function is mention]
            if not receivers or any(_may_be(one, average) for one in receivers):
                return True
    return False


def _may_be(one: Value, average: Value) -> bool:
    match one, average:
        case Instance(cls=cls), Instance(cls=other):
            return cls is other
        case _:
            return not isinstance(one, (Instance, Object))


def _name(call: Call) -> str:
    """How the code calls the object that a method is called on."""
    return call.site.text.rpartition(f".{call.method}(")[0]


def _end(call: Call) -> Site:
    """Where a function ends that puts an average in under a condition of its own, as that is undone there; else the call."""
    function = call.context.function
    if (
        function is None
        or isinstance(function.node, ast.Lambda)
        or any(holds(function.node, o.node) for o in call.context.loops)
    ):
        return call.site
    last, node = function.node.body[-1], call.site.node
    conditional = any(isinstance(n, ast.If) and holds(n, node) for n in own_nodes(function.node))
    return Site(call.site.unit, last) if conditional and not holds(last, node) else call.site
