"""A softmax runs over the wrong axis: over samples, or over all categorical variables at once.

## What it does

Reports `softmax` and `log_softmax` over the axis of the samples, over an axis that is written to hold one number, and
over a flat vector of logits that the same program also reads as several categorical variables. Also attention whose
weights are normalised over another axis than the one that is summed with the values, weights whose axis nobody named
(torch takes axis 0 of three, axis 1 of four) and that are added up along another one, or in a capsule network along that
very one, probabilities over axis 0 that are drawn from, or summed up with their logarithms, along another axis, and
`gumbel_softmax` over the
width of a feature map, which is what it does by default, instead of over its channels.

## Why is this bad?

Probabilities that sum to one over the batch depend on the other samples; with a batch of one they are all 1.
Over an axis of one number they are 1 whatever the logits are: an attention that pays no attention.
Over N variables of K categories at once, each variable's probabilities sum to about 1/N.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

head = nn.Linear(32, 5 * 4)


def encode(x):
    logits = head(x)
    z = F.gumbel_softmax(logits.view(-1, 5, 4), dim=-1)
    return z.flatten(1), F.softmax(logits, dim=-1)
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

head = nn.Linear(32, 5 * 4)


def encode(x):
    logits = head(x)
    z = F.gumbel_softmax(logits.view(-1, 5, 4), dim=-1)
    return z.flatten(1), F.softmax(logits.view(-1, 5, 4), dim=-1).flatten(1)
```

## Known limits

The axis of the samples must be known: from a loader, a linear layer or a recurrent layer. Similarities between
samples, which have that axis twice, are left alone.

## References

- Jang et al., Categorical Reparameterization with Gumbel-Softmax, 2017: https://arxiv.org/abs/1611.01144
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import consumers
from aelint.semantics.dataflow.lineage import ancestors, source, through_reshapes
from aelint.semantics.domain.dims import Poly
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Shape, Sym, Value
from aelint.semantics.explanation.wording import place, shape_text
from aelint.semantics.objective.contractions import is_learned, summed_axis, weighted_sum_axis
from aelint.semantics.objective.read_axes import read_beside_first_axis
from aelint.semantics.objective.sample_axes import recurrent_sample_axis
from aelint.semantics.objective.single_axes import written_to_hold_one
from aelint.semantics.variants.attention_masks import scores_of

RULE = Rule(
    code="AEL311",
    name="softmax-axis",
    summary="a softmax runs over samples, or over several categorical variables at once",
    severity=Severity.WARNING,
    triggers=(("softmax",),),
)

_SOFTMAXES = ("softmax", "log_softmax", "gumbel_softmax")


def check(program: Program) -> Iterator[Finding]:
    """Yield each softmax over samples, then each over a vector that is read as several variables elsewhere."""
    calls = [c for c in program.calls_to(*_SOFTMAXES) if not c.context.speculative]
    users = consumers(program)
    for call in calls:
        finding = _over_one(call) or _over_samples(call) or _over_pixels(call) or _over_queries(call, users)
        finding = (
            finding
            or _over_what_is_added_up(call, users)
            or _over_another_than_read(call, users)
            or _over_all(call, calls)
        )
        if finding is not None:
            yield finding


def _logits(call: Call) -> Value:
    return call.bound.get("input", call.bound.get("logits"))


def _dim(call: Call) -> Value:
    layer = call.result.layer if isinstance(call.result, Sym) else None
    return layer.bound.get("dim") if isinstance(layer, Object) else call.bound.get("dim")


def _chosen_at(call: Call) -> Site:
    """Where the axis is, or would be, written: in the call of a function, at the making of a layer."""
    layer = call.result.layer if isinstance(call.result, Sym) else None
    return layer.site if isinstance(layer, Object) and layer.site is not None else call.site


def _axis(call: Call, shape: Shape) -> int | None:
    axis = _dim(call)
    if axis is None and call.name != "gumbel_softmax":
        # torch's own choice where no axis is named.
        axis = 0 if len(shape) in {0, 1, 3} else 1
    return axis % len(shape) if isinstance(axis, int) and -len(shape) <= axis < len(shape) else None


def _over_one(call: Call) -> Finding | None:
    logits = _logits(call)
    if not isinstance(logits, Sym) or logits.shape is None or len(logits.shape) < 2 or _dim(call) is None:
        return None
    axis = _axis(call, logits.shape)
    others = [size for i, size in enumerate(logits.shape) if i not in {0, axis}]
    if axis is None or axis == 0 or logits.shape[axis] != 1 or not any(size != 1 for size in others):
        return None
    made = written_to_hold_one(logits, axis - len(logits.shape))
    if made is None:
        return None
    message = (
        f"`{call.name}` over axis {axis} of shape {shape_text(logits.shape)}, which holds one number: every result is 1, "
        "whatever the logits are. Use the axis over which the weights are shared out"
    )
    return Finding(_chosen_at(call), message, (Note(made, "the axis of one number is made here"),))


def _over_samples(call: Call) -> Finding | None:
    logits = _logits(call)
    if not isinstance(logits, Sym) or logits.shape is None or len(logits.shape) < 2:
        return None
    axis = _axis(call, logits.shape)
    if axis is None or axis != _axis_of_samples(logits, logits.shape, chosen=_dim(call) is not None):
        return None
    named = "" if _dim(call) is not None else " (torch's choice where `dim` is not given)"
    message = (
        f"`{call.name}` over axis {axis}{named} of shape {shape_text(logits.shape)} normalises over samples: the "
        "probabilities of one sample depend on the others. Use the axis of the categories"
    )
    return Finding(_chosen_at(call), message)


def _over_pixels(call: Call) -> Finding | None:
    """A one-hot choice among the pixels of a row, where a convolution gives the logits of the categories as channels."""
    logits = _logits(call)
    if call.name != "gumbel_softmax" or not isinstance(logits, Sym) or logits.op not in _PIXELS:
        return None
    axis = _dim(call)
    if not isinstance(axis, int) or not -_PIXELS[logits.op] <= axis < 0:
        return None
    message = (
        f"`gumbel_softmax` over axis {axis}{'' if _is_written(call) else ' (the default)'} of a feature map chooses among pixels; "
        "the categories are the channels that the convolution gives: use `dim=1`"
    )
    return Finding(call.site, message)


def _over_queries(call: Call, users: dict[int, list[Sym]]) -> Finding | None:
    """Attention weights that sum to one along another axis than the one along which the values are added up."""
    weights = call.result
    if call.name != "softmax" or not isinstance(weights, Sym) or weights.shape is None:
        return None
    axis = _axis(call, weights.shape)
    summed = summed_axis(weights, users)
    if axis is None or summed is None or summed.axis in {axis, axis - len(weights.shape)}:
        return None
    if scores_of(weights) is None and (is_learned(weights) or not is_learned(summed.other)):
        return None
    message = (
        f"the weights of this attention sum to one along axis {axis}, but the values are added up along axis "
        f"{summed.axis % len(weights.shape)}: some queries get next to nothing. Use `dim={summed.axis % len(weights.shape)}`"
    )
    return Finding(_chosen_at(call), message, (Note(summed.site, "the weighted sum of the values"),))


def _over_what_is_added_up(call: Call, users: dict[int, list[Sym]]) -> Finding | None:
    """Weights whose axis nobody chose: torch's choice is not the axis of the sum, or in routing by agreement it is."""
    weights = call.result
    if call.name != "softmax" or _dim(call) is not None or not isinstance(weights, Sym) or weights.shape is None:
        return None
    chosen, summed = _axis(call, weights.shape), weighted_sum_axis(weights, users)
    if chosen is None or summed is None:
        return None
    same = summed.axis == chosen - len(weights.shape)
    if not same and chosen == 0:
        wanted = f"the values are added up along axis {summed.axis % len(weights.shape)}"
    elif same and _is_agreement(call):
        wanted = (
            "these are the votes that are added up: in routing by agreement, each shares itself out among the outputs"
        )
    else:
        return None
    message = (
        f"`softmax` over axis {chosen} of shape {shape_text(weights.shape)}, torch's choice where `dim` is not given, but "
        f"{wanted}. Name the axis"
    )
    return Finding(_chosen_at(call), message, (Note(summed.site, "the weighted sum"),))


