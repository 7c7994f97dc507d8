"""Does one sample's output depend on another sample? In evaluation mode, by gradient and by replacement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from pytest_aecheck.adapters.batches import can_be_rebuilt
from pytest_aecheck.adapters.outputs import leaves
from pytest_aecheck.localize import first_mixing
from pytest_aecheck.observations import Mixing, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.forward import rows
from pytest_aecheck.probes.runs import Run, ones, record_opened, replaced_primary
from pytest_aecheck.probes.shared import OddPass, evaluation_pass, odd_pass, odd_size
from pytest_aecheck.probes.trace import Flow
from pytest_aecheck.probes.vocabulary import NORMAL, RANDOM, REJECTING

__all__ = ["observe_mixing"]

_RANKING = frozenset({"topk", "kthvalue", "sort", "argsort", "quantile"})
_ROUNDING = 1e-6
"""Of the largest output, what another order of summation may change."""


def observe_mixing(bench: Bench) -> Mixing:
    """Look for influence between samples in every output that has one axis of samples."""
    if bench.primary(bench.batch(odd_size(bench), 0)).shape[bench.batch_axis] < 2:
        raise Unavailable("the batch holds fewer than two samples")
    if bench.rows_are_parts:
        raise Unavailable(
            f"a batch of 3 samples has {bench.primary(bench.batch(3, 0)).shape[0]} rows: a row is no sample"
        )
    odd = odd_pass(bench)
    x = bench.primary(odd.batch)
    n = x.shape[bench.batch_axis]
    base = _floating(odd.run)
    axes = _sample_axes(bench, base, n)
    if not axes:
        raise Unavailable("no output has an axis of samples")
    leaf, sample, other, gradient = _by_gradient(bench, odd, base, axes, n // 2)
    with bench.ready(training=False) as model:
        change = _by_replacement(bench, model, odd, base, axes)
        lost = _lost(bench, model, odd, axes)
        alone, comparable, positional = _alone(bench, model, odd, axes)
    if change is not None and not gradient:
        leaf, sample, other = change.path, change.sample, change.replaced
    return Mixing(
        leaf=leaf,
        sample=sample,
        other=other,
        gradient=gradient,
        change=change.size if change else 0.0,
        noise=change.noise if change else 0.0,
        scale=max(float(base[path].detach().abs().nan_to_num().max()) for path in axes),
        where=change.where if change else "",
        alone=alone,
        alone_comparable=comparable,
        lost=lost,
        positional=positional,
        selected=_ranked_together(odd.run),
    )


def _ranked_together(run: Run) -> str:
    """The first call that ranks the entries of the whole batch in one row, as the top-k of a batch does; "" if none."""
    # Lengths of sequences are sorted to be packed: of integers nothing is kept because it is large.
    ranked = (call for call in run.trace.calls if call.name in _RANKING and call.inputs)
    rows = (call for call in ranked if call.inputs[0].tensor.dim() == 1 and call.inputs[0].tensor.is_floating_point())
    return next((call.name for call in rows), "")


def _floating(run: Run) -> dict[str, Any]:
    return {leaf.path: leaf.tensor for leaf in leaves(run.output) if leaf.tensor.is_floating_point()}


def _sample_axes(bench: Bench, base: dict[str, Any], n: int) -> dict[str, int]:
    """Which axis of each output counts samples: the single one that follows the batch's size."""
    if not bench.scales_with_n:
        return {path: 0 for path, t in base.items() if t.dim() > 1 and t.shape[0] == n and tuple(t.shape).count(n) == 1}
    declared = _floating(evaluation_pass(bench).run)
    axes = {}
    for path, tensor in base.items():
        other = declared.get(path)
        if other is None or other.dim() != tensor.dim():
            continue
        grown = [axis for axis, (a, b) in enumerate(zip(tensor.shape, other.shape, strict=True)) if a != b]
        # Sequences that are padded to the longest of a batch grow as well, but not to the number of samples.
        counting = grown if len(grown) == 1 else [a for a in grown if other.shape[a] == bench.spec.batch_size]
        if len(counting) == 1 and tensor.shape[counting[0]] == n and tensor.dim() > 1:
            axes[path] = counting[0]
    return axes


def _by_gradient(
    bench: Bench, odd: OddPass, base: dict[str, Any], axes: dict[str, int], sample: int
) -> tuple[str, int, int, float]:
    """(output, sample, other, gradient) of the influence of other samples on one, or no output and 0."""
    if odd.leaf is None:
        return "", 0, 0, 0.0
    generator = torch.Generator().manual_seed(5)
    for path, axis in axes.items():
        if not base[path].requires_grad:
            continue
        row = base[path].select(axis, sample)
        cotangent = torch.randn(row.shape, generator=generator).to(row)
        try:
            (gradient,) = torch.autograd.grad(row, odd.leaf, cotangent, retain_graph=True, allow_unused=True)
        except RuntimeError:  # the evaluated forward overwrites in place what its gradient needs
            continue
        if gradient is None:
            continue
        influence = rows(gradient, bench.batch_axis).abs().amax(1).nan_to_num()
        influence[sample] = 0
        if float(influence.max()) > 0:
            return path, sample, int(influence.argmax()), float(influence.max())
    return "", 0, 0, 0.0


