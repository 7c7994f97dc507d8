"""One and two training steps: who moves, by which gradient, and what is left behind."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from pytest_aecheck.adapters.signatures import optimizer_parameter, required
from pytest_aecheck.observations import StepFacts, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.determinism import preserved, seeded
from pytest_aecheck.probes.opponents import of_opponents
from pytest_aecheck.probes.wording import said

__all__ = ["make_step", "observe_step", "working_copy"]


class _Watch:
    """What the gradients are at the moment of each optimiser step."""

    def __init__(self) -> None:
        self.steps = 0
        self.without_gradient = False
        self.at_step: dict[int, tuple[Any, Any, int]] = {}
        self.trained: set[int] = set()
        self.computed: dict[int, bool] = {}
        """By the identity of a parameter that a gradient has arrived at since its last step: whether it was other than zero."""
        self.waiting: set[int] = set()

    def arrived(self, parameter: Any) -> None:
        gradient = parameter.grad
        moves = gradient.is_sparse or bool((gradient != 0).any())
        self.computed[id(parameter)] = moves or self.computed.get(id(parameter), False)

    def before(self, optimizer: Any, *_: Any) -> None:
        self.steps += 1
        held = [p for group in optimizer.param_groups for p in group["params"]]
        gradients = [p.grad for p in held if p.grad is not None]
        computed = [moves for p in held if (moves := self.computed.pop(id(p), None)) is not None]
        if not gradients or all(not bool((g != 0).any()) for g in gradients if not g.is_sparse):
            # What a loss of weight zero gives, before a critic takes part, is zero and was not cleared.
            waits = bool(computed) and not any(computed)
            self.without_gradient |= not waits
            self.waiting |= {id(p) for p in held} if waits else set()

    def after(self, optimizer: Any, *_: Any) -> None:
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None and not p.grad.is_sparse:
                    self.at_step[id(p)] = (p.grad, p.grad.detach().clone(), p.grad._version)  # noqa: SLF001 - counts writes in place
                    if bool((p.grad != 0).any()):
                        self.trained.add(id(p))


@contextlib.contextmanager
def _watching(model: Any) -> Iterator[_Watch]:
    watch = _Watch()
    handles = [register_optimizer_step_pre_hook(watch.before), register_optimizer_step_post_hook(watch.after)]
    handles += [p.register_post_accumulate_grad_hook(watch.arrived) for p in model.parameters() if p.requires_grad]
    try:
        yield watch
    finally:
        for handle in handles:
            handle.remove()


def observe_step(bench: Bench) -> StepFacts:
    """Run the declared training step, or make one from optimiser and loss, on a copy of the model."""
    spec = bench.spec
    if spec.train_step is None and spec.optimizer is None:
        raise Unavailable("neither train_step nor optimizer was declared")
    return _observed(bench, working_copy(bench))


def working_copy(bench: Bench) -> Any:
    """A model that may be trained: a copy or, where what earlier calls left in the model cannot be copied, one built anew."""
    with bench.ready(training=True) as model, preserved():
        try:
            return copy.deepcopy(model)
        except Exception as error:
            if bench.has_factory:
                return bench.build(bench.spec.seed)
            raise Unavailable(f"the model cannot be copied: {said(error)}") from error


def _observed(bench: Bench, model: Any) -> StepFacts:
    spec = bench.spec
    model.train()
    optimizer = spec.optimizer(model) if spec.optimizer is not None else None
    missing, opponents = _missing(bench, model, optimizer)
    if spec.train_step is None:
        return StepFacts(missing_from_optimizer=missing, left_to_opponents=opponents)
    batch = bench.batch(spec.batch_size, 0)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    with _watching(model) as watch:
        try:
            make_step(bench, model, optimizer, batch, 0)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - the finding
            return StepFacts(error=said(error), missing_from_optimizer=missing, left_to_opponents=opponents)
    moved = {name for name, p in model.named_parameters() if not torch.equal(p.detach(), before[name])}
    unmoved = tuple(
        name
        for name, p in model.named_parameters()
        if name not in moved and p.requires_grad and _had_gradient(p, watch)
    )
    return StepFacts(
        missing_from_optimizer=missing,
        left_to_opponents=opponents,
        moved=tuple(sorted(moved)),
        unmoved=unmoved,
        trained=tuple(name for name, p in model.named_parameters() if id(p) in watch.trained),
        waiting=tuple(name for name, p in model.named_parameters() if watch.trained and id(p) in watch.waiting),
        stepped=watch.steps,
        gradients_accumulate=_accumulates(bench, model, optimizer),
        gradients_edited_after_step=_edited(model, watch),
        stepped_without_gradient=watch.without_gradient,
        mode_left=not model.training,
    )


def make_step(bench: Bench, model: Any, optimizer: Any, batch: Any, seed: int) -> None:
    """One training step as declared, under a random state of its own."""
    step = bench.spec.train_step
    assert step is not None
    before, behind = _around(step, optimizer)
    with seeded(bench.spec.seed + seed):
        step(model, *before, batch, **behind)


def _around(step: Any, optimizer: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What a training step is given before and behind the batch: the optimiser, where its parameter stands."""
    if optimizer is None:
        if required(step) > 2:
            raise Unavailable("train_step takes an optimiser, and no optimizer was declared")
        return (), {}
    named = optimizer_parameter(step)
    if named is not None and named[0] > 1:
        return (), {named[1]: optimizer}
    return ((optimizer,) if named is not None or required(step) == 3 else ()), {}


