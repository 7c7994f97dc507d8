"""Drawn batches: a seed and a pattern, never element by element.

hypothesis draws how many samples there are, from which seed they come, how they are arranged and under which seed the
model draws its noise; the values are always the user's own. That shrinks in a dozen runs and stays inside the data's
range, which matters because out-of-range inputs saturate healthy models. Who wants other values gives a strategy of
batches, who wants other sizes, precisions or layouts one of `DrawnBatch`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from pytest_aecheck.catalogue import Entry
from pytest_aecheck.observations import Observations
from pytest_aecheck.probes.observatory import observe
from pytest_aecheck.spec import AESpec, is_strategy
from pytest_aecheck.verdicts import Status, Verdict

__all__ = ["DrawnBatch", "DrawnObservations", "batches", "drawn", "drawn_once", "smallest_failing"]

_PATTERNS = ("as given", "reversed", "blended")
_LAYOUTS = ("contiguous", "channels_last", "strided")
_EXAMPLES = 5
_LIBRARY_EXAMPLES = 100
"""What hypothesis does where no profile says otherwise; too much for a model."""
_MOST_PRINTED = 64
_SECONDS = 4.0
"""How long the search for a smaller batch may take."""


@dataclass(frozen=True, slots=True)
class DrawnBatch:
    """How a batch is made from the user's own samples."""

    samples: int
    seed: int
    pattern: str = "as given"
    noise_seed: int = 0
    """Added to the seed under which the model is built and draws."""
    layout: str = "contiguous"
    """How the values lie in memory: contiguous, channels_last (images only), strided."""
    dtype: str = ""
    """Precision of model and batch, such as "float64"; empty for the model's own."""

    def code(self) -> str:
        """Python that makes the batch, given the user's `batch` callable."""
        lines = [f"x = batch({self.samples}, {self.seed})"]
        match self.pattern:
            case "reversed":
                lines[0] += ".flip(0)"
            case "blended":
                lines.append("x = 0.5 * x + 0.5 * x.flip(0)")
        match self.layout:
            case "channels_last":
                lines.append("x = x.to(memory_format=torch.channels_last)")
            case "strided":
                lines.append("x = torch.stack([x, x], -1)[..., 0]")
        if self.dtype:
            lines.append(f"x, model = x.to(torch.{self.dtype}), model.to(torch.{self.dtype})")
        if self.noise_seed:
            lines.append(f"torch.manual_seed({self.noise_seed})")
        return "\n".join(lines)


def batches(
    *, largest: int = 16, layouts: tuple[str, ...] = ("contiguous",), dtypes: tuple[str, ...] = ("",)
) -> st.SearchStrategy[DrawnBatch]:
    """Strategy: sizes from 2 up, prime and odd ones included, any seed, one of three arrangements.

    Blending two samples keeps every value inside the range of the data. Layouts and precisions beyond the model's own are
    drawn on request only: many a correct model refuses them.

    Args:
        largest: the most samples of a batch.
        layouts: some of "contiguous", "channels_last", "strided".
        dtypes: precisions by their names in torch; "" is the model's own.
    """
    if unknown := set(layouts) - set(_LAYOUTS):
        raise ValueError(f"layouts must be some of {', '.join(_LAYOUTS)}, not {', '.join(sorted(unknown))}")
    return st.builds(
        DrawnBatch,
        st.integers(2, largest),
        st.integers(0, 2**16),
        st.sampled_from(_PATTERNS),
        st.integers(0, 2**16),
        st.sampled_from(layouts),
        st.sampled_from(dtypes),
    )


def drawn_once(strategy: st.SearchStrategy[Any], seed: int) -> Any:
    """One batch of a strategy, always the same for a seed; not the simplest one, whose samples would all be equal."""
    return find(strategy, _has_variety, settings=_search_settings(50, shrink=False), random=random.Random(seed))  # noqa: S311 - no secret