def _over_another_than_read(call: Call, users: dict[int, list[Sym]]) -> Finding | None:
    """Probabilities over axis 0 that are drawn from, or added up, along another axis."""
    weights = call.result
    if call.name != "softmax" or _dim(call) != 0 or not isinstance(weights, Sym):
        return None
    read = read_beside_first_axis(weights, users)
    if read is None:
        return None
    message = (
        f"`softmax` over axis 0, but {read.what} ({place(read.site, call.site)}): what is read there does not sum to one. "
        "Use the axis that is read"
    )
    return Finding(_chosen_at(call), message, (Note(read.site, "read here"),))


def _is_agreement(call: Call) -> bool:
    """Whether these logits are those of the round before plus what the weighted sum of that round agrees with."""
    match _logits(call):
        case Sym(op="add", inputs=(Sym() as one, Sym() as other)):
            return any(_agrees(call, before, now) for before, now in ((one, other), (other, one)))
        case _:
            return False


def _agrees(call: Call, before: Sym, now: Sym) -> bool:
    shares = (one for one in ancestors(now) if one.op == "softmax" and source(one) is before)
    return any(one.site is not None and one.site.node is call.site.node for one in shares)


_PIXELS = {"conv2d": 2, "conv3d": 3}
"""How many of the last axes of a feature map are places."""


