import pytest

from aelint.rules.data import unshuffled_training as rule
from tests.rules.harness import rows

PROGRAM = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, IterableDataset
model = nn.Linear(8, 8)
data = TensorDataset(torch.randn(64, 8))
loader = {loader}
for (x,) in loader:
    {step}
"""
STEP = "nn.functional.mse_loss(model(x), x).backward()"


@pytest.mark.parametrize(
    ("loader", "step"),
    [
        ("DataLoader(data, 16, True)", STEP),
        ("DataLoader(data, 16, sampler=draw)", STEP),
        ("DataLoader(data, 16, **options)", STEP),
        ("DataLoader(data, 16, shuffle=False)", "print(model(x))"),
    ],
    ids=["shuffled", "sampler", "unknown options", "evaluation"],
)
def test_silent(loader, step):
    assert rows(rule, PROGRAM.format(loader=loader, step=step)) == []


@pytest.mark.parametrize("loader", ["DataLoader(data, 16)", "DataLoader(dataset=data, shuffle=False)"])
def test_trained_on_in_order(loader):
    assert rows(rule, PROGRAM.format(loader=loader, step=STEP)) == [7]


def test_hook_of_a_framework():
    source = """
    from torch.utils.data import DataLoader
    class Data:
        def __init__(self, train, val):
            self.train, self.val = train, val
        def train_dataloader(self):
            return DataLoader(self.train, shuffle=False)
        def val_dataloader(self):
            return DataLoader(self.val, shuffle=False)
    """
    assert rows(rule, source) == [7]
