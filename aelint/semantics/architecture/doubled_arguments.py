"""Tensors that are passed for two parameters, although another one goes by the name of the second."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.callables import run_by
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym, Value
from aelint.syntax.signatures import positional
from aelint.syntax.walk import every

__all__ = ["DoubledArgument", "doubled_arguments"]


@dataclass(frozen=True, slots=True, eq=False)
class DoubledArgument:
    """`name` is passed for `parameter`, as it is for another one that it belongs to; `meant` is passed for none."""

    site: Site
    name: str
    parameter: str
    meant: str
    defined: Site


@dataclass(frozen=True, slots=True)
class _Passed:
    parameter: str
    node: ast.Name
    value: Value


@per_program
def doubled_arguments(program: Program) -> list[DoubledArgument]:
    """The arguments that were written twice where the name of another variable tells that it was meant."""
    found: dict[int, DoubledArgument] = {}
    for call in program.calls:
        function, caller = run_by(call.callee), call.context.function
        if function is None or caller is None or not isinstance(call.site.node, ast.Call) or call.context.speculative:
            continue
        for twice in _twice(list(_passed(call, positional(function.node)))):
            meant = _meant(call.site.node, caller.node, twice)
            if meant is not None:
                site = Site(call.site.unit, twice.node)
                defined = Site(function.module.unit, function.node)
                found.setdefault(id(twice.node), DoubledArgument(site, twice.node.id, twice.parameter, meant, defined))
    return list(found.values())


def _passed(call: Call, names: list[str]) -> Iterator[_Passed]:
    """Each plain variable that holds a tensor, with the parameter that it arrives at."""
    node = call.site.node
    assert isinstance(node, ast.Call)
    names = names[1:] if names[:1] in (["self"], ["cls"]) else names
    given = (
        []
        if any(isinstance(a, ast.Starred) for a in node.args)
        else list(zip(names, node.args, call.args, strict=False))
    )
    given += [(k.arg, k.value, call.kwargs.get(k.arg)) for k in node.keywords if k.arg is not None]
    for name, argument, value in given:
        if isinstance(argument, ast.Name) and isinstance(value, Sym) and value.tensor is True:
            yield _Passed(name, argument, value)


def _twice(passed: list[_Passed]) -> Iterator[_Passed]:
    """The second of two parameters that one variable is passed for, if only the first one has a word of its name."""
    for one in passed:
        others = [p for p in passed if p.node.id == one.node.id and p is not one]
        if len(others) == 1 and _is_named_like(one, others[0].parameter) and not _is_named_like(one, one.parameter):
            yield one


def _is_named_like(one: _Passed, parameter: str) -> bool:
    return not _words(one.node.id).isdisjoint(_words(parameter))


def _meant(node: ast.Call, caller: ast.AST, twice: _Passed) -> str | None:
    """The one variable that was there before, that the call does not read, and that has a word of the parameter's name."""
    wanted, own = _words(twice.parameter), _words(twice.node.id)
    if wanted & _WANTED_TWICE:
        return None
    read = {n.id for n in every(ast.Name, node)}
    stored = {n.id for n in every(ast.Name, caller) if isinstance(n.ctx, ast.Store) and n.lineno < node.lineno}
    stored |= {a.arg for a in every(ast.arg, caller)}
    fitting = [name for name in stored - read if wanted & _words(name) - own]
    return fitting[0] if len(fitting) == 1 else None


_WANTED_TWICE = frozenset(
    {"target", "targets", "label", "labels", "truth", "gt", "tgt", "original", "reference", "value"}
)
"""What an input may well stand for itself: an autoencoder's target is its input, the values of attention are its keys."""


def _words(name: str) -> set[str]:
    """The words of a name that say what it holds; letters do not."""
    return {word for word in re.split(r"[_\d]+", name.lower()) if len(word) > 1} - _COMMON


_COMMON = frozenset(
    {"input", "inputs", "data", "batch", "sample", "samples", "tensor", "out", "output", "outputs", "all", "new"}
)
