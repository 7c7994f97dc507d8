"""Which parameters the loss's gradient reaches, over several batches with small steps between."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from pytest_aecheck.observations import ParameterReach, Reach, Unavailable
from pytest_aecheck.probes.bench import Bench, ModelRaised
from pytest_aecheck.probes.counted import counted_term
from pytest_aecheck.probes.determinism import seeded
from pytest_aecheck.probes.halves import idle_halves
from pytest_aecheck.probes.lineage import descendants
from pytest_aecheck.probes.modules import unregistered
from pytest_aecheck.probes.plain_numbers import plain_number
from pytest_aecheck.probes.runs import Run, graph_leaves, record
from pytest_aecheck.probes.shared import training_pass
from pytest_aecheck.probes.trace import Call, Flow
from pytest_aecheck.probes.twins import stand_ins
from pytest_aecheck.probes.wording import said

__all__ = ["observe_reach"]

_BATCHES = 3
_MOST_TRIES = 96
_LENGTH = 1e-3
_RANK = {"none": 0, "zero": 1, "non-finite": 2, "reached": 3}


def observe_reach(bench: Bench) -> Reach:
    """Backward of the loss on three batches; more where a parameter is one of several that take turns."""
    if bench.spec.loss is None:
        raise Unavailable("no loss was declared")
    first = training_pass(bench)
    if not first.trained:
        return Reach((), loss_has_gradient=False)
    # Asked first: the steps below write into what its graph needs.
    counted, plain = counted_term(first.run), plain_number(first.run)
    with bench.ready(training=True) as model:
        names = dict(model.named_parameters())
        late = _used_after_hooks(first.run, model)
        used = {name: _used(first.run, parameter) for name, parameter in names.items()}
        foreign = _foreign(first.run.loss, model)
        status = {name: _status(first.gradients[name]) for name in names}
        siblings = _siblings(model)
        tries = 1
        if _unsettled(status, names, used):
            _step(names, first.gradients)
            for number in range(1, _BATCHES):
                found = _gradients(bench, names, model, number)
                _merge(status, {name: _status(gradient) for name, gradient in found.items()})
                _step(names, found)
            tries = _wait_for_turns(bench, model, names, status, used, siblings)
        halves = set(idle_halves(first.run, model, first.gradients))
        for number in range(1, _BATCHES) if halves else ():
            halves &= set(idle_halves(first.run, model, _gradients(bench, names, model, number)))
    return Reach(
        tuple(
            ParameterReach(
                name=name,
                status="frozen" if not parameter.requires_grad else status[name],
                used=used[name],
                moved_by_forward=name in first.moved,
                after_hook=name in late,
                only_zeros=status[name] == "zero" and _meets_only_zeros(first.run, parameter),
                below_floor=status[name] == "zero" and _is_below_floor(first.run, parameter),
                siblings=siblings.get(name, 1),
                tries=tries,
            )
            for name, parameter in names.items()
        ),
        loss_has_gradient=True,
        foreign=foreign,
        cut_from_reconstruction=first.cut,
        idle_halves=tuple(sorted(halves)),
        stand_ins=stand_ins(first.run, bench.model, used),
        counted_term=counted,
        plain_number=plain,
    )


def _unsettled(status: dict[str, str], names: dict[str, Any], used: dict[str, bool]) -> bool:
    """Whether a parameter that might still be reached was not, on the first batch."""
    return any(
        _RANK[status[name]] < _RANK["reached"] and p.requires_grad and (used[name] or p.dim() > 1)
        for name, p in names.items()
    )


def _step(names: dict[str, Any], gradients: dict[str, Any]) -> None:
    """Move every parameter by 1e-3 against the sign of its gradient, away from a start at which gradients vanish."""
    with torch.no_grad():
        for name, parameter in names.items():
            gradient = gradients[name]
            if gradient is not None and not gradient.is_sparse and bool(torch.isfinite(gradient).all()):
                parameter.sub_(_LENGTH * gradient.sign())


def _gradients(bench: Bench, names: dict[str, Any], model: Any, number: int) -> dict[str, Any]:
    batch = bench.batch(bench.spec.batch_size, number)
    trained = {name: p for name, p in names.items() if p.requires_grad}
    found: dict[str, Any] = dict.fromkeys(names)
    try:
        with seeded(bench.spec.seed + number):
            loss = bench.loss(model, batch)
            if loss.requires_grad:
                found.update(
                    zip(trained, torch.autograd.grad(loss, list(trained.values()), allow_unused=True), strict=True)
                )
    except Unavailable:
        raise
    except Exception as error:
        raise ModelRaised(f"the loss or its backward raised {said(error)}") from error
    return found


def _status(gradient: Any) -> str:
    if gradient is None:
        return "none"
    if gradient.is_sparse:
        gradient = gradient.coalesce().values()
    if not bool(torch.isfinite(gradient).all()):
        return "non-finite"
    return "reached" if bool((gradient != 0).any()) else "zero"


def _merge(status: dict[str, str], found: dict[str, str]) -> None:
    for name, one in found.items():
        if _RANK[one] > _RANK[status[name]]:
            status[name] = one


def _used(run: Run, parameter: Any) -> bool:
    value = run.trace.current.get(id(parameter))
    return value is not None and any(call.grad for call in value.consumers)


def _meets_only_zeros(run: Run, parameter: Any) -> bool:
    """Whether every call applies a parameter to a constant that is zero; what the model computed may be zero by a fault."""
    value = run.trace.current.get(id(parameter))
    applied = [call.inputs[0] for call in value.consumers] if value is not None else []
    return bool(applied) and all(
        not {Flow.INPUT, Flow.PARAMETER} & set(v.flow) and not bool(v.tensor.any()) for v in applied
    )


_FLOORS = frozenset({"clamp", "clamp_min", "clip", "maximum", "max"})


def _is_below_floor(run: Run, parameter: Any) -> bool:
    """Whether what the parameter makes is replaced by a floor in every entry, as a KL is that starts below its free bits."""
    value = run.trace.current.get(id(parameter))
    behind = descendants([value]) if value is not None else ()
    floors = {id(call): call for one in behind for call in one.consumers if call.name in _FLOORS}
    return any(_lifts(call) for call in floors.values())


def _lifts(call: Call) -> bool:
    """Whether every entry of the learned argument is smaller than what comes out."""
    learned = [v.tensor for v in call.inputs if Flow.PARAMETER in v.flow]
    out = call.out.tensor
    return len(learned) == 1 and learned[0].shape == out.shape and bool((out > learned[0]).all())


def _used_after_hooks(run: Run, model: Any) -> set[str]:
    """Parameters that only run after a module whose output a forward hook takes, inside the same parent.

    The rest of a backbone runs on after the feature that a hook has taken out; its result is dropped on purpose.
    """
    owners = dict(model.named_modules())
    taken = [
        execution
        for execution in run.trace.executions
        if execution.name in owners and execution.name != "." and owners[execution.name]._forward_hooks  # noqa: SLF001
    ]
    late: set[str] = set()
    for name, parameter in model.named_parameters():
        value = run.trace.current.get(id(parameter))
        if value is None or not value.consumers:
            continue
        for execution in taken:
            parent = execution.name.rpartition(".")[0]
            if (
                name.startswith(f"{parent}." if parent else "")
                and min(c.index for c in value.consumers) >= execution.last
            ):
                late.add(name)
    return late


def _foreign(loss: Any, model: Any) -> tuple[str, ...]:
    """Trainable tensors in the loss's graph that the model holds in plain containers."""
    hidden = {id(p): f"{path}.{name}" for path, module in unregistered(model) for name, p in module.named_parameters()}
    for owner_name, owner in model.named_modules():
        for attribute, value in vars(owner).items():
            if not attribute.startswith("_"):
                prefix = f"{owner_name}.{attribute}" if owner_name else attribute
                hidden.update({id(t): path for path, t in _plain_tensors(value, prefix)})
    registered = {id(p) for p in model.parameters()}
    reached = {id(variable): variable for variable in graph_leaves(loss)}
    return tuple(path for key, path in hidden.items() if key in reached and key not in registered)


