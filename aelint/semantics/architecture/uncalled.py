"""Layers that a network holds and never calls.

What may be meant is left out: names with an underscore, networks that others inherit from or that read a checkpoint,
files that read attributes under computed names.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.architecture.usage import has_parameters, may_be_meant
from aelint.semantics.dataflow.liveness import names_read
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.mentions import attributes_read_in
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.surroundings import texts_around
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import DictValue, Function, Instance, ListValue, Object, Sym, Value
from aelint.semantics.interpreter.modules import children_of
from aelint.semantics.interpreter.skeletons import hands_on
from aelint.syntax.names import is_own_attribute
from aelint.syntax.signatures import parameters
from aelint.syntax.walk import every, once_per_node, walk

__all__ = ["UncalledLayer", "uncalled_layers"]

_DYNAMIC = frozenset(
    {"getattr", "children", "modules", "named_children", "named_modules", "_modules", "__dict__", "__getattr__"}
)
_FUNCTIONS = frozenset({"getattr", "eval"})
"""What is dynamic as a bare name as well; a variable that is called `modules` is another thing than the method."""
_BUILDERS = frozenset({"__init__", "reset_parameters", "init_weights", "_init_weights", "initialize", "weights_init"})


@dataclass(frozen=True, slots=True, eq=False)
class UncalledLayer:
    """A layer or block with parameters, or a single parameter, that is kept as an attribute and read nowhere.

    `repeated` is the second call of a layer of the same kind and sizes, which may stand in its place; `dropped` is an input
    that `forward` unpacks and never reads, which the layer may have been meant for.
    """

    site: Site
    name: str
    layer: Object | Sym | Instance
    network: Instance
    repeated: Call | None = None
    dropped: ast.Name | None = None


@per_program
def uncalled_layers(program: Program) -> list[UncalledLayer]:
    """Layers with parameters that no method reads, in networks whose whole ancestry and use are in sight."""
    if program.notes:
        return []
    found: dict[int, UncalledLayer] = {}
    # A method that nothing calls is entered at its own definition, on whatever object there is.
    called = {id(c.receiver) for c in program.calls if not isinstance(c.site.node, ast.FunctionDef)}
    for network in program.networks:
        kept = {**children_of(network), **{k: v for k, v in network.attrs.items() if _is_trained(v)}}
        idle = [(n, v) for n, v in kept.items() if _is_idle(n, v, called) and not _is_for_a_user(network, v)]
        # Reading the whole project for names is dear: only for a network that has an idle layer at all.
        if not idle or not _is_concrete(program, network) or any(_loads_weights(c.node) for c in network.cls.mro()):
            continue
        read = _attributes_read(program, network)
        forgotten = [(n, layer) for n, layer in idle if read is not None and not _names_of(network, n, layer) & read]
        forgotten = [(n, layer) for n, layer in forgotten if not _is_read_around(program, network, n)]
        dropped = _dropped_input(network)
        # Nobody forgets several: they are kept for a checkpoint, as the side heads of an inception network are.
        for name, layer in forgotten if dropped is not None or len(forgotten) <= _MOST_FORGOTTEN else ():
            assert isinstance(layer, (Object, Sym, Instance))
            assert layer.site is not None
            if _is_offered(network, layer.site) or _is_handed_in(network, layer):
                continue
            twin = _called_twice(program, network, layer) if isinstance(layer, Object) else None
            found.setdefault(id(layer.site.node), UncalledLayer(layer.site, name, layer, network, twin, dropped))
    return list(found.values())


_MOST_FORGOTTEN = 3


@once_per_node
def _loads_weights(cls: ast.AST) -> bool:
    """Whether a class reads a checkpoint itself: what is idle may be there for its sake."""
    return any(isinstance(n, ast.Attribute) and n.attr == "load_state_dict" for n in walk(cls))


def _is_read_around(program: Program, network: Instance, name: str) -> bool:
    """Whether a file beside that of the class reads an attribute of this name: `model.decoder.scale`.

    `self.decoder` is an attribute of another class, unless the file names this one, which it may inherit from.
    """
    anyone, another = re.compile(rf"\.{re.escape(name)}\b"), re.compile(rf"(?<!\bself)\.{re.escape(name)}\b")
    named = re.compile(rf"\b{network.cls.name}\b")
    return any((anyone if named.search(text) else another).search(text) for text in texts_around(program, network.cls))


def _is_offered(network: Instance, site: Site) -> bool:
    """Whether an ancestor builds the part: it does so for all that inherit from it, and some may do without."""
    return any(site.lies_in(Site(c.module.unit, c.node)) for c in network.cls.mro()[1:])


def _is_handed_in(network: Instance, layer: Value) -> bool:
    """Whether the caller built the part: it may have other uses for it, as for the parts of a training procedure."""
    return any(given is layer for given in network.arguments.values())


def _names_of(network: Instance, name: str, layer: Value) -> set[str]:
    """The attributes that hold the layer: a second name, or a list that it stands in, is read as well as the first."""
    return {name, *(other for other, value in network.attrs.items() if _holds(value, layer))}


def _holds(value: Value, layer: Value) -> bool:
    match value:
        case tuple(items) | ListValue(items=items):
            return any(_holds(one, layer) for one in items)
        case DictValue(items=entries):
            return any(_holds(one, layer) for one in entries.values())
        case _:
            return value is layer


def _is_trained(value: Value) -> bool:
    return isinstance(value, Sym) and value.op == "parameter" and value.attrs.get("requires_grad") is not False


def _is_for_a_user(network: Instance, layer: Value) -> bool:
    """Whether nobody here uses the network, and who does may read a part of it.

    A loss reads a single parameter, a variance say, and a decoder calls `self.attention.memory_layer`, a block of its project.
    """
    return isinstance(layer, (Sym, Instance)) and network.symbolic


def _is_idle(name: str, layer: Value, called: set[int]) -> bool:
    known = _is_trained(layer) or (isinstance(layer, (Object, Instance)) and _holds_weights(layer))
    placed = isinstance(layer, (Object, Sym, Instance)) and layer.site is not None
    return known and placed and id(layer) not in called and not may_be_meant(name)


def _holds_weights(layer: Object | Instance) -> bool:
    own = layer.attrs.values() if isinstance(layer, Instance) else ()
    return has_parameters(layer) or any(_is_trained(value) for value in own)


def _dropped_input(network: Instance) -> ast.Name | None:
    """The first name that `forward` unpacks one of its arguments into and never reads."""
    forward = network.cls.find("forward")
    if not isinstance(forward, Function) or isinstance(forward.node, ast.Lambda):
        return None
    given, read = {a.arg for a in parameters(forward.node)}, names_read(forward.node)
    for statement in every(ast.Assign, forward.node):
        match statement:
            case ast.Assign(targets=[ast.Tuple(elts=parts)], value=ast.Name(id=name)) if name in given:
                names = [p for p in parts if isinstance(p, ast.Name)]
                unread = [p for p in names if p.id not in read and not may_be_meant(p.id)]
                if unread:
                    return unread[0]
            case _:
                pass
    return None


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
    """Attribute names that anything outside of the builders reads; None where attributes are read by computed names.

    What another class reads of its own `self` is none of this network's.
    """
    classes = [c.node for c in network.cls.mro()]
    builders = [n for c in classes for n in c.body if getattr(n, "name", "") in _BUILDERS]
    read: set[str] = set().union(*(_wrapped(builder) for builder in builders))
    # What finds the layers of any network by name counts where this one is defined, or where the program starts.
    near = {id(unit) for unit in (program.unit, *(c.module.unit for c in network.cls.mro()))}
    for unit in program.files:
        for part, names in _names_read(unit.tree):
            own = not isinstance(part, ast.ClassDef) or any(part is cls for cls in classes)
            if own and not any(part is builder for builder in builders):
                read |= names if id(unit) in near else names - _DYNAMIC
    return None if read & _DYNAMIC else read


@once_per_node
def _names_read(tree: ast.AST) -> list[tuple[ast.AST, set[str]]]:
    """The attributes and words of strings in each builder of a file, those that each class reads of `self`, and all else together."""
    rest: set[str] = set()
    own: dict[ast.AST, set[str]] = {cls: set() for cls in every(ast.ClassDef, tree)}
    readers = {
        id(node): names for cls, names in own.items() for node in every(ast.Attribute, cls) if is_own_attribute(node)
    }
    found: list[tuple[ast.AST, set[str]]] = [(tree, rest), *own.items()]
    # A docstring names what it describes, and reads nothing.
    said = {id(one.value) for one in every(ast.Expr, tree)}
    nodes = walk(tree)
    position = 0
    while position < len(nodes):
        node = nodes[position]
        inside = walk(node) if getattr(node, "name", "") in _BUILDERS else [node]
        names = readers.get(id(node), rest)
        if len(inside) > 1:
            names = set()
            found.append((node, names))
        names.update(name for one in inside if id(one) not in said for name in _names_in(one))
        position += len(inside)
    return found


def _names_in(node: ast.AST) -> list[str]:
    match node:
        case ast.Attribute(attr=name, ctx=ast.Load()):
            return [name]
        case ast.Name(id=name) if name in _FUNCTIONS:
            return ["getattr"]
        case ast.Constant(value=str() as text):
            return text.replace(".", " ").split()
        case _:
            return []


def _wrapped(builder: ast.AST) -> set[str]:
    """Attributes that a builder passes on: into a container, another layer, a list."""
    found: set[str] = set()
    for node in walk(builder):
        if isinstance(node, ast.Call) and not _initializes(node):
            for part in (*node.args, *(k.value for k in node.keywords)):
                found |= attributes_read_in(part)
        elif isinstance(node, (ast.List, ast.Tuple, ast.Dict)):
            # What a tuple of targets holds is stored, and counts for nothing here.
            found |= attributes_read_in(node)
        elif isinstance(node, ast.Assign):
            found |= attributes_read_in(node.value)
        elif _is_dynamic(node):
            found.add("getattr")
    return found


def _is_dynamic(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr=name):
            return name in _DYNAMIC
        case ast.Name(id=name):
            return name in _FUNCTIONS
        case _:
            return False


def _initializes(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and "init" in ast.unparse(call.func)
