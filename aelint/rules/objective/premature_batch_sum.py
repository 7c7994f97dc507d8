"""A term that was summed over the whole batch is added to a term that still has one value per sample.

## What it does

Reports `a + b` where `a` is the sum over all samples, one number, and `b` has one value for each of the same
samples, and the result is averaged or summed over the samples afterwards. Also a sum over everything of which a mean
is taken, `torch.sum(kl).mean(dim=0)`: there is no axis left to average over.

## Why is this bad?

The number is added to every sample, so it counts as many times as there are samples: the balance between
reconstruction and KL then follows the batch size, and with usual batch sizes one of the terms is drowned.
Nothing raises, because a number fits any shape.

## Example

```python
import torch
import torch.nn.functional as F


def loss(logits, mu, logvar, x=torch.rand(64, 784)):
    recon = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
    return (recon + kl).mean()


encoder, decoder = torch.nn.Linear(784, 40), torch.nn.Linear(20, 784)
batch = torch.rand(64, 784)
mu, logvar = encoder(batch).chunk(2, 1)
z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
loss(decoder(z), mu, logvar, batch).backward()
```

## Use instead

```python
import torch
import torch.nn.functional as F


def loss(logits, mu, logvar, x=torch.rand(64, 784)):
    recon = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)
    return (recon + kl).mean()


encoder, decoder = torch.nn.Linear(784, 40), torch.nn.Linear(20, 784)
batch = torch.rand(64, 784)
mu, logvar = encoder(batch).chunk(2, 1)
z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
loss(decoder(z), mu, logvar, batch).backward()
```

## Known limits

Both shapes must be known, or the one term must have been summed over the axes behind the samples' own, and both must
come from the same tensor. A sum that is divided before it is added, or weighted by something that is not a plain
number, is left alone: the division may be by the number of samples.

## References

- https://docs.pytorch.org/docs/stable/notes/broadcasting.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import consumers, nodes
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, source
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.values import Sym, Value, elements
from aelint.semantics.explanation.wording import place, shape_text
from aelint.semantics.objective.losses import LOSSES, reduction_word
from aelint.syntax.walk import holds

RULE = Rule(
    code="AEL319",
    name="premature-batch-sum",
    summary="a sum over the whole batch is added to a term with one value per sample",
    severity=Severity.WARNING,
    triggers=(("sum",), ("mean", "sum")),
)

_SMALLEST_WEIGHT = 0.05
"""A smaller factor may stand for one over the number of samples."""
_KEPT = frozenset({"add", "sub", "mul", "truediv", "neg"})


def check(program: Program) -> Iterator[Finding]:
    """Yield each sum over samples that is added to, or averaged like, values of single samples."""
    yield from _added(program)
    yield from _averaged(program)


def _averaged(program: Program) -> Iterator[Finding]:
    """Means of what is one number already: over an axis, in the function that summed it, or around the sum itself."""
    summed = {c.result.id: c for c in program.calls_to("sum") if isinstance(c.result, Sym)}
    for call in program.calls_to("mean"):
        number = _unweighted(call.bound.get("input"))
        reduced = summed.get(number.id) if number is not None else None
        if reduced is None or reduced.bound.get("dim") is not None:
            continue
        # A loss is often averaged once more for models that run on several devices, where it has been summed elsewhere.
        over_axis = call.bound.get("dim") is not None and reduced.context.function is call.context.function
        if not over_axis and not holds(call.site.node, reduced.site.node):
            continue
        message = (
            f"this sum runs over all samples and leaves one number, so the mean of it ({place(call.site, reduced.site)}) "
            "changes nothing: the term grows with the number of samples. Keep the samples' axis here, `sum(dim=1)` say"
        )
        yield Finding(reduced.site, message, (Note(call.site, "the mean without effect"),))


def _added(program: Program) -> Iterator[Finding]:
    """Sums over samples that are added to values of single samples of the same batch."""
    users = consumers(program)
    for node in nodes(program):
        if node.op not in {"add", "sub"} or len(node.inputs) != 2:
            continue
        for number, each in (node.inputs, node.inputs[::-1]):
            size = _samples_of(each)
            summed = _batch_sum(number, size) if size is not None else _sum_beside_rows(number, each)
            if summed is None or summed.site is None or not _is_reduced(node, users):
                continue
            where = "" if node.site is None else f" ({place(node.site, summed.site)})"
            message = (
                f"this sum runs over the samples too, and the result is added to a term {_told(each)}"
                f"{where}: the number is added to every sample and counts once for each. Keep the samples' axis here, "
                "or reduce the other term in the same way first"
            )
            notes = (Note(node.site, "one number and one value per sample are added here"),) if node.site else ()
            yield Finding(summed.site, message, notes)


def _samples_of(value: Value) -> Dim | None:
    """How many samples a vector with one value per sample holds; None for anything else."""
    if not isinstance(value, Sym) or value.shape is None or len(value.shape) != 1:
        return None
    size = value.shape[0]
    return None if isinstance(size, int) and size <= 1 else size


def _told(each: Sym) -> str:
    return "with one value per sample" if each.shape is None else f"of shape {shape_text(each.shape)}"


def _batch_sum(value: Value, size: Dim) -> Sym | None:
    """The reduction to one number over `size` samples, below signs and plain weights."""
    found = _unweighted(value)
    if found is None or found.shape != ():
        return None
    if found.op == "sum":
        return found if _covers(source(found), found.attrs.get("dim"), size) else None
    whole = found.op in LOSSES and reduction_word(found) == "sum"
    return found if whole and _covers(found.attrs.get("input"), None, size) else None


def _sum_beside_rows(number: Value, each: Value) -> Sym | None:
    """The sum of everything that is added to the sums of rows, where the number of samples is not in sight.

    What was summed over the axis 1 and not over the axis 0 has an axis of samples left, however many there are. That
    the sum of everything runs over the same ones is seen from a tensor that both were computed from.
    """
    rows, whole = _unweighted(each), _unweighted(number)
    if rows is None or whole is None or rows.shape is not None or whole.shape != () or not _keeps_samples(rows):
        return None
    if whole.op in LOSSES:
        summed = whole.attrs.get("input") if reduction_word(whole) == "sum" else None
    else:
        summed = source(whole) if whole.op == "sum" and whole.attrs.get("dim") is None else None
    if not isinstance(summed, Sym) or (summed.shape is not None and len(summed.shape) < 2):
        return None
    seen = {one.id for one in ancestors(rows) if one.tensor is True and one.op not in _SHARED_BY_ALL}
    seen -= _multiplied_by(rows)
    return whole if any(one.id in seen for one in ancestors(summed)) else None


def _multiplied_by(rows: Sym) -> set[int]:
    """What the matrices that every sample is multiplied by are made of: the precision of a prior, say."""
    matrices = [n.inputs[1] for n in ancestors(rows) if n.op == "matmul" and len(n.inputs) == 2]
    return {one.id for matrix in matrices for one in ancestors(matrix)}


_SHARED_BY_ALL = frozenset({"parameter", "param", "tensor", "zeros", "ones", "full", "name", "attr"})


def _keeps_samples(rows: Sym) -> bool:
    axes = rows.attrs.get("dim")
    listed = elements(axes) if not isinstance(axes, int) else [axes]
    inner = bool(listed) and all(isinstance(i, int) and i > 0 for i in listed or ())
    return rows.op in {"sum", "mean"} and inner and rows.attrs.get("keepdim", False) is False


def _unweighted(value: Value) -> Sym | None:
    """What stands below signs, plain weights and reshapes."""
    while isinstance(value, Sym):
        match value.op:
            case "mul" if len(value.inputs) == 2:
                value = _weighted(*value.inputs)
            # Who spreads a number over the samples by hand means each of them to have it: `trace.expand(len(mu))`.
            case one if one == "neg" or one in RESHAPES - {"expand"}:
                value = source(value)
            case _:
                return value
    return None


def _weighted(left: Value, right: Value) -> Value:
    for factor, rest in ((left, right), (right, left)):
        if isinstance(factor, (int, float)) and abs(factor) >= _SMALLEST_WEIGHT:
            return rest
    return None


def _covers(argument: Value, axes: Value, size: Dim) -> bool:
    if not isinstance(argument, Sym) or not argument.shape or argument.shape[0] != size:
        return False
    if axes is None:
        return True
    listed = elements(axes)
    rank = len(argument.shape)
    return {i % rank for i in ([axes] if listed is None else listed) if isinstance(i, int)} == set(range(rank))


def _is_reduced(node: Sym, users: dict[int, list[Sym]]) -> bool:
    """Whether the values of the samples are summed or averaged in the end."""
    pending, seen = [node], {node.id}
    for one in pending:  # grows while it is read
        for user in users.get(one.id, []):
            if user.op in {"mean", "sum"} and user.shape == ():
                return True
            if user.op in _KEPT and user.shape == node.shape and user.id not in seen:
                seen.add(user.id)
                pending.append(user)
    return False
