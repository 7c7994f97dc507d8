"""From a declaration to a report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_aecheck.catalogue import Entry, all_checks, select
from pytest_aecheck.observations import Observations, Unavailable
from pytest_aecheck.probes.observatory import observe
from pytest_aecheck.spec import AESpec
from pytest_aecheck.verdicts import Report, Stage, Status, Verdict

if TYPE_CHECKING:
    from pytest_aecheck.strategies import DrawnObservations

__all__ = ["judge_one", "other_batches", "run_checks"]


def run_checks(
    spec: AESpec, *, only: Iterable[str] = (), without: Iterable[str] = (), shrink: bool = False, profile: str = "fast"
) -> Report:
    """Run every check that applies.

    Args:
        spec: the model and what belongs to it.
        only: codes (or their beginnings, such as "AEC4") or names of the checks to run.
        without: the same, for checks to leave out.
        shrink: look for the smallest batch on which a failed check still fails.
        profile: "fast" looks at one declared batch; "full" and "gate" also at batches that hypothesis draws, "gate"
            always at the same ones.
    """
    observations = observe(spec)
    others = other_batches(spec, profile)
    verdicts = []
    for entry in select(all_checks(), only, without):
        verdict = judge_one(entry, observations, spec)
        if shrink and verdict.status is Status.FAILED:
            from pytest_aecheck.strategies import smallest_failing

            verdict = smallest_failing(entry, spec, verdict)
        if others is not None and verdict.status is Status.PASSED:
            verdict = others.look(entry, verdict)
        verdicts.append(verdict)
    return Report(spec.title, tuple(verdicts))


def other_batches(spec: AESpec, profile: str) -> DrawnObservations | None:
    """The batches beside the declared one at which a profile looks; None for none."""
    match profile:
        case "fast":
            return None
        case "full" | "gate":
            from pytest_aecheck.strategies import DrawnObservations

            return DrawnObservations(spec, profile)
        case _:
            raise ValueError(f'profile must be "fast", "full" or "gate", not {profile!r}')


def judge_one(entry: Entry, observations: Observations, spec: AESpec) -> Verdict:
    """One verdict; what a check lacks becomes a skip, what breaks it an error."""
    check = entry.check
    keys = {check.code, check.name}
    if keys & set(spec.exempt):
        return check.declined("declared not to apply")
    if check.stage is Stage.FITTED and spec.stage is not Stage.FITTED:
        return check.declined('means something only for a trained model (stage="fitted")')
    try:
        verdict = entry.judge(observations)
    except Unavailable as missing:
        verdict = check.skipped(str(missing))
    except Exception as error:  # noqa: BLE001 - a broken check must not take the others with it
        verdict = check.errored(f"the check broke: {type(error).__name__}: {error}")
    reason = next((spec.expected_failures[key] for key in keys if key in spec.expected_failures), None)
    return verdict if reason is None else _expected(verdict, reason, gate=check.gate)


def _expected(verdict: Verdict, reason: str, *, gate: bool) -> Verdict:
    match verdict.status:
        case Status.FAILED | Status.WARNED:
            return replace(
                verdict, status=Status.SKIPPED, declined=True, message=f"known to fail ({reason}): {verdict.message}"
            )
        case Status.PASSED if gate:
            return replace(
                verdict,
                status=Status.FAILED,
                message=f"expected to fail ({reason}), but it passes: remove the expectation",
            )
        case _:
            return verdict
