"""Numbers that steer a loss or a schedule, and activations, that nothing reads: stored, accepted or computed in vain."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.architecture.stacks import ACTIVATIONS
from aelint.semantics.dataflow.liveness import dead_stores
from aelint.semantics.dataflow.mentions import READS_ANYTHING, attributes_read, attributes_read_of, strings_in
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import ClassValue, Function
from aelint.syntax.kept import kept
from aelint.syntax.names import last_name, uses
from aelint.syntax.signatures import FunctionNode, default_numbers, defaults, parameters
from aelint.syntax.walk import every, once_per_node, walk

__all__ = ["Setting", "ignored_parameters", "ignored_weights", "interchangeable", "stored_in_vain"]

_STEERS = re.compile(
    r"(^|_)(beta|weight|coef|coeff|coefficient|lambda|lambd|lamb|alpha|gamma|temperature|tau|decay|every|interval|"
    r"dropout|margin|momentum|penalty|warmup|commitment|pad_idx|padding_idx)(_|$)|anneal|^kl_|_kl$",
    re.IGNORECASE,
)
_ACTIVATES = re.compile(r"(^|_)(act|activation|nonlinearity|non_linearity|nonlin)(_fn|_func|_function|_layer)?$")
_AT_A_STEP = re.compile(r"_[a-z0-9]$")
"""`gamma_t` is what a schedule gave for a step: the steps of a diffusion are handed all of them."""
_PLAIN_BASES = frozenset({"Module", "object", "LightningModule"})
_ACTIVATIONS = frozenset(name.replace("_", "") for name in ACTIVATIONS)
_ALIKE = 3
"""How many arguments two constructors share that are built by one caller."""
_FAMILY = 2
"""Functions beside one of the same arguments that make them an interface; a second one alone may show what was forgotten."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """A name that steers something, where it is given, and the function or class that takes it."""

    name: str
    site: Site
    owner: str
    missing: Site | None = None
    """Where it is to be used, as far as that is known."""


def stored_in_vain(program: Program) -> Iterator[Setting]:
    """Constructor arguments that are kept as an attribute which no file of the program reads.

    Only for classes that the entry file builds itself: of others, files that are not in sight may read attributes.
    """
    built = {id(i.cls) for i in program.machine.instances if not i.symbolic}
    written = set[str]().union(*(_words_in(unit.tree) for unit in program.files))
    if written & READS_ANYTHING or attributes_read(program) & READS_ANYTHING:
        return
    for cls in (c for c in program.own_classes if id(c) in built and _is_plain(c)):
        start = next((n for n in cls.node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
        kept = list(_kept(start)) if start is not None else []
        read = written.union(*(attributes_read_of(cls.name, unit.tree) for unit in program.files if kept))
        for name, statement in kept:
            if name not in read:
                yield Setting(name, Site(program.unit, statement), cls.name, _bare_end(program, cls, name))


def _bare_end(program: Program, cls: ClassValue, name: str) -> Site | None:
    """What a network returns that applies no activation, though it keeps one."""
    forward = next((n for n in cls.node.body if isinstance(n, ast.FunctionDef) and n.name == "forward"), None)
    bodies = (s for n in cls.node.body if isinstance(n, ast.FunctionDef) for s in n.body)
    if forward is None or not _ACTIVATES.search(name) or any(_activates(s) for s in bodies):
        return None
    ends = every(ast.Return, forward)
    return Site(program.unit, ends[0]) if len(ends) == 1 else None


def _activates(node: ast.AST) -> bool:
    return any(_is_activation(call) for call in every(ast.Call, node))


def _kept(start: ast.FunctionDef) -> Iterator[tuple[str, ast.stmt]]:
    """The settings that a constructor keeps as attributes and uses in no other way."""
    for one in kept(start.body):
        if _steers(start, one.name, one.attribute) and sum(len(uses(s, one.name)) for s in start.body) == 1:
            yield one.attribute, one.statement


@once_per_node
def _words_in(tree: ast.AST) -> frozenset[str]:
    """Attributes that are counted up, words of strings, and names that may read anything."""
    found = {word for text in strings_in(tree) for word in text.split()}
    for node in walk(tree):
        match node:
            case ast.AugAssign(target=ast.Attribute(attr=name)):
                found.add(name)
            case ast.Name(id=name) if name in READS_ANYTHING:
                found.add(name)
    return frozenset(found)


def _is_plain(cls: ClassValue) -> bool:
    """Whether nothing but torch is inherited, so that no other class reads what this one keeps."""
    return cls.fully_known and all(ast.unparse(b).rsplit(".", 1)[-1] in _PLAIN_BASES for b in cls.node.bases)


def _steers(function: ast.FunctionDef, given: str, name: str) -> bool:
    """Whether a parameter, kept as `name`, is a number that steers something, or the activation to apply.

    What it is shows in its default, if it has one. An activation that is None unless told stands for "as usual".
    """
    if all(a.arg != given for a in parameters(function)):
        return False
    default = defaults(function).get(given)
    if default is None or given in default_numbers(function):
        return bool(_STEERS.search(name)) or (default is None and bool(_ACTIVATES.search(name)))
    return bool(_ACTIVATES.search(name)) and _is_activation(default)


def _is_activation(default: ast.expr) -> bool:
    """`F.relu`, `nn.ReLU`, `nn.ReLU()` or `"relu"`."""
    match default:
        case ast.Constant(value=str() as name):
            pass
        case ast.Call(func=made):
            name = last_name(made)
        case _:
            name = last_name(default)
    return name.lower().replace("_", "") in _ACTIVATIONS


def ignored_parameters(program: Program) -> Iterator[Setting]:
    """Parameters of functions and constructors that the body never reads, of classes that fulfil nobody's interface."""
    for function in program.own_functions:
        node = function.node
        if not isinstance(node, ast.FunctionDef) or function.decorators or not _may_read(program, function):
            continue
        body = [s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
        read = {n.id for s in body for n in every(ast.Name, s)}
        if not body or all(isinstance(s, (ast.Pass, ast.Raise)) for s in body) or read & READS_ANYTHING:
            continue
        accepted = [a for a in parameters(node) if a.arg != "self"]
        if not any(a.arg in read for a in accepted):
            # Nothing of what it is given is used: it is still to be written.
            continue
        unread = [a for a in accepted if a.arg not in read and not a.arg.startswith("_")]
        if len(unread) != 1 or _has_prescribed_signature(program, function, unread[0].arg):
            # Callers choose among functions that take the same arguments, and each uses those that it needs.
            continue
        name = unread[0].arg
        if _steers(node, name, name) and not _AT_A_STEP.search(name) and not _is_said_to_be_idle(node, name):
            yield Setting(name, Site(program.unit, unread[0]), node.name)


def _is_said_to_be_idle(function: ast.FunctionDef, name: str) -> bool:
    """Whether the documentation says that a parameter has no effect, in its line or the next."""
    said = rf"\b{re.escape(name)}\b.*\n?.*\b(ignored|unused|not used|no effect|deprecated|legacy|(in)?compatibility)\b"
    return re.search(said, ast.get_docstring(function) or "", re.IGNORECASE) is not None


def _may_read(program: Program, function: Function) -> bool:
    """Whether the signature is the function's own: no base class, and no other class, has a method of this name."""
    owner = function.owner
    if owner is None:
        same = [f for f in program.own_functions if f.name == function.name]
        return len(same) == 1
    shared = [c for c in program.classes if c is not owner and function.name in c.namespace]
    return _is_plain(owner) and (function.name == "__init__" or not shared)


def _has_prescribed_signature(program: Program, function: Function, name: str) -> bool:
    """Whether the function is handed on or kept in a table, or a class beside its own is built with the same arguments.

    `name` is the argument that the function does not use.
    """
    owner, node = function.owner, function.node
    if owner is None:
        if len(interchangeable(program, function)) >= _FAMILY:
            return True  # one of several that a name or an option chooses
        called = {id(n.func) for unit in program.files for n in every(ast.Call, unit.tree)}
        return any(id(n) not in called for unit in program.files for n in uses(unit.tree, function.name))
    if _is_handed_out(owner.node, function.name):
        return True
    taken = _accepted(node)
    beside = (n for c in program.classes if c is not owner for n in c.node.body if isinstance(n, ast.FunctionDef))
    alike = (_accepted(n) for n in beside if n.name == function.name)
    return any(name in others and len(others & taken) >= _ALIKE for others in alike)


def interchangeable(program: Program, function: Function) -> list[Function]:
    """The other functions of the file that take the same arguments, so that a caller can choose."""
    taken = [a.arg for a in parameters(function.node)]
    others = (f for f in program.own_functions if f.owner is None and f.name != function.name)
    return [f for f in others if [a.arg for a in parameters(f.node)] == taken]


def _is_handed_out(cls: ast.AST, name: str) -> bool:
    """Whether another method reads the method without calling it: `return self.length_average`, one of several."""
    called = {id(n.func) for n in every(ast.Call, cls)}
    return any(isinstance(n, ast.Attribute) and n.attr == name and id(n) not in called for n in walk(cls))


def _accepted(function: FunctionNode) -> set[str]:
    return {a.arg for a in parameters(function)} - {"self"}


def ignored_weights(program: Program) -> Iterator[Setting]:
    """Local weights of a function that calls `backward`, computed and never read."""
    for function in program.own_functions:
        node = function.node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if not any(isinstance(n, ast.Attribute) and n.attr == "backward" for n in walk(node)):
            continue
        for dead in dead_stores(node):
            name = dead.target.id
            # `best_kl = kl` keeps a score.
            computed = not isinstance(dead.value, (ast.Constant, ast.Name))
            if computed and _STEERS.search(name) and not name.startswith("_"):
                yield Setting(name, Site(program.unit, dead.target), node.name)
