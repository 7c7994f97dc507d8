"""The verdicts of a run as one HTML page that needs nothing beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape
from itertools import groupby
from typing import Any

__all__ = ["page"]

_ORDER = ("failed", "errored", "warned", "passed", "skipped")
_OPEN = frozenset({"failed", "errored", "warned"})

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent) }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; word-break: break-all }
details { border-top: 1px solid var(--line); padding: .45rem 0 } summary { cursor: pointer }
.status { display: inline-block; min-width: 4.6rem; font-weight: 600 }
.failed, .errored { color: #c62828 } .warned { color: #b26a00 } .passed { color: #2e7d32 } .skipped { opacity: .65 }
code { font: 13px ui-monospace, monospace } pre { overflow-x: auto; padding: .6rem; border: 1px solid var(--line) }
table { border-collapse: collapse; margin: .5rem 0 } td { padding: .1rem 1.2rem .1rem 0; font-size: 13px }
p { margin: .4rem 0 }
@media (prefers-color-scheme: dark) { .failed, .errored { color: #ef9a9a } .warned { color: #ffcc80 } .passed { color: #a5d6a7 } }
"""


def page(verdicts: Iterable[Mapping[str, Any]]) -> str:
    """One page: counts, then the verdicts of each test, what needs attention first and unfolded."""
    found = sorted(verdicts, key=lambda verdict: str(verdict["test"]))
    counts = Counter(str(verdict["status"]) for verdict in found)
    total = " · ".join(
        f'<span class="{status}">{counts[status]} {status}</span>' for status in _ORDER if counts[status]
    )
    tests = "".join(
        _test(test, list(group)) for test, group in groupby(found, key=lambda verdict: str(verdict["test"]))
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>aecheck</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>Checks of autoencoders</h1><p>{total or 'No check was made.'}</p>\n{tests}</body></html>\n"
    )


def _test(name: str, verdicts: list[Mapping[str, Any]]) -> str:
    ordered = sorted(verdicts, key=lambda verdict: (_ORDER.index(str(verdict["status"])), str(verdict["code"])))
    return f"<h2>{escape(name)}</h2>\n" + "".join(map(_verdict, ordered))


def _verdict(verdict: Mapping[str, Any]) -> str:
    status = str(verdict["status"])
    head = f'<span class="status {status}">{status}</span> <code>{escape(str(verdict["code"]))}</code> {escape(str(verdict["name"]))}'
    return f"<details{' open' if status in _OPEN else ''}><summary>{head}</summary>{_body(verdict)}</details>\n"


def _body(verdict: Mapping[str, Any]) -> str:
    parts = [f"<p>{escape(str(verdict['message']))}</p>" if verdict["message"] else ""]
    if verdict.get("where"):
        parts.append(f"<p>First seen at <code>{escape(str(verdict['where']))}</code></p>")
    if verdict.get("numbers"):
        rows = "".join(
            f"<tr><td>{escape(name.replace('_', ' '))}</td><td><code>{escape(_plain(value))}</code></td></tr>"
            for name, value in verdict["numbers"].items()
        )
        parts.append(f"<table>{rows}</table>")
    if verdict.get("reproduce"):
        parts.append(f"<p>Smallest failing batch</p><pre>{escape(str(verdict['reproduce']))}</pre>")
    return "".join(parts)


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
