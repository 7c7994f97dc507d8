"""The summary at the end of a test run."""

from __future__ import annotations

from collections import Counter
from typing import Any

__all__ = ["write_summary"]


def write_summary(reporter: Any, verdicts: list[dict[str, Any]]) -> None:
    """Count what the checks said; list warnings and the reasons of skips."""
    counts = Counter(verdict["status"] for verdict in verdicts)
    reporter.section("aecheck")
    reporter.line(", ".join(f"{count} {status}" for status, count in sorted(counts.items())))
    for verdict in verdicts:
        if verdict["status"] == "warned":
            reporter.line(f"warning  {verdict['test']}: {verdict['code']} {verdict['name']}: {verdict['message']}")
    reasons = Counter(verdict["message"] for verdict in verdicts if verdict["status"] == "skipped")
    for reason, count in reasons.most_common(8):
        reporter.line(f"skipped {count} × {reason}")
