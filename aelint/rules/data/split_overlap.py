"""Held-out data is trained on, or training data stands in for held-out data.

## What it does

Reports

- a validation or test set that is taken with the same indices, or an overlapping part, as the training set,
- splits that are stored or unpacked under each other's name, as `x_train, y_train, x_test, y_test` of `train_test_split(x, y)`,
- a training and a held-out set that are built by the same call with the same `train=True`, however they are transformed,
- a loader or an iterator of held-out name that is made from the training data, while the held-out data is never read,
- an optimiser that goes on taking its steps in a loop over held-out data, after `eval()`,
- a loop that trains on the test split while the training split lies unused,
- a training step that reads the whole of something of which a `train_` version lies unused beside it,
- a training loader over all of the data, of which the part that was split off for training lies unread,
- a training step that encodes all edges of a graph while it is to predict the training part of them,
- held-out data that is scaled by its own mean, range or fitted scaler, beside training data scaled by its own,
- data that is scaled by the mean, range or fitted scaler of all rows before the held-out part is taken from it,
- windows that overlap, as those of a series with a small step, and are dealt out to training and validation at random,
- the folds of a cross-validation that share one network and optimiser, made before the first fold,
- two parts of one data set that come from two random splits.

## Why is this bad?

The score on data that was trained on says nothing about new data, and early stopping never stops. A
reported test score that was used for selection is too good; data under the wrong name is compared with
other people's results.

## Example

```python
from torch.utils.data import Subset

def split(dataset, folds):
    for train_indices, val_indices in folds:
        train_set = Subset(dataset, train_indices)
        val_set = Subset(dataset, train_indices)
        yield train_set, val_set
```

```python
def splits(data):
    train_part, validation_part, test_part = data.split([160, 20, 60])
    return {"train": train_part, "test": validation_part, "validation": test_part}
```

## Use instead

```python
from torch.utils.data import Subset

def split(dataset, folds):
    for train_indices, val_indices in folds:
        train_set = Subset(dataset, train_indices)
        val_set = Subset(dataset, val_indices)
        yield train_set, val_set
```

```python
def splits(data):
    train_part, validation_part, test_part = data.split([160, 20, 60])
    return {"train": train_part, "test": test_part, "validation": validation_part}
```

## Known limits

Which part is held out is read from names (`val`, `test`, `eval`), so unnamed parts are not compared. Names
such as `train_eval` say that the overlap is intended.

## References

- https://scikit-learn.org/stable/common_pitfalls.html#data-leakage
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.data.batches import is_held_out_name, is_training_name, training_loaders
from aelint.semantics.data.held_out_steps import held_out_steps
from aelint.semantics.data.leaked_scales import leaked_scales
from aelint.semantics.data.overlapping_windows import overlapping_windows
from aelint.semantics.data.own_scales import scaled_apart
from aelint.semantics.data.same_splits import misread_splits, same_splits
from aelint.semantics.data.shown_edges import shown_edges
from aelint.semantics.data.splits import (
    Part,
    exchanged_names,
    overlapping,
    parts_of,
    whole_beside_training_part,
)
from aelint.semantics.data.stand_ins import stand_ins
from aelint.semantics.data.subsets import redrawn_splits
from aelint.semantics.data.wholes import wholes
from aelint.semantics.domain.trace import Binding
from aelint.semantics.domain.values import Object, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.inference.lost_states import networks_shared_by_folds
from aelint.semantics.interpreter.datasets import split_of
from aelint.semantics.interpreter.loaders import loader_argument

RULE = Rule(
    code="AEL506",
    name="split-overlap",
    summary="held-out data is trained on, or stands under another name",
    severity=Severity.WARNING,
    triggers=(("val", "test", "eval", "train", "fold", "random_split"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield findings about parts of the data that overlap or are exchanged."""
    checks = (
        _same_part(program),
        _exchanged(program),
        _stood_in_for(program),
        _trained_on_test(program),
        _stepped(program),
        _whole(program),
        _unsplit(program),
        _edges(program),
        _scaled_apart(program),
        _scaled_before(program),
        _windows(program),
        _folds(program),
        _redrawn(program),
        _built_alike(program),
        _misread(program),
    )
    yield from chain(*checks)


def _same_part(program: Program) -> Iterator[Finding]:
    named = [(b, p) for b in program.bindings if (p := parts_of(b.value)) is not None]
    training = [(b, p) for b, p in named if is_training_name(b.name)]
    for binding, part in named:
        if not is_held_out_name(binding.name):
            continue
        twin = next(((b, p) for b, p in training if b.scope is binding.scope and overlapping(p, part)), None)
        if twin is not None:
            yield _shared(binding, part, *twin)


def _shared(binding: Binding, part: Part, other: Binding, trained: Part) -> Finding:
    site = part.site or binding.site
    note = Note(trained.site or other.site, f"`{other.name}` is taken here")
    how = "with the same indices as" if part.index is trained.index else "from a part that overlaps with"
    return Finding(site, f"`{binding.name}` is taken {how} `{other.name}`: what is held out was trained on", (note,))


def _exchanged(program: Program) -> Iterator[Finding]:
    for site, key, other in exchanged_names(program):
        yield Finding(site, f"the part for `{key}` is given `{other}`, and the other way round: the two are exchanged")


