"""What is computed and then not used: values, parameters and layers of networks that the result does not depend on.

Every query leaves out what may be meant: names with an underscore, values that hooks or in-place
operations need, abstract methods, arguments that only make interfaces alike.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.graph import parts
from aelint.semantics.kinds import is_network
from aelint.semantics.lineage import ancestors_of_any
from aelint.semantics.liveness import DeadStore, dead_stores, names_read
from aelint.semantics.memo import per_program
from aelint.semantics.modules import children_of, submodules
from aelint.semantics.operators import REGISTRY
from aelint.semantics.program import Program
from aelint.semantics.skeletons import hands_on
from aelint.semantics.trace import Call
from aelint.semantics.values import DictValue, Function, Instance, ListValue, Object, Sym, Value
from aelint.sources.unit import SourceUnit
from aelint.syntax.walk import once_per_node, walk

__all__ = [
    "IgnoredArgument",
    "UncalledLayer",
    "UnreadValue",
    "discarded_calls",
    "has_parameters",
    "ignored_arguments",
    "layers_behind",
    "uncalled_layers",
    "unread_values",
]


@dataclass(frozen=True, slots=True, eq=False)
class UnreadValue:
    """A local name of a network's method that holds the work of layers and is never read."""

    site: Site
    name: str
    layers: tuple[Object, ...]
    overwritten: Site | None


@dataclass(frozen=True, slots=True, eq=False)
class IgnoredArgument:
    """A parameter that the body never reads, although the caller computes the argument with layers of its own."""

    site: Site
    name: str
    function: Function
    call: Call
    layers: tuple[Object, ...]


@dataclass(frozen=True, slots=True, eq=False)
class UncalledLayer:
    """A layer with parameters, or a single parameter, that is kept as an attribute and read nowhere.

    `repeated` is the second call of a layer of the same kind and sizes, which may stand in its place.
    """

    site: Site
    name: str
    layer: Object | Sym
    network: Instance
    repeated: Call | None = None


def has_parameters(module: Value) -> bool:
    """Whether a layer, or a container or network of layers, holds weights that torch trains."""
    for _, one in submodules(module):
        spec = REGISTRY.layers.get(one.name) if isinstance(one, Object) else None
        if spec is not None and spec.stateful:
            return True
    return False


def layers_behind(value: Value) -> dict[int, Object]:
    """The layers with parameters that took part in a value, by identity, nearest first."""
    return _layers_behind_any(parts(value))


def _layers_behind_any(values: Iterable[Sym]) -> dict[int, Object]:
    layers = {id(node.layer): node.layer for node in ancestors_of_any(values) if isinstance(node.layer, Object)}
    return {key: layer for key, layer in layers.items() if has_parameters(layer)}


@per_program
def _methods(program: Program) -> list[Function]:
    executed = program.machine.executed
    return [
        f
        for f in program.own_functions
        if f.owner is not None and is_network(f.owner) and id(f.node) in executed and not isinstance(f.node, ast.Lambda)
    ]


@per_program
def unread_values(program: Program) -> list[UnreadValue]:
    """Results that a network's method assigns and never reads, although they are all that some layers work for."""
    bound: dict[int, Value] = {}
    for binding in program.bindings:
        bound.setdefault(id(binding.site.node), binding.value)
    live = _live_layers(program)
    found = []
    for function in _methods(program):
        assert not isinstance(function.node, ast.Lambda)
        for store in dead_stores(function.node):
            value = bound.get(id(store.target))
            if _is_left_out(store, function.node) or not _is_pure(store.value, value):
                continue
            layers = tuple(layer for key, layer in _layers_of(value).items() if key not in live)
            if layers:
                unit = function.module.unit
                after = Site(unit, store.overwritten) if store.overwritten is not None else None
                found.append(UnreadValue(Site(unit, store.target), store.target.id, layers, after))
    return found


def _is_left_out(store: DeadStore, function: ast.AST) -> bool:
    """Whether the name says that its value is not needed; `_` that is read elsewhere is a name like any other."""
    return _may_be_meant(store.target.id) and not (store.target.id == "_" and "_" in names_read(function))


