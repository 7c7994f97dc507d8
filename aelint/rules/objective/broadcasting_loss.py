"""Prediction and target have different shapes, and the loss stretches one over the other.

## What it does

Reports losses, and squared or absolute differences that are averaged, whose operands have shapes that
broadcast: `(N,)` with `(N, 1)`, one value per sequence with the whole sequence. Also a sum or difference of two terms with one
value for each sample, `(N,)` and `(N, 1)`, that is no matrix of distances.

## Why is this bad?

Every prediction is compared with targets that are not its own: `(N,)` against `(N, 1)` gives all N*N pairs,
and the best answer is the mean of the targets. torch only warns, and only in its own losses.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

score = nn.Linear(16, 1)
x, y = torch.rand(32, 16), torch.rand(32)
loss = F.mse_loss(score(x), y)
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

score = nn.Linear(16, 1)
x, y = torch.rand(32, 16), torch.rand(32)
loss = F.mse_loss(score(x).squeeze(1), y)
```

## Known limits

Both shapes must be known. An axis that was inserted with `unsqueeze` or `None` is taken to be meant.

## References

- https://docs.pytorch.org/docs/stable/notes/broadcasting.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.architecture.contradictions import last_layer
from aelint.semantics.dataflow.choices import written_at
from aelint.semantics.dataflow.graph import consumers
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.values import Shape
from aelint.semantics.explanation.wording import place, shape_text
from aelint.semantics.objective.comparisons import Comparison, comparisons
from aelint.semantics.objective.outer_sums import is_spread_by_hand, outer_sums

RULE = Rule(
    code="AEL313",
    name="broadcasting-loss",
    summary="prediction and target of a loss have shapes that broadcast",
    severity=Severity.ERROR,
    triggers=(("loss", "**", "pow", "abs", "square"),),
)

_ELEMENTWISE = frozenset(
    {
        "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy",
        "binary_cross_entropy_with_logits", "squared", "absolute",
    }
)  # fmt: skip
_CONVOLUTIONS = frozenset(f"{kind}{n}d" for kind in ("Conv", "ConvTranspose") for n in (1, 2, 3))


def check(program: Program) -> Iterator[Finding]:
    """Yield each loss that stretches an operand over the other."""
    users = consumers(program)
    for one in comparisons(program):
        if one.kind not in _ELEMENTWISE or one.prediction is None:
            continue
        if not one.ordered and not any(u.op in {"mean", "sum"} for u in users.get(one.node.id, [])):
            continue
        a, b = one.first.shape, one.second.shape
        stretched = (
            a and b and (_stretches(a, b) or _stretches(b, a)) and not (_is_centre(one, a) or _is_centre(one, b))
        )
        if (
            a
            and b
            and stretched
            and not (is_spread_by_hand(one.first) or is_spread_by_hand(one.second) or _is_pairing(one, a, b))
        ):
            site = _written(program, one) or one.site
            notes = () if site is one.site else (Note(one.site, "output and data are compared here"),)
            yield Finding(site, _message(one, a, b, site), notes)
    for outer in outer_sums(program):
        column, row = shape_text(outer.column.shape or ()), shape_text(outer.row.shape or ())
        message = (
            f"this adds one value of each sample, {row}, to a column of them, {column}, which gives every sample the values of all "
            "others, too: a square of numbers, that the mean over it hides. Take the last axis away first, `squeeze(-1)`"
        )
        made = outer.column.site
        where = () if made is None else (Note(made, "the column"),)
        yield Finding(outer.site, message, where, severity=Severity.WARNING)


def _written(program: Program, one: Comparison) -> Site | None:
    """Where the number of channels is written that the last convolution gives, and that the data has not; nothing else differs."""
    output, target = one.prediction, one.target
    layer = last_layer(output)
    if output is None or target is None or layer is None or layer.class_name not in _CONVOLUTIONS:
        return None
    shape, wanted = output.shape or (), target.shape or ()
    differing = [axis for axis, (a, b) in enumerate(zip(shape, wanted, strict=False)) if a != b]
    if differing != [1] or len(shape) != len(wanted) or shape[1] != layer.bound.get("out_channels"):
        return None
    node = layer.site.node if layer.site is not None else None
    given = (
        next((k.value for k in node.keywords if k.arg == "out_channels"), None) if isinstance(node, ast.Call) else None
    )
    if given is None and isinstance(node, ast.Call) and len(node.args) > 1:
        given = node.args[1]
    return written_at(program, layer, given)


def _stretches(small: Shape, large: Shape) -> bool:
    """Whether `small` is certainly used more than once over `large`."""
    if len(small) > len(large):
        return _aligned(small, large)
    pairs = list(zip(reversed(small), reversed(large), strict=False))
    several = all(_is_several(d) for d in large[: len(large) - len(small)]) and len(large) > len(small)
    inner = pairs if len(small) < len(large) else pairs[:-1]
    # Where the other sizes are the same by a setting that is not known, so may this one be: a number of channels is 1.
    certain = all(a == b or 1 in {a, b} for a, b in inner)
    one_over_many = any(a == 1 and _is_several(b) and (certain or isinstance(b, int)) for a, b in inner)
    # A batch of one against a number of samples that is not known: it may be one as well.
    one_over_many |= len(small) == len(large) and small[0] == 1 and isinstance(large[0], int) and large[0] > 1
    if len(small) > 1 and all(a == b and _is_several(a) for a, b in pairs):
        # Further axes in front, every other axis its own: several samples are compared with one target.
        return False
    fits = all(a == b or 1 in {a, b} or not (isinstance(a, int) and isinstance(b, int)) for a, b in pairs)
    # A single number over everything is a constant target.
    return fits and (several or one_over_many) and any(d != 1 for d in small)


def _is_centre(one: Comparison, shape: Shape) -> bool:
    """Whether a difference is written out with one vector: distances to a centre are; torch's own losses take a target."""
    return (
        not one.ordered and len(shape) == 1 and all(o.shape[-1:] == shape for o in (one.first, one.second) if o.shape)
    )


def _is_pairing(one: Comparison, a: Shape, b: Shape) -> bool:
    """Whether a written-out difference stretches each operand over the other: every one is compared with every other."""
    ones = [{i for i, size in enumerate(shape) if size == 1} for shape in (a, b)]
    return not one.ordered and len(a) == len(b) and bool(ones[0] - ones[1]) and bool(ones[1] - ones[0])


def _aligned(longer: Shape, shorter: Shape) -> bool:
    """`(N, 1)` against `(N,)`: the last axis of the one stretches, the first of the other."""
    return (
        len(longer) == len(shorter) + 1 and longer[-1] == 1 and _is_several(shorter[-1]) and longer[-2] == shorter[-1]
    )


def _is_several(size: Dim) -> bool:
    return not isinstance(size, int) or size > 1


def _message(one: Comparison, a: Shape, b: Shape, site: Site) -> str:
    what = f"`{one.kind}`" if one.ordered else f"{'this' if site is one.site else 'the'} {one.kind} difference"
    if site is not one.site:
        return (
            f"the output has {site.text} channels and the data has not: {what} ({place(one.site, site)}) compares shapes {shape_text(a)} "
            f"and {shape_text(b)}, which broadcast, so channels are compared with data that is not their own. Give both the same number"
        )
    return (
        f"{what} compares shapes {shape_text(a)} and {shape_text(b)}, which broadcast: predictions are compared "
        "with targets that are not their own. Give both the same shape"
    )