def _is_written(call: Call) -> bool:
    return "dim" in call.kwargs or len(call.args) > 4


def _axis_of_samples(value: Sym, shape: Shape, *, chosen: bool) -> int | None:
    """The axis that certainly counts samples; None where it is not known, or where two axes do.

    Weights between samples may be meant where somebody chose the axis; torch's own choice is nobody's intent.
    """
    marked = [i for i, size in enumerate(shape) if isinstance(size, Poly) and size.has_batch]
    if len(marked) > 1:
        return None
    recurrent = recurrent_sample_axis(value)
    if recurrent is not None:
        return recurrent
    told = not chosen or (_is_linear(value) and len(shape) == 2)
    return marked[0] if marked == [0] and told else None


def _is_linear(value: Sym) -> bool:
    """Whether a linear layer gives one row for each sample; of weights it gives one for each of their own rows."""
    held = through_reshapes(value)
    given = through_reshapes(source(held)) if isinstance(held, Sym) and held.op == "linear" else None
    return isinstance(given, Sym) and given.op != "parameter"


def _over_all(call: Call, others: list[Call]) -> Finding | None:
    flat = _logits(call)
    if not isinstance(flat, Sym) or not _is_flat(call, flat):
        return None
    size = (flat.shape or flat.last)[-1:]
    for other in others:
        grouped = _grouped(_logits(other))
        if grouped is None or grouped.shape is None or _axis(other, grouped.shape) != len(grouped.shape) - 1:
            continue
        if through_reshapes(grouped) is through_reshapes(flat):
            message = (
                f"this softmax runs over all {shape_text(size)[1:-2]} logits at once, while {place(other.site, call.site)} "
                f"reads them as categorical variables of {shape_text(grouped.shape[-1:])[1:-2]} categories each. "
                "View the logits as (samples, variables, categories) first"
            )
            return Finding(call.site, message, (Note(other.site, "the same logits, one softmax per variable"),))
    return None


def _is_flat(call: Call, logits: Sym) -> bool:
    if logits.shape is None:
        return _dim(call) in {-1, 1} and bool(logits.last) and through_reshapes(logits) is logits
    return len(logits.shape) == 2 and _axis(call, logits.shape) == 1


def _grouped(value: Value) -> Sym | None:
    """The logits as (samples, variables, categories), below noise and temperature."""
    one = value
    for _ in range(6):
        if not isinstance(one, Sym) or one.shape is None or len(one.shape) != 3:
            return None
        if one.op == "view":
            return one
        sides = [i for i in one.inputs if isinstance(i, Sym) and i.shape is not None and len(i.shape) == 3]
        one = sides[0] if one.op in {"add", "truediv", "mul", "sub"} and sides else None
    return None
