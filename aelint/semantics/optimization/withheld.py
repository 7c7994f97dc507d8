"""Settings that a function or an object holds and does not hand on to the call that takes them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.callables import applied
from aelint.semantics.dataflow.mentions import READS_ANYTHING, attributes_read
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function, Object
from aelint.semantics.operators.api import is_number
from aelint.semantics.optimization.parameters import is_optimizer
from aelint.semantics.optimization.settings import interchangeable
from aelint.syntax.kept import kept
from aelint.syntax.names import last_name, uses
from aelint.syntax.options import destination
from aelint.syntax.signatures import default_numbers, parameters
from aelint.syntax.walk import every, once_per_node, walk

__all__ = ["Withheld", "options_withheld", "overwritten_parameters", "settings_withheld", "torch_settings_withheld"]

_OPTIMIZER_SETTINGS = frozenset({"weight_decay", "momentum", "betas", "eps", "nesterov", "amsgrad", "dampening"})


@dataclass(frozen=True, slots=True, eq=False)
class Withheld:
    """A setting `name`, the call that leaves it at its default, and where it is held."""

    name: str
    call: Site
    held: Site
    default: object = None


def settings_withheld(program: Program) -> Iterator[Withheld]:
    """Calls of the project that leave out a setting that the caller was given, or its object keeps, and nothing reads."""
    seen: set[int] = set()
    kept = _kept_in_vain(program)
    for call in program.calls:
        inside, taken = call.context.function, applied(call.callee)
        if inside is None or taken is None or id(call.site.node) in seen or call.site.unit is not program.unit:
            continue
        ignored = _unread_parameters(taken.node)
        left_out = {name: number for name, number in _left_out(call, taken).items() if name not in ignored}
        if not left_out:
            continue
        unread = {} if _is_one_of_several(program, inside, taken.name) else _unread_parameters(inside.node)
        if inside.owner is not None and taken.owner is inside.owner:
            unread = {**unread, **kept.get(id(inside.owner), {})}
        for name, default in left_out.items():
            if name in unread and name not in _TOLERANCES and len(name) > 1:
                seen.add(id(call.site.node))
                yield Withheld(name, call.site, Site(program.unit, unread[name]), default)
                break


def torch_settings_withheld(program: Program) -> Iterator[Withheld]:
    """Operations and layers of torch that leave out a setting which their class, or function, keeps under torch's name for it.

    `self.ignore_index = ignore_index` beside `F.cross_entropy(logits, labels)`: the first such call for each setting.
    """
    kept = _kept_in_vain(program)
    reported: set[int] = set()
    for call in program.calls:
        inside = call.context.function
        if inside is None or not call.bound or call.site.unit is not program.unit:
            continue
        unread = {} if _is_one_of_several(program, inside, call.name) else _unread_parameters(inside.node)
        unread = {**unread, **kept.get(id(inside.owner), {})}
        for name in _left_to_torch(call) & unread.keys():
            if id(unread[name]) not in reported:
                reported.add(id(unread[name]))
                yield Withheld(name, call.site, Site(program.unit, unread[name]), call.bound[name])


def _left_to_torch(call: Call) -> set[str]:
    """Parameters of torch with a number for a default that a call leaves out. One word, `momentum`, may mean something else."""
    node = call.site.node
    if not isinstance(node, ast.Call) or any(isinstance(a, ast.Starred) for a in node.args):
        return set()
    # The tensor of a method stands in front of its arguments.
    names = list(call.bound)[len(node.args) + bool(call.method) :]
    given = {k.arg for k in node.keywords}
    return {n for n in names if "_" in n and is_number(call.bound[n])} - given if None not in given else set()


_TOLERANCES = frozenset({"eps", "epsilon"})
"""Guards against a division by zero: which one it is makes no difference worth a word. Single letters are counts of many things."""


def _is_one_of_several(program: Program, function: Function, called: str) -> bool:
    """Whether another function than the called one takes the same arguments, so that a caller can choose."""
    if function.owner is not None or isinstance(function.node, ast.Lambda):
        return False
    return any(other.name != called for other in interchangeable(program, function))


def _left_out(call: Call, taken: Function) -> dict[str, object]:
    """Parameters with a number for a default that the call does not give."""
    node = call.site.node
    if not isinstance(node, ast.Call) or isinstance(taken.node, ast.Lambda):
        return {}
    if any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords):
        return {}
    names = [a.arg for a in taken.node.args.args]
    positional = names[taken.owner is not None and "staticmethod" not in taken.decorators :]
    given = {*positional[: len(node.args)], *(k.arg for k in node.keywords)}
    return {name: number for name, number in default_numbers(taken.node).items() if name not in given}


@once_per_node
def _unread_parameters(function: ast.AST) -> dict[str, ast.AST]:
    if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return {}
    nodes = [n for s in function.body for n in walk(s)]
    if any(isinstance(n, (ast.Name, ast.Attribute)) and last_name(n) in READS_ANYTHING for n in nodes):
        return {}
    named = {n.id for n in nodes if isinstance(n, ast.Name)}
    return {a.arg: a for a in parameters(function) if a.arg not in named}


def _kept_in_vain(program: Program) -> dict[int, dict[str, ast.AST]]:
    """By class of the entry file: arguments that the constructor keeps, as attributes that no file reads, and uses in no other way."""
    read = attributes_read(program)
    found: dict[int, dict[str, ast.AST]] = {}
    for cls in program.own_classes:
        start = cls.namespace.get("__init__")
        if not cls.fully_known or not isinstance(start, Function) or isinstance(start.node, ast.Lambda):
            continue
        for one in kept(start.node.body):
            if one.attribute == one.name and one.name not in read and len(uses(start.node, one.name)) == 1:
                found.setdefault(id(cls), {})[one.name] = one.statement
    return found


def options_withheld(program: Program) -> Iterator[Withheld]:
    """Optimisers that are built without a setting for which the command line has an option that nothing reads."""
    declared = {destination(node): Site(program.unit, node) for node in every(ast.Call, program.tree)}
    options = {n: o for n, o in declared.items() if n in _OPTIMIZER_SETTINGS and not _is_read(program, n)}
    for optimizer in program.machine.objects if options else ():
        if not (is_optimizer(optimizer) and optimizer.site is not None and optimizer.site.unit is program.unit):
            continue
        if len(optimizer.args) > _PLAIN_ARGUMENTS or "fused" in optimizer.kwargs or not _is_spelt_out(optimizer):
            continue
        for name, option in options.items():
            if name not in optimizer.kwargs and _takes(optimizer, name):
                yield Withheld(name, optimizer.site, option)


_PLAIN_ARGUMENTS = 2
"""The parameters and the learning rate: further ones by position are hard to tell."""


def _is_spelt_out(optimizer: Object) -> bool:
    node = optimizer.site.node if optimizer.site is not None else None
    return isinstance(node, ast.Call) and all(k.arg is not None for k in node.keywords)


def _takes(optimizer: Object, name: str) -> bool:
    kind = optimizer.class_name
    if name in {"momentum", "nesterov", "dampening"}:
        return kind in {"SGD", "RMSprop"}
    return name == "weight_decay" or (
        kind.startswith(("Adam", "NAdam", "RAdam")) and name in {"betas", "eps", "amsgrad"}
    )


def _is_read(program: Program, name: str) -> bool:
    """Whether any file names the option, as an attribute, a key or a plain name, or hands all options on."""
    for node in (n for unit in program.files for n in walk(unit.tree)):
        match node:
            case ast.Attribute(attr=attr) if attr == name:
                return True
            case ast.Name(id=one) if one in {name, "vars"}:
                return True
            case ast.Constant(value=str(text)) if text == name:
                return True
            case ast.Starred(value=ast.Name()):
                return True
    return False


def overwritten_parameters(program: Program) -> Iterator[Withheld]:
    """Parameters that a function gives a random or computed tensor before anything reads what was passed."""
    for function in program.own_functions:
        node = function.node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        waiting = {a.arg: a for a in parameters(node) if a.arg not in {"self", "cls"}}
        for statement in node.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if (
                    name in waiting
                    and not uses(value, name)
                    and _is_drawn(value)
                    and _reads_later(node, statement, name)
                ):
                    yield Withheld(name, Site(program.unit, statement), Site(program.unit, waiting[name]))
            waiting = {n: a for n, a in waiting.items() if not uses(statement, n)}


def _is_drawn(value: ast.expr) -> bool:
    calls = (n.func for n in every(ast.Call, value))
    return any(isinstance(f, ast.Attribute) and f.attr in {"rand", "randn", "uniform", "random_sample"} for f in calls)


def _reads_later(node: ast.AST, statement: ast.stmt, name: str) -> bool:
    reads = (n for n in uses(node, name) if isinstance(n.ctx, ast.Load))
    return any((n.lineno, n.col_offset) > (statement.lineno, statement.col_offset) for n in reads)
