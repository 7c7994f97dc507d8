"""Mixed precision: gradients that still carry the factor of a `GradScaler` when they are clipped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import External, Object, Sym, Value
from aelint.semantics.optimization.training import Action, Kind, actions, same_round

__all__ = ["ScaledClip", "scaled_clips"]


@dataclass(frozen=True, slots=True, eq=False)
class ScaledClip:
    """A clip between the backward pass of a scaled loss and the scaler's step."""

    clip: Action
    backward: Action
    step: Action

    @property
    def site(self) -> Site:
        """Where the clip stands beside the step: the call of the function that clips, where that is a function of its own."""
        shared = self.step.context.stack
        apart = next((a for a in self.clip.context.stack if a not in shared), None)
        return apart.site if apart is not None and apart.site is not None else self.clip.event.site


def scaled_clips(program: Program) -> Iterator[ScaledClip]:
    """Clips of gradients that nothing divided by the loss scale.

    https://docs.pytorch.org/docs/stable/notes/amp_examples.html#gradient-clipping
    """
    done = actions(program)
    for clip in (a for a in done if a.kind is Kind.CLIP and not _only_measures(a)):
        before = [a for a in done if a.order < clip.order and same_round(a.context, clip.context)]
        after = [a for a in done if a.order > clip.order and same_round(a.context, clip.context)]
        backward = next((a for a in reversed(before) if a.kind is not Kind.CLIP), None)
        step = next((a for a in after if a.kind is not Kind.CLIP), None)
        if backward is None or step is None or (backward.kind, step.kind) != (Kind.BACKWARD, Kind.STEP):
            continue
        scaler = _scaler(backward)
        unscales = any(
            c.method == "unscale_" and backward.order < c.order < clip.order
            for c in program.calls
            if scaler is not None
        )
        if scaler is not None and isinstance(step.event, Call) and step.event.receiver is scaler and not unscales:
            yield ScaledClip(clip, backward, step)


def _scaler(backward: Action) -> Value:
    """The scaler of torch in `scaler.scale(loss).backward()`, None if there is none or it is switched off."""
    match backward.event:
        case Call(receiver=Sym(op="call", attrs={"method": "scale"}, inputs=(scaler, *_))):
            return scaler if _is_active(scaler) else None
        case _:
            return None


def _is_active(scaler: Value) -> bool:
    match scaler:
        case Sym(op="call", attrs={"callee": External(name=name), "kwargs": dict() as options}):
            pass
        case Object(name=name, kwargs=options):
            pass
        case _:
            return False
    return name.startswith("torch.") and name.endswith(".GradScaler") and options.get("enabled") is not False


def _only_measures(clip: Action) -> bool:
    """`clip_grad_norm_(parameters, inf)` only returns the norm."""
    call = clip.event
    limit = call.bound.get("max_norm", call.args[1] if len(call.args) > 1 else None) if isinstance(call, Call) else None
    return isinstance(limit, float) and math.isinf(limit)
