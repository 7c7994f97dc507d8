"""A rule with a fault of its own."""

from aelint.diagnostics import Severity
from aelint.rule import Rule

RULE = Rule(code="AEL390", name="failing-rule", summary="fails", severity=Severity.ERROR, triggers=(("explode",),))


def check(program):
    """Raise."""
    raise ValueError(f"no idea about {program.unit.path}")
    yield
