"""Looking at bytes before any parser: what cannot hold a finding is never parsed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from weakref import WeakKeyDictionary

from aelint.registry import RuleInfo
from aelint.rule import Rule
from aelint.sources.load import Kind, kind_of
from aelint.sources.unit import SourceUnit

__all__ = ["Tokens", "can_fire", "carries_comments", "deserves_parsing", "needs_analysis"]

MARKERS = (b"aelint:", b"noqa")
PYTHON_FENCE = re.compile(rb"(?:```|~~~)[ \t]*\{?\.?(?:py|ipy|code|sourcecode)", re.IGNORECASE)


def needs_analysis(path: str, data: bytes) -> bool:
    """Whether the file can hold a finding or a comment of interest, or Python that Python cannot read."""
    kind = kind_of(path, data)
    return deserves_parsing(kind, data) or MARKERS[0] in data or (kind is Kind.PYTHON and not _is_text(data))


def deserves_parsing(kind: Kind, data: bytes) -> bool:
    """Whether some rule could fire on the file.

    Code of an article is a fragment whose imports may stand elsewhere, so a fence need not mention torch.
    """
    if kind is Kind.MARKDOWN:
        return PYTHON_FENCE.search(data) is not None
    return b"torch" in data.lower()


def carries_comments(data: bytes) -> bool:
    """Whether a comment in the file may silence a rule."""
    return MARKERS[0] in data or MARKERS[1] in data.lower()


class Tokens:
    """Which tokens of the rules' triggers stand in a unit; each unit is searched once, in however many programs it is."""

    def __init__(self, rules: Iterable[RuleInfo | Rule]) -> None:
        self._tokens = {token for rule in rules for group in rule.triggers for token in group}
        self._known: WeakKeyDictionary[SourceUnit, frozenset[str]] = WeakKeyDictionary()

    def of(self, units: Iterable[SourceUnit]) -> frozenset[str]:
        """The tokens that some unit has, whatever the case of its letters."""
        return frozenset().union(*map(self._in, units))

    def _in(self, unit: SourceUnit) -> frozenset[str]:
        if unit not in self._known:
            text = unit.text.lower()
            self._known[unit] = frozenset(token for token in self._tokens if token in text)
        return self._known[unit]


def can_fire(rule: RuleInfo | Rule, tokens: AbstractSet[str]) -> bool:
    """Whether each of the rule's groups of tokens (they are in lower case) has one among those of the program's files."""
    return all(not tokens.isdisjoint(group) for group in rule.triggers)


def _is_text(data: bytes) -> bool:
    """Whether the bytes can be decoded without a closer look; what cannot must be reported."""
    if b"\0" in data:
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
