"""Two epochs of a loader, seen through fingerprints."""

from __future__ import annotations

import itertools
import math
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

from pytest_aecheck.adapters.outputs import leaves
from pytest_aecheck.observations import LoaderFacts, Unavailable
from pytest_aecheck.probes.bench import Bench, ModelRaised
from pytest_aecheck.probes.determinism import preserved, seeded
from pytest_aecheck.probes.wording import said

__all__ = ["epoch_fingerprints", "fingerprints", "observe_loader"]

_MOST_BATCHES = 64
_ONCE_IN_A_MILLION = 1e-6


def fingerprints(batch: Any) -> tuple[int, ...]:
    """One checksum per sample of a batch's data."""
    tensor = _data(batch).detach().cpu().contiguous()
    if not tensor.dim():
        return (zlib.crc32(bytes(tensor.reshape(1).view(torch.uint8).tolist())),)
    return tuple(zlib.crc32(row.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()) for row in tensor)


def _data(batch: Any) -> Any:
    """The tensor with the most elements: labels and indices are smaller than what they belong to."""
    found = leaves(batch)
    if not found:
        raise Unavailable(f"the loader gives {type(batch).__name__} without a tensor")
    return max(found, key=lambda leaf: leaf.tensor.numel()).tensor


def observe_loader(bench: Bench) -> LoaderFacts:
    """Read (at most 64 batches of) two epochs; look for repeats, order, aliasing, and changes of the stored data."""
    spec = bench.spec
    if spec.loader is None:
        raise Unavailable("no loader was declared")
    with preserved():
        try:
            loader = spec.loader()
            dataset = getattr(loader, "dataset", None)
            stored = _stored(dataset)
            first, second = _epoch(loader), _epoch(loader)
            changed = _changed(stored, dataset)
            items_change, items_equal = _items(dataset)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the loader raises is the finding
            return LoaderFacts(error=said(error))
        shared = _shared(spec.eval_loader, first.prints)
    samples = [one for batch in first.prints for one in batch]
    full = [batch for batch in first.prints if len(batch) > 1]
    return LoaderFacts(
        kind=type(loader).__name__,
        batches=len(first.prints),
        distinct_batches=len(set(first.prints)),
        samples=len(samples),
        duplicate_share=max((1 - len(set(batch)) / len(batch) for batch in full), default=0.0),
        same_order=first.prints == second.prints and len(set(samples)) > 1,
        sortedness=_sortedness(first.levels),
        grouped=_are_grouped(first.labels),
        aliased=first.aliased,
        sliding=first.sliding,
        last_batch=len(first.prints[-1]) if first.prints else 0,
        constant_data=len(set(samples)) <= 1,
        stored_data_changed=changed,
        items_change=items_change,
        items_equal=items_equal,
        non_finite=first.non_finite,
        has_batch_norm=_has_batch_norm(bench),
        shared_with_eval=shared,
    )


@dataclass(slots=True)
class _Epoch:
    """One pass over a loader, at most 64 batches of it."""

    prints: list[tuple[int, ...]] = field(default_factory=list)
    """One checksum per sample, batch by batch."""
    levels: list[float] = field(default_factory=list)
    """The mean of each sample."""
    labels: list[int] = field(default_factory=list)
    """The whole number that comes with each sample, where one does."""
    non_finite: int = 0
    aliased: bool = False
    """Whether a batch changed when the next one was read."""
    sliding: bool = False
    """Whether each sample of the first batch starts in the one before it."""


def _epoch(loader: Iterable[Any]) -> _Epoch:
    epoch = _Epoch()
    previous: Any = None
    for batch in itertools.islice(iter(loader), _MOST_BATCHES):
        if epoch.prints and not epoch.aliased:
            epoch.aliased = fingerprints(previous) != epoch.prints[-1]
        epoch.prints.append(fingerprints(batch))
        previous = batch
        values = _data(batch)
        if not epoch.levels:
            epoch.sliding = _slides(values.detach())
        if values.numel() and values.dim():
            epoch.levels.extend(values.detach().double().reshape(values.shape[0], -1).mean(1).tolist())
        epoch.labels.extend(_labels(batch, values))
        if values.is_floating_point():
            epoch.non_finite += int(torch.isinf(values).sum())
    return epoch


def _labels(batch: Any, data: Any) -> list[int]:
    """The first tensor of a batch that has one whole number for each sample."""
    for leaf in leaves(batch):
        one = leaf.tensor
        if one is not data and one.dim() == 1 and one.shape[0] == data.shape[0] and not one.is_floating_point():
            return [int(value) for value in one.tolist()]
    return []


