"""A call of `doubtful` may be wrong."""

import ast

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Rule, Site

RULE = Rule(
    code="AEL291",
    name="doubtful-call",
    summary="a call of `doubtful`",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    triggers=(("doubtful",),),
)


def check(program):
    """Report calls of `doubtful`."""
    for node in ast.walk(program.tree):
        match node:
            case ast.Call(func=ast.Name("doubtful")):
                yield Finding(Site(program.unit, node), "`doubtful` is called")