def _layers_of(value: Value) -> dict[int, Object]:
    return layers_behind(value) if isinstance(value, Sym) and value.tensor is not False else {}


@per_program
def _live_layers(program: Program) -> set[int]:
    """The layers whose work leaves the program: returned by what is entered first, stored, or handed to the unknown."""
    return set(_layers_behind_any(part for value in _leaving(program) for part in parts(value)))


def _leaving(program: Program) -> Iterator[Value]:
    for ended in program.returns:
        if len(ended.context.stack) == 1:
            yield ended.value
    for store in program.stores:
        yield store.value
    for binding in program.bindings:
        if binding.context.function is None:
            yield binding.value
    for call in program.calls:
        if isinstance(call.result, Sym) and call.result.op == "call":
            yield (call.receiver, call.args, tuple(call.kwargs.values()))


_MEANT = ("unused", "dummy", "ignored", "debug", "tmp_shape")


def _may_be_meant(name: str) -> bool:
    return name.startswith(("_", *_MEANT)) or name.endswith("_")


def _is_pure(node: ast.expr, value: Value) -> bool:
    """Whether computing the value does nothing but give it: no in-place operation, no mere renaming."""
    if isinstance(node, (ast.Name, ast.Attribute, ast.Constant, ast.Subscript)):
        return False
    for one in walk(node):
        if isinstance(one, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)):
            return False
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute):
            name = one.func.attr
            if name.endswith("_") or name in {"pop", "append", "update", "backward", "register_hook", "item", "detach"}:
                return False
        if isinstance(one, ast.keyword) and one.arg in {"inplace", "out"}:
            return False
    layer = value.layer if isinstance(value, Sym) else None
    return not (isinstance(layer, Object) and layer.bound.get("inplace") is True)


@per_program
def ignored_arguments(program: Program) -> list[IgnoredArgument]:
    """Parameters that are never read, where the argument holds layers whose work reaches the callee in no other way."""
    by_function: dict[int, list[Call]] = {}
    for call in program.calls:
        function = _entered(call)
        # Functions that the program never calls are entered with unknown arguments at their own definition.
        if function is not None and call.site.node is not function.node:
            by_function.setdefault(id(function.node), []).append(call)
    found = []
    for function in _methods(program):
        for arg in _unread_parameters(function):
            calls = by_function.get(id(function.node), [])
            losses = [_lost_layers(program, function, arg.arg, call) for call in calls]
            if losses and all(losses):
                found.append(IgnoredArgument(Site(function.module.unit, arg), arg.arg, function, calls[0], losses[0]))
    return found


def _entered(call: Call) -> Function | None:
    if isinstance(call.callee, Function):
        return call.callee
    if isinstance(call.callee, Instance):
        method = call.callee.cls.find(call.method)
        return method if isinstance(method, Function) else None
    return None


def _unread_parameters(function: Function) -> list[ast.arg]:
    node = function.node
    assert not isinstance(node, ast.Lambda)
    body = [s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    if function.decorators or not body or all(isinstance(s, (ast.Pass, ast.Raise)) for s in body):
        return []
    read = set[str]().union(*(names_read(s) for s in body))
    if {"locals", "vars", "super"} & read or _is_prescribed(function):
        return []
    parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs][1:]
    return [a for a in parameters if a.arg not in read and not _may_be_meant(a.arg)]


def _is_prescribed(function: Function) -> bool:
    """Whether a base class that leaves the method to its children says what it takes, so that some child may not need it."""
    bases = function.owner.mro()[1:] if function.owner is not None else []
    return any("abstractmethod" in d for c in bases for d in getattr(c.namespace.get(function.name), "decorators", ()))


def _lost_layers(program: Program, function: Function, name: str, call: Call) -> tuple[Object, ...]:
    """The layers behind the argument, if the other arguments depend on none of them."""
    names = [a.arg for a in function.node.args.args][1:]
    args = call.args[1:] if isinstance(call.callee, Function) else call.args
    given = {**dict(zip(names, args, strict=False)), **call.kwargs}
    lost = layers_behind(given.get(name))
    others = set[int]().union(*(layers_behind(v) for k, v in given.items() if k != name))
    # What is handed over as a whole need not be read by each that takes it, where others take its parts.
    whole = isinstance(given.get(name), (DictValue, ListValue, tuple))
    spent = whole and set(lost) <= _live_layers(program)
    return () if spent or set(lost) & others else tuple(lost.values())