def _are_grouped(labels: list[int]) -> bool:
    """Whether the labels stand class by class, which random order gives once in a million: k! * prod(n_i!) / n!."""
    counts = Counter(labels)
    if len(counts) < 2 or sum(1 for _ in itertools.groupby(labels)) > len(counts):
        return False
    chance = (
        math.lgamma(len(counts) + 1) + sum(math.lgamma(n + 1) for n in counts.values()) - math.lgamma(len(labels) + 1)
    )
    return chance < math.log(_ONCE_IN_A_MILLION)


def _slides(samples: torch.Tensor) -> bool:
    """Whether the rows are windows of one series: along some axis, each shares half or more of the one before it."""
    before, after = samples[:-1], samples[1:]
    if samples.dim() < 2 or len(before) < 2:
        return False
    return any(
        torch.equal(before.narrow(axis, step, size - step), after.narrow(axis, 0, size - step))
        for axis, size in enumerate(samples.shape[1:], start=1)
        for step in range(1, size // 2 + 1)
    )


def epoch_fingerprints(loader: Iterable[Any]) -> tuple[tuple[int, ...], ...]:
    """One checksum per sample, batch by batch, for at most 64 batches."""
    return tuple(_epoch(loader).prints)


def _sortedness(levels: list[float]) -> float:
    """Von Neumann's ratio of successive differences of the samples' means, as a score that is N(0, 1) in random order.

    von Neumann (1941), "Distribution of the ratio of the mean square successive difference to the variance".
    """
    n = len(levels)
    values = torch.tensor(levels, dtype=torch.float64)
    spread = float(((values - values.mean()) ** 2).sum()) if n else 0.0
    if n < 16 or not spread:
        return 0.0
    ratio = float((values.diff() ** 2).sum()) / spread
    return (2.0 - ratio) / math.sqrt(4.0 * (n - 2) / (n**2 - 1))


def _stored(dataset: Any) -> dict[str, int]:
    """Checksums of the arrays that a data set holds in its attributes."""
    return {path: _checksum(array) for path, array in _arrays(dataset)}


def _arrays(dataset: Any) -> Iterable[tuple[str, Any]]:
    held = vars(dataset) if hasattr(dataset, "__dict__") else {}
    for name, value in held.items():
        items = enumerate(value[:32]) if isinstance(value, list | tuple) else [("", value)]
        for index, item in items:
            if isinstance(item, torch.Tensor) or (hasattr(item, "tobytes") and hasattr(item, "dtype")):
                yield (f"{name}[{index}]" if index != "" else name), item


def _checksum(array: Any) -> int:
    data = array.detach().cpu().contiguous().numpy() if isinstance(array, torch.Tensor) else array
    return zlib.crc32(data.tobytes())


def _changed(before: dict[str, int], dataset: Any) -> str:
    after = _stored(dataset)
    return next((path for path, checksum in before.items() if path in after and after[path] != checksum), "")


def _items(dataset: Any) -> tuple[bool, bool]:
    """(the same item differs when it is read twice under one seed, all items are equal)."""
    try:
        size = len(dataset)
    except (TypeError, NotImplementedError):
        return False, False
    if size < 2:
        return False, False
    if not leaves(dataset[0]):
        return False, False
    changes = False
    prints: list[tuple[int, ...]] = []
    for index in sorted({0, size // 2, size - 1}):
        readings = []
        for seed in (11, 12, 11):  # a change in place that follows the random state shows only after another one
            with seeded(seed):
                readings.append(_item_fingerprint(dataset[index]))
        changes = changes or readings[0] != readings[2]
        prints.append(readings[0])
    return changes, len(set(prints)) == 1


def _item_fingerprint(item: Any) -> tuple[int, ...]:
    """Every tensor of an item: the first may be a label that many items share."""
    return tuple(_checksum(leaf.tensor) for leaf in leaves(item))


def _shared(eval_loader: Any, first: list[tuple[int, ...]]) -> float:
    """Share of the validation loader's samples that the training loader has too."""
    if eval_loader is None:
        return float("nan")
    seen = {one for batch in first for one in batch}
    held_out = {one for batch in _epoch(eval_loader()).prints for one in batch}
    return len(seen & held_out) / len(held_out) if held_out else float("nan")


def _has_batch_norm(bench: Bench) -> bool:
    try:
        model = bench.model
    except ModelRaised:
        return False
    if not isinstance(model, torch.nn.Module):
        return False
    return any("BatchNorm" in type(module).__name__ for module in model.modules())
