"""Checks for autoencoders in PyTorch, as a pytest plugin and as plain functions.

Importing this package loads neither torch nor hypothesis: a test run that does not use it pays nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_aecheck.items import parametrize_with_checks
    from pytest_aecheck.runner import run_checks
    from pytest_aecheck.spec import AESpec
    from pytest_aecheck.verdicts import Check, CheckFailure, Report, Status, Verdict

__all__ = [
    "AESpec",
    "Check",
    "CheckFailure",
    "Report",
    "Status",
    "Verdict",
    "parametrize_with_checks",
    "run_checks",
]

_HOMES = {
    "AESpec": "pytest_aecheck.spec",
    "Check": "pytest_aecheck.verdicts",
    "CheckFailure": "pytest_aecheck.verdicts",
    "Report": "pytest_aecheck.verdicts",
    "Status": "pytest_aecheck.verdicts",
    "Verdict": "pytest_aecheck.verdicts",
    "parametrize_with_checks": "pytest_aecheck.items",
    "run_checks": "pytest_aecheck.runner",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
