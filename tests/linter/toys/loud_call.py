"""A call of `loud` is reported.

## What it does

Reports every call of a function named `loud`.
"""

import ast

from aelint.diagnostics import Applicability, Severity
from aelint.rule import Finding, Note, Rewrite, Rule, Site

RULE = Rule(
    code="AEL190",
    name="loud-call",
    summary="a call of `loud`",
    severity=Severity.ERROR,
    triggers=(("loud",),),
    options={"limit": 0.5},
)


def check(program, options):
    """Report calls of `loud` whose first argument, if any, is above the limit."""
    for unit, tree in trees(program):
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name("loud")):
                    if is_quiet(node, options["limit"]):
                        continue
                    site = Site(unit, node)
                    name = Site(unit, node.func)
                    yield Finding(
                        site,
                        "`loud` is called",
                        notes=(Note(Site(unit, tree.body[0]), "the file begins here"),),
                        rewrite=Rewrite("Call `quiet`", ((name, "quiet"),), Applicability.SAFE),
                    )


def is_quiet(node, limit):
    """Whether the first argument is a number up to the limit."""
    match node.args:
        case [ast.Constant(value=int() | float() as value), *_]:
            return value <= limit
    return False


def trees(program):
    """Every file of the program with its tree."""
    return [(unit, ast.parse(unit.text)) for unit in program.files]
