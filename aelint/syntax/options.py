"""Options of a command line, as `argparse` is told about them."""

from __future__ import annotations

import ast

from aelint.syntax.walk import every, once_per_node

__all__ = ["destination", "flags", "parsed_names"]

_PARSES = frozenset({"parse_args", "parse_known_args"})


def flags(node: ast.AST) -> list[str]:
    """The names under which a call of `add_argument` makes an option known, `["-b", "--beta"]`; none for other code."""
    match node:
        case ast.Call(func=ast.Attribute(attr="add_argument"), args=names):
            return [n.value for n in names if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        case _:
            return []


def destination(node: ast.AST) -> str:
    """The attribute that will hold the option: its `dest`, or else the first of its long flags; "" for other code."""
    long = [flag[2:].replace("-", "_") for flag in flags(node) if flag.startswith("--")]
    for keyword in node.keywords if long and isinstance(node, ast.Call) else ():
        match keyword:
            case ast.keyword(arg="dest", value=ast.Constant(value=str(name))):
                return name
            case ast.keyword(arg="dest"):
                return ""
            case _:
                pass
    return long[0] if long else ""


@once_per_node
def parsed_names(tree: ast.AST) -> frozenset[str]:
    """The variables that are assigned what a command line was parsed into."""
    found: set[str] = set()
    for statement in every(ast.Assign, tree):
        if any(isinstance(c.func, ast.Attribute) and c.func.attr in _PARSES for c in every(ast.Call, statement.value)):
            found |= {n.id for target in statement.targets for n in every(ast.Name, target)}
    return frozenset(found)
