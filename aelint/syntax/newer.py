"""Telling syntax that is newer than the running Python from a syntax error."""

from __future__ import annotations

__all__ = ["is_newer_syntax"]

DEPTH = 60
WIDTH = 2000
"""libcst's parser recurses without a limit of its own: what nests deeper, or may do so on one line, is not shown to it."""


def is_newer_syntax(text: str) -> bool:
    """Whether libcst, which knows the newest syntax whatever Python runs it, reads what the compiler refused.

    Print statements and the like are refused by both: that is old syntax, or none.
    """
    if _may_overflow(text):
        return False
    import libcst  # noqa: PLC0415 - takes longer than everything else; only files with an error need it

    try:
        libcst.parse_module(text)
    except (libcst.ParserSyntaxError, RecursionError, ValueError):
        return False
    return True


def _may_overflow(text: str) -> bool:
    if any(len(line) > WIDTH for line in text.split("\n")):
        return True
    depth = deepest = 0
    for char in text:
        if char in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in ")]}":
            depth = max(0, depth - 1)
    return deepest > DEPTH
