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
