"""Loaders and data sets."""

import random

import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from tests.plugin.mutants.catalogue import MUTANTS, Mutant
from tests.plugin.zoo import MLP, vectors

DATA = vectors(96, 3)


class Rows(Dataset):
    def __init__(self):
        self.rows = [row.clone() for row in DATA[:24]]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


class FixedRow(Rows):
    def __getitem__(self, index):
        return self.rows[0]


class EditsRow(Rows):
    def __getitem__(self, index):
        row = self.rows[index]
        row[random.randrange(20)] = 0.0
        return row


class SameBatch:
    def __iter__(self):
        loader = DataLoader(TensorDataset(DATA), 16)
        return iter([next(iter(loader)) for _ in range(4)])


class OneBuffer:
    def __iter__(self):
        buffer = torch.empty(16, 20)
        for (batch,) in DataLoader(TensorDataset(DATA), 16, shuffle=True):
            buffer.copy_(batch)
            yield buffer


class Breaks(Rows):
    def __getitem__(self, index):
        return self.rows[index][: 10 + index]


for _name, _code, _loader in (
    ("same_batch_again", "AEC501", SameBatch),
    ("index_ignored", "AEC502", lambda: DataLoader(FixedRow(), 8, shuffle=True)),
    ("sorted_and_unshuffled", "AEC505", lambda: DataLoader(DATA[DATA.mean(1).argsort()], 16)),
    ("rows_edited", "AEC508", lambda: DataLoader(EditsRow(), 8, shuffle=True)),
    ("one_buffer", "AEC511", OneBuffer),
    ("ragged_items", "AEC500", lambda: DataLoader(Breaks(), 8)),
    ("infinite_values", "AEC500", lambda: DataLoader(DATA / 0, 16, shuffle=True)),
):
    MUTANTS.append(Mutant(_name, _code, MLP, more={"loader": _loader}))
MUTANTS.append(
    Mutant(
        "validated_on_training_data",
        "AEC506",
        MLP,
        more={k: (lambda: DataLoader(DATA, 16, shuffle=True)) for k in ("loader", "eval_loader")},
    )
)