def _missing(bench: Bench, model: Any, optimizer: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Trainable parameters that the loss reaches and no given optimiser holds: forgotten ones, and those of a critic."""
    if optimizer is None or bench.spec.loss is None:
        return (), ()
    optimizers = optimizer if isinstance(optimizer, list | tuple) else [optimizer]
    if not all(hasattr(one, "param_groups") for one in optimizers):
        return (), ()
    held = {id(p) for one in optimizers for group in one.param_groups for p in group["params"]}
    try:
        with seeded(bench.spec.seed):
            bench.loss(model, bench.batch(bench.spec.batch_size, 0)).backward()
    except Exception:  # noqa: BLE001 - judged elsewhere
        return (), ()
    lost = [
        name
        for name, p in model.named_parameters()
        if id(p) not in held and p.requires_grad and p.grad is not None and bool((p.grad != 0).any())
    ]
    for p in model.parameters():
        p.grad = None
    opponents = of_opponents(lost, [name for name, p in model.named_parameters() if id(p) in held])
    return tuple(name for name in lost if name not in opponents), opponents


def _had_gradient(parameter: Any, watch: _Watch) -> bool:
    kept = watch.at_step.get(id(parameter))
    return kept is not None and bool((kept[1] != 0).any())


def _edited(model: Any, watch: _Watch) -> bool:
    """Gradients written to between the optimiser's step and the end, by a factor at most one: clipped too late."""
    written = []
    for parameter in model.parameters():
        kept = watch.at_step.get(id(parameter))
        if kept is None or parameter.grad is not kept[0]:
            continue
        held, value, version = kept
        if held._version == version or not bool((value != 0).any()):  # noqa: SLF001
            continue
        largest = value.abs().argmax()
        factor = float(held.reshape(-1)[largest] / value.reshape(-1)[largest])
        written.append(0 < factor <= 1 + 1e-6 and bool(torch.allclose(held, factor * value, rtol=1e-4, atol=1e-12)))
    return bool(written) and all(written)


def _accumulates(bench: Bench, model: Any, optimizer: Any) -> bool:
    """Whether a second step moves differently when the gradients of the first are removed before it."""
    if not any(
        p.grad is not None and bool((p.grad != 0).any())
        for p in model.parameters()
        if p.grad is None or not p.grad.is_sparse
    ):
        return False
    batch = bench.batch(bench.spec.batch_size, 1)
    try:
        copies = [copy.deepcopy((model, optimizer)) for _ in range(3)]
    except Exception:  # noqa: BLE001 - not every optimiser can be copied
        return False
    kept, cleared, control = (
        _second_step(bench, model, work, batch, clear=clear)
        for work, clear in zip(copies, (False, True, False), strict=True)
    )
    # the third run tells what a step owes to things outside model and optimiser: a schedule that was moved on, a counter
    return bool(kept) and _same(kept, control) and not _same(kept, cleared)


def _second_step(bench: Bench, model: Any, work: tuple[Any, Any], batch: Any, *, clear: bool) -> list[Any]:
    """The parameters after one more step of a copy; none where the copy lacks something."""
    again, optimizer = work
    for p, original in zip(again.parameters(), model.parameters(), strict=True):
        # a copied parameter has no gradient of its own
        p.grad = None if clear or original.grad is None else original.grad.detach().clone()
    try:
        make_step(bench, again, optimizer, batch, 1)
    except Unavailable:
        raise
    except Exception:  # noqa: BLE001 - a copied optimiser lacks what was attached to it
        return []
    return [p.detach().clone() for p in again.parameters()]


def _same(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(
        torch.allclose(a, b, rtol=1e-6, atol=1e-9) for a, b in zip(one, other, strict=True)
    )
