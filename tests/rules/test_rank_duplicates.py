import pytest

from aelint.rules.data import rank_duplicates as rule
from tests.rules.harness import rows

PROGRAM = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler
from torch.nn.parallel import DistributedDataParallel
data = TensorDataset(torch.randn(64, 8))
model = {model}
{sampler}
loader = DataLoader(data, 16{more})
for epoch in range(epochs):
    {epoch}
    for (x,) in loader:
        model(x).mean().backward()
"""
GOOD = {
    "model": "DistributedDataParallel(nn.Linear(8, 8))",
    "sampler": "sampler = DistributedSampler(data)",
    "more": ", sampler=sampler",
    "epoch": "sampler.set_epoch(epoch)",
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"epoch": "loader.sampler.set_epoch(epoch)"},
        {"sampler": "sampler = DistributedSampler(data, shuffle=False)", "epoch": "pass"},
        {"model": "nn.Linear(8, 8)", "sampler": "", "more": ", shuffle=True", "epoch": "pass"},
        {"sampler": "from accelerate import Accelerator", "more": "", "epoch": "pass"},
    ],
    ids=["complete", "through the loader", "order kept on purpose", "one process", "a framework"],
)
def test_silent(changes):
    assert rows(rule, PROGRAM.format(**{**GOOD, **changes})) == []


@pytest.mark.parametrize(
    ("changes", "row"),
    [({"epoch": "pass"}, 9), ({"more": ", True, sampler"}, 10)],
    ids=["no set_epoch", "sampler and shuffle"],
)
def test_sampler(changes, row):
    assert rows(rule, PROGRAM.format(**{**GOOD, **changes})) == [row]


def test_no_distributed_sampler():
    source = PROGRAM.format(**{**GOOD, "sampler": "", "more": ", shuffle=True", "epoch": "pass"})
    source = source.replace("from torch.utils.data.distributed import DistributedSampler\n", "")
    assert rows(rule, source) == [9]
    assert rows(rule, source.replace("DistributedDataParallel", "DataParallel")) == []
