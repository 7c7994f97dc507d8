"""The data use next to nothing of a trained codebook.

## What it does

Counts which entries of every codebook are chosen, over up to 16 batches of 256 samples, and computes the perplexity of the choice.

## Why is this bad?

An entry that no vector is near receives no gradient and stays where it is. A codebook of 512 entries of which 5 are used carries two
bits per vector instead of nine, and all samples begin to look alike.

## How it decides

It fails if one single entry is ever chosen, and warns if the perplexity is below a tenth of the entries. Both need at least
20 vectors per entry: an entry that was never chosen among n vectors is chosen with a probability below 3/n (at 95 %). The perplexity is
corrected for the size of the sample (Miller 1955).

## Exemptions

Models that are not declared fitted, since an untrained codebook really does collapse; codebooks of fewer than 8 entries; fewer vectors.

## References

- van den Oord et al., "Neural Discrete Representation Learning" (2017): <https://arxiv.org/abs/1711.00937>
- Razavi et al., "Generating Diverse High-Fidelity Images with VQ-VAE-2" (2019): <https://arxiv.org/abs/1906.00446>
"""

from __future__ import annotations

from typing import Any

from pytest_aecheck.observations import Observations
from pytest_aecheck.verdicts import Check, Stage, Verdict

CHECK = Check(
    code="AEC707",
    name="unused-codes",
    summary="the data use next to nothing of the fitted codebook",
    stage=Stage.FITTED,
    gate=True,
    needs=("codebooks",),
    cost="up to 16 forwards of 256 samples",
)

_SMALLEST = 8
_PER_ENTRY = 20
_LITTLE = 0.1


def judge(observations: Observations) -> Verdict:
    """Look at the codebook that is used least."""
    books = [book for book in observations.codebooks if book.entries >= _SMALLEST]
    enough = [book for book in books if book.vectors >= _PER_ENTRY * book.entries]
    if not books:
        return CHECK.skipped(f"no codebook has {_SMALLEST} entries or more")
    if not enough:
        return CHECK.skipped(f"cannot tell from {books[0].vectors} vectors for {books[0].entries} entries")
    worst = min(enough, key=lambda book: book.perplexity / book.entries)
    numbers: dict[str, Any] = {
        "used": worst.used,
        "entries": worst.entries,
        "perplexity": worst.perplexity,
        "vectors": worst.vectors,
    }
    said = (
        f"{worst.vectors} vectors use {worst.used} of {worst.entries} entries of the codebook in {worst.where} (perplexity "
        f"{worst.perplexity:.3g}): each of the others stands for fewer than {3 / worst.vectors:.1e} of them"
    )
    if worst.used == 1:
        return CHECK.failed(f"{said}. The code carries nothing", **numbers)
    if worst.perplexity < _LITTLE * worst.entries:
        return CHECK.warned(
            f"{said}. Start the codebook from encoded data, restart entries that die, or look at the weight of the commitment",
            **numbers,
        )
    return CHECK.passed(**numbers)
