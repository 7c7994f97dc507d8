"""The keys of state dicts: which a module has, and which a loaded state can fill."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import DictValue, External, Function, Instance, Object, Sym, Value
from aelint.semantics.interpreter.joins import same
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.interpreter.modules import submodules
from aelint.semantics.operators import REGISTRY
from aelint.syntax.walk import walk

__all__ = ["Mismatch", "filters_that_keep_nothing", "keys_of", "loads_that_fill_nothing"]


@dataclass(frozen=True, slots=True, eq=False)
class Mismatch:
    """A state none of whose keys belongs to the module that it is meant for; an example of each."""

    site: Site
    offered: str
    wanted: str


def keys_of(module: Value) -> frozenset[str] | None:
    """The keys of a module's state dict that are known (`weight` and `bias` of layers, own parameters), None if some are not."""
    keys: set[str] = set()
    for name, one in submodules(module):
        prefix = f"{name}." if name else ""
        match one:
            case Instance():
                renames = isinstance(one.cls.find("_load_from_state_dict"), Function)
                if renames or one.open or not one.cls.fully_known or one.base is not None:
                    return None
                keys.update(prefix + k for k, v in one.attrs.items() if isinstance(v, Sym) and v.op == "parameter")
            case Object(children=children) if children is not None:
                if not one.complete or any(k.startswith("?") for k in children):
                    return None
            case Object() if one.name in REGISTRY.layers:
                if REGISTRY.layers[one.name].stateful and one.bound.get("affine", True) is not False:
                    keys.add(f"{prefix}weight")
            case _:
                return None
    return frozenset(keys)


def _offered(program: Program, value: Value) -> frozenset[str] | None:
    """The keys of a state, through files that the same program wrote."""
    match value:
        case Sym(op="call", attrs={"method": "state_dict"}, inputs=(module, *_)) if is_module(module):
            return keys_of(module)
        case Sym(op="call", attrs={"callee": External(name="torch.load"), "args": (path, *_)}):
            return _offered(program, _written_to(program, path))
        case Sym(
            op="item",
            inputs=(Sym(op="call", attrs={"callee": External(name="torch.load"), "args": (path, *_)}),),
            attrs=attrs,
        ):
            whole = _written_to(program, path)
            return _offered(program, whole.items.get(attrs.get("index"))) if isinstance(whole, DictValue) else None
        case DictValue(items=items, complete=True) if items and all(isinstance(k, str) for k in items):
            return frozenset(items)
        case DictValue(items={}, site=Site(node=ast.DictComp() as copied)):
            return _offered_by_copy(program, copied)
        case _:
            return None


def _offered_by_copy(program: Program, copied: ast.DictComp) -> frozenset[str] | None:
    """The keys of `{k: v.cpu() for k, v in state.items()}`: those of the state that is copied."""
    match copied:
        case ast.DictComp(
            key=ast.Name(id=key),
            generators=[
                ast.comprehension(
                    target=ast.Tuple(elts=[ast.Name(id=name), _]),
                    iter=ast.Call(func=ast.Attribute(attr="items")) as items,
                    ifs=[],
                )
            ],
        ) if key == name:
            states = [_offered(program, c.receiver) for c in program.method_calls("items") if c.site.node is items]
            return states[0] if states and len(set(states)) == 1 else None
        case _:
            return None


def _written_to(program: Program, path: Value) -> Value:
    saves = [c for c in program.calls_to("torch.save") if len(c.args) > 1 and same(c.args[1], path)]
    # Several states under one name: which of them is read depends on the run.
    return saves[0].args[0] if len({id(c.site.node) for c in saves}) == 1 else None


def _mismatch(site: Site, offered: frozenset[str] | None, wanted: frozenset[str] | None) -> Iterator[Mismatch]:
    if offered and wanted and not offered & wanted:
        yield Mismatch(site, min(offered), min(wanted))


def loads_that_fill_nothing(program: Program) -> Iterator[Mismatch]:
    """Loads of a state that has no key in common with the module."""
    for call in program.method_calls("load_state_dict"):
        if call.args and is_module(call.receiver) and not isinstance(call.callee, Function):
            yield from _mismatch(call.site, _offered(program, call.args[0]), keys_of(call.receiver))


def filters_that_keep_nothing(program: Program) -> Iterator[Mismatch]:
    """`{k: v for k, v in state.items() if k in other}` where the two have no key in common."""
    for call in program.method_calls("items"):
        if not isinstance(call.receiver, Sym):
            continue
        offered = _offered(program, call.receiver)
        comprehension = _around(program, call) if offered else None
        if comprehension is not None:
            for name in _membership(comprehension):
                yield from _mismatch(Site(call.site.unit, comprehension), offered, _bound_to(program, name, call))


def _around(program: Program, call: Call) -> ast.DictComp | None:
    module = program.machine.modules.get(call.site.unit.path)
    for node in walk(module.tree) if module is not None else ():
        if isinstance(node, ast.DictComp) and any(g.iter is call.site.node for g in node.generators):
            return node
    return None


def _membership(comprehension: ast.DictComp) -> Iterator[str]:
    """The names that the keys are looked up in."""
    for test in comprehension.generators[0].ifs:
        match test:
            case ast.Compare(left=ast.Name(id=key), ops=[ast.In()], comparators=[ast.Name(id=name)]):
                if isinstance(comprehension.key, ast.Name) and comprehension.key.id == key:
                    yield name


def _bound_to(program: Program, name: str, call: Call) -> frozenset[str] | None:
    earlier = [
        b
        for b in program.bindings
        if b.name == name and b.order < call.order and b.context.function is call.context.function
    ]
    return _offered(program, earlier[-1].value) if earlier else None