def _stood_in_for(program: Program) -> Iterator[Finding]:
    for found in stand_ins(program):
        message = f"`{found.target}` is made from `{found.given}`, and nothing reads the items of `{found.unread}`; give it those"
        yield Finding(found.site, message)


def _trained_on_test(program: Program) -> Iterator[Finding]:
    trained = training_loaders(program)
    unused = [o for o in program.machine.objects if split_of(o) == "train" and not _consumed(program, o)]
    for loader, _, loop in trained:
        data = loader_argument(loader, "dataset")
        if not isinstance(data, Object) or split_of(data) != "test" or loader.site is None:
            continue
        twin = next((o for o in unused if o.name == data.name and o.site is not None), None)
        if twin is not None and twin.site is not None and data.site is not None:
            notes = (Note(data.site, "the test split"), Note(twin.site, "the training split is not used"))
            yield Finding(program.site(program.entry, loop.node), "this loop trains on the test split", notes)


def _stepped(program: Program) -> Iterator[Finding]:
    for one in held_out_steps(program):
        message = (
            f"the loop goes through `{one.data}` to evaluate, and the optimiser of the training ({place(one.training, one.site)}) "
            "takes a step on each of its batches: the model is trained on what is held out. Evaluate without `backward` and `step`"
        )
        notes = (
            Note(one.evaluating, "the model is evaluated from here on"),
            Note(one.training, "the step in training"),
        )
        yield Finding(one.site, message, notes)


def _consumed(program: Program, data: Object) -> bool:
    return any(data in _values(c.args, c.kwargs) for c in program.calls if c.result is not data)


def _values(args: tuple[Value, ...], kwargs: dict[str, Value]) -> list[Value]:
    return [v for v in (*args, *kwargs.values()) if isinstance(v, Object)]


def _whole(program: Program) -> Iterator[Finding]:
    for site, key, version in whole_beside_training_part(program):
        message = f"the training step reads `{key}`, which holds the held-out part too, while `{version}` lies unused"
        yield Finding(site, message)


def _unsplit(program: Program) -> Iterator[Finding]:
    for found in wholes(program):
        message = (
            f"the training loader goes through all of `{found.data}`, held-out samples too, and nothing reads `{found.part}`, "
            f"the part that was split off for it ({place(found.split, found.site)}); load that"
        )
        yield Finding(found.site, message, (Note(found.split, "the split"),))


def _edges(program: Program) -> Iterator[Finding]:
    for shown in shown_edges(program):
        message = (
            f"this encodes `{shown.encoded}`, all edges of the graph, and `{shown.predicted}` is to be predicted: the encoder sees the "
            "edges that are held out. Encode the training edges"
        )
        yield Finding(shown.site, message)


def _scaled_apart(program: Program) -> Iterator[Finding]:
    for found in scaled_apart(program):
        trained = f"`{found.training}` ({place(found.other, found.site)})"
        message = (
            f"the scale of `{found.held_out}` is measured on itself, and that of {trained} on itself: one reading gets different "
            "values in the two; fit to the training data, and only transform held-out data"
        )
        yield Finding(found.site, message, (Note(found.other, f"`{found.training}` is scaled here"),))


def _windows(program: Program) -> Iterator[Finding]:
    for found in overlapping_windows(program):
        message = (
            f"the windows overlap ({found.size} long, a new one every {found.step}: {place(found.cut, found.split)}), and this deals them "
            "out at random: most held-out samples lie in training windows too. Split the series first, then cut each part"
        )
        yield Finding(found.split, message, (Note(found.cut, "cut here"),))


def _scaled_before(program: Program) -> Iterator[Finding]:
    for found in leaked_scales(program):
        what = (
            "this scaler is fitted to all rows"
            if found.is_fit
            else "these rows are scaled by what was measured on all of them"
        )
        message = (
            f"{what}, and `{found.held_out}` is taken from them afterwards ({place(found.taken, found.site)}): training knows the scale of held-out data. "
            "Split first, and fit to the training part"
        )
        yield Finding(found.site, message, (Note(found.taken, "the held-out part"),))


def _folds(program: Program) -> Iterator[Finding]:
    for lost in networks_shared_by_folds(program):
        message = (
            "this optimiser and its network are made once and trained in every fold: what a fold holds out was trained on in "
            "the folds before; make both inside the loop"
        )
        yield Finding(lost.site, message, (Note(lost.other, "the folds"),))


def _redrawn(program: Program) -> Iterator[Finding]:
    for found in redrawn_splits(program):
        message = (
            f"the data is split at random once more (first {place(found.first.site, found.second.site)}), and another part of it is taken: "
            "the two parts overlap; split once, or give both splits a generator with one seed"
        )
        yield Finding(found.second.site, message, (Note(found.first.site, "the first split"),))


def _built_alike(program: Program) -> Iterator[Finding]:
    for same in same_splits(program):
        message = f"`{same.name}` takes the same part of the data as `{same.other}` ({place(same.repeated, same.site)})"
        yield Finding(same.site, message, (Note(same.repeated, f"`{same.other}`"),))


def _misread(program: Program) -> Iterator[Finding]:
    for one in misread_splits(program):
        message = f"`{one.name}` gets {one.holds}: `train_test_split` returns the two parts of the first array, then those of the next"
        yield Finding(one.site, message)
