"""Functions and loops that set weights: which of them run, and on what."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import MISSING, External, Function, Object, Value
from aelint.semantics.interpreter.kinds import is_network
from aelint.semantics.interpreter.layers import is_instance
from aelint.semantics.interpreter.scopes import Module
from aelint.semantics.optimization.gradients import updates
from aelint.semantics.optimization.initialization import fillings, is_weighted
from aelint.syntax.names import uses
from aelint.syntax.walk import every, once_per_node, walk

__all__ = [
    "Idle",
    "bias_conditions",
    "is_initializing",
    "never_applied",
    "overwritten",
    "rebound_parameters",
    "resolve",
    "written_twice",
]


@dataclass(frozen=True, slots=True, eq=False)
class Idle:
    """An initialiser without effect: where, and the layers that keep their own initialisation."""

    site: Site
    layers: tuple[Object, ...] = ()
    name: str = ""
    written: Site | None = None
    """Where it is written, if that is somewhere else."""


def is_initializing(node: ast.AST) -> bool:
    """Whether a call fills a tensor in place: `init.normal_(w)`, `layer.weight.data.zero_()`, `xavier_uniform_(w)`."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="init") | ast.Name(id="init"), attr=name)):
            return name.endswith("_")
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="data" | "weight"), attr=name)):
            return name.endswith("_") and name not in {"requires_grad_", "zero_grad_"}
        case ast.Call(func=ast.Name(id=name)):
            return name.endswith("_") and any(
                word in name for word in ("xavier", "kaiming", "normal", "uniform", "orthogonal")
            )
        case _:
            return False


def _initializes_weights(body: list[ast.stmt]) -> bool:
    calls = [n for statement in body for n in walk(statement) if is_initializing(n)]
    return any(isinstance(n, ast.Attribute) and n.attr == "weight" for call in calls for n in walk(call))


def resolve(module: Module, node: ast.expr) -> Value:
    """What a name, or a tuple of names, stands for at the top of a file; `MISSING` if that is unknown."""
    match node:
        case ast.Name(id=name):
            return module.scope.known(name)
        case ast.Attribute(value=inner, attr=name):
            owner = resolve(module, inner)
            return External(f"{owner.name}.{name}") if isinstance(owner, External) else MISSING
        case ast.Tuple(elts=elts):
            return tuple(resolve(module, e) for e in elts)
        case _:
            return MISSING


def bias_conditions(program: Program) -> Iterator[Idle]:
    """Branches that set weights only of layers with a bias, where no layer of that kind has one."""
    set_by_hand = {id(f.weight.layer) for f in fillings(program) if f.weight.name == "weight"}
    for module in program.machine.modules.values():
        for branch in every(ast.If, module.tree):
            kind = _kind_with_bias(module, branch.test)
            if kind is None or not _initializes_weights(branch.body):
                continue
            layers = [o for o in program.layers if is_instance(o, kind) is True]
            if layers and all(o.bound.get("bias") is False and id(o) not in set_by_hand for o in layers):
                yield Idle(Site(module.unit, branch.test), tuple(layers), ast.unparse(branch.test))


def _kind_with_bias(module: Module, test: ast.expr) -> Value | None:
    """The T of `isinstance(m, T) and m.bias is not None`."""
    match test:
        case ast.BoolOp(
            op=ast.And(), values=[ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), kind]), *others]
        ):
            asks = any(_asks_for_bias(o, name) for o in others)
            found = resolve(module, kind)
            return found if asks and found is not MISSING else None
        case _:
            return None


def _asks_for_bias(test: ast.expr, name: str) -> bool:
    match test:
        case ast.Compare(
            left=ast.Attribute(value=ast.Name(id=owner), attr="bias"),
            ops=[ast.IsNot()],
            comparators=[ast.Constant(value=None)],
        ):
            return owner == name
        case ast.Attribute(value=ast.Name(id=owner), attr="bias"):
            return owner == name
        case _:
            return False


def never_applied(program: Program) -> Iterator[Idle]:
    """Initialisers of a file that trains, which nothing refers to."""
    # In a file of parts for other programs an initialiser waits to be imported.
    if not any(u.backward.context.is_run for u in updates(program)):
        return
    for function in program.own_functions:
        if function.decorators or function.name.startswith("__") or not _is_initializer(function):
            continue
        if not any(function.name in _referenced(unit.tree) for unit in program.files):
            written = Site(function.module.unit, function.node)
            built = _end_of_constructor(function)
            yield Idle(built or written, (), function.name, written if built is not None else None)


