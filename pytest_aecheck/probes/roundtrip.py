"""State into a second instance, and methods that should undo each other."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from pytest_aecheck.adapters.outputs import leaves
from pytest_aecheck.observations import Inverses, RoundTrip, Unavailable
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.determinism import seeded
from pytest_aecheck.probes.shared import evaluation_pass
from pytest_aecheck.probes.wording import said

__all__ = ["observe_inverses", "observe_round_trip"]

_DIVERGED = 0.1
"""Of a tensor's norm. What starts again from its first batch is another tensor altogether."""
_INVERSE_METHODS = (
    ("patchify", "unpatchify"),
    ("to_patches", "from_patches"),
    ("img_to_patch", "patch_to_img"),
    ("quantize_values", "dequantize_values"),
)


def observe_round_trip(bench: Bench) -> RoundTrip:
    """Load the state of the instance into another one with its own initialisation, and compare the outputs."""
    if not bench.has_factory:
        raise Unavailable("the model was given built; a callable that builds it is needed for a second instance")
    batch = bench.batch(bench.spec.batch_size, 0)
    with bench.ready(training=False) as model:
        state = _copied(model)
        # inside, because a factory may give the same instance again with new values
        other = bench.build(bench.spec.seed + 1)
        if {id(p) for p in other.parameters()} & {id(p) for p in model.parameters()}:
            raise Unavailable("the factory gives the same instance again")
        try:
            missing = _loaded(other, state)
        except Exception as raised:  # noqa: BLE001 - the finding
            return RoundTrip(said(raised), (), float("nan"), 0.0)
    first = _outputs_of(evaluation_pass(bench).run.output)
    other.eval()
    with seeded(bench.spec.seed):
        second = _outputs_of(bench.call(other, batch))
    gap = scale = 0.0
    for a, b in zip(first, second, strict=False):
        if a.shape == b.shape:
            gap = max(gap, float((a.detach().double() - b.detach().double()).abs().nan_to_num().max()))
            scale = max(scale, float(a.detach().abs().nan_to_num().max()))
    diverging, appeared = _resumed(bench)
    return RoundTrip("", missing, gap, scale, diverging, appeared)


def _resumed(bench: Bench) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(state that differs, keys that differ) where a second instance goes on from where the first one was saved."""
    spec = bench.spec
    first = bench.build(spec.seed).train()
    before = _copied(first)
    try:
        _forward(bench, first, 0)
        if _alike(before, _copied(first)):
            return (), ()
        second = bench.build(spec.seed + 1).train()
        if keys := _loaded(second, _copied(first)):
            return (), keys
        for model in (first, second):
            _forward(bench, model, 1)
    except Exception:  # noqa: BLE001 - what raises is judged where it is asked for
        return (), ()
    after = _copied(second)
    return tuple(name for name, value in _copied(first).items() if name in after and _differ(value, after[name])), ()


def _loaded(model: Any, state: dict[str, Any]) -> tuple[str, ...]:
    """Load a state, and say which keys did not fit. A model's own `load_state_dict` may say nothing."""
    keys = model.load_state_dict(state, strict=False)
    return () if keys is None else (*keys.missing_keys, *keys.unexpected_keys)


def _alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether nothing of a state changed: then there is nothing from which a model could go on."""
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def _forward(bench: Bench, model: Any, seed: int) -> None:
    with seeded(bench.spec.seed + seed):
        bench.call(model, bench.batch(bench.spec.batch_size, seed))


def _copied(model: Any) -> dict[str, Any]:
    return {n: t.detach().clone() for n, t in model.state_dict().items() if isinstance(t, torch.Tensor)}


def _differ(one: Any, other: Any) -> bool:
    if one.shape != other.shape:
        return True
    a, b = one.double().nan_to_num(), other.double().nan_to_num()
    return float((a - b).norm()) > _DIVERGED * max(float(a.norm()), float(b.norm()))


def _outputs_of(output: Any) -> list[Any]:
    return [leaf.tensor for leaf in leaves(output) if leaf.tensor.is_floating_point()]


def observe_inverses(bench: Bench) -> Inverses:
    """Call each known pair of methods on the batch, one after the other."""
    x = bench.primary(bench.batch(bench.spec.batch_size, 0))
    gaps = []
    with bench.ready(training=False) as model:
        for (there, back), (name, owner) in itertools.product(_INVERSE_METHODS, model.named_modules()):
            gap = _gap(owner, there, back, x, bench.spec.seed)
            if gap is not None:
                gaps.append((f"{name + '.' if name else ''}{back}({there}(x))", gap))
    if not gaps:
        raise Unavailable("the model has no pair of methods such as patchify and unpatchify")
    return Inverses(tuple(gaps))


def _gap(owner: Any, there: str, back: str, x: Any, seed: int) -> float | None:
    """How far the way there and back leads from the data, in its standard deviations; None where there is no such way."""
    if not (callable(getattr(owner, there, None)) and callable(getattr(owner, back, None))):
        return None
    try:
        with seeded(seed), torch.no_grad():
            returned = getattr(owner, back)(getattr(owner, there)(x))
    except (TypeError, ValueError, AssertionError):
        return None
    if not isinstance(returned, torch.Tensor) or returned.shape != x.shape:
        return None
    spread = float(x.double().std())
    return float((returned.double() - x.double()).abs().max()) / spread if spread else None
