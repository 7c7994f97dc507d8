"""Questions about the nodes below a node, paid for once per tree.

`ast.walk` looks at the fields of every node each time; a dozen rules that each walk every function
of a file spend more on that than on understanding it. Here a tree is listed once in source order, each
node remembers which stretch of the list is its own, and a walk is a slice; the places of each kind of
node are listed when somebody asks for that kind.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Callable
from functools import wraps
from typing import TypeVar, cast

__all__ = ["dissolve", "every", "holds", "once_per_node", "own_nodes", "uses", "walk"]

_STRETCH = "_aelint_stretch"
_LEAVES = frozenset("ctx op ops id attr arg asname module level kind type_comment conversion simple is_async".split())
_BRANCHES: dict[type[ast.AST], tuple[str, ...]] = {}
"""For each kind of node the fields that may hold nodes: without names, and the marks and operators that all trees share."""
_SHORT = 12
"""Nodes below which looking at each is faster than looking into the list of their kind."""
_ABSTRACT = {ast.AST, ast.mod, ast.stmt, ast.expr, ast.pattern, ast.excepthandler}
"""Kinds of which no node is, but their subclasses."""
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


class _Listing(list[ast.AST]):
    """The nodes of a tree, parents first, in the order of the source."""

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[type[ast.AST], list[int]] = {}
        self._variables: dict[str, list[int]] = {}

    def places(self, kind: type[ast.AST]) -> list[int]:
        """Where the nodes of exactly this kind stand."""
        if not self._places:
            for place, node in enumerate(self):
                self._places.setdefault(type(node), []).append(place)
        return self._places.get(kind, [])

    def variables(self, name: str) -> list[int]:
        """Where the variables of this name stand."""
        if not self._variables:
            for place in self.places(ast.Name):
                self._variables.setdefault(cast("ast.Name", self[place]).id, []).append(place)
        return self._variables.get(name, [])


Answer = TypeVar("Answer")
Asked = TypeVar("Asked", bound=ast.AST)
Node = TypeVar("Node", bound=ast.AST)


def walk(node: ast.AST) -> list[ast.AST]:
    """The node and everything below it but operators, load and store marks, parents first, in the order of the source."""
    nodes, start, end = _stretch(node)
    return nodes[start:end]


def every(kind: type[Node], node: ast.AST) -> list[Node]:
    """Those nodes of a walk that are of a kind, in the same order."""
    nodes, start, end = _stretch(node)
    if end - start <= _SHORT or kind in _ABSTRACT:
        return [one for one in nodes[start:end] if isinstance(one, kind)]
    return cast("list[Node]", [nodes[p] for p in _between(nodes.places(kind), start, end)])


def uses(node: ast.AST, name: str) -> list[ast.Name]:
    """The places below a node where a variable of that name is read, set or deleted."""
    nodes, start, end = _stretch(node)
    if end - start <= _SHORT:
        return [one for one in nodes[start:end] if isinstance(one, ast.Name) and one.id == name]
    return cast("list[ast.Name]", [nodes[p] for p in _between(nodes.variables(name), start, end)])


def _between(places: list[int], start: int, end: int) -> list[int]:
    return places[bisect_left(places, start) : bisect_left(places, end)]


def holds(outer: ast.AST, inner: ast.AST) -> bool:
    """Whether `inner` is `outer` or stands somewhere below it."""
    nodes, start, end = _stretch(outer)
    own = getattr(inner, _STRETCH, None)
    if own is None or own[0] is not nodes:
        return any(one is inner for one in nodes[start:end])
    return bool(start <= own[1] < end)


def once_per_node(question: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    """Keep the answer to a question about a node with the node itself, so that it goes when the tree goes."""
    name = f"_aelint_{question.__module__}_{question.__name__}"

    @wraps(question)
    def ask(node: Asked) -> Answer:
        found: Answer | None = getattr(node, name, None)
        if found is not None:
            return found
        answer = question(node)
        setattr(node, name, answer)
        return answer

    return ask


@once_per_node
def own_nodes(node: ast.AST) -> list[ast.AST]:
    """Everything below the node, without what stands inside functions, lambdas and classes below it."""
    found: list[ast.AST] = []
    nodes, position, end = _stretch(node)
    position += 1
    while position < end:
        child = nodes[position]
        found.append(child)
        position = _stretch(child)[2] if isinstance(child, _SCOPES) else position + 1
    return found


def dissolve(root: ast.AST) -> None:
    """Empty a tree that nobody uses any more, so that it goes at once.

    Its nodes and their list know each other, and Python looks for such cycles among old objects rarely.
    """
    stack = [root]
    while stack:
        node = stack.pop()
        stretch = getattr(node, _STRETCH, None)
        if stretch is None:
            stack.extend(ast.iter_child_nodes(node))
            continue
        for member in stretch[0]:
            vars(member).clear()


def _stretch(node: ast.AST) -> tuple[_Listing, int, int]:
    if not hasattr(node, _STRETCH):
        _list(node)
    stretch: tuple[_Listing, int, int] = getattr(node, _STRETCH)
    return stretch


def _list(root: ast.AST) -> None:
    nodes = _Listing()
    stack: list[tuple[ast.AST, int]] = [(root, -1)]
    while stack:
        node, start = stack.pop()
        if start >= 0:
            setattr(node, _STRETCH, (nodes, start, len(nodes)))
            continue
        start = len(nodes)
        nodes.append(node)
        children = _children(node)
        if not children:
            setattr(node, _STRETCH, (nodes, start, start + 1))
            continue
        stack.append((node, start))
        stack.extend([(child, -1) for child in reversed(children)])


def _children(node: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    kind = type(node)
    if (branches := _BRANCHES.get(kind)) is None:
        branches = _BRANCHES[kind] = tuple(field for field in kind._fields if field not in _LEAVES)
    for name in branches:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found.extend([each for each in value if isinstance(each, ast.AST)])
        elif isinstance(value, ast.AST):
            found.append(value)
    return found
