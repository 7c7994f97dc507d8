"""Attributes that networks read although nothing defines them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from aelint.rule import Site
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.surroundings import texts_around
from aelint.semantics.domain.trace import Event
from aelint.semantics.domain.values import MISSING, ClassValue, Function, Instance, Sym
from aelint.semantics.interpreter.kinds import is_network
from aelint.syntax.names import is_own_attribute
from aelint.syntax.walk import every, holds, once_per_node, walk

__all__ = ["local_namesake", "names_of", "undefined_attributes"]

_MODULE = frozenset(
    "training dump_patches call_super_init T_destination add_module apply bfloat16 buffers children compile cpu cuda "
    "double eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu "
    "load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters "
    "register_backward_hook register_buffer register_forward_hook register_forward_pre_hook "
    "register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook "
    "register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook "
    "register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty "
    "train type xpu zero_grad".split()
)
"""What `torch.nn.Module` defines."""


_ENTRIES = ("forward", "training_step", "encode", "decode", "encoder", "loss", "__call__")


def undefined_attributes(program: Program) -> Iterator[tuple[Site, Instance, str]]:
    """Reads and calls of attributes of networks that no code of the program sets."""
    known = _names_set(program)
    for read in program.missing_attributes:
        told = is_own_attribute(read.site.node) or _runs_for_certain(program, read, read.receiver)
        if told and _is_missing(program, read.receiver, read.name, known):
            yield read.site, read.receiver, read.name
    for call in program.calls:
        network, name = call.receiver, call.method
        if not isinstance(network, Instance) or call.name != f".{name}":
            continue
        told = _is_own_call(call.site.node, name) or _runs_for_certain(program, call, network)
        if told and _is_missing(program, network, name, known):
            yield call.site, network, name


def _runs_for_certain(program: Program, event: Event, network: Instance) -> bool:
    """Whether the program comes to a place of its own with this very object: under no condition, and not to try whether it works."""
    context = event.context
    if not context.is_run or context.guards or context.speculative or event.site.unit is not program.unit:
        return False
    if any(s.value is network and isinstance(s.target, Sym) for s in program.stores):
        return False  # libraries that look into models hand out what they were given in a wrapping of their own
    return not any(t.handlers and holds(t, event.site.node) for t in every(ast.Try, program.tree))


def names_of(network: Instance) -> list[str]:
    """The attributes and methods that a network has."""
    methods = {n for c in network.cls.mro() for n, v in c.namespace.items() if isinstance(v, Function)}
    return sorted(methods | {n for n in network.attrs if not _was_read_only(network, n)})


def local_namesake(network: Instance, name: str) -> Site | None:
    """Where a method gives a value to a local name, never reads it, and the attribute it must have meant is missing."""
    for function in (f for c in network.cls.mro() for f in c.namespace.values() if isinstance(f, Function)):
        names = [n for n in every(ast.Name, function.node) if n.id in {name, f"self_{name}"}]
        if names and all(isinstance(n.ctx, ast.Store) for n in names):
            return Site(function.module.unit, names[-1])
    return None


def _is_own_call(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=attr)):
            return attr == name
        case _:
            return False


def _is_missing(program: Program, network: Instance, name: str, known: frozenset[str]) -> bool:
    cls = network.cls
    if (
        name in _MODULE
        or name in known
        or name.startswith("_")
        or any(name in _declared(c.node) or _fills_itself(c.node) for c in cls.mro())
        or (name in network.attrs and not _was_read_only(network, name))
    ):
        return False
    closed = is_network(cls) and cls.fully_known and not network.open and network.base is None
    inherited = any(cls in other.mro()[1:] for other in program.classes)
    free = cls.find(name) is MISSING and cls.find("__getattr__") is MISSING and cls.find("__getattribute__") is MISSING
    unfinished = any(
        "abstractmethod" in d for c in cls.mro() for f in c.namespace.values() for d in getattr(f, "decorators", ())
    ) or any(_is_left_open(f.node) for f in cls.namespace.values() if isinstance(f, Function))
    named_as_base = cls.name.startswith(("Base", "Abstract", "_")) or cls.name.endswith(
        ("Base", "Mixin", "Interface", "ABC")
    )
    # A network that computes nothing yet is written to be inherited from, often in other files.
    computes = any(cls.find(entry) is not MISSING for entry in _ENTRIES)
    inherited = inherited or _announces_subclasses(cls.node)
    finished = not (inherited or unfinished or named_as_base or cls.decorators)
    return closed and free and computes and finished and not _is_inherited_elsewhere(program, cls)


def _is_inherited_elsewhere(program: Program, cls: ClassValue) -> bool:
    """Whether a file that this one does not import completes the class."""
    derived = re.compile(rf"^[ \t]*class\s+\w+\s*\([^)]*\b{cls.name}\b", re.MULTILINE)
    return any(derived.search(text) for text in texts_around(program, cls))


def _is_left_open(function: ast.AST) -> bool:
    """Whether a method says that another class is to write it: `raise NotImplementedError`, and nothing else."""
    match getattr(function, "body", None):
        case [*_, ast.Raise(exc=ast.Name(id=name) | ast.Call(func=ast.Name(id=name)))] as body:
            said = body[:-1]
            return name == "NotImplementedError" and all(
                isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) for s in said
            )
        case _:
            return False


_TO_INHERIT = re.compile(r"subclass|overrid|base class|derived class", re.IGNORECASE)


@once_per_node
def _announces_subclasses(cls: ast.AST) -> bool:
    """Whether the documentation of the class or of a method speaks of classes that complete it, in files not in sight."""
    documented = (n for n in walk(cls) if isinstance(n, (ast.ClassDef, ast.FunctionDef)))
    return any(_TO_INHERIT.search(ast.get_docstring(n, clean=False) or "") for n in documented)


@once_per_node
def _declared(cls: ast.AST) -> frozenset[str]:
    """Names that a class body announces with a type alone: whoever completes the class sets them."""
    return frozenset(
        n.target.id
        for n in getattr(cls, "body", ())
        if isinstance(n, ast.AnnAssign) and n.value is None and isinstance(n.target, ast.Name)
    )


@once_per_node
def _fills_itself(cls: ast.AST) -> bool:
    """Whether a method sets attributes under names it does not spell: `self.__dict__.update(locals())`, `vars(self)`."""
    return any(_is_own_dictionary(node) for node in walk(cls))


def _is_own_dictionary(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="self"), attr="__dict__"):
            return True
        case ast.Call(func=ast.Name(id="vars"), args=[ast.Name(id="self")]):
            return True
        case _:
            return False


def _was_read_only(network: Instance, name: str) -> bool:
    # The interpreter keeps the unknown value of an attribute that it could not find.
    value = network.attrs[name]
    return getattr(value, "op", "") == "attr" and getattr(value, "inputs", ()) == (network,)


@per_program
def _names_set(program: Program) -> frozenset[str]:
    """Every name that some code sets on some object, or that a string may name."""
    return frozenset().union(*(_names_set_in(unit.tree) for unit in program.files))


@once_per_node
def _names_set_in(tree: ast.AST) -> frozenset[str]:
    found: set[str] = set()
    for node in walk(tree):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store() | ast.Del()):
                found.add(name)
            case ast.Constant(value=str() as text) if text.isidentifier():
                found.add(text)
            case ast.keyword(arg=str() as name):
                found.add(name)
    return frozenset(found)
