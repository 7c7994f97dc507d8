"""The network's last activation cannot produce the values that it is compared with.

## What it does

Compares the range of the output, as the last activation confines it, with the range of the data that it is
trained to reproduce, and reports data outside of it: a sigmoid for normalised images or for raw bytes, ReLU
for centred signals, tanh or the bare hidden state of a recurrent layer for standardised features. Also tanh for images in
[0, 1], and a softmax for images, whose values add up to one.

## Why is this bad?

What lies outside is never reconstructed. The loss keeps a floor, the activation saturates, and gradients
vanish for exactly the values that are wrong. With tanh for images in [0, 1] half of what the network can give
is never wanted: an untrained network starts far too dark, black lies where tanh is steepest, and samples show
negative pixels.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

model = nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 64), nn.Sigmoid())
images = torch.rand(256, 64)
x = (images - 0.5) / 0.5
loss = F.mse_loss(model(x), x)
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

model = nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 64), nn.Tanh())
images = torch.rand(256, 64)
x = (images - 0.5) / 0.5
loss = F.mse_loss(model(x), x)
```

## Known limits

The range of the data must follow from what is in sight: known transforms, arithmetic on known ranges, sines,
draws of torch and numpy, arrays that are filled piece by piece, pixels divided by 255. Data that is only called
normalised is left alone.

## References

- https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.Normalize.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.backward_passes import backward_passes
from aelint.semantics.dataflow.builders import decided_at
from aelint.semantics.dataflow.lineage import ancestors, through
from aelint.semantics.domain.intervals import Interval
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.objective.attained import CARRIERS, attained_range, is_divided_by_255
from aelint.semantics.objective.comparisons import Comparison, comparisons, data_source

RULE = Rule(
    code="AEL310",
    name="output-range-cannot-express-data",
    summary="the output's last activation cannot produce the range of the data",
    severity=Severity.WARNING,
    triggers=(("sigmoid", "tanh", "relu", "softmax", "softplus", "lstm", "gru", "rnn"),),
)

_CONFINED = {
    "sigmoid": Interval(0, 1),
    "softmax": Interval(0, 1),
    "tanh": Interval(-1, 1),
    "relu": Interval(0),
    "softplus": Interval(0),
    "relu6": Interval(0, 6),
    "hardsigmoid": Interval(0, 1),
    "hardtanh": Interval(-1, 1),
}
_RECURRENT = {"lstm": "an LSTM", "gru": "a GRU", "rnn": "a recurrent layer"}
_KINDS = frozenset(
    {"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "squared", "absolute"}
)
_NOISE = frozenset({"randn", "randn_like", "normal"})
_PICTURES = frozenset({"picture", "to_tensor"})
_SHIFTS = frozenset({"add", "sub"})
_UNIT, _SIGNED = Interval(0, 1), Interval(-1, 1)
SLACK = 0.05
"""Values that lie outside by less than this share of the data's width are a rounding of the range."""


@dataclass(frozen=True, slots=True, eq=False)
class _Mismatch:
    """An output whose range misses part of its target's."""

    comparison: Comparison
    activation: Sym
    wanted: Interval
    halved: bool = False
    """Whether the data is within reach, but only in one half of the range."""


def check(program: Program) -> Iterator[Finding]:
    """Yield each confined output that is compared with data beyond its range."""
    for one in comparisons(program):
        shared = _shared_out(one) if one.kind in _KINDS else None
        if shared is not None:
            yield _of_shares(program, one, shared)
            continue
        mismatch = _mismatch(one) if one.kind in _KINDS else None
        if mismatch is None or _is_tried_on_noise(program, one):
            continue
        site = decided_at(program, mismatch.activation) or one.site
        moved = _moved_out(mismatch)
        yield _finding(mismatch, site) if moved is None else _finding_at_data(mismatch, moved, site)


def _shared_out(one: Comparison) -> Sym | None:
    """The softmax that an output for pictures ends in: its values are shares of one."""
    if one.prediction is None or one.target is None:
        return None
    ends = data_source(one.prediction)
    pictures = any(a.op in _PICTURES for a in ancestors(one.target)) and not any(
        a.op == "one_hot" for a in ancestors(one.target)
    )
    return ends[0] if pictures and ends and all(a.op == "softmax" for a in ends) else None


def _of_shares(program: Program, one: Comparison, softmax: Sym) -> Finding:
    site = decided_at(program, softmax) or one.site
    message = (
        f"the output ends in a softmax, whose values add up to 1, but it is compared with pictures ({place(one.site, site)}), in which every "
        "pixel may be bright: all of the output stays nearly black. End the network in a sigmoid"
    )
    return Finding(site, message, (Note(one.site, "output and pictures are compared here"),))


