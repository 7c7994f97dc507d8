"""Results are compared with rows in another order: that of the table, of another pass, or of before a sorting.

## What it does

Reports a `DataLoader` with `shuffle=True` whose results, collected over all batches, are handed to a metric of
scikit-learn or to a function of the project beside a column of the very table that the loader reads. And one over which
two loops go, where what the one has collected is put together with what the other has, row by row: in a metric, under a
mask, in a comparison, in the colours of a scatter plot. Also what a network makes of sequences that it sorts by their lengths to
pack them, where nothing takes the sorting back before a loss compares it with the sequences as they came. And a table that a
training loop reads by the number of its batch, `labels[i * size:(i + 1) * size]` or a mask with a mark for each batch, while its
loader shuffles.

## Why is this bad?

The scores are in the order of the shuffle, the labels in that of the table: each score is compared with the label of some
other row. Each pass over the loader is another shuffle, so that labels of a first pass do not belong to the scores of a second
either. The area under the curve is near 0.5 and another one in each run, whatever the model has learned. The
tenth batch of one epoch holds other samples than the tenth of the next: over the epochs every sample gets every mark.

## Example

```python
import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

values, unusual = torch.from_numpy(np.load("values.npy")), np.load("unusual.npy")
model = nn.Sequential(nn.Linear(8, 2), nn.Linear(2, 8))
loader = DataLoader(TensorDataset(values, torch.from_numpy(unusual)), batch_size=32, shuffle=True)
errors = [(model(x) - x).pow(2).mean(1).detach() for x, _ in loader]
print(roc_auc_score(unusual, torch.cat(errors)))
```

## Use instead

```python
import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

values, unusual = torch.from_numpy(np.load("values.npy")), np.load("unusual.npy")
model = nn.Sequential(nn.Linear(8, 2), nn.Linear(2, 8))
loader = DataLoader(TensorDataset(values, torch.from_numpy(unusual)), batch_size=32, shuffle=False)
errors = [(model(x) - x).pow(2).mean(1).detach() for x, _ in loader]
print(roc_auc_score(unusual, torch.cat(errors)))
```

## Known limits

The table must be in sight: tensors of a `TensorDataset`, and what `train_test_split` gave along with them. Two passes
must be two loops, over one loader; where a seed is set in between they may have one order.

## References

- https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.data.counted_batches import counted_batches
from aelint.semantics.data.sorted_rows import sorted_rows
from aelint.semantics.data.table_order import shuffled_results
from aelint.semantics.data.two_passes import two_passes
from aelint.semantics.explanation.wording import place

RULE = Rule(
    code="AEL514",
    name="shuffled-results",
    summary="results of a loader that shuffles, or of sorted rows, are compared with rows in another order",
    severity=Severity.WARNING,
    triggers=(("shuffle", "pack_padded"), ("dataloader", "pack_padded")),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each loader whose order is lost before its results meet the table."""
    for one in shuffled_results(program):
        message = (
            f"this loader shuffles, but its results are compared with the rows of its table as they lie ({place(one.compared, one.loader)}): "
            "each belongs to another row. Set `shuffle=False`, or collect the labels from the batches"
        )
        yield Finding(one.loader, message, (Note(one.compared, "the results meet the table here"),))
    for two in two_passes(program):
        message = (
            f"this loader shuffles anew in each pass, and what two of them gave ({place(two.first, two.loader)} and "
            f"{place(two.second, two.loader)}) is put together row by row ({place(two.together, two.loader)}): "
            "set `shuffle=False`, or collect both in one pass"
        )
        notes = (Note(two.first, "one pass"), Note(two.second, "the other"), Note(two.together, "put together here"))
        yield Finding(two.loader, message, notes)
    for read in counted_batches(program):
        what = "these rows meet" if read.rows else "this mark meets"
        message = (
            f"`{read.table}` is read by the number of the batch, but the loader shuffles ({place(read.loader, read.site)}): in every epoch {what} "
            "other samples. Let the data set give them with each sample, or its index to look them up by"
        )
        yield Finding(read.site, message, (Note(read.loader, "shuffles"),))
    for rows in sorted_rows(program):
        message = (
            f"the rows were sorted by their lengths to be packed ({place(rows.sorted, rows.site)}), and nothing puts the results back in "
            f"the order of the rows that they are compared with ({place(rows.compared, rows.site)}): each belongs to another row. Take them by "
            "`order.argsort()`, or pack with `enforce_sorted=False` and leave the rows as they are"
        )
        yield Finding(rows.site, message, (Note(rows.sorted, "sorted here"), Note(rows.compared, "compared here")))
