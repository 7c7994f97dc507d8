"""Numbers that steer a loss or a schedule, and that nothing reads: stored, accepted or computed in vain."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.liveness import dead_stores
from aelint.semantics.program import Program
from aelint.semantics.values import ClassValue, Function
from aelint.syntax.walk import once_per_node, walk

__all__ = ["Setting", "ignored_parameters", "ignored_weights", "stored_in_vain"]

_STEERS = re.compile(
    r"(^|_)(beta|weight|coef|coeff|coefficient|lambda|lambd|lamb|alpha|gamma|temperature|tau|decay|every|interval|"
    r"dropout|margin|momentum|penalty|warmup|commitment|pad_idx|padding_idx)(_|$)|anneal|^kl_|_kl$",
    re.IGNORECASE,
)
_AT_A_STEP = re.compile(r"_[a-z0-9]$")
"""`gamma_t` is what a schedule gave for a step: the steps of a diffusion are handed all of them."""
_PLAIN_BASES = frozenset({"Module", "object", "LightningModule"})
_ALIKE = 3
"""How many arguments two constructors share that are built by one caller."""
_DYNAMIC = frozenset({"locals", "vars", "getattr", "__dict__", "save_hyperparameters", "asdict", "eval", "exec"})


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """A name that steers something, where it is given, and the function or class that takes it."""

    name: str
    site: Site
    owner: str


def stored_in_vain(program: Program) -> Iterator[Setting]:
    """Constructor arguments that are kept as an attribute which no file of the program reads.

    Only for classes that the entry file builds itself: of others, files that are not in sight may read attributes.
    """
    built = {id(i.cls) for i in program.machine.instances if not i.symbolic}
    read = _words(program)
    if read & _DYNAMIC:
        return
    for cls in (c for c in program.own_classes if id(c) in built and _is_plain(c)):
        start = next((n for n in cls.node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
        for statement in start.body if start is not None else ():
            match statement:
                case ast.Assign(
                    targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=ast.Name(id=given)
                ):
                    known = start is not None and _is_numeric(start, given) and _count(start, given) == 1
                    if known and name not in read and _STEERS.search(name):
                        yield Setting(name, Site(program.unit, statement), cls.name)


def _words(program: Program) -> set[str]:
    """Attributes that are read, names, and words of strings, in every file of the program."""
    return set[str]().union(*(_words_in(module.tree) for module in program.machine.modules.values()))


@once_per_node
def _words_in(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in walk(tree):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Load()) | ast.AugAssign(target=ast.Attribute(attr=name)):
                found.add(name)
            case ast.Name(id=name) if name in _DYNAMIC:
                found.add(name)
            case ast.Constant(value=str() as text):
                found.update(text.split())
    return found


def _is_plain(cls: ClassValue) -> bool:
    """Whether nothing but torch is inherited, so that no other class reads what this one keeps."""
    return cls.fully_known and all(ast.unparse(b).rsplit(".", 1)[-1] in _PLAIN_BASES for b in cls.node.bases)


def _is_numeric(function: ast.FunctionDef, name: str) -> bool:
    """Whether the parameter's default is a number."""
    pairs = [*zip(reversed(function.args.args), reversed(function.args.defaults), strict=False)]
    pairs += [(a, d) for a, d in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True) if d is not None]
    given = {a.arg: d for a, d in pairs}
    if name not in given:
        return any(a.arg == name for a in (*function.args.args, *function.args.kwonlyargs))
    value = given[name]
    return (
        isinstance(value, ast.Constant) and isinstance(value.value, (int, float)) and not isinstance(value.value, bool)
    )


def _count(function: ast.FunctionDef, name: str) -> int:
    return sum(isinstance(n, ast.Name) and n.id == name for s in function.body for n in walk(s))


def ignored_parameters(program: Program) -> Iterator[Setting]:
    """Parameters of functions and constructors that the body never reads, of classes that fulfil nobody's interface."""
    for function in program.own_functions:
        node = function.node
        if not isinstance(node, ast.FunctionDef) or function.decorators or not _may_read(program, function):
            continue
        body = [s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
        read = {n.id for s in body for n in walk(s) if isinstance(n, ast.Name)}
        if not body or all(isinstance(s, (ast.Pass, ast.Raise)) for s in body) or read & _DYNAMIC:
            continue
        accepted = (*node.args.args, *node.args.kwonlyargs)
        if not any(a.arg in read for a in accepted if a.arg != "self"):
            # Nothing of what it is given is used: it is still to be written.
            continue
        unread = [a.arg for a in accepted if a.arg not in read and a.arg != "self" and not a.arg.startswith("_")]
        if len(unread) != 1 or _has_prescribed_signature(program, function, unread[0]):
            # Callers choose among functions that take the same arguments, and each uses those that it needs.
            continue
        for arg in accepted:
            if (
                arg.arg not in read
                and _is_numeric(node, arg.arg)
                and not arg.arg.startswith("_")
                and _STEERS.search(arg.arg)
                and not _AT_A_STEP.search(arg.arg)
            ):
                yield Setting(arg.arg, Site(program.unit, arg), node.name)


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
        called = {id(n.func) for m in program.machine.modules.values() for n in walk(m.tree) if isinstance(n, ast.Call)}
        return any(
            isinstance(n, ast.Name) and n.id == function.name and id(n) not in called
            for m in program.machine.modules.values()
            for n in walk(m.tree)
        )
    if _is_handed_out(owner.node, function.name):
        return True
    taken = _parameters(node)
    beside = (n for c in program.classes if c is not owner for n in c.node.body)
    return any(
        isinstance(n, ast.FunctionDef)
        and n.name == getattr(node, "name", "")
        and name in _parameters(n)
        and len(_parameters(n) & taken) >= _ALIKE
        for n in beside
    )


def _is_handed_out(cls: ast.AST, name: str) -> bool:
    """Whether another method reads the method without calling it: `return self.length_average`, one of several."""
    called = {id(n.func) for n in walk(cls) if isinstance(n, ast.Call)}
    return any(isinstance(n, ast.Attribute) and n.attr == name and id(n) not in called for n in walk(cls))


def _parameters(node: ast.AST) -> set[str]:
    arguments = getattr(node, "args", None)
    return {a.arg for a in (*arguments.args, *arguments.kwonlyargs)} - {"self"} if arguments is not None else set()


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
