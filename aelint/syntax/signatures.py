"""Signatures as they are written: the parameters of a function, and the numbers that they stand for unless told."""

from __future__ import annotations

import ast

__all__ = ["FunctionNode", "asked_for", "default_numbers", "defaults", "parameters", "passes_on", "positional"]

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def parameters(function: FunctionNode) -> list[ast.arg]:
    """The parameters in the order in which they are written, `self` among them, without `*args` and `**kwargs`."""
    spec = function.args
    return [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]


def positional(function: FunctionNode) -> list[str]:
    """The names of the parameters that arguments without a name are bound to, in order, `self` among them."""
    return [a.arg for a in (*function.args.posonlyargs, *function.args.args)]


def asked_for(function: FunctionNode) -> list[str]:
    """The names of `positional` that a caller gives something for: all but the object or class that a method is called on."""
    names = positional(function)
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def passes_on(function: FunctionNode, call: ast.AST) -> bool:
    """Whether a call in a function is given `*args` and `**kwargs` of the function, or one of them, and nothing else."""
    if not isinstance(call, ast.Call) or not (call.args or call.keywords):
        return False
    rest = [a.value if isinstance(a, ast.Starred) else None for a in call.args]
    rest += [k.value if k.arg is None else None for k in call.keywords]
    own = {a.arg for a in (function.args.vararg, function.args.kwarg) if a is not None}
    return all(isinstance(r, ast.Name) and r.id in own for r in rest)


def defaults(function: FunctionNode) -> dict[str, ast.expr]:
    """What each parameter that may be left out is then, by name."""
    spec = function.args
    ordered = [*spec.posonlyargs, *spec.args]
    optional = ordered[len(ordered) - len(spec.defaults) :]
    pairs = [*zip(optional, spec.defaults, strict=True), *zip(spec.kwonlyargs, spec.kw_defaults, strict=True)]
    return {arg.arg: default for arg, default in pairs if default is not None}


def default_numbers(function: FunctionNode) -> dict[str, int | float]:
    """The defaults that are plain numbers; a flag is none."""
    known = ((name, d.value) for name, d in defaults(function).items() if isinstance(d, ast.Constant))
    return {name: n for name, n in known if isinstance(n, (int, float)) and not isinstance(n, bool)}
