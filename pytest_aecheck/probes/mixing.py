"""Does one sample's output depend on another sample? In evaluation mode, by gradient and by replacement."""

from __future__ import annotations

from typing import Any

import torch

from pytest_aecheck.adapters.outputs import leaves
from pytest_aecheck.localize import first_mixing
from pytest_aecheck.observations import Mixing, Unavailable
from pytest_aecheck.probes.bench import Bench, ModelRaised, _said
from pytest_aecheck.probes.determinism import seeded
from pytest_aecheck.probes.forward import rows
from pytest_aecheck.probes.runs import Run, record, zeros
from pytest_aecheck.probes.trace import Flow
from pytest_aecheck.probes.vocabulary import NORMAL, RANDOM

__all__ = ["observe_mixing"]

_ODD = 7
"""A batch size that is unlikely to be the size of another axis."""


def observe_mixing(bench: Bench) -> Mixing:
    """Look for influence between samples in every output that has one axis of samples."""
    n = _ODD if bench.scales_with_n else bench.spec.batch_size
    batch = bench.batch(n, 0)
    x = bench.primary(batch)
    n = x.shape[bench.batch_axis]
    if n < 2:
        raise Unavailable("the batch holds fewer than two samples")
    with bench.ready(training=False) as model:
        base = _outputs(bench, model, batch)
        axes = _sample_axes(bench, model, base, n)
        if not axes:
            raise Unavailable("no output has an axis of samples")
        checked = tuple(sorted({0, n // 2, n - 1}))
        ends = (0, n - 1)
        leaf, sample, other, gradient = _by_gradient(bench, model, batch, axes, checked[len(checked) // 2 :][:1])
        changed = _by_replacement(bench, model, batch, base, axes, ends)
        noise = 0.0
        if changed is not None:
            again = _outputs(bench, model, batch)
            noise = max((_gap(base[path], again[path]) for path in axes if path in again), default=0.0)
        scale = max(float(base[path].detach().abs().nan_to_num().max()) for path in axes)
        alone, comparable, positional = _alone(bench, model, batch, axes)
        where = _place(bench, model, batch, changed[2]) if changed is not None else ""
    if changed is not None and not gradient:
        leaf, sample, other = changed[:3]
    return Mixing(
        leaf=leaf,
        sample=sample,
        other=other,
        gradient=gradient,
        change=changed[3] if changed else 0.0,
        noise=noise,
        scale=scale,
        rows_checked=checked,
        where=where,
        alone=alone,
        alone_comparable=comparable,
        positional=positional,
    )


def _outputs(bench: Bench, model: Any, batch: Any) -> dict[str, Any]:
    try:
        with seeded(bench.spec.seed):
            output = bench.call(model, batch)
    except Exception as error:
        raise ModelRaised(f"the model raised {_said(error)}") from error
    return {leaf.path: leaf.tensor for leaf in leaves(output) if leaf.tensor.is_floating_point()}


def _sample_axes(bench: Bench, model: Any, base: dict[str, Any], n: int) -> dict[str, int]:
    """Which axis of each output counts samples: the single one that follows the batch's size."""
    if not bench.scales_with_n:
        return {path: 0 for path, t in base.items() if t.dim() > 1 and t.shape[0] == n and tuple(t.shape).count(n) == 1}
    more = _outputs(bench, model, bench.batch(n + 1, 0))
    axes = {}
    for path, tensor in base.items():
        other = more.get(path)
        if other is None or other.dim() != tensor.dim():
            continue
        grown = [axis for axis, (a, b) in enumerate(zip(tensor.shape, other.shape, strict=True)) if a != b]
        if len(grown) == 1 and tensor.shape[grown[0]] == n and tensor.dim() > 1:
            axes[path] = grown[0]
    return axes


def _by_gradient(
    bench: Bench, model: Any, batch: Any, axes: dict[str, int], checked: tuple[int, ...]
) -> tuple[str, int, int, float]:
    x = bench.primary(batch)
    if not x.is_floating_point():
        return "", 0, 0, 0.0
    leaf = x.detach().clone().requires_grad_()
    fed = torch.utils._pytree.tree_map(lambda item: leaf if item is x else item, batch)  # noqa: SLF001
    outputs = _outputs(bench, model, fed)
    generator = torch.Generator().manual_seed(5)
    for path, axis in axes.items():
        tensor = outputs.get(path)
        if tensor is None or not tensor.requires_grad:
            continue
        for sample in checked:
            row = tensor.select(axis, sample)
            cotangent = torch.randn(row.shape, generator=generator).to(row)
            (gradient,) = torch.autograd.grad(row, leaf, cotangent, retain_graph=True, allow_unused=True)
            if gradient is None:
                continue
            influence = rows(gradient, bench.batch_axis).abs().amax(1).nan_to_num()
            influence[sample] = 0
            if float(influence.max()) > 0:
                return path, sample, int(influence.argmax()), float(influence.max())
    return "", 0, 0, 0.0


def _by_replacement(
    bench: Bench, model: Any, batch: Any, base: dict[str, Any], axes: dict[str, int], checked: tuple[int, ...]
) -> tuple[str, int, int, float] | None:
    x = bench.primary(batch)
    stranger = bench.primary(bench.batch(x.shape[bench.batch_axis], 1))
    worst: tuple[str, int, int, float] | None = None
    for replaced in checked:
        changed = x.clone()
        changed.select(bench.batch_axis, replaced).copy_(stranger.select(bench.batch_axis, replaced))
        if torch.equal(changed, x):
            continue
        fed = torch.utils._pytree.tree_map(lambda item, new=changed: new if item is x else item, batch)  # noqa: SLF001
        outputs = _outputs(bench, model, fed)
        for path, axis in axes.items():
            if path not in outputs or outputs[path].shape != base[path].shape:
                continue
            difference = (rows(outputs[path], axis) - rows(base[path], axis)).abs().amax(1).nan_to_num()
            difference[replaced] = 0
            size = float(difference.max())
            if size and (worst is None or size > worst[3]):
                worst = (path, int(difference.argmax()), replaced, size)
    return worst


def _place(bench: Bench, model: Any, batch: Any, replaced: int) -> str:
    """The first module that carries the replaced sample into others."""
    x = bench.primary(batch)
    samples = x.shape[bench.batch_axis]
    changed = x.clone()
    changed.select(bench.batch_axis, replaced).copy_(
        bench.primary(bench.batch(samples, 1)).select(bench.batch_axis, replaced)
    )
    fed = torch.utils._pytree.tree_map(lambda item: changed if item is x else item, batch)  # noqa: SLF001
    before = record(bench, model, batch, seed=bench.spec.seed, with_loss=False)
    after = record(bench, model, fed, seed=bench.spec.seed, with_loss=False)
    return first_mixing(before.trace, after.trace, replaced, samples)


def _gap(a: Any, b: Any) -> float:
    return (
        float((a.detach().double() - b.detach().double()).abs().nan_to_num().max())
        if a.shape == b.shape
        else float("inf")
    )


def _alone(bench: Bench, model: Any, batch: Any, axes: dict[str, int]) -> tuple[float, bool, str]:
    """The last sample alone against the same sample in the batch, normal noise set to zero."""
    x = bench.primary(batch)
    n = x.shape[bench.batch_axis]
    run = record(bench, model, batch, seed=bench.spec.seed, noise=zeros, with_loss=False)
    if any(call.name in (RANDOM - NORMAL) | {"gumbel_softmax"} for call in run.trace.calls) or not bench.scales_with_n:
        return 0.0, False, ""
    single = torch.utils._pytree.tree_map(  # noqa: SLF001
        lambda item: (
            item.narrow(bench.batch_axis, n - 1, 1)
            if isinstance(item, torch.Tensor) and item.dim() > bench.batch_axis and item.shape[bench.batch_axis] == n
            else item
        ),
        batch,
    )
    try:
        alone = record(bench, model, single, seed=bench.spec.seed, noise=zeros, with_loss=False)
    except Unavailable:
        return 0.0, False, ""
    together = {leaf.path: leaf.tensor for leaf in leaves(run.output)}
    gap = 0.0
    for leaf in leaves(alone.output):
        whole = together.get(leaf.path)
        if leaf.path not in axes or whole is None or leaf.tensor.dim() != whole.dim():
            continue
        axis = axes[leaf.path]
        if leaf.tensor.shape[axis] != 1 or leaf.tensor.numel() * n != whole.numel():
            continue
        a, b = rows(leaf.tensor, axis)[0], rows(whole, axis)[n - 1]
        largest = float(rows(whole, axis).abs().max())
        gap = max(gap, float((a - b).abs().max()) / largest if largest else 0.0)
    return gap, True, _positional_addition(run, n)


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
        shift = activations.dim() - table.dim()
        for axis in range(table.dim()):
            if table.shape[axis] == n == activations.shape[axis + shift] and list(activations.shape).count(n) == 1:
                moved = table.detach().movedim(axis, 0)
                if bool((moved != moved[:1]).any()):
                    return f"a constant of shape {tuple(table.shape)} is added to activations of shape {tuple(activations.shape)}"
    return ""