def _plain_tensors(value: Any, path: str) -> Iterable[tuple[str, Any]]:
    if isinstance(value, nn.Parameter):
        yield path, value
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            if isinstance(item, nn.Parameter):
                yield f"{path}[{index}]", item


def _siblings(model: Any) -> dict[str, int]:
    """How many parameters share a parameter's place in a list of equals, so that chance may pass it by."""
    counts: dict[str, int] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList | nn.ParameterList | nn.ModuleDict | nn.ParameterDict):
            prefix = f"{name}." if name else ""
            size = len(list(module.children())) or len(list(module.parameters()))
            for inner, _ in module.named_parameters():
                counts[f"{prefix}{inner}"] = max(size, counts.get(f"{prefix}{inner}", 1))
    return counts


def _wait_for_turns(
    bench: Bench,
    model: Any,
    names: dict[str, Any],
    status: dict[str, str],
    used: dict[str, bool],
    siblings: dict[str, int],
) -> int:
    """Try again while members of a list may only not have had their turn (chance below 1e-6)."""

    def waiting() -> list[str]:
        return [
            n
            for n, s in status.items()
            if _RANK[s] < _RANK["reached"] and siblings.get(n, 1) > 1 and names[n].requires_grad
        ]

    if not waiting():
        return _BATCHES
    needed = min(_MOST_TRIES, 14 * max(siblings[name] for name in waiting()))
    for number in range(_BATCHES, needed):
        _merge(status, {name: _status(g) for name, g in _gradients(bench, names, model, number).items()})
        if not waiting():
            return number + 1
    for name in waiting():
        # in the first run chance may have passed it by; what evaluation uses counts as used
        used[name] = used[name] or _used_in_evaluation(bench, model, names[name])
    return needed


def _used_in_evaluation(bench: Bench, model: Any, parameter: Any) -> bool:
    training = model.training
    model.eval()
    try:
        run = record(bench, model, bench.batch(bench.spec.batch_size, 0), seed=bench.spec.seed, with_loss=False)
        return _used(run, parameter)
    except Unavailable:
        return False
    finally:
        model.train(training)
