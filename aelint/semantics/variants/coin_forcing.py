"""Teacher forcing by the toss of a coin, and evaluations that leave the coin as it is set for training."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.callables import applied
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.written_arguments import argument, shows_all
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function, Instance
from aelint.syntax.names import last_name, uses
from aelint.syntax.signatures import FunctionNode, default_numbers, parameters, positional
from aelint.syntax.walk import every, once_per_node, walk

__all__ = ["ForcedEvaluation", "forced_evaluations"]

_DRAWS = frozenset({"random", "rand", "uniform", "random_sample"})


@dataclass(frozen=True, slots=True, eq=False)
class ForcedEvaluation:
    """A call in evaluation that leaves the share of forced steps at its default."""

    call: Site
    parameter: str
    share: float
    read: Site
    """Where a step of the target is taken, if the coin says so."""


def forced_evaluations(program: Program) -> Iterator[ForcedEvaluation]:
    """Calls without gradients, or after `eval()`, of what tosses a coin for each step, each place once."""
    found: dict[int, tuple[Call, ForcedEvaluation]] = {}
    training: set[int] = set()
    for call in program.calls:
        run = applied(call.callee) if call.name == "network" or isinstance(call.callee, Function) else None
        forced = _forced(call, run) if run is not None else None
        if forced is None:
            continue
        if _is_evaluation(program, call):
            found.setdefault(id(call.site.node), (call, forced))
        else:
            # One function for both scores the model by the loss that it is trained on.
            training.add(id(call.site.node))
    yield from (forced for key, (_, forced) in found.items() if key not in training)


def _forced(call: Call, run: Function) -> ForcedEvaluation | None:
    node = call.site.node
    if not isinstance(node, ast.Call) or isinstance(run.node, ast.Lambda) or not shows_all(node):
        return None
    names = positional(run.node)[run.owner is not None and "staticmethod" not in run.decorators :]
    for parameter, read in _coins(run.node).items():
        share = default_numbers(run.node).get(parameter, 0)
        # A share of 1 shows every step, as a likelihood is computed.
        if 0 < share < 1 and argument(node, parameter, names) is None:
            return ForcedEvaluation(call.site, parameter, share, Site(run.module.unit, read))
    return None


def _is_evaluation(program: Program, call: Call) -> bool:
    if call.context.no_grad:
        return True
    if not isinstance(call.callee, Instance):
        return False
    switches = [c for c in program.method_calls("train", "eval") if c.receiver is call.callee and c.order < call.order]
    return bool(switches) and switches[-1].method == "eval" and switches[-1].context.stack == call.context.stack


@once_per_node
def _coins(function: FunctionNode) -> dict[str, ast.Subscript]:
    """Parameters that a random number is compared with to decide about a step of another parameter, and that step.

    A function that asks for its mode may leave the coin out in evaluation by itself.
    """
    if any(isinstance(n, ast.Attribute) and n.attr == "training" for n in walk(function)):
        return {}
    names = {a.arg for a in parameters(function)}
    found: dict[str, ast.Subscript] = {}
    choices: list[ast.If | ast.IfExp] = [*every(ast.If, function), *every(ast.IfExp, function)]
    for choice in choices:
        shares = {s for toss in _tosses(function, choice.test) for s in _share(toss) if s in names}
        arms = [choice.body, choice.orelse] if isinstance(choice, ast.IfExp) else [*choice.body, *choice.orelse]
        steps = [n for arm in arms for n in every(ast.Subscript, arm) if isinstance(n.ctx, ast.Load)]
        read = next((s for s in steps if isinstance(s.value, ast.Name) and s.value.id in names - shares), None)
        if read is not None:
            found.update(dict.fromkeys(shares, read))
    return found


def _tosses(function: FunctionNode, test: ast.expr) -> Iterator[ast.Compare]:
    """The comparisons that a test consists of, be it by a name that holds one."""
    yield from every(ast.Compare, test)
    for assigned in every(ast.Assign, function):
        if any(uses(test, last_name(target)) for target in assigned.targets if isinstance(target, ast.Name)):
            yield from every(ast.Compare, assigned.value)


def _share(toss: ast.Compare) -> Iterator[str]:
    """The name that a random number is compared with."""
    for drawn, share in ((toss.left, toss.comparators[0]), (toss.comparators[0], toss.left)):
        calls = (last_name(c.func) for c in every(ast.Call, drawn))
        if isinstance(share, ast.Name) and len(toss.ops) == 1 and _DRAWS.intersection(calls):
            yield share.id