def _end_of_constructor(function: Function) -> Site | None:
    """The last statement of a network's own constructor, behind which a method that sets its weights is called."""
    owner = function.owner
    start = owner.namespace.get("__init__") if owner is not None and is_network(owner) else None
    if not isinstance(start, Function) or isinstance(start.node, ast.Lambda):
        return None
    return Site(start.module.unit, start.node.body[-1])


@once_per_node
def _referenced(tree: ast.AST) -> frozenset[str]:
    found: set[str] = set()
    for node in walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name) | ast.Constant(value=str() as name):
                found.add(name)
            case ast.alias(name=name):
                found.add(name)
    return frozenset(found)


def _is_initializer(function: Function) -> bool:
    if isinstance(function.node, ast.Lambda) or "init" not in function.name:
        return False
    if function.owner is not None and not function.owner.fully_known:
        return False
    return _initializes_weights(function.node.body)


def rebound_parameters(program: Program) -> Iterator[Idle]:
    """Loops over parameters that bind the loop's name to a new tensor in place of changing the parameter."""
    for unit in program.files:
        for loop in every(ast.For, unit.tree):
            name = _parameter_name(loop)
            last = max((n.lineno for n in uses(loop, name)), default=0)
            for statement in (s for s in loop.body if s.lineno >= last):
                match statement:
                    case ast.Assign(targets=[ast.Name(id=target)], value=ast.Call()) if target == name:
                        yield Idle(Site(unit, statement), (), name)
                    case _:
                        pass


def _parameter_name(loop: ast.For) -> str:
    match loop:
        case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Attribute(attr="parameters"))):
            return name
        case ast.For(
            target=ast.Tuple(elts=[_, ast.Name(id=name)]), iter=ast.Call(func=ast.Attribute(attr="named_parameters"))
        ):
            return name
        case _:
            return ""


def written_twice(program: Program) -> Iterator[Idle]:
    """The same statement for the same weight twice in one function, beside a layer of the network that has none."""
    done = [f for f in fillings(program) if f.weight.name == "weight" and not f.context.guards]
    touched = {id(f.weight.layer) for f in done}
    for index, second in enumerate(done):
        first = next((f for f in done[:index] if f.weight.layer is second.weight.layer), None)
        if first is None or first.site.node is second.site.node or first.context.stack != second.context.stack:
            continue
        if ast.unparse(first.site.node) != ast.unparse(second.site.node) or first.context.loops:
            continue
        # Only a layer that was built between the two statements can have been meant by the second.
        between = [o for o in program.layers if _is_built_between(o, first.site, second.site) and is_weighted(o)]
        idle = [o for o in between if id(o) not in touched]
        if idle:
            yield Idle(second.site, tuple(idle), ast.unparse(second.site.node))


def _is_built_between(layer: Object, first: Site, second: Site) -> bool:
    return (
        layer.site is not None
        and layer.site.unit is first.unit
        and first.unit_row < layer.site.unit_row < second.unit_row
    )


_FILLING = re.compile(r"^(uniform|normal|zeros|ones|constant|xavier_\w+|kaiming_\w+|orthogonal|trunc_normal)_$")


def overwritten(program: Program) -> Iterator[Idle]:
    """A weight that is filled and filled again at once, of a layer whose bias no statement fills."""
    for function in every(ast.FunctionDef, program.tree):
        filled: dict[str, ast.Call] = {}
        texts = {ast.unparse(n) for n in every(ast.Attribute, function)}
        for statement in function.body:
            target = _filled_weight(statement)
            if target is None:
                continue
            name, call = target
            first = filled.get(name)
            if first is not None and f"{name}.bias" not in texts:
                yield Idle(Site(program.unit, first), (), name)
            filled[name] = call


def _filled_weight(statement: ast.stmt) -> tuple[str, ast.Call] | None:
    """The layer whose weight `nn.init.normal_(layer.weight)` fills from scratch, as it is written."""
    match statement:
        case ast.Expr(
            value=ast.Call(func=ast.Attribute(attr=kind), args=[ast.Attribute(attr="weight") as weight, *_]) as call
        ):
            return (ast.unparse(weight.value), call) if _FILLING.match(kind) else None
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Attribute() as filled, attr=kind)) as call):
            weight = filled.value if filled.attr == "data" and isinstance(filled.value, ast.Attribute) else filled
            written = kind in {"zero_", "uniform_", "normal_", "fill_"} and weight.attr == "weight"
            return (ast.unparse(weight.value), call) if written else None
        case _:
            return None
