"""A walk over the nodes below a node that is paid for once per tree.

`ast.walk` looks at the fields of every node each time; a dozen rules that each walk every function
of a file spend more on that than on understanding it. Here a tree is listed once in source order, each
node remembers which stretch of the list is its own, and a walk is a slice.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

__all__ = ["dissolve", "once_per_node", "own_nodes", "walk"]

_STRETCH = "_aelint_stretch"
_MARKS = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def walk(node: ast.AST) -> list[ast.AST]:
    """The node and everything below it but operators, load and store marks, parents first, in the order of the source."""
    nodes, start, end = _stretch(node)
    return nodes[start:end]


Answer = TypeVar("Answer")


def once_per_node(question: Callable[[ast.AST], Answer]) -> Callable[[ast.AST], Answer]:
    """Keep the answer to a question about a node with the node itself, so that it goes when the tree goes."""
    name = f"_aelint_{question.__module__}_{question.__name__}"

    @wraps(question)
    def ask(node: ast.AST) -> Answer:
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


def _stretch(node: ast.AST) -> tuple[list[ast.AST], int, int]:
    if not hasattr(node, _STRETCH):
        _list(node)
    stretch: tuple[list[ast.AST], int, int] = getattr(node, _STRETCH)
    return stretch


def _list(root: ast.AST) -> None:
    nodes: list[ast.AST] = []
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
    # `ast.iter_child_nodes` without the load and store marks and the operators, which all trees share.
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found.extend([each for each in value if isinstance(each, ast.AST) and not isinstance(each, _MARKS)])
        elif isinstance(value, ast.AST) and not isinstance(value, _MARKS):
            found.append(value)
    return found
