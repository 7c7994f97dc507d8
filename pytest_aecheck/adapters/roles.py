"""Which of a model's outputs is the reconstruction."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Sequence

from pytest_aecheck.adapters.outputs import Leaf

__all__ = ["AmbiguousOutputError", "reconstruction_among"]

_NAMED = re.compile(r"recon|x_?hat|x_?rec|decoded|sample|output\b|logits|pred|x_?tilde|\bxr?\b", re.IGNORECASE)
_RESULT = re.compile(r"recon|hat|x_?rec|decoded|output|pred|tilde", re.IGNORECASE)
_NOT = re.compile(r"input|target|mask|mu\b|mean|log_?var|noise|latent|loss", re.IGNORECASE)
_SPREAD = re.compile(r"scale|sigma|std|var|theta|dispersion|total_count|concentration|\bdf\b", re.IGNORECASE)
"""Parameters of a likelihood that say how far the data lie from its mean."""


class AmbiguousOutputError(LookupError):
    """Several outputs could be the reconstruction, or none could; the message lists what was found."""


def reconstruction_among(found: Sequence[Leaf], shape: Sequence[int], *, floating: bool, given: object = None) -> Leaf:
    """The output that has the input's shape, or else its number of elements.

    For integer input (tokens), scores over a vocabulary have one axis more than the input. An output that is the very
    tensor which was `given` counts only if nothing else does: many models hand their input on to the loss. Under a key
    that speaks of no result, as in a batch that every layer adds to, it never counts.
    """
    found = [leaf for leaf in found if leaf.tensor is not given or not _is_handed_on(leaf.path)]
    made = [leaf for leaf in found if leaf.tensor is not given]
    if len(made) < len(found):
        with contextlib.suppress(AmbiguousOutputError):
            return reconstruction_among(made, shape, floating=floating)
    for fits in _criteria(floating):
        candidates = [
            leaf for leaf in found if leaf.tensor.is_floating_point() and fits(tuple(leaf.tensor.shape), tuple(shape))
        ]
        if candidates:
            chosen = _preferred(candidates)
            several = next((leaf for leaf in found if _has_draws(leaf, shape)), None)
            if several is not None and not _is_called(_NAMED, chosen):
                raise AmbiguousOutputError(
                    f"{several.path} {tuple(several.tensor.shape)} looks like several reconstructions of each sample; "
                    "declare reconstruct=... to say which one is meant"
                )
            return chosen
    listing = ", ".join(f"{leaf.path} {tuple(leaf.tensor.shape)}" for leaf in found) or "no tensor at all"
    raise AmbiguousOutputError(
        f"no output looks like a reconstruction of an input of shape {tuple(shape)}; found {listing}"
    )


def _is_handed_on(path: str) -> bool:
    key = path.removeprefix("output")
    return key.startswith("['") and not _RESULT.search(key)


def _has_draws(leaf: Leaf, shape: Sequence[int]) -> bool:
    """Whether a tensor holds, for every sample, several things of a sample's shape (IWAE, MIWAE)."""
    held, sample = tuple(leaf.tensor.shape), tuple(shape[1:])
    return len(sample) > 1 and len(held) > len(shape) and held[0] == shape[0] and held[-len(sample) :] == sample


def _criteria(floating: bool) -> tuple[Callable[[tuple[int, ...], tuple[int, ...]], bool], ...]:
    if floating:
        return (lambda a, b: a == b, lambda a, b: a[:1] == b[:1] and math.prod(a) == math.prod(b))
    return (
        lambda a, b: a[:-1] == b or (len(a) == len(b) + 1 and a[:1] == b[:1] and a[2:] == b[1:]),
        lambda a, b: len(a) >= 2 and math.prod(a[:-1]) == math.prod(b),
    )


def _preferred(candidates: Sequence[Leaf]) -> Leaf:
    central = [leaf for leaf in candidates if not _is_called(_SPREAD, leaf)] or list(candidates)
    plain = [leaf for leaf in central if not _is_called(_NOT, leaf)] or central
    named = [leaf for leaf in plain if _is_called(_NAMED, leaf)]
    return (named or plain)[0]


def _is_called(words: re.Pattern[str], leaf: Leaf) -> bool:
    return words.search(leaf.path.removeprefix("output")) is not None
