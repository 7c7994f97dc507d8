import pytest

from aelint.rules.data import unread_data as rule
from tests.rules.harness import rows

LOOPS = """
import torch
from torch import nn
from torch.utils.data import DataLoader

model = nn.Sequential(nn.Linear(20, 5), nn.ReLU(), nn.Linear(5, 20))
train = DataLoader(torch.rand(160, 20), 16)
test = DataLoader(torch.rand(40, 20), 16)

def run():
    for batch in train:
        loss = nn.functional.mse_loss(model(batch), batch)
        loss.backward()
    with torch.no_grad():
        for {name} in {loader}:
            {body}

run()
"""


@pytest.mark.parametrize(
    ("name", "loader", "body"),
    [
        ("seen", "test", "print(model(seen))"),
        ("_", "test", "print(model(batch))"),
        ("seen", "test", "print(model(torch.randn(4, 20)))"),
        ("seen", "test", "print(batch.mean())"),
        ("seen", "range(3)", "print(model(batch))"),
        ("seen", "test", "print([model(x) for x in (batch, seen)])"),
    ],
)
def test_silent_where_the_data_is_read_or_meant_to_be_unread(name, loader, body):
    assert rows(rule, LOOPS.format(name=name, loader=loader, body=body)) == []


@pytest.mark.parametrize("loader", ["test", "torch.linspace(0, 1, 8)", "torch.arange(4)"])
def test_fires_on_a_variable_that_is_never_read(loader):
    assert rows(rule, LOOPS.format(name="seen", loader=loader, body="print(model(batch))")) == [15]


SPLIT = """
import torch
from torch import nn
from torch.utils.data import DataLoader

model = nn.Linear(20, 20)

def main():
    train = DataLoader(torch.rand(160, 20), 16)
    test = DataLoader(torch.rand(40, 20), 16)
    for x in train:
        nn.functional.mse_loss(model(x), x).backward()
    with torch.no_grad():
        for x in {loader}:
            print(nn.functional.mse_loss(model(x), x))
    {end}

main()
"""


@pytest.mark.parametrize(("loader", "end"), [("test", "pass"), ("train", "return test")])
def test_silent_where_the_other_loader_is_used(loader, end):
    assert rows(rule, SPLIT.format(loader=loader, end=end)) == []


def test_fires_on_an_evaluation_over_the_training_loader():
    assert rows(rule, SPLIT.format(loader="train", end="pass")) == [14]
