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
    [({"epoch": "pass"}, 11), ({"more": ", True, sampler"}, 10)],
    ids=["no set_epoch", "sampler and shuffle"],
)
def test_sampler(changes, row):
    assert rows(rule, PROGRAM.format(**{**GOOD, **changes})) == [row]


def test_no_distributed_sampler():
    source = PROGRAM.format(**{**GOOD, "sampler": "", "more": ", shuffle=True", "epoch": "pass"})
    source = source.replace("from torch.utils.data.distributed import DistributedSampler\n", "")
    assert rows(rule, source) == [9]
    assert rows(rule, source.replace("DistributedDataParallel", "DataParallel")) == []


WRAPPED = """
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel as DDP

def train(loader, net, optimizer):
    model = DDP(net)
    for x in loader:
        {passed}
        optimizer.zero_grad()
        loss = (y - x).pow(2).mean()
        loss.backward()
        {after}
        optimizer.step()
"""


@pytest.mark.parametrize(
    ("passed", "after"),
    [
        pytest.param("y = model(x)", "pass", id="the wrapper"),
        pytest.param("y = model(x) + model.module.bias(x)", "pass", id="the wrapper and a part"),
        pytest.param("y = net(x)", "pass", id="nothing of the wrapper"),
        pytest.param("model.module.train(True); y = model(x)", "pass", id="the mode"),
        pytest.param("y = model.module(x)", "torch.distributed.all_reduce(net.weight.grad)", id="averaged by hand"),
    ],
)
def test_silent_on_passes_through_the_wrapper(passed, after):
    assert rows(rule, WRAPPED.format(passed=passed, after=after)) == []


def test_silent_on_looks_past_the_wrapper():
    text = WRAPPED.format(passed="y = model(x)", after="pass") + "    with torch.no_grad():\n        model.module(x)\n"
    assert rows(rule, text) == []


@pytest.mark.parametrize(
    "passed",
    ["y = model.module(x)", "y = model.module.decode(model.module.encode(x))", "y, kl = model.module.forward(x)"],
)
def test_passes_that_go_past_the_wrapper(passed):
    assert rows(rule, WRAPPED.format(passed=passed, after="pass")) == [9]


LIBRARY = """
from torch.nn.parallel import DistributedDataParallel

class Model:
    def __init__(self, net, optimizer):
        self.net, self.optimizer = net, optimizer

    def train(self, x):
        self.optimizer.zero_grad()
        loss = (self.net(x) - x).pow(2).mean()
        loss.backward()
        self.optimizer.step()

class Replicated:
    def __init__(self, net):
        self.net = DistributedDataParallel(net)
"""
CLIENT = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.nn.parallel import DistributedDataParallel
from library import Model

data = TensorDataset(torch.randn(64, 8))
loader = DataLoader(data, 16, shuffle=True)
net = nn.Linear(8, 8)
model = Model({net}, torch.optim.Adam(net.parameters()))
for epoch in range(10):
    for (x,) in loader:
        model.train(x)
"""


def test_silent_on_a_wrapper_that_an_imported_library_only_offers():
    assert rows(rule, {"main.py": CLIENT.format(net="net"), "library.py": LIBRARY}) == []
    wrapped = CLIENT.format(net="DistributedDataParallel(net)")
    assert rows(rule, {"main.py": wrapped, "library.py": LIBRARY}) == [9]
