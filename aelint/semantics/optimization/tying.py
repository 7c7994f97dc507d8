"""Weights that one layer takes over from another."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Event, Store
from aelint.semantics.domain.values import Instance, Object, Sym, Value
from aelint.semantics.optimization.parameters import Weight, weight_of
from aelint.syntax.walk import every

__all__ = ["Copied", "copied_weights"]

_EACH_TIME = frozenset({"forward", "training_step", "encode", "decode", "step"})
_TIED = re.compile(r"(?:T|(?<![a-zA-Z])(?<!un-)(?<!not )(?<!no )(?<!without )t)i(?:ed|ying)(?![a-z])")
_SAME_NUMBERS = frozenset({"t", "transpose", "permute", "detach", "contiguous", "clone", "to"})


@dataclass(frozen=True, slots=True, eq=False)
class Copied:
    """A weight that was filled once from another layer's weight, in code that speaks of tying."""

    site: Site
    source: Object
    target: Object | None
    """None where the copy is a parameter of the network itself."""


def copied_weights(program: Program) -> Iterator[Copied]:
    """Weights copied from another layer of the same model where tied weights are meant."""
    yield from _into_layers(program)
    yield from _into_parameters(program)


def _into_parameters(program: Program) -> Iterator[Copied]:
    """`self.mirror = nn.Parameter(self.encoder.weight.t().clone())` in a network that calls itself tied."""
    in_layers = {id(s.value) for s in program.stores if s.name == "weight" and isinstance(s.target, Object)}
    told: set[int] = set()
    for call in program.calls:
        match call.result:
            case Sym(op="parameter", attrs={"data": data}) as made if id(made) not in in_layers | told:
                told.add(id(made))
                source, cloned = _source(data)
                network = call.context.stack[-1].receiver if call.context.stack else None
                if (
                    source is not None
                    and cloned
                    and isinstance(network, Instance)
                    and _is_called_tied(network.cls.node)
                ):
                    yield Copied(call.site, source.layer, None)


def _is_called_tied(network: ast.ClassDef) -> bool:
    return _TIED.search(f"{network.name} {ast.get_docstring(network) or ''}") is not None


def _into_layers(program: Program) -> Iterator[Copied]:
    for event in program.machine.trace.events:
        match event:
            case Call(method="copy_", receiver=receiver, args=(given, *_)):
                yield from _copied(event, weight_of(receiver), given, copies=True)
            case Store(name="data", target=target, value=value) if isinstance(
                getattr(event.site.node, "ctx", None), ast.Store
            ):
                yield from _copied(event, weight_of(target), value, copies=False)
            case Store(name="weight", target=Object() as layer, value=Sym(op="parameter", attrs={"data": data})):
                yield from _copied(event, Weight(layer, "weight"), data, copies=False)


def _copied(event: Event, target: Weight | None, given: Value, *, copies: bool) -> Iterator[Copied]:
    source, cloned = _source(given)
    happens_once = event.context.function is None or event.context.function.name not in _EACH_TIME
    if target is None or source is None or source.layer is target.layer or not happens_once or event.context.loops:
        return
    # Without a copy, both parameters share their memory.
    if (copies or cloned) and _speaks_of_tying(event) and not _ties_in_another_branch(event):
        yield Copied(event.site, source.layer, target.layer)


def _source(value: Value) -> tuple[Weight | None, bool]:
    cloned = False
    while isinstance(value, Sym) and value.op in _SAME_NUMBERS and value.inputs:
        cloned |= value.op == "clone"
        value = value.inputs[0]
    return weight_of(value), cloned


def _speaks_of_tying(event: Event) -> bool:
    names = [a.function.name for a in event.context.stack] + [ast.unparse(g.test) for g in event.context.guards]
    return any(word in name.lower() for name in names for word in ("tie", "tied", "tying", "share"))


def _ties_in_another_branch(event: Event) -> bool:
    """Whether the function shares the weight where a condition is otherwise: the copy is for an export."""
    function = event.context.function
    if function is None or not event.context.guards:
        return False
    shared = every(ast.Assign, function.node)
    return any(
        isinstance(n.value, ast.Attribute)
        and n.value.attr == "weight"
        and isinstance(t, ast.Attribute)
        and t.attr == "weight"
        for n in shared
        for t in n.targets
    )