_DYNAMIC = frozenset(
    {"getattr", "children", "modules", "named_children", "named_modules", "_modules", "__dict__", "__getattr__", "eval"}
)
_BUILDERS = frozenset({"__init__", "reset_parameters", "init_weights", "_init_weights", "initialize", "weights_init"})


@per_program
def uncalled_layers(program: Program) -> list[UncalledLayer]:
    """Layers with parameters that no method reads, in networks whose whole ancestry and use are in sight."""
    if program.notes:
        return []
    found: dict[int, UncalledLayer] = {}
    called = {id(c.receiver) for c in program.calls}
    for network in program.networks:
        kept = {**children_of(network), **{k: v for k, v in network.attrs.items() if _is_trained(v)}}
        idle = [(name, layer) for name, layer in kept.items() if _is_idle(name, layer, called)]
        # Reading the whole project for names is dear: only for a network that has an idle layer at all.
        if not idle or not _is_concrete(program, network) or any(_loads_weights(c.node) for c in network.cls.mro()):
            continue
        read = _attributes_read(program, network)
        forgotten = [(n, layer) for n, layer in idle if read is not None and not _names_of(network, n, layer) & read]
        # Nobody forgets several: they are kept for a checkpoint, as the side heads of an inception network are.
        for name, layer in forgotten if len(forgotten) <= _MOST_FORGOTTEN else ():
            assert isinstance(layer, (Object, Sym))
            assert layer.site is not None
            twin = _called_twice(program, network, layer) if isinstance(layer, Object) else None
            found.setdefault(id(layer.site.node), UncalledLayer(layer.site, name, layer, network, twin))
    return list(found.values())


_MOST_FORGOTTEN = 4


@once_per_node
def _loads_weights(cls: ast.AST) -> bool:
    """Whether a class reads a checkpoint itself: what is idle may be there for its sake."""
    return any(isinstance(n, ast.Attribute) and n.attr == "load_state_dict" for n in walk(cls))


def _names_of(network: Instance, name: str, layer: Value) -> set[str]:
    """The attributes that hold the layer: a second name is read as well as the first."""
    return {name, *(other for other, value in network.attrs.items() if value is layer)}


def _is_trained(value: Value) -> bool:
    return isinstance(value, Sym) and value.op == "parameter" and value.attrs.get("requires_grad") is not False


def _is_idle(name: str, layer: Value, called: set[int]) -> bool:
    known = _is_trained(layer) or (isinstance(layer, Object) and has_parameters(layer))
    placed = isinstance(layer, (Object, Sym)) and layer.site is not None
    return known and placed and id(layer) not in called and not _may_be_meant(name)


def _called_twice(program: Program, network: Instance, idle: Object) -> Call | None:
    """The second of two calls, by one run of one method, of another layer that is built like the idle one."""
    like = [v for v in children_of(network).values() if isinstance(v, Object) and v is not idle and v.name == idle.name]
    for layer in (v for v in like if v.bound == idle.bound):
        first: Call | None = None
        for call in program.calls:
            if call.callee is not layer:
                continue
            if first is not None and _same_run(call, first) and call.site.node is not first.site.node:
                return call
            first = call
    return None


def _same_run(a: Call, b: Call) -> bool:
    """Whether one run of one method made both calls, in the same round of every loop."""
    return a.context.stack == b.context.stack and a.context.loops == b.context.loops


def _is_concrete(program: Program, network: Instance) -> bool:
    cls = network.cls
    inherited = any(cls in other.mro()[1:] for other in program.classes)
    forward = cls.find("forward")
    complete = isinstance(forward, Function) and not forward.decorators and id(forward.node) in program.machine.executed
    written = complete and not hands_on(forward.node)
    return cls.fully_known and written and not inherited and not network.open and network.base is None


