"""What a check is and what it says: frozen records from the standard library alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

__all__ = ["Check", "CheckFailure", "Number", "Report", "Stage", "Status", "Verdict", "strictly"]

Number = int | float | str | bool
"""What a verdict may carry: plain values, so that it survives pickling between test processes."""


class Status(StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    WARNED = "warned"
    """Something looks wrong, but the evidence is statistical or the harm depends on intent."""
    SKIPPED = "skipped"
    """The check lacks something that it needs; the message says what."""
    ERRORED = "errored"
    """The check itself could not run to its end."""


class Stage(StrEnum):
    """When a check's statistic means something."""

    INIT = "init"
    FITTED = "fitted"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check's answer about one model."""

    code: str
    name: str
    status: Status
    message: str = ""
    numbers: Mapping[str, Number] = field(default_factory=dict)
    where: str = ""
    """The first layer at which the fault appears, as a module path; empty if it has no place."""
    reproduce: str = ""
    """Python to paste that builds the smallest batch on which the check fails."""
    declined: bool = False
    """Skipped because the declaration says so, not because something is missing."""

    @property
    def url(self) -> str:
        """The documentation page, relative to the documentation's root."""
        return f"checks/{self.code}"

    def __str__(self) -> str:
        head = f"{self.code} {self.name}: {self.message or self.status.value}"
        lines = [head]
        if self.where:
            lines.append(f"    first seen at: {self.where}")
        if self.numbers:
            lines.append(
                "    measured: " + ", ".join(f"{key} = {_plain(value)}" for key, value in self.numbers.items())
            )
        if self.reproduce:
            lines.append("    smallest failing batch:")
            lines.extend(f"        {line}" for line in self.reproduce.splitlines())
        return "\n".join(lines)


def _plain(value: Number) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class Check:
    """A check's identity, and the constructors of its verdicts.

    `needs` names the observations that the check reads (attributes of `Observations`); one that cannot be
    made turns the check into a skip. `cost` is in forward and backward passes on top of what is shared.
    """

    code: str
    name: str
    summary: str
    gate: bool = True
    """Whether a failure fails the run; a check that does not gate warns."""
    stage: Stage = Stage.INIT
    needs: tuple[str, ...] = ()
    cost: str = "shared"

    def passed(self, message: str = "", **numbers: Number) -> Verdict:
        """The model is as it should be."""
        return Verdict(self.code, self.name, Status.PASSED, message, numbers)

    def failed(self, message: str, *, where: str = "", **numbers: Number) -> Verdict:
        """The fault is there: a failure, or a warning if the check does not gate."""
        status = Status.FAILED if self.gate else Status.WARNED
        return Verdict(self.code, self.name, status, message, numbers, where)

    def warned(self, message: str, *, where: str = "", **numbers: Number) -> Verdict:
        """Worth saying, not worth failing for, although the check gates on stronger evidence."""
        return Verdict(self.code, self.name, Status.WARNED, message, numbers, where)

    def skipped(self, reason: str) -> Verdict:
        """The check has nothing to say about this model, and why."""
        return Verdict(self.code, self.name, Status.SKIPPED, reason)

    def declined(self, reason: str) -> Verdict:
        """The declaration leaves the check out, and why. That is no gap, also where skips are not allowed."""
        return replace(self.skipped(reason), declined=True)

    def errored(self, reason: str) -> Verdict:
        """The check could not be completed, and why."""
        return Verdict(self.code, self.name, Status.ERRORED, reason)


class CheckFailure(AssertionError):  # noqa: N818 - what a reader of the test log sees: a check that failed
    """Raised when checks failed; the message lists every failure with its numbers."""


@dataclass(frozen=True, slots=True)
class Report:
    """Every verdict on one model."""

    model: str
    verdicts: tuple[Verdict, ...]

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.verdicts)

    def __getitem__(self, code_or_name: str) -> Verdict:
        for verdict in self.verdicts:
            if code_or_name in (verdict.code, verdict.name):
                return verdict
        raise KeyError(code_or_name)

    def with_status(self, *statuses: Status) -> tuple[Verdict, ...]:
        """The verdicts that ended in one of `statuses`."""
        return tuple(verdict for verdict in self.verdicts if verdict.status in statuses)

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """Verdicts that fail the run: failed checks, and checks that broke."""
        return self.with_status(Status.FAILED, Status.ERRORED)

    @property
    def warned(self) -> tuple[Verdict, ...]:
        """Verdicts worth reading that do not fail the run."""
        return self.with_status(Status.WARNED)

    @property
    def skipped(self) -> tuple[Verdict, ...]:
        """Checks that could not be made, each with its reason."""
        return self.with_status(Status.SKIPPED)

    def summary(self) -> str:
        """One line of counts."""
        counts = {status: len(self.with_status(status)) for status in Status}
        return ", ".join(f"{count} {status.value}" for status, count in counts.items() if count)

    def raise_for_failures(self) -> Report:
        """Raise `CheckFailure` if a check failed; return the report otherwise."""
        __tracebackhide__ = True
        if not self.failed:
            return self
        failures = "\n".join(str(verdict) for verdict in self.failed)
        count = len(self.failed)
        noun = "check" if count == 1 else "checks"
        raise CheckFailure(f"{count} {noun} failed on {self.model}\n{failures}\n({self.summary()})")

    def strict(self) -> Report:
        """The same report with every skip counted as a failure, except those that were declared."""
        return replace(self, verdicts=tuple(map(strictly, self.verdicts)))


def strictly(verdict: Verdict) -> Verdict:
    """The verdict where skips are not allowed: one that lacks something is a failure."""
    if verdict.status is not Status.SKIPPED or verdict.declined:
        return verdict
    return replace(verdict, status=Status.FAILED, message=f"skipped, and skips are not allowed: {verdict.message}")
