"""Parameters of a critic, which an optimiser of its own trains against the loss of the model."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["of_opponents"]

_OPPONENT = re.compile(
    r"(^|_)(disc|discr|discriminators?|discrim|critics?|adversar\w*|net_?d|d_net)($|_|\d)", re.IGNORECASE
)


def of_opponents(missing: Iterable[str], held: Iterable[str]) -> tuple[str, ...]:
    """Those of the missing parameters that stand in a module named as a critic of which the optimiser holds nothing.

    The loss of an adversarial autoencoder sends a gradient into its critic on the way to the decoder; the critic's own
    loss, and its own optimiser, are another matter. Its name is all that tells it from a part that was forgotten.
    """
    kept = {prefix for name in held for prefix in _prefixes(name)}
    return tuple(name for name in missing if any(_is_named(p) and p not in kept for p in _prefixes(name)))


def _prefixes(name: str) -> list[str]:
    """The modules that hold a parameter, from the outermost in: `critic.body.0.weight` lies in three."""
    parts = name.split(".")[:-1]
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _is_named(module: str) -> bool:
    return _OPPONENT.search(module.rsplit(".", 1)[-1]) is not None