@dataclass(frozen=True, slots=True)
class _Change:
    """The largest change of a sample's output when another sample was replaced."""

    path: str
    sample: int
    replaced: int
    size: float
    noise: float
    where: str


def _by_replacement(
    bench: Bench, model: Any, odd: OddPass, base: dict[str, Any], axes: dict[str, int]
) -> _Change | None:
    """Replace two samples at once; only if others change, each of them alone to see which it was."""
    if any(odd.run.trace.named(*REJECTING)):
        return None  # another sample leaves the generator in another state: believe the gradient
    n = bench.primary(odd.batch).shape[bench.batch_axis]
    # the first and the last but one: a batch that is turned round carries them to places that are watched
    pair = tuple(sorted({0, max(n - 2, 1)}))
    together = _replaced(bench, model, odd, pair)
    if together is None or _worst(base, _floating(together), axes, pair) is None:
        return None
    single = {i: _replaced(bench, model, odd, (i,)) for i in (*pair, n - 1)}
    found = [(worst, i) for i, run in single.items() if run and (worst := _worst(base, _floating(run), axes, (i,)))]
    if not found:
        return None
    (path, sample, size), replaced = max(found, key=lambda item: item[0][2])
    run = single[replaced]
    repeated, _ = record_opened(bench, model, odd.batch, seed=bench.spec.seed, noise=ones, with_loss=False)
    again = _floating(repeated)
    noise = max((_gap(base[path], again[path]) for path in axes if path in again), default=0.0)
    if run is not None and _sizes(run) != _sizes(odd.run):
        noise = max(noise, _ROUNDING * float(base[path].detach().abs().nan_to_num().max()))
    where = first_mixing(odd.run.trace, run.trace, replaced, n) if run is not None else ""
    return _Change(path, sample, replaced, size, noise, where)


def _sizes(run: Run) -> list[tuple[Any, ...]]:
    """The sizes that the arithmetic had. Where they follow the data (packed sequences, kept patches), sums are taken in another order."""
    return [
        tuple(
            value.tensor.tolist()
            if "packed" in call.name and not value.tensor.is_floating_point()
            else value.tensor.shape
        )
        for call in run.trace.calls
        for value in (*call.inputs, *call.outputs)
    ]


def _replaced(bench: Bench, model: Any, odd: OddPass, which: tuple[int, ...]) -> Run | None:
    """The same pass with some samples taken from another batch; None if that changes nothing."""
    x = bench.primary(odd.batch)
    stranger = bench.primary(bench.batch(x.shape[bench.batch_axis], 1))
    if stranger.shape != x.shape:
        fed = _exchanged(odd.batch, bench.batch_axis, x.shape[bench.batch_axis], which)
    else:
        changed = x.clone()
        for sample in which:
            changed.select(bench.batch_axis, sample).copy_(stranger.select(bench.batch_axis, sample))
        fed = replaced_primary(bench, odd.batch, changed)
    if torch.equal(bench.primary(fed), x):
        return None
    run, _ = record_opened(bench, model, fed, seed=bench.spec.seed, noise=ones, with_loss=False)
    return run


