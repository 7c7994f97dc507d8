"""Drawn batches: a seed and a pattern, never element by element.

hypothesis draws how many samples there are, from which seed they come and how they are arranged; the values are
always the user's own. That shrinks in a dozen runs and stays inside the data's range, which matters because
out-of-range inputs saturate healthy models.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from pytest_aecheck.catalogue import Entry
from pytest_aecheck.observations import Observations
from pytest_aecheck.probes.observatory import observe
from pytest_aecheck.spec import AESpec
from pytest_aecheck.verdicts import Status, Verdict

__all__ = ["DrawnBatch", "DrawnObservations", "batches", "drawn", "smallest_failing"]

_PATTERNS = ("as given", "reversed", "blended")
_SECONDS = 4.0
"""How long the search for a smaller batch may take."""


@dataclass(frozen=True, slots=True)
class DrawnBatch:
    """How a batch is made from the user's own samples."""

    samples: int
    seed: int
    pattern: str = "as given"

    def code(self) -> str:
        """Python that makes the batch, given the user's `batch` callable."""
        made = f"x = batch({self.samples}, {self.seed})"
        match self.pattern:
            case "reversed":
                return f"{made}.flip(0)"
            case "blended":
                return f"{made}\nx = 0.5 * x + 0.5 * x.flip(0)"
            case _:
                return made


def batches(*, largest: int = 16) -> st.SearchStrategy[DrawnBatch]:
    """Strategy: sizes from 2 up, prime and odd ones included, any seed, one of three arrangements.

    Blending two samples keeps every value inside the range of the data.
    """
    return st.builds(
        DrawnBatch,
        st.integers(2, largest),
        st.integers(0, 2**16),
        st.sampled_from(_PATTERNS),
    )


def drawn(spec: AESpec, how: DrawnBatch) -> AESpec:
    """The same declaration with batches made as `how` says; other seeds follow from its seed."""
    from pytest_aecheck.probes.bench import Bench

    bench = Bench(spec)

    def batch(n: int, seed: int) -> Any:
        import torch

        def arranged(item: Any) -> Any:
            if not isinstance(item, torch.Tensor) or item.dim() <= bench.batch_axis:
                return item
            if how.pattern == "as given":
                return item
            flipped = item.flip(bench.batch_axis)
            return 0.5 * item + 0.5 * flipped if how.pattern == "blended" and item.is_floating_point() else flipped

        given = bench.batch(n, how.seed + seed)
        return torch.utils._pytree.tree_map(arranged, given)  # noqa: SLF001

    return spec.but(batch=batch, batch_size=how.samples)


def _search_settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )


def smallest_failing(entry: Entry, spec: AESpec, verdict: Verdict) -> Verdict:
    """The same verdict with the smallest batch on which the check still fails, as code to paste."""
    if not callable(spec.batch) or hasattr(spec.batch, "shape") or not _depends_on_batch(verdict):
        return verdict
    end = time.monotonic() + _SECONDS

    def fails(how: DrawnBatch) -> bool:
        if time.monotonic() > end:
            return False
        from pytest_aecheck.runner import judge_one

        changed = drawn(spec, how)
        return judge_one(entry, observe(changed), changed).status is Status.FAILED

    try:
        smallest = find(batches(largest=spec.batch_size), fails, settings=_search_settings(8), random=random.Random(0))  # noqa: S311 - no secret
    except NoSuchExample:
        return replace(verdict, reproduce=f"x = batch({spec.batch_size}, 0)")
    return replace(verdict, reproduce=smallest.code())


class DrawnObservations:
    """Batches that all checks of one run share: the same batch is drawn for each, and looked at once.

    Args:
        spec: the declaration.
        profile: "gate" draws the same batches every time, "full" others in each run.
        examples: how many batches are drawn.
    """

    def __init__(self, spec: AESpec, profile: str, examples: int = 5) -> None:
        self.spec = spec
        self.seed = 0 if profile == "gate" else random.SystemRandom().randrange(2**32)
        self.examples = examples
        self._made: dict[DrawnBatch, tuple[AESpec, Observations]] = {}

    def at(self, how: DrawnBatch) -> tuple[AESpec, Observations]:
        """The declaration with this batch, and what is observed on it."""
        if how not in self._made:
            changed = drawn(self.spec, how)
            self._made[how] = changed, observe(changed)
        return self._made[how]

    def look(self, entry: Entry, verdict: Verdict) -> Verdict:
        """Look for a batch on which a check fails that passed on the declared one."""
        spec = self.spec
        if not callable(spec.batch) or hasattr(spec.batch, "shape") or not _depends_on_batch(verdict):
            return verdict
        failures: dict[DrawnBatch, Verdict] = {}

        def fails(how: DrawnBatch) -> bool:
            from pytest_aecheck.runner import judge_one

            changed, observations = self.at(how)
            found = judge_one(entry, observations, changed)
            if found.status is Status.FAILED:
                failures[how] = found
            return how in failures

        try:
            smallest = find(batches(), fails, settings=_search_settings(self.examples), random=random.Random(self.seed))  # noqa: S311 - no secret
        except NoSuchExample:
            return verdict
        return replace(failures[smallest], reproduce=smallest.code())


def _depends_on_batch(verdict: Verdict) -> bool:
    return verdict.code[:4] != "AEC5" and verdict.code not in {"AEC100", "AEC401", "AEC623"}
