"""Decorators of the project that call what they wrap with other arguments than they were given."""

from __future__ import annotations

import ast

from aelint.semantics.domain.values import Function
from aelint.semantics.interpreter.scopes import Scope
from aelint.syntax.walk import every, once_per_node

__all__ = ["alters_arguments"]


def alters_arguments(scope: Scope, decorator: ast.expr) -> bool:
    """Whether a decorator is a function of the project that does not hand on all arguments as they came."""
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    found = scope.lookup(named.id) if isinstance(named, ast.Name) else None
    return isinstance(found, Function) and isinstance(found.node, ast.FunctionDef) and not _hands_on(found.node)


@once_per_node
def _hands_on(decorator: ast.AST) -> bool:
    """Whether the functions inside of a decorator pass to what it was given only what they were given."""
    assert isinstance(decorator, ast.FunctionDef)
    inner = [f for f in every(ast.FunctionDef, decorator) if f is not decorator]
    wrapped = {a.arg for f in (decorator, *inner) for a in f.args.args}
    for function in inner:
        own = {a.arg for a in (*function.args.args, *function.args.kwonlyargs)}
        own |= {a.arg for a in (function.args.vararg, function.args.kwarg) if a is not None}
        own -= {n.id for n in every(ast.Name, function) if isinstance(n.ctx, ast.Store)}
        for call in every(ast.Call, function):
            if isinstance(call.func, ast.Name) and call.func.id in wrapped - own:
                given = [*call.args, *(k.value for k in call.keywords)]
                names = [g.value if isinstance(g, ast.Starred) else g for g in given]
                if not all(isinstance(n, ast.Name) and n.id in own for n in names):
                    return False
    return True
