"""Defaults of the command line: a finding that rests on one says so, since a user may pass something else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from aelint.rule import Finding, Note, Site
from aelint.semantics.dataflow.callables import positional_names
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Value
from aelint.semantics.operators.api import is_number
from aelint.syntax.walk import every, walk

__all__ = ["with_assumptions"]


def with_assumptions(program: Program, finding: Finding) -> Finding:
    """The finding, with the defaults that its numbers come from named in the message and shown as notes."""
    if not program.machine.assumptions:
        return finding
    said_numbers = _numbers(" ".join((finding.message, *(n.message for n in finding.notes))))
    named = {i for site in (finding.site, *(n.site for n in finding.notes)) for i in _identifiers(site)}
    aliases = _aliases(program)
    used = [
        (name, value, site)
        for name, (value, site) in program.machine.assumptions.items()
        if _is_size(value) and value in said_numbers and (name in named or aliases.get(name, set()) & named)
    ]
    if not used:
        return finding
    said = ", ".join(f"`{name}` is {value}" for name, value, _ in used)
    notes = tuple(
        Note(site, f"`{name}` is {value} unless the command line says otherwise") for name, value, site in used
    )
    message = f"{finding.message.rstrip('.')}. Here {said}, by default of the command line"
    return replace(finding, message=message, notes=(*finding.notes, *notes))


def _numbers(text: str) -> set[float]:
    return {float(number) for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?(?!\w)", text)}


def _is_size(value: Value) -> bool:
    """Whether a default is a number that says something: nobody has to be told of a 0 or a 1."""
    return is_number(value) and value not in {0, 1}


def _identifiers(site: Site) -> Iterator[str]:
    """The names in the class, function or statement of the file in which a place lies."""
    around = (s for s in site.unit.tree.body if site.lies_in(Site(site.unit, s)))
    for node in (n for statement in around for n in walk(statement)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name


def _aliases(program: Program) -> dict[str, set[str]]:
    """For each name on the command line, the parameters that it is passed on as, and the names it is bound to."""
    found: dict[str, set[str]] = {}
    for call in program.calls:
        node = call.site.node
        parameters = positional_names(call.callee)
        if not isinstance(node, ast.Call) or not parameters:
            continue
        passed = [*zip(parameters, node.args, strict=False), *((k.arg, k.value) for k in node.keywords if k.arg)]
        for parameter, value in passed:
            if isinstance(value, ast.Attribute):
                found.setdefault(value.attr, set()).add(parameter)
    for node in (n for unit in program.files for n in every(ast.Assign, unit.tree)):
        match node:
            case ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)], value=ast.Attribute(attr=source)):
                found.setdefault(source, set()).add(name)
    return found