def _exchanged(batch: Any, axis: int, n: int, which: tuple[int, ...]) -> Any:
    """The batch with copies of other samples of its own in the place of some: sequences of another batch are of another length.

    Whatever belongs to a sample is copied with it, its length and its mask.
    """
    if not can_be_rebuilt(batch):
        raise Unavailable("samples of two batches have different sizes, and what belongs to a sample is not in sight")
    order = list(range(n))
    for sample in which:
        order[sample] = next(i for i in ((sample + n // 2) % n, (sample + 1) % n) if i not in which)
    return _chosen(batch, axis, n, order)


def _chosen(batch: Any, axis: int, n: int, order: list[int]) -> Any:
    """The batch of some of its n samples, in that order; what has no axis of samples stays as it is."""

    def pick(item: Any) -> Any:
        samples = isinstance(item, torch.Tensor) and item.dim() > axis and item.shape[axis] == n
        return item.index_select(axis, torch.tensor(order, device=item.device)) if samples else item

    return torch.utils._pytree.tree_map(pick, batch)  # noqa: SLF001


def _worst(
    base: dict[str, Any], outputs: dict[str, Any], axes: dict[str, int], replaced: tuple[int, ...]
) -> tuple[str, int, float] | None:
    worst: tuple[str, int, float] | None = None
    for path, axis in axes.items():
        if path not in outputs or outputs[path].shape != base[path].shape:
            continue
        difference = (rows(outputs[path], axis) - rows(base[path], axis)).abs().amax(1).nan_to_num()
        difference[list(replaced)] = 0
        size = float(difference.max())
        if size and (worst is None or size > worst[2]):
            worst = (path, int(difference.argmax()), size)
    return worst


def _gap(a: Any, b: Any) -> float:
    return (
        float((a.detach().double() - b.detach().double()).abs().nan_to_num().max())
        if a.shape == b.shape
        else float("inf")
    )


def _alone(bench: Bench, model: Any, odd: OddPass, axes: dict[str, int]) -> tuple[float, bool, str]:
    """The last sample alone against the same sample in the batch, under the same normal noise."""
    run, axis_of_batch = odd.run, bench.batch_axis
    n = bench.primary(odd.batch).shape[axis_of_batch]
    drawn = any(call.name in (RANDOM - NORMAL) | {"gumbel_softmax"} for call in run.trace.calls)
    if drawn or not bench.scales_with_n or not can_be_rebuilt(odd.batch):
        return 0.0, False, ""
    single = _chosen(odd.batch, axis_of_batch, n, [n - 1])
    try:
        alone, _ = record_opened(bench, model, single, seed=bench.spec.seed, noise=ones, with_loss=False)
    except Unavailable:
        return 0.0, False, ""
    gap = _gap_to_last(alone, run, axes, n)
    if gap > _ROUNDING and _draws_unseen(bench, model, odd, axes):
        return 0.0, False, ""
    return gap, True, _positional_addition(run, n)


def _lost(bench: Bench, model: Any, odd: OddPass, axes: dict[str, int]) -> str:
    """The output that loses its axis of samples where the user's batch has one sample; "" if none does."""
    if not bench.scales_with_n:
        return ""
    try:
        single = bench.batch(1, 0)
        if bench.primary(single).shape[bench.batch_axis] != 1:
            return ""
    except (Unavailable, IndexError):
        return ""  # a batch that cannot be built says nothing of the model
    try:
        alone, _ = record_opened(bench, model, single, seed=bench.spec.seed, noise=ones, with_loss=False)
    except Unavailable:
        return ""  # a model that raises is told of elsewhere, and may decline a batch of one
    wholes = {leaf.path: leaf.tensor for leaf in leaves(odd.run.output)}
    for leaf in leaves(alone.output):
        whole = wholes.get(leaf.path)
        if leaf.path in axes and whole is not None and leaf.tensor.dim() < whole.dim():
            return f"{leaf.path} has shape {tuple(leaf.tensor.shape)}, where {whole.shape[axes[leaf.path]]} samples give {tuple(whole.shape)}"
    return ""


def _gap_to_last(alone: Run, together: Run, axes: dict[str, int], n: int) -> float:
    """The largest difference between the outputs of one sample alone and as the last of n, relative to the largest value."""
    wholes = {leaf.path: leaf.tensor for leaf in leaves(together.output)}
    gap = 0.0
    for leaf in leaves(alone.output):
        whole = wholes.get(leaf.path)
        if leaf.path not in axes or whole is None or leaf.tensor.dim() != whole.dim():
            continue
        axis = axes[leaf.path]
        if leaf.tensor.shape[axis] != 1 or leaf.tensor.numel() * n != whole.numel():
            continue
        a, b = rows(leaf.tensor, axis)[0], rows(whole, axis)[n - 1]
        largest = float(rows(whole, axis).abs().max())
        gap = max(gap, float((a - b).abs().max()) / largest if largest else 0.0)
    return gap


def _draws_unseen(bench: Bench, model: Any, odd: OddPass, axes: dict[str, int]) -> bool:
    """Whether the outputs follow the seed although all noise was replaced: compiled functions and numpy draw unseen."""
    other, _ = record_opened(bench, model, odd.batch, seed=bench.spec.seed + 1, noise=ones, with_loss=False)
    base, again = _floating(odd.run), _floating(other)
    return any(path in again and _gap(base[path], again[path]) > 0 for path in axes)


def _positional_addition(run: Run, n: int) -> str:
    """An addition of a tensor that does not come from the input and differs from sample to sample."""
    for call in run.trace.calls:
        if call.name not in {"add", "add_"} or len(call.inputs) != 2:
            continue
        data, other = call.inputs
        if Flow.INPUT not in data.flow:
            data, other = other, data
        if Flow.INPUT not in data.flow or Flow.INPUT in other.flow or Flow.NOISE in other.flow:
            continue
        table, activations = other.tensor, data.tensor
        if _follows_samples(table, activations, n):
            return (
                f"a constant of shape {tuple(table.shape)} is added to activations of shape {tuple(activations.shape)}"
            )
    return ""


def _follows_samples(table: Any, activations: Any, n: int) -> bool:
    """Whether the table differs along the one axis of the activations that has as many entries as the batch samples."""
    if list(activations.shape).count(n) != 1:
        return False
    axis = list(activations.shape).index(n) - activations.dim()
    if -axis > table.dim() or table.shape[axis] != n:
        return False
    moved = table.detach().movedim(axis, 0)
    return bool((moved != moved[:1]).any())
