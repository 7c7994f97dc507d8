"""Calling the model changes its mode.

## What it does

Compares the training flags of all modules, and the global gradient mode, before and after a forward in evaluation mode.

## Why is this bad?

A `self.train()` inside `forward` turns dropout and batch statistics on at inference; a gradient mode that is switched off and
left off makes the next training step raise.

## How it decides

Any flag differs.

## Exemptions

None.

## References

- PyTorch documentation of `Module.eval`: <https://pytorch.org/docs/stable/generated/torch.nn.Module.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations, Unavailable
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC601",
    name="mode-changed",
    summary="a forward pass changes training mode or gradient mode",
    needs=("hygiene",),
)


def judge(observations: Observations) -> Verdict:
    """Fail on a changed flag."""
    hygiene = observations.hygiene
    if hygiene.mode_changed:
        return CHECK.failed(
            f"a forward pass in evaluation mode leaves {', '.join(hygiene.mode_changed[:4])} in training mode"
        )
    if hygiene.grad_mode_changed:
        return CHECK.failed("a forward pass leaves gradients switched off for the rest of the program")
    try:
        if observations.step.mode_left:
            return CHECK.failed(
                "the training step leaves the model in evaluation mode: the next step trains without dropout and batch statistics"
            )
    except Unavailable:
        pass
    return CHECK.passed()
