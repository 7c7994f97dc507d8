"""A number that is reported for the whole epoch belongs to its last batch, or is averaged by the wrong count.

## What it does

Reports a variable named as the loss of an epoch, a mean or a validation (`epoch_loss`, `mean_loss`,
`val_loss`) that is read, behind a loop over batches, from the loss of the loop's last round; a sum of
batch means that is divided by the number of samples; a sum over samples that is divided by the
number of batches; and a sum over the batches of one loader that is divided by the size of another or of its data set, by
samples that its sampler never draws, or by a sum of the rounds' numbers (`n += i`). In loops over a loader's
batches it reports what is added up although it comes from another loop, and a validation loss whose model is
never called, or that compares a code with its own reconstruction, and one that is never read while another number
decides which model is the best. `roc_auc_score` and its like are reported where the scores come before the labels,
and a `sklearn` score where outputs from a loader that shuffles meet labels in the order of its data set. So are
a table `{f"{name}_loss": ...}` that each round of a loop makes anew, so that its last entry alone is left, and a loss that
is a sum over the batch already, times the number of its samples, a mean of collected losses that is divided by
their number once more, and a score of the whole batch that is added for each of its samples; and a score of two names that
one and the same entry is read into. An area under a curve over all thresholds is reported where it is computed from predictions
that a threshold has made, and a measure of image quality where it is told a wider range of values (`data_range=255`) than the
images have.

## Why is this bad?

The last batch is one of many, often the smallest: the number jumps about, and early stopping, schedules
and the choice of the best model follow noise. An average with the wrong count is off by the batch size.

## Example

```python
import torch
from torch import nn
from torch.utils.data import DataLoader

model = nn.Linear(20, 20)
loader = DataLoader(torch.randn(1000, 20), batch_size=50)
for epoch in range(10):
    for x in loader:
        loss = nn.functional.mse_loss(model(x), x)
    epoch_loss = loss.item()
    print(epoch, epoch_loss)
```

## Use instead

```python
import torch
from torch import nn
from torch.utils.data import DataLoader

model = nn.Linear(20, 20)
loader = DataLoader(torch.randn(1000, 20), batch_size=50)
for epoch in range(10):
    losses = []
    for x in loader:
        losses.append(nn.functional.mse_loss(model(x), x).item())
    epoch_loss = sum(losses) / len(losses)
    print(epoch, epoch_loss)
```

## Known limits

Printing the last batch's loss as such, under a name that claims no more, is common and not reported.

## References

- https://pytorch.org/tutorials/beginner/basics/optimization_tutorial.html
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.domain.trace import Binding, Loop, Store
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.inference.averages import sums_counted_twice, wrong_averages
from aelint.semantics.inference.divisors import wrong_divisors
from aelint.semantics.inference.evaluations import (
    codes_compared,
    exchanged_scores,
    losses_without_the_model,
    metrics_of_another_loop,
)
from aelint.semantics.inference.metric_ranges import wider_ranges
from aelint.semantics.inference.orders import misordered_rows
from aelint.semantics.inference.patience import ignored_validations
from aelint.semantics.inference.rebuilt_tables import rebuilt_tables
from aelint.semantics.inference.scores import losses_in
from aelint.semantics.inference.self_scores import scores_of_itself
from aelint.semantics.inference.thresholded_scores import thresholded_scores
from aelint.semantics.inference.twice_divided import means_divided_again
from aelint.semantics.inference.whole_batches import whole_batches
from aelint.semantics.optimization.schedules import is_over_batches
from aelint.syntax.walk import every, walk

RULE = Rule(
    code="AEL607",
    name="misreported-metric",
    summary="the loss reported for an epoch is its last batch's, or is averaged by the wrong count",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    triggers=(
        ("loss", "error", "mse", "entropy", "cost", "metrics", "psnr", "ssim", "score", "auc", "curve"),
        ("for ", "roc", "precision", "data_range", "val_range", "max_val", "pixel_max", "dynamic_range"),
    ),
)

_CLAIMS = re.compile(r"^(epoch|mean|avg|average|val|valid|validation|test|eval)_?(\w*_)?(loss|error|mse|bce)(_\w*)?$")
_NO_CLAIM = re.compile(r"last|batch|step|iter|current|cur_|min|max|best")


def check(program: Program) -> Iterator[Finding]:
    """Report the assignment that takes one batch for all."""
    bound_in = _rounds(program)
    for event in program.assignments:
        name = event.name.lower()
        if not _CLAIMS.match(name) or _NO_CLAIM.search(name):
            continue
        loop = _left_loop(event, losses_in(event.value), bound_in)
        if loop is None:
            continue
        first = losses_in(event.value)[0]
        notes = (Note(first.site, "one batch's loss"),) if first.site is not None else ()
        yield Finding(
            event.site,
            f"`{event.name}` is read after the loop over batches ({place(Site(event.site.unit, loop.node), event.site)}) and holds the loss of its last batch alone; add up "
            "the batches' losses in the loop and divide by their number",
            notes,
        )
    yield from _averages(program)
    yield from _left_at_once(program)
    yield from _unjudged(program)
    yield from _misjudged(program)
    yield from _rebuilt(program)
    yield from _repeated(program)
    yield from _compared_with_itself(program)
    yield from _thresholded(program)
    yield from _out_of_range(program)


def _out_of_range(program: Program) -> Iterator[Finding]:
    for one in wider_ranges(program):
        low, high = one.image.range.low, one.image.range.high
        message = (
            f"the images are said to span `{one.setting}={one.told:g}`, but the values of one of them lie in [{low:g}, {high:g}] "
            f"({place(one.image_site, one.site)}): the score is too good, as errors are small beside that range. Give it {high - low:g}"
        )
        yield Finding(one.site, message, (Note(one.image_site, f"values in [{low:g}, {high:g}]"),))


def _thresholded(program: Program) -> Iterator[Finding]:
    for one in thresholded_scores(program):
        message = (
            f"`{one.measure}` goes through all thresholds itself, but is given what one threshold has decided "
            f"({place(one.threshold, one.site)}): the result is that of a curve of one point. Give it the scores"
        )
        yield Finding(one.site, message, (Note(one.threshold, "compared with a threshold here"),))


def _left_at_once(program: Program) -> Iterator[Finding]:
    """A loop that adds up and returns in its first round: the `return` stands one level too deep."""
    for function in program.own_functions:
        if isinstance(function.node, ast.Lambda):
            continue
        for loop in every(ast.For, function.node):
            ending = loop.body[-1]
            if not isinstance(ending, ast.Return) or ending.value is None or _may_go_on(loop):
                continue
            added = {s.target.id for s in loop.body if isinstance(s, ast.AugAssign) and isinstance(s.target, ast.Name)}
            returned = {n.id for n in every(ast.Name, ending.value)}
            if added & returned:
                name, site = min(added & returned), Site(function.module.unit, ending)
                yield Finding(
                    site,
                    f"this returns in the first round of the loop ({place(Site(site.unit, loop), site)}), so `{name}` holds "
                    "one batch and not the sum over all; return after the loop",
                )


def _rebuilt(program: Program) -> Iterator[Finding]:
    for table in rebuilt_tables(program):
        yield Finding(
            table.site,
            f"each round makes `{table.name}` anew, so the entry of the last round is all that is left when it is read "
            f"({place(table.read, table.site)}); make it before the loop, and add an entry in each round",
            (Note(table.read, "read here"),),
        )


def _unjudged(program: Program) -> Iterator[Finding]:
    for metric in metrics_of_another_loop(program):
        notes = (Note(metric.source, "the batch that it comes from"),) if metric.source is not None else ()
        yield Finding(
            metric.site,
            f"the loop over batches ({place(metric.loop, metric.site)}) adds the same number in each round: it was computed from the last batch "
            "of another loader; compute it from this loop's batch",
            notes,
        )
    for metric in losses_without_the_model(program):
        notes = (Note(metric.source, "the model that is to be evaluated"),) if metric.source is not None else ()
        yield Finding(
            metric.site,
            f"this loss compares data with data: the model is never called in the loop ({place(metric.loop, metric.site)}), so the number says "
            "nothing about it; compare the model's output with the target",
            notes,
        )


def _misjudged(program: Program) -> Iterator[Finding]:
    for rows in misordered_rows(program):
        notes = (Note(rows.loader.site, "the loader shuffles"),) if rows.loader.site is not None else ()
        yield Finding(
            rows.call.site,
            f"`{rows.call.name.rpartition('.')[2]}` compares outputs in the order of a loader that shuffles with what the data set holds in "
            "its own order: rows do not belong together; take the labels from the loader too, or do not shuffle",
            notes,
        )
    for call in exchanged_scores(program):
        yield Finding(
            call.site,
            f"`{call.name.rpartition('.')[2]}` takes the labels first and the scores second; here what the model gives comes first: "
            "exchange the two",
        )
    for one in ignored_validations(program):
        yield Finding(
            one.comparison,
            f"`{one.name}` is computed and never read: the best model is chosen by `{one.decides}`; compare the loss on held-out data",
            (Note(one.loss, "the validation loss"),),
        )
    for call in codes_compared(program):
        yield Finding(
            call.site,
            "this loss compares a code with what is decoded from it, where training compares the output with data: the number "
            "says nothing about the reconstruction; compare the output with its target",
        )


def _may_go_on(loop: ast.For) -> bool:
    return any(isinstance(n, ast.Continue) for n in walk(loop))


def _averages(program: Program) -> Iterator[Finding]:
    for wrong in wrong_averages(program):
        if wrong.weighted:
            what, right = (
                "a sum over samples by the number of batches, so it is too large by the batch size",
                "`len(loader.dataset)`",
            )
        else:
            what, right = (
                "a sum of batch means by the number of samples, so it is too small by the batch size",
                "`len(loader)`",
            )
        yield Finding(wrong.site, f"this divides {what}; divide by {right}")
    for site in sums_counted_twice(program):
        message = (
            "this loss is a sum over the batch already, and is multiplied by the number of samples: add it up as it is"
        )
        yield Finding(site, message)
    for site in means_divided_again(program):
        yield Finding(site, "this divides a mean by the number of its entries once more: it is the mean already")
    for other in wrong_divisors(program):
        yield Finding(other.site, f"this divides {other.what}; divide by {other.right}")


def _repeated(program: Program) -> Iterator[Finding]:
    for one in whole_batches(program):
        names = " and ".join(f"`{name}`" for name in one.names)
        message = (
            f"each round adds the same number: this is computed from the whole of {names}, of which the loop takes one sample at a time "
            f"({place(one.sample, one.call)}); give it the samples"
        )
        yield Finding(one.call, message, (Note(one.sample, "one sample"),))


def _compared_with_itself(program: Program) -> Iterator[Finding]:
    for one in scores_of_itself(program):
        message = (
            f"`{one.name}` is read from the same entry as `{one.other_name}` ({place(one.other, one.site)}), and a score compares the two "
            f"({place(one.score, one.site)}): it is perfect for every model"
        )
        yield Finding(one.site, message, (Note(one.other, f"`{one.other_name}`"), Note(one.score, "the score")))


def _rounds(program: Program) -> dict[int, tuple[Loop, ...]]:
    """In which loops each tensor got its name, by the tensor's identity."""
    return {b.value.id: b.context.loops for b in program.bindings if isinstance(b.value, Sym)}


def _left_loop(event: Binding | Store, losses: list[Sym], bound_in: dict[int, tuple[Loop, ...]]) -> Loop | None:
    """The loop over batches that the losses come from, if it is over where they are read."""
    here = event.context.loops
    for loss in losses:
        loops = bound_in.get(loss.id, ())
        inside = len(loops) > len(here) and all(a is b for a, b in zip(here, loops, strict=False))
        if not inside or not is_over_batches(loops[len(here)]) or _is_running_sum(loss):
            return None
    return bound_in[losses[0].id][len(here)] if losses else None


def _is_running_sum(loss: Sym) -> bool:
    """Whether each round adds to what the name held before: to a number at first, then to the sum of the rounds so far."""
    return loss.op == "add" and any(
        loss.name in {one.name, *one.names} if isinstance(one, Sym) else isinstance(one, (int, float))
        for one in loss.inputs
    )