def _has_variety(batch: Any) -> bool:
    from pytest_aecheck.probes.bench import tensors_of

    tensors = tensors_of(batch)
    return bool(tensors) and tensors[0].dim() > 0 and len(tensors[0]) > 1 and bool((tensors[0] != tensors[0][:1]).any())


def drawn(spec: AESpec, how: DrawnBatch) -> AESpec:
    """The same declaration with batches made as `how` says; other seeds follow from its seed."""
    from pytest_aecheck.probes.bench import Bench

    bench = Bench(spec)

    def batch(n: int, seed: int) -> Any:
        import torch

        def arranged(item: Any) -> Any:
            if not isinstance(item, torch.Tensor) or item.dim() <= bench.batch_axis:
                return item
            if how.pattern != "as given":
                flipped = item.flip(bench.batch_axis)
                blended = how.pattern == "blended" and item.is_floating_point()
                item = 0.5 * item + 0.5 * flipped if blended else flipped
            return _laid_out(
                item.to(getattr(torch, how.dtype)) if how.dtype and item.is_floating_point() else item, how
            )

        given = bench.batch(n, how.seed + seed)
        return torch.utils._pytree.tree_map(arranged, given)  # noqa: SLF001

    model = _in_precision(spec, how.dtype) if how.dtype else spec.model
    return spec.but(model=model, batch=batch, batch_size=how.samples, seed=spec.seed + how.noise_seed)


def _laid_out(item: Any, how: DrawnBatch) -> Any:
    import torch

    match how.layout:
        case "channels_last" if item.dim() == 4:
            return item.to(memory_format=torch.channels_last)
        case "strided":
            return torch.stack([item, item], -1)[..., 0]
        case _:
            return item


def _in_precision(spec: AESpec, dtype: str) -> Any:
    import copy

    import torch

    given = spec.model
    if isinstance(given, torch.nn.Module):
        return copy.deepcopy(given).to(getattr(torch, dtype))
    return lambda: given().to(getattr(torch, dtype))


def _search_settings(examples: int, *, shrink: bool = True) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
    )


def _examples_wanted() -> int:
    """As many as the user's hypothesis profile says; few, where no profile says anything."""
    wanted = settings().max_examples
    return _EXAMPLES if wanted == _LIBRARY_EXAMPLES else wanted


def smallest_failing(entry: Entry, spec: AESpec, verdict: Verdict) -> Verdict:
    """The same verdict with the smallest batch on which the check still fails, as code to paste."""
    if is_strategy(spec.batch) and _depends_on_batch(verdict):
        return DrawnObservations(spec, "gate", 8).look(entry, verdict)
    if not callable(spec.batch) or hasattr(spec.batch, "shape") or not _depends_on_batch(verdict):
        return verdict
    ways = _ways(spec, spec.batch_size)
    try:
        smallest = find(ways, _failing(entry, spec), settings=_search_settings(8), random=random.Random(0))  # noqa: S311 - no secret
    except NoSuchExample:
        return replace(verdict, reproduce=f"x = batch({spec.batch_size}, 0)")
    return replace(verdict, reproduce=smallest.code())


def _failing(entry: Entry, spec: AESpec) -> Callable[[DrawnBatch], bool]:
    """Whether the check fails on a batch, while there is time to look at new ones.

    Each answer is kept: hypothesis asks again for what it has found, and the time may have run out since.
    """
    from pytest_aecheck.runner import judge_one

    end = time.monotonic() + _SECONDS
    known: dict[DrawnBatch, bool] = {}

    def fails(how: DrawnBatch) -> bool:
        if how not in known:
            if time.monotonic() > end:
                return False
            changed = drawn(spec, how)
            known[how] = judge_one(entry, observe(changed), changed).status is Status.FAILED
        return known[how]

    return fails


def _ways(spec: AESpec, largest: int = 16) -> st.SearchStrategy[DrawnBatch]:
    declared: st.SearchStrategy[DrawnBatch] | None = spec.draws
    return batches(largest=largest) if declared is None else declared


