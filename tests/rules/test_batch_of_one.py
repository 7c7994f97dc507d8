import pytest

from aelint.rules.data import batch_of_one as rule
from tests.rules.harness import rows

PROGRAM = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
model = nn.Sequential({layers})
loader = DataLoader(TensorDataset(torch.randn({count})), batch_size=16{more})
for (x,) in loader:
    nn.functional.mse_loss(model(x), x).backward()
"""
FLAT = "nn.Linear(8, 4), nn.BatchNorm1d(4), nn.Linear(4, 8)"


@pytest.mark.parametrize(
    ("layers", "count", "more"),
    [
        (FLAT, "64, 8", ""),
        (FLAT, "66, 8", ""),
        (FLAT, "65, 8", ", drop_last=True"),
        ("nn.Linear(8, 4), nn.LayerNorm(4), nn.Linear(4, 8)", "65, 8", ""),
        ("nn.Conv1d(3, 3, 3, padding=1), nn.BatchNorm1d(3)", "65, 3, 8", ""),
        (FLAT, "n, 8", ""),
    ],
    ids=["no rest", "a rest of two", "dropped", "normalised by sample", "several steps each", "unknown number"],
)
def test_silent(layers, count, more):
    assert rows(rule, PROGRAM.format(layers=layers, count=count, more=more)) == []


@pytest.mark.parametrize("more", ["", ", shuffle=True", ", drop_last=False"])
def test_rest_of_one(more):
    assert rows(rule, PROGRAM.format(layers=FLAT, count="65, 8", more=more)) == [6]


def test_tensor_as_data_set():
    source = PROGRAM.format(layers=FLAT, count="33, 8", more="").replace(
        "TensorDataset(torch.randn(33, 8))", "torch.randn(33, 8)"
    )
    assert rows(rule, source.replace("for (x,) in", "for x in")) == [6]


ROWS = """
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

class Rows(Dataset):
    def __init__(self, rows):
        self.rows, self.count = torch.as_tensor(rows, dtype=torch.float32), len(rows)

    def __len__(self):
        return {length}

    def __getitem__(self, index):
        return self.rows[index]

net = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.Linear(4, 8))
optimizer = torch.optim.Adam(net.parameters())
table = {table}
for x in DataLoader(Rows(table[:{count}]), batch_size=16):
    optimizer.zero_grad()
    nn.functional.mse_loss(net(x), x).backward()
    optimizer.step()
"""
NORMAL = "np.random.default_rng(0).normal(size=(100, 8))"


@pytest.mark.parametrize("length", ["len(self.rows)", "self.rows.shape[0]", "self.rows.size(0)"])
def test_own_data_set(length):
    assert rows(rule, ROWS.format(length=length, table=NORMAL, count=33)) == [20]
    assert rows(rule, ROWS.format(length=length, table=NORMAL, count=34)) == []


@pytest.mark.parametrize(
    "table",
    [
        "np.random.randn(100, 8)",
        "np.random.normal(0, 1, (100, 8))",
        "np.random.RandomState(0).uniform(0, 1, size=(100, 8)).astype('float32')",
        "np.random.rand(100, 4) @ np.random.randn(4, 8)",
    ],
)
def test_tables_that_numpy_draws(table):
    assert rows(rule, ROWS.format(length="len(self.rows)", table=table, count=33)) == [20]
    assert rows(rule, ROWS.format(length="len(self.rows) - 1", table=table, count=33)) == []
    assert rows(rule, ROWS.format(length="len(self.rows)", table="np.load('rows.npy')", count=33)) == []