def _attributes_read(program: Program, network: Instance) -> set[str] | None:
    """Attribute names that anything outside of the builders reads; None where attributes are read by computed names."""
    builders = [n for c in network.cls.mro() for n in c.node.body if getattr(n, "name", "") in _BUILDERS]
    read: set[str] = set().union(*(_wrapped(builder) for builder in builders))
    for module in program.machine.modules.values():
        for part, names in _names_read(module.tree):
            if not any(part is builder for builder in builders):
                read |= names
    return None if read & _DYNAMIC else read


@once_per_node
def _names_read(tree: ast.AST) -> list[tuple[ast.AST, set[str]]]:
    """The attributes and words of strings in each builder of a file, and in all else together."""
    rest: set[str] = set()
    found: list[tuple[ast.AST, set[str]]] = [(tree, rest)]
    nodes = walk(tree)
    position = 0
    while position < len(nodes):
        node = nodes[position]
        inside = walk(node) if getattr(node, "name", "") in _BUILDERS else [node]
        names = rest
        if len(inside) > 1:
            names = set()
            found.append((node, names))
        names.update(name for one in inside for name in _names_in(one))
        position += len(inside)
    return found


def _names_in(node: ast.AST) -> list[str]:
    match node:
        case ast.Attribute(attr=name, ctx=ast.Load()):
            return [name]
        case ast.Name(id=name) if name in _DYNAMIC:
            # A variable of the same name is another thing than the attribute.
            return [name]
        case ast.Constant(value=str() as text):
            return text.replace(".", " ").split()
        case _:
            return []


def _wrapped(builder: ast.AST) -> set[str]:
    """Attributes that a builder passes on: into a container, another layer, a list."""
    found: set[str] = set()
    for node in walk(builder):
        if isinstance(node, ast.Call) and not _initializes(node):
            inner = [a for part in (*node.args, *(k.value for k in node.keywords)) for a in walk(part)]
            found |= {a.attr for a in inner if isinstance(a, ast.Attribute) and isinstance(a.ctx, ast.Load)}
        elif isinstance(node, (ast.List, ast.Tuple, ast.Dict)) and isinstance(
            getattr(node, "ctx", ast.Load()), ast.Load
        ):
            found |= {a.attr for a in walk(node) if isinstance(a, ast.Attribute) and isinstance(a.ctx, ast.Load)}
        elif isinstance(node, ast.Assign):
            found |= {a.attr for a in walk(node.value) if isinstance(a, ast.Attribute) and isinstance(a.ctx, ast.Load)}
        elif isinstance(node, ast.Attribute) and node.attr in _DYNAMIC:
            found.add(node.attr)
        elif isinstance(node, ast.Name) and node.id in _DYNAMIC:
            found.add(node.id)
    return found


def _initializes(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and "init" in ast.unparse(call.func)


@per_program
def discarded_calls(program: Program) -> list[Call]:
    """Calls that are a whole statement, so that nothing can use what they return; each place once."""
    statements: set[int] = set()
    _collect_statements(program.tree, statements)
    statements -= _displayed(program.unit)
    found: dict[int, Call] = {}
    for call in program.calls:
        if id(call.site.node) in statements:
            found.setdefault(id(call.site.node), call)
    return list(found.values())


def _displayed(unit: SourceUnit) -> set[int]:
    """The last expression of each cell of a notebook: its value is shown."""
    body = unit.tree.body
    cells = [unit.origin(statement.lineno).cell for statement in body]
    return {
        id(statement.value)
        for statement, cell, following in zip(body, cells, [*cells[1:], None], strict=False)
        if isinstance(statement, ast.Expr) and cell is not None and cell != following
    }


def _collect_statements(node: ast.AST, found: set[int]) -> None:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Expr(value=ast.Call() as call):
                found.add(id(call))
            case ast.Try() | ast.TryStar():
                # A call that is tried out: what matters is whether it raises.
                continue
            case ast.With(items=items) if any("raises" in ast.unparse(i) or "warns" in ast.unparse(i) for i in items):
                continue
            case ast.expr():
                continue
            case _:
                _collect_statements(child, found)
