"""Loaders and data sets."""

import random

import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    Sampler,
    TensorDataset,
)

from tests.plugin.mutants.catalogue import MUTANTS, Mutant
from tests.plugin.zoo import MLP, DropoutAE, vectors

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


class HeldGenerator(Rows):
    """Noise from a generator that is copied to every worker."""

    def __init__(self):
        super().__init__()
        self.generator = random.Random(0)

    def __getitem__(self, index):
        return self.rows[index] * self.generator.uniform(0.9, 1.1)


class Whole(IterableDataset):
    def __iter__(self):
        return iter(DATA)


class FirstHalf(Sampler):
    def __init__(self):
        self.size = len(DATA)

    def __iter__(self):
        return iter(range(self.size // 2))


def same_for_every_rank(rank, world_size):
    return DataLoader(DATA, 8, sampler=DistributedSampler(DATA, num_replicas=world_size, rank=0))


def halves(size):
    return DataLoader(DATA, batch_sampler=BatchSampler(FirstHalf(), size, drop_last=False))


for _name, _code, _loader in (
    ("same_batch_again", "AEC501", SameBatch),
    ("index_ignored", "AEC502", lambda: DataLoader(FixedRow(), 8, shuffle=True)),
    ("sorted_and_unshuffled", "AEC505", lambda: DataLoader(DATA[DATA.mean(1).argsort()], 16)),
    ("rows_edited", "AEC508", lambda: DataLoader(EditsRow(), 8, shuffle=True)),
    ("one_buffer", "AEC511", OneBuffer),
    ("ragged_items", "AEC500", lambda: DataLoader(Breaks(), 8)),
    ("generator_copied_to_workers", "AEC504", lambda: DataLoader(HeldGenerator(), 8, num_workers=2)),
    ("stream_for_every_worker", "AEC523", lambda: DataLoader(Whole(), 8, num_workers=2)),
    ("half_left_out", "AEC522", lambda: halves(8)),
    ("rank_ignored", "AEC510", same_for_every_rank),
    ("one_sample_repeated", "AEC521", lambda: DataLoader(torch.cat([DATA[:2], DATA[:1].expand(94, -1)]), 32)),
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
MUTANTS.append(
    Mutant("rest_of_one", "AEC509", DropoutAE, more={"loader": lambda: DataLoader(DATA[:65], 16, shuffle=True)})
)
MUTANTS.append(
    Mutant(
        "sampler_forgotten",
        "AEC524",
        MLP,
        more={"loader": lambda: DataLoader(DATA, 16, shuffle=True), "slow": True},
    )
)
