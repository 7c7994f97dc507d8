"""Code <-> name <-> module <-> summary of every rule, without importing a rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from aelint.diagnostics import Confidence, Severity

__all__ = [
    "FAMILIES",
    "UNREADABLE",
    "UNUSED_SUPPRESSION",
    "RuleInfo",
    "UnknownRuleError",
    "documentation",
    "find",
    "rules",
    "select",
    "suggestion",
]

FAMILIES = {
    "0": "files",
    "1": "architecture",
    "2": "latent",
    "3": "objective",
    "4": "optimization",
    "5": "data",
    "6": "inference",
    "7": "variants",
}
"""The hundreds digit of a code -> the family's name, which is also its folder."""

Scalar = int | float | str | bool


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """What the catalogue knows of a rule. `module` is "" for what the engine itself reports."""

    code: str
    name: str
    module: str
    summary: str
    severity: Severity
    confidence: Confidence
    triggers: tuple[tuple[str, ...], ...] = ()
    options: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """The rule's family, from its number."""
        return FAMILIES[self.code[3]]


UNREADABLE = RuleInfo(
    "AEL000", "unreadable-source", "", "the file cannot be read as Python", Severity.ERROR, Confidence.HIGH
)
UNUSED_SUPPRESSION = RuleInfo(
    "AEL001", "unused-suppression", "", "the comment silences nothing", Severity.WARNING, Confidence.HIGH
)


class UnknownRuleError(ValueError):
    """A selector names no rule, no family and no prefix of a code."""


@cache
def rules() -> tuple[RuleInfo, ...]:
    """Every rule in the order of the codes, what the engine itself reports first."""
    from aelint._catalogue import CATALOGUE  # noqa: PLC0415 - large, and `--version` does without it

    found = [
        RuleInfo(code, name, module, summary, Severity(severity), Confidence(confidence), triggers, options)
        for code, name, module, summary, severity, confidence, triggers, options in CATALOGUE
    ]
    return (UNREADABLE, UNUSED_SUPPRESSION, *found)


def find(word: str) -> RuleInfo:
    """The rule with this code or name.

    Raises:
        UnknownRuleError: There is none; the message suggests what may have been meant.
    """
    for rule in rules():
        if word.upper() == rule.code or word.lower() == rule.name:
            return rule
    raise UnknownRuleError(f"unknown rule `{word}`{suggestion(word, _words())}")


def select(selector: str) -> tuple[RuleInfo, ...]:
    """The rules that a selector means: ALL, a family, a prefix of a code, a code or a name.

    Raises:
        UnknownRuleError: It means none.
    """
    word = selector.strip()
    if word.upper() == "ALL":
        return rules()
    if word.lower() in FAMILIES.values():
        return tuple(rule for rule in rules() if rule.family == word.lower())
    if _is_prefix(word.upper()):
        chosen = tuple(rule for rule in rules() if rule.code.startswith(word.upper()))
        if chosen or word.upper()[3:] in FAMILIES:
            return chosen
    return (find(word),)


def suggestion(word: str, words: Iterable[str]) -> str:
    """The end of an error message: the known word that is closest to `word`, if one is close."""
    import difflib  # noqa: PLC0415 - only after a typing error

    known = {candidate.lower(): candidate for candidate in words}
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f"; did you mean `{known[close[0]]}`?" if close else ""


def documentation(rule: str) -> str:
    """Where the page of the rule of this name stands, relative to the project."""
    return f"docs/rules/{rule}.md"


def _is_prefix(word: str) -> bool:
    return word.startswith("AEL") and len(word) < 6 and (word[3:].isdigit() or word == "AEL")


def _words() -> list[str]:
    return [word for rule in rules() for word in (rule.code, rule.name)] + [*FAMILIES.values()]
