"""A trained model reconstructs data without structure as well as real data.

## What it does

Exchanges the features of 256 samples between samples, each feature by itself, and reconstructs the result. Every feature keeps its
distribution; what the features say about each other is gone.

## Why is this bad?

An autoencoder is useful because it reconstructs what looks like its data, and nothing else. One that copies whatever it is given has
learned the identity: its error is no score of anomalies, and its code is no summary.

## How it decides

It warns if the error on exchanged features is below 1.5 times the error on the data, or below a twentieth of the variance; the model explains more than half of the data's
variance, and a quarter as many principal components as features show that there was structure to lose (a tenth of the variance at least).

## Exemptions

Models that are not declared fitted; `skips=True`; data whose features say nothing about each other; losses that compare with something
else than the input; more than 4096 features.

## References

- Bengio, Courville and Vincent, "Representation Learning" (2013), section 7.2: <https://arxiv.org/abs/1206.5538>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Stage, Verdict

CHECK = Check(
    code="AEC236",
    name="reconstructs-anything",
    summary="the fitted model reconstructs unrelated features as well as data",
    stage=Stage.FITTED,
    gate=False,
    needs=("baselines",),
    cost="shared with worse-than-linear",
)

_FEWEST = 32
_LEARNED = 0.5
_STRUCTURE = 0.1
_ALIKE = 1.5
_COPIED = 0.05


def judge(observations: Observations) -> Verdict:
    """Warn where losing the structure costs nothing."""
    if observations.spec.skips:
        return CHECK.declined("the architecture is declared to pass the input around the code")
    found = observations.baselines
    if found.samples < _FEWEST:
        return CHECK.skipped(f"cannot tell from {found.samples} different samples")
    numbers: dict[str, Any] = {"fvu": found.fvu, "exchanged_fvu": found.shuffled_fvu, "structure": found.structure}
    if found.fvu > _LEARNED:
        return CHECK.skipped(
            f"the model leaves {found.fvu:.3g} of the data's variance unexplained: it has learned too little"
        )
    if found.structure < _STRUCTURE:
        return CHECK.skipped("the features of the data say little about each other: there is no structure to lose")
    if found.shuffled_fvu < max(_ALIKE * found.fvu, _COPIED):
        return CHECK.failed(
            f"the trained model leaves {found.fvu:.3g} of the variance unexplained on data and {found.shuffled_fvu:.3g} where features were "
            f"exchanged between samples: it copies whatever it is given (its code has {found.units} units for {found.features} features). "
            "Make the code smaller, or limit it by noise or a penalty",
            **numbers,
        )
    return CHECK.passed(**numbers)
