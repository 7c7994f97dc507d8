"""The state does not survive a file.

## What it does

Writes the `state_dict` with `torch.save`, reads it with `torch.load(weights_only=True)` into a second instance, and compares the values.
Where safetensors is installed, does the same with its `save_model` and `load_model`.

## Why is this bad?

Objects that are no tensors need `weights_only=False`, which runs whatever a file says; many tools refuse it. A state that can be
loaded in memory only is found out about on the day it is needed.

## How it decides

It warns if writing or reading raises, or if a tensor comes back with other values.

## Exemptions

Models given as a built instance. Tied weights are no fault: both writers keep them once.

## References

- PyTorch documentation of `torch.load`: <https://pytorch.org/docs/stable/generated/torch.load.html>
- safetensors, "Torch shared tensors": <https://huggingface.co/docs/safetensors/torch_shared_tensors>
"""

from __future__ import annotations

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Verdict

CHECK = Check(
    code="AEC628",
    name="state-cannot-be-saved",
    summary="the state does not come back from a file",
    gate=False,
    needs=("saved",),
    cost="writes and reads the state once, twice with safetensors",
)


def judge(observations: Observations) -> Verdict:
    """Warn of what was lost."""
    saved = observations.saved
    if saved.plain:
        return CHECK.failed(f"through torch.save and torch.load(weights_only=True): {saved.plain}")
    if saved.tensors:
        return CHECK.failed(f"through safetensors: {saved.tensors}")
    return CHECK.passed(safetensors=saved.tried_tensors)
