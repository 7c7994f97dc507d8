"""A loss that applies its own sigmoid or softmax receives values that went through one already, or through a ReLU.

## What it does

Reports `binary_cross_entropy_with_logits` (and `BCEWithLogitsLoss`) on the output of a sigmoid or
softmax, and `cross_entropy` (and `CrossEntropyLoss`) on the output of a softmax or sigmoid. Also reports the hinge loss
`relu(1 + score)` of a discriminator whose score is the output of one of them, and
`binary_cross_entropy_with_logits` on the output of a ReLU, at the ReLU, whatever dropout follows it.

## Why is this bad?

The loss squashes its input once more. Probabilities in [0, 1] become probabilities in [0.5, 0.73]: a pixel
of 0 can never be reconstructed, the loss has a floor far above zero, and gradients shrink. The hinge loss wants scores
of generated data below -1: what lies between 0 and 1 never gets there, so the hinge does nothing. Behind a ReLU no logit
is negative, so no probability falls below one half: nothing is ever rated as zero, or as generated.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 784), nn.Sigmoid())


def loss(z, x):
    return F.binary_cross_entropy_with_logits(decoder(z), x)
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 784))


def loss(z, x):
    return F.binary_cross_entropy_with_logits(decoder(z), x)
```

## Known limits

The network must be in sight. `cross_entropy` on a log-softmax is left alone: it changes nothing.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.builders import decided_at
from aelint.semantics.dataflow.lineage import RESHAPES, origins, through
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.explanation.wording import place

RULE = Rule(
    code="AEL308",
    name="sigmoid-before-logits-loss",
    summary="a loss on logits receives the output of a sigmoid, a softmax or a ReLU",
    severity=Severity.ERROR,
    triggers=(
        ("with_logits", "withlogits", "cross_entropy", "crossentropy", "relu"),
        ("sigmoid", "softmax", "with_logits", "withlogits"),
    ),
)

_LOSSES = {
    "binary_cross_entropy_with_logits": ("sigmoid", "binary_cross_entropy"),
    "cross_entropy": ("log-softmax", "nll_loss on its logarithm"),
}
_SQUASHED = frozenset({"sigmoid", "softmax"})
_RECTIFIED = frozenset({"relu", "relu6"})
_DROPOUT = frozenset({"dropout", "alpha_dropout", "feature_dropout", "dropout1d", "dropout2d", "dropout3d"})


def check(program: Program) -> Iterator[Finding]:
    """Yield each loss on logits whose input was squashed on every path."""
    for call in program.calls_to(*_LOSSES):
        squashed = _squashed(call.bound.get("input"))
        if squashed is None or call.context.speculative:
            continue
        yield _finding(program, call, squashed)
    yield from _rectified(program)
    yield from _hinges(program)


def _rectified(program: Program) -> Iterator[Finding]:
    """Logits that are never negative: no probability falls below one half."""
    for call in program.calls_to("binary_cross_entropy_with_logits"):
        ends = [through(o, _DROPOUT | RESHAPES) for o in origins(call.bound.get("input"))]
        last = [o for o in ends if isinstance(o, Sym) and o.op in _RECTIFIED]
        if call.context.speculative or not last or len(last) < len(ends):
            continue
        site = decided_at(program, last[0]) or call.site
        message = (
            f"`{call.name}` ({place(call.site, site)}) takes this output of a {last[0].op} for logits, and none "
            "is negative: no probability falls below one half. End the network with its last linear layer"
        )
        yield Finding(site, message, (Note(call.site, "taken for logits here"),), severity=Severity.WARNING)


def _hinges(program: Program) -> Iterator[Finding]:
    """Hinge losses `relu(1 + score)` whose score is never negative."""
    for call in program.calls_to("relu"):
        squashed = _squashed(_raised(call.bound.get("input")))
        if squashed is None or call.context.speculative:
            continue
        message = (
            f"this hinge wants scores below -1, but its input is the output of a {squashed.op} ({place(squashed.site, call.site)}), "
            f"which is never negative: `relu` changes nothing. Drop the {squashed.op}"
        )
        notes = (Note(squashed.site, f"the {squashed.op} that comes before the hinge"),) if squashed.site else ()
        yield Finding(call.site, message, notes, severity=Severity.WARNING)


def _raised(value: Value) -> Value:
    """The score of `1 + score`, None if the value is no such sum."""
    match value:
        case Sym(op="add", inputs=(1, Sym() as score)) | Sym(op="add", inputs=(Sym() as score, 1)):
            return score
        case _:
            return None


def _squashed(value: Value) -> Sym | None:
    found = origins(value)
    if not found or not all(isinstance(o, Sym) and o.op in _SQUASHED for o in found):
        return None
    return found[0] if isinstance(found[0], Sym) else None


def _finding(program: Program, call: Call, squashed: Sym) -> Finding:
    """At the loss; in one file with it, a softmax is told where it is, as no loss of its kind takes what comes out of one."""
    inner, instead = _LOSSES[call.name]
    made = decided_at(program, squashed) if squashed.op == "softmax" else None
    if made is not None and made.unit is call.site.unit:
        message = (
            f"`{call.name}` ({place(call.site, made)}) applies a {inner} of its own, but its input is the output of this softmax. "
            f"Drop the softmax, or use {instead}"
        )
        return Finding(made, message, (Note(call.site, "taken for logits here"),))
    message = (
        f"`{call.name}` applies a {inner} of its own, but its input is the output of a {squashed.op} "
        f"({place(squashed.site, call.site)}). Drop the {squashed.op}, or use {instead}"
    )
    notes = (Note(squashed.site, f"the {squashed.op} that comes before the loss"),) if squashed.site else ()
    return Finding(call.site, message, notes)
