"""A state that was kept changes with the model.

## What it does

Watches the results of `state_dict()` while training steps are made, and looks whether one is still held afterwards and shares memory with
the parameters in training.

## Why is this bad?

`best = model.state_dict()` is no copy: it holds the live tensors. Whatever was best at the time, what is restored in the end is the last
step.

## How it decides

A result of `state_dict()`, of the model or of a part of it, is alive after the steps, and holds memory of a parameter.

## Exemptions

States that were copied (`copy.deepcopy`, `{k: v.clone() ...}`), loaded elsewhere or written to a file.

## References

- PyTorch documentation, "Saving and Loading Models", on `best_model_state`:
  <https://pytorch.org/tutorials/beginner/saving_loading_models.html>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC602",
    name="aliased-checkpoint",
    summary="a state kept by the training step is the live one",
    needs=("progress",),
    cost="6 training steps, shared",
)


def judge(observations: Observations) -> Verdict:
    """Fail on live tensors in a kept state."""
    kept = observations.progress.kept_states
    if kept:
        return CHECK.failed(
            "the training step keeps a result of state_dict(), whose tensors go on changing with the model: keep "
            "copy.deepcopy(model.state_dict())",
            kept=kept,
        )
    return CHECK.passed()
