"""Decoders that hand on what the encoder computed to layers that an option has left out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.callables import applied
from aelint.semantics.dataflow.graph import consumers, parts
from aelint.semantics.dataflow.lineage import depends_on
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function, Instance, Sym, Value
from aelint.semantics.interpreter.modules import submodules
from aelint.syntax.names import is_own_attribute
from aelint.syntax.signatures import positional
from aelint.syntax.walk import every, walk

__all__ = ["SwitchedOff", "switched_off"]


@dataclass(frozen=True, slots=True, eq=False)
class SwitchedOff:
    """A decoder that is given an encoder's output as `argument`, and whose `option` leaves out the layers that read it."""

    decoder: Call
    encoder: Call
    argument: str
    option: str
    prepared: Site
    """Where the options of the decoder were last set."""


def switched_off(program: Program) -> Iterator[SwitchedOff]:
    """Decoders with a settled option, built in sight, whose result depends on nothing of the encoder's output."""
    made: dict[int, list[Call]] = {}
    for call in program.calls_to("network"):
        for one in parts(call.result):
            made.setdefault(one.id, []).append(call)
    seen: set[int] = set()
    for call in program.calls_to("network"):
        decoder = call.receiver
        in_sight = not any(a.is_entry for a in call.context.stack) and not call.context.guards
        if not isinstance(decoder, Instance) or id(decoder) in seen or decoder.symbolic or not in_sight:
            continue
        for name, value in _given(decoder, call):
            around = {id(a.receiver) for a in call.context.stack} | {id(decoder)}
            encoder = next((c for c in made.get(value.id, ()) if id(c.receiver) not in around), None)
            if encoder is None or not _is_lost(program, call, encoder, value):
                continue
            found = _option(program, decoder)
            if found is not None:
                seen.add(id(decoder))
                yield SwitchedOff(call, encoder, name, *found)


def _given(decoder: Instance, call: Call) -> Iterator[tuple[str, Sym]]:
    forward = applied(decoder)
    names = positional(forward.node)[1:] if forward is not None else []
    for name, value in (*zip(names, call.args, strict=False), *call.kwargs.items()):
        if isinstance(value, Sym):
            yield name, value


def _is_lost(program: Program, call: Call, encoder: Call, value: Sym) -> bool:
    """Whether the encoder's output goes to the decoder alone, and nothing comes of it there."""
    results = list(parts(call.result))
    if not results or any(depends_on(one, value) for one in results) or consumers(program).get(value.id):
        return False
    inside = {id(module) for _, module in submodules(encoder.receiver)} | {id(encoder.receiver)}
    left = (r for r in program.returns if any(part is value for part in parts(r.value)))
    return all(r.context.stack and id(r.context.stack[-1].receiver) in inside for r in left)


def _option(program: Program, decoder: Instance) -> tuple[str, Site] | None:
    """The option that is off where a layer is missing, and where the options were last set."""
    built = next((c for c in program.calls if c.result is decoder and c.callee is decoder.cls), None)
    if built is None:
        return None
    settings = [v for v in (*built.args, *built.kwargs.values()) if isinstance(v, Instance)]
    for _, module in submodules(decoder):
        for option in _missing(module) if isinstance(module, Instance) else ():
            for one in settings:
                if option in one.attrs and not one.attrs[option]:
                    return option, _last_set(program, one) or built.site
            if built.kwargs.get(option, True) in {False, None}:
                return option, built.site
    return None


def _last_set(program: Program, settings: Instance) -> Site | None:
    stores = [s.site for s in program.stores if s.target is settings and not _is_own(s.site.node)]
    made = [c.site for c in program.calls if c.result is settings]
    return (stores or made)[-1] if stores or made else None


def _is_own(node: ast.AST) -> bool:
    """Whether an attribute is set by the object's own method."""
    return any(is_own_attribute(n) for n in walk(node))


def _missing(module: Instance) -> Iterator[str]:
    """The options that decided about attributes that are None, and that the forward pass asks for."""
    start, forward = module.cls.find("__init__"), module.cls.find("forward")
    if not isinstance(start, Function) or not isinstance(forward, Function):
        return
    asked = {n.attr for test in _tests(forward.node) for n in every(ast.Attribute, test) if is_own_attribute(n)}
    off = {name for name in asked if name in module.attrs and _is_off(module.attrs[name])}
    for node in every(ast.Assign, start.node):
        match node:
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=ast.IfExp(test=test)) if name in off:
                yield from (n.attr if isinstance(n, ast.Attribute) else n.id for n in _names(test))
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=ast.Attribute(attr=option)) if name in off:
                yield option


def _tests(node: ast.AST) -> Iterator[ast.expr]:
    yield from (n.test for n in every(ast.If, node))
    yield from (n.test for n in every(ast.IfExp, node))


def _is_off(value: Value) -> bool:
    return value is None or value is False


def _names(test: ast.expr) -> Iterator[ast.Attribute | ast.Name]:
    for node in walk(test):
        if isinstance(node, (ast.Attribute, ast.Name)):
            yield node
