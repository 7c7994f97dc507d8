"""Which expressions of a function have the same value in every round of a loop, or at every call.

Everything that may change counts as changing: unknown calls, loop variables, names and attributes that
are assigned, deleted, changed in place or handed to a function that may do so.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from aelint.syntax.names import last_name
from aelint.syntax.signatures import FunctionNode
from aelint.syntax.walk import own_nodes, walk

__all__ = ["Constancy", "attribute_of_self", "changed_attributes"]

_PURE = frozenset(
    "len min max int float list tuple range slice stack cat concatenate tensor as_tensor from_numpy array asarray Tensor "
    "FloatTensor LongTensor Variable view reshape double long to cuda cpu unsqueeze squeeze permute transpose clone "
    "contiguous numpy copy astype size dim detach toarray todense flatten type div".split()
)
_CHANGING = frozenset(
    "append appendleft extend insert pop popleft popitem remove clear update sort reverse shuffle put get send add "
    "discard rotate".split()
)


def attribute_of_self(node: ast.AST) -> str | None:
    """`x` for `self.x`."""
    match node:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return name
        case _:
            return None


def changed_attributes(function: ast.AST) -> set[str]:
    """The attributes of `self` that a method may change."""
    return {name for target in _changed(function) if (name := attribute_of_self(target)) is not None}


def _changed(function: ast.AST) -> Iterator[ast.expr]:
    """Places that are assigned, deleted, changed in place, or handed to a call that may change them."""
    for node in walk(function):
        match node:
            case ast.Assign(targets=targets) | ast.Delete(targets=targets):
                for target in targets:
                    yield from _places(target)
            case ast.AugAssign(target=target) | ast.AnnAssign(target=target) | ast.NamedExpr(target=target):
                yield from _places(target)
            case ast.Call(func=ast.Attribute(value=owner, attr=name)) if name in _CHANGING or name.endswith("_"):
                yield from _places(owner)
        if isinstance(node, ast.Call) and last_name(node.func) not in _PURE:
            yield from (a for a in node.args if isinstance(a, (ast.Name, ast.Attribute)))


def _places(target: ast.expr) -> Iterator[ast.expr]:
    match target:
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            for element in elts:
                yield from _places(element)
        case ast.Subscript(value=value) | ast.Starred(value=value):
            yield from _places(value)
        case _:
            yield target


@dataclass
class Constancy:
    """What does not change while `function` is called again, or goes round in its loops.

    `changing` holds attributes of `self` that change in between, `varying` further names.
    """

    function: ast.Module | FunctionNode
    changing: set[str]
    varying: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._values: dict[str, list[ast.expr]] = {}
        for node in own_nodes(self.function):
            match node:
                case ast.Assign(targets=targets, value=value):
                    for target in targets:
                        self._bind(target, value)
                case ast.AnnAssign(target=target, value=value) if value is not None:
                    self._bind(target, value)
                case ast.AugAssign(target=target) | ast.For(target=target) | ast.NamedExpr(target=target):
                    self.varying |= _names(target)
                case ast.withitem(optional_vars=ast.expr() as target) | ast.comprehension(target=target):
                    self.varying |= _names(target)
                case ast.Global(names=names) | ast.Nonlocal(names=names):
                    self.varying |= set(names)
                case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if method in _CHANGING:
                    self.varying.add(name)
                case ast.Call() if last_name(node.func) not in _PURE:
                    self.varying |= {a.id for a in node.args if isinstance(a, ast.Name)}

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Subscript):
            self.varying |= _names(target.value)
        for name in _names(target):
            self._values.setdefault(name, []).append(value)

    def constant(self, node: ast.expr, seen: frozenset[str] = frozenset()) -> bool:
        """Whether the expression certainly has the same value each time."""
        match node:
            case ast.Constant():
                return True
            case ast.Name(id=name):
                known = name not in self.varying and name not in seen
                return known and all(self.constant(v, seen | {name}) for v in self._values.get(name, ()))
            case ast.Attribute():
                own = attribute_of_self(node)
                return own not in self.changing if own is not None else self.constant(node.value, seen)
            case ast.Call(func=function, args=args, keywords=keywords):
                owner = [function.value] if isinstance(function, ast.Attribute) else []
                given = [*owner, *args, *(k.value for k in keywords)]
                return last_name(function) in _PURE and all(self.constant(g, seen) for g in given)
            case (
                ast.Tuple()
                | ast.List()
                | ast.Dict()
                | ast.Subscript()
                | ast.Slice()
                | ast.BinOp()
                | ast.UnaryOp()
                | ast.Starred()
            ):
                return all(self.constant(c, seen) for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr))
            case _:
                return False

    def slices(self, node: ast.expr, seen: frozenset[str] = frozenset()) -> Iterator[ast.Subscript]:
        """Constant parts taken out of data (`data[:n]`) that the expression is made of."""
        match node:
            case ast.Subscript(value=value, slice=index) if not _is_key(index) and _is_data(value):
                if self.constant(node, seen):
                    yield node
            case ast.Name(id=name) if name not in seen and name not in self.varying:
                for value in self._values.get(name, ()):
                    yield from self.slices(value, seen | {name})
            case ast.Call(func=ast.Attribute(value=owner), args=args):
                for part in (owner, *args):
                    yield from self.slices(part, seen)
            case ast.Call(args=args):
                for part in args:
                    yield from self.slices(part, seen)
            case ast.Tuple() | ast.List() | ast.Dict() | ast.BinOp() | ast.Subscript():
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        yield from self.slices(child, seen)


def _is_key(index: ast.expr) -> bool:
    return isinstance(index, ast.Constant) and isinstance(index.value, str)


def _is_data(node: ast.expr) -> bool:
    """A name or attribute that is no description of data (`x.shape[0]`)."""
    match node:
        case ast.Attribute(attr="shape" | "size"):
            return False
        case ast.Name() | ast.Attribute():
            return True
        case _:
            return False


def _names(target: ast.AST) -> set[str]:
    match target:
        case ast.Name(id=name):
            return {name}
        case ast.Tuple(elts=elts) | ast.List(elts=elts):
            return {n for e in elts for n in _names(e)}
        case ast.Starred(value=value) | ast.Subscript(value=value):
            return _names(value)
        case _:
            return set()
