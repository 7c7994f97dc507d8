"""A call of `advised` is worth a look."""

import ast

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Rule, Site

RULE = Rule(
    code="AEL290",
    name="advised-call",
    summary="a call of `advised`",
    severity=Severity.ADVICE,
    confidence=Confidence.MEDIUM,
    triggers=(("advised",),),
)


def check(program):
    """Report calls of `advised`."""
    for node in ast.walk(program.tree):
        match node:
            case ast.Call(func=ast.Name("advised")):
                yield Finding(Site(program.unit, node), "`advised` is called")