class DrawnObservations:
    """Batches that all checks of one run share: the same batch is drawn for each, and looked at once.

    Args:
        spec: the declaration. `spec.batch` may itself be a strategy of batches; otherwise `spec.draws` (or `batches()`)
            says how the user's samples are put together.
        profile: "gate" draws the same batches every time, "full" others in each run, unless hypothesis is derandomised.
        examples: how many batches are drawn; by default what hypothesis' own profile says, or 5.
    """

    def __init__(self, spec: AESpec, profile: str, examples: int | None = None) -> None:
        self.spec = spec
        fixed = profile == "gate" or settings().derandomize
        self.seed = 0 if fixed else random.SystemRandom().randrange(2**32)
        self.examples = _examples_wanted() if examples is None else examples
        self._made: dict[Any, tuple[AESpec, Observations]] = {}

    def at(self, how: Any) -> tuple[AESpec, Observations]:
        """The declaration with this batch, and what is observed on it."""
        key = how if isinstance(how, DrawnBatch) else _fingerprint(how)
        if key not in self._made:
            changed = drawn(self.spec, how) if isinstance(how, DrawnBatch) else _with_batch(self.spec, how)
            self._made[key] = changed, observe(changed)
        return self._made[key]

    def look(self, entry: Entry, verdict: Verdict) -> Verdict:
        """Look for a batch on which a check fails that passed on the declared one; the smallest is named."""
        spec = self.spec
        own = is_strategy(spec.batch)
        if not _depends_on_batch(verdict) or (not own and (not callable(spec.batch) or hasattr(spec.batch, "shape"))):
            return verdict
        failed: list[tuple[Any, Verdict]] = []

        def fails(how: Any) -> bool:
            from pytest_aecheck.runner import judge_one

            if own and not _has_variety(how):
                return False
            changed, observations = self.at(how)
            found = judge_one(entry, observations, changed)
            if found.status is Status.FAILED:
                failed.append((how, found))
            return found.status is Status.FAILED

        try:
            smallest = find(
                spec.batch if own else _ways(spec),
                fails,
                settings=_search_settings(self.examples),
                random=random.Random(self.seed),  # noqa: S311 - no secret
            )
        except NoSuchExample:
            return verdict
        key = smallest if isinstance(smallest, DrawnBatch) else _fingerprint(smallest)
        found = next(f for how, f in failed if key == (how if isinstance(how, DrawnBatch) else _fingerprint(how)))
        return replace(found, reproduce=smallest.code() if isinstance(smallest, DrawnBatch) else _printed(smallest))


def _with_batch(spec: AESpec, batch: Any) -> AESpec:
    from pytest_aecheck.probes.bench import tensors_of

    return spec.but(batch=batch, batch_size=max(2, len(tensors_of(batch)[0])))


def _fingerprint(batch: Any) -> tuple[Any, ...]:
    from pytest_aecheck.probes.bench import tensors_of

    return tuple((t.dtype, tuple(t.shape), t.detach().cpu().contiguous().numpy().tobytes()) for t in tensors_of(batch))


def _printed(batch: Any) -> str:
    """Python that makes a small batch; a description of a large one."""
    from pytest_aecheck.probes.bench import tensors_of

    lines = []
    for number, tensor in enumerate(tensors_of(batch)):
        name = "x" if not number else f"x{number}"
        if tensor.numel() <= _MOST_PRINTED:
            lines.append(f"{name} = torch.tensor({tensor.tolist()}, dtype={tensor.dtype})")
        else:
            low, high = float(tensor.min()), float(tensor.max())
            lines.append(
                f"# {name}: {tensor.dtype} of shape {tuple(tensor.shape)}, values from {low:.4g} to {high:.4g}"
            )
    return "\n".join(lines)


def _depends_on_batch(verdict: Verdict) -> bool:
    return verdict.code[:4] != "AEC5" and verdict.code not in {"AEC100", "AEC401", "AEC623"}
