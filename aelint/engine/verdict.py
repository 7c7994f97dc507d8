"""From raw findings of all files to what the user sees: each once, minus what was silenced or is not asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from aelint import registry
from aelint.config import Settings
from aelint.diagnostics import Applicability, Diagnostic, Edit, Fix, Position, Span
from aelint.engine.analyse import FileReport
from aelint.engine.suppressions import Suppression

__all__ = ["Verdict"]

FALLBACK = frozenset({registry.UNREADABLE.code, registry.UNUSED_SUPPRESSION.code})
"""What no comment can silence: the file was not understood, or the comment itself is the matter."""

VERBS = ("ignore", "ignore-file")


class Verdict:
    """Decides about the findings of one run."""

    def __init__(self, settings: Settings, relative: Callable[[str], str]) -> None:
        self._settings = settings
        self._relative = relative
        self._chosen = settings.chosen()
        self._asked = settings.asked()
        self.silenced = 0
        """Findings that comments silenced."""

    def decide(self, reports: Sequence[FileReport], paths: Sequence[str]) -> list[Diagnostic]:
        """The findings in the files at `paths`, in the order of the paths and then of the rows."""
        order = {path: index for index, path in enumerate(paths)}
        found = defaultdict(list)
        for each in _once(item for report in reports for item in self._told(report) if item.filename in order):
            found[each.filename].append(each)
        comments = {report.path: report.suppressions for report in reports if report.suppressions}
        shown: list[Diagnostic] = []
        for path in sorted(found.keys() | comments.keys(), key=order.__getitem__):
            shown += self._in_file(path, found[path], comments.get(path, ()))
        return shown

    def _told(self, report: FileReport) -> Iterator[Diagnostic]:
        """What a file's analysis may say: a test's sizes and weights are toys, so it tells nothing about what it imports."""
        is_test = self._settings.is_test(self._relative(report.path))
        return (each for each in report.diagnostics if not is_test or each.filename == report.path)

    def _in_file(self, path: str, found: list[Diagnostic], comments: Sequence[Suppression]) -> list[Diagnostic]:
        ignored = self._settings.ignored_in(self._relative(path))
        chosen = [each for each in found if each.code in self._chosen and each.code not in ignored]
        kept, used = _without_silenced(chosen, comments)
        self.silenced += len(chosen) - len(kept)
        if registry.UNUSED_SUPPRESSION.code in self._chosen.keys() - ignored:
            kept += self._unused(path, comments, used)
        confidence = self._settings.confidence_in(self._relative(path))
        visible = [each for each in kept if self._is_visible(each, confidence.rank)]
        return sorted(visible, key=lambda each: (each.cell or 0, each.span, each.code))

    def _is_visible(self, each: Diagnostic, confidence: int) -> bool:
        if each.code in self._asked:
            return True
        return each.severity.rank >= self._settings.severity.rank and each.confidence.rank >= confidence

    def _unused(
        self, path: str, comments: Sequence[Suppression], used: set[tuple[Suppression, str]]
    ) -> Iterator[Diagnostic]:
        for comment in comments:
            if comment.foreign:
                continue
            if comment.verb not in VERBS:
                hint = registry.suggestion(comment.verb, VERBS)
                yield _about(path, comment, f"`{comment.verb}` is no instruction of aelint{hint or ''}", None)
            elif comment.words is None:
                if (comment, "") not in used and self._settings.select == ("ALL",):
                    yield _about(path, comment, "the comment silences nothing: no rule speaks here", ())
            else:
                yield from self._unused_words(path, comment, used)

    def _unused_words(
        self, path: str, comment: Suppression, used: set[tuple[Suppression, str]]
    ) -> Iterator[Diagnostic]:
        words = comment.words or ()
        needless = [word for word in words if (comment, word) not in used and self._ran(word)]
        remaining = tuple(word for word in words if word not in needless)
        unknown = [message for word in words if (message := _unknown(word))]
        if unknown:
            yield _about(path, comment, "; ".join(unknown), None)
        elif needless:
            named = " and ".join(f"`{word}`" for word in needless)
            yield _about(path, comment, f"the comment silences nothing: {named} does not speak here", remaining)

    def _ran(self, word: str) -> bool:
        """Whether the rule took part in this run: only then can its silence be held against a comment."""
        return any(word.lower() in {rule.code.lower(), rule.name} for rule in self._chosen.values())


def _once(found: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Each place once per rule: a model that two scripts import is analysed with each of them."""
    seen = set()
    for each in found:
        key = (each.code, each.filename, each.cell, each.span)
        if key not in seen:
            seen.add(key)
            yield each


def _without_silenced(
    found: Iterable[Diagnostic], comments: Sequence[Suppression]
) -> tuple[list[Diagnostic], set[tuple[Suppression, str]]]:
    used: set[tuple[Suppression, str]] = set()
    kept = []
    for each in found:
        silencing = [(c, word) for c in comments if c.covers(each) for word in c.meaning(each)]
        if silencing and each.code not in FALLBACK:
            used.update(silencing)
        else:
            kept.append(each)
    return kept, used


def _unknown(word: str) -> str:
    try:
        registry.find(word)
    except registry.UnknownRuleError as error:
        return str(error)
    return ""


def _about(path: str, comment: Suppression, message: str, remaining: tuple[str, ...] | None) -> Diagnostic:
    rule = registry.UNUSED_SUPPRESSION
    fix = None if remaining is None else _removal(comment, remaining)
    return Diagnostic(
        rule.code, rule.name, rule.severity, rule.confidence, message, path, comment.span, (), fix, comment.cell
    )


def _removal(comment: Suppression, remaining: tuple[str, ...]) -> Fix:
    span = comment.span
    if remaining:
        content = comment.text.replace(
            comment.text[comment.text.index("[") : comment.text.index("]") + 1], _list(remaining)
        )
        return Fix("Name only the rules that speak here", (Edit(span, content, comment.cell),), Applicability.SAFE)
    row, column = span.start.row, span.start.column
    if comment.alone:
        span = Span(Position(row, 1), Position(row + 1, 1))
    else:
        span = Span(Position(row, column - comment.gap), span.end)
    return Fix("Remove the comment", (Edit(span, "", comment.cell),), Applicability.SAFE)


def _list(words: tuple[str, ...]) -> str:
    return f"[{', '.join(words)}]"