def _mismatch(one: Comparison) -> _Mismatch | None:
    output, target = one.prediction, one.target
    if output is None or target is None:
        return None
    match data_source(output):
        case [first, *_] as activations if all(_confines(a) for a in activations):
            wanted = attained_range(target)
        case _:
            return None
    if wanted is None:
        return None
    slack = SLACK * min(wanted.high - wanted.low, 2.0)
    if all(a.op == "tanh" for a in activations) and _UNIT.covers(wanted) and wanted.high > 0.5 and _is_image(one):
        return _Mismatch(one, first, wanted, halved=True)
    reached = any(_confinement(a).covers(wanted, slack=slack) for a in activations)
    return None if reached else _Mismatch(one, first, wanted)


def _recurrent(value: Sym) -> str:
    """What to call the layer whose hidden state the value is; empty for anything else."""
    match value:
        case Sym(op="item", inputs=(Sym(op=op), *_)):
            return _RECURRENT.get(op, "")
        case _:
            return ""


def _confines(value: Sym) -> bool:
    return value.op in _CONFINED or _recurrent(value) != ""


def _confinement(value: Sym) -> Interval:
    # Behind another activation less than all of its range is left: a sigmoid of a sigmoid begins at 0.5.
    return _CONFINED[value.op].meet(value.range) if value.op in _CONFINED else value.range


def _ending(value: Sym) -> str:
    layer = _recurrent(value)
    return f"is the hidden state of {layer}" if layer else f"ends in {value.op}"


def _is_image(one: Comparison) -> bool:
    """Whether a convolution made the output, or the data was read as pictures or made from bytes."""
    sides = [*ancestors(one.first), *ancestors(one.second)]
    return any(a.op in _PICTURES or a.op.startswith("conv") or is_divided_by_255(a) for a in sides)


def _moved_out(mismatch: _Mismatch) -> Site | None:
    """The shift that took data which filled the output's range out of it, to where no other activation ends."""
    step = through(mismatch.comparison.target, CARRIERS)
    if mismatch.halved or not isinstance(step, Sym) or step.op not in _SHIFTS or _is_same(mismatch.wanted, _SIGNED):
        return None
    before = [attained_range(i) for i in step.inputs if isinstance(i, Sym)]
    match before:
        case [Interval() as filled] if _is_same(filled, _confinement(mismatch.activation)):
            return step.site
        case _:
            return None


def _is_same(one: Interval, other: Interval) -> bool:
    return one.covers(other, slack=SLACK) and other.covers(one, slack=SLACK)


def _is_tried_on_noise(program: Program, one: Comparison) -> bool:
    """Whether noise stands in for the data and nothing is fitted to it, as where a loss is only tried out."""
    fits = bool(backward_passes(program))
    return not fits and one.target is not None and any(a.op in _NOISE for a in ancestors(one.target))


def _finding(mismatch: _Mismatch, site: Site) -> Finding:
    one, activation = mismatch.comparison, mismatch.activation
    target = one.target
    made = place(target.site, site) if target is not None else ""
    if mismatch.halved:
        message = (
            f"the output ends in tanh, with values in [-1, 1], but it is compared with images in [0, 1] ({made}): half of the "
            "range is never wanted. Normalise the images to [-1, 1], or end the network in a sigmoid"
        )
        return Finding(site, message, (Note(one.site, "output and images are compared here"),))
    remedy = "put a linear layer behind it" if _recurrent(activation) else "drop the activation"
    message = (
        f"the output {_ending(activation)}, with values in {_confinement(activation)}, but it is compared with data "
        f"that reaches {_ends(mismatch.wanted)} ({made}). What lies outside is never reconstructed: scale the data into the output's "
        f"range, or {remedy}"
    )
    notes = [Note(one.site, "output and data are compared here")]
    if target is not None and target.site is not None:
        notes.append(Note(target.site, f"the data reaches {_ends(mismatch.wanted)}"))
    return Finding(site, message, tuple(notes))


def _finding_at_data(mismatch: _Mismatch, moved: Site, activation: Site) -> Finding:
    ending = _ending(mismatch.activation)
    message = (
        f"this moves the data to values {_ends(mismatch.wanted)}, but the output that is compared with it {ending}, "
        f"with values in {_confinement(mismatch.activation)} ({place(activation, moved)}), as the data was before: leave it in that range"
    )
    notes = (
        Note(activation, f"the output {ending}"),
        Note(mismatch.comparison.site, "output and data are compared here"),
    )
    return Finding(moved, message, notes)


def _ends(wanted: Interval) -> str:
    return f"from {wanted.low:.3g} to {wanted.high:.3g}"
