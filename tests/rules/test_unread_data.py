import pytest

from aelint.rules.data import unread_data as rule
from tests.rules.harness import rows

LOOPS = """
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.transforms import CenterCrop

crop = CenterCrop(4)
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
        ("seen", "range(len(test))", "print(model(batch))"),
        ("seen", "range(min(len(unknown), len(DataLoader(unknown))))", "print(model(batch))"),
        ("seen", "test", "print([model(x) for x in (batch, seen)])"),
        ("seen", "test", "print(crop(batch))"),
        ("seen", "nn.ModuleList([model])", "print(model(batch))"),
        ("seen", "torch.rand(4, 3)", "print(model(batch))"),
    ],
)
def test_silent_where_the_data_is_read_or_meant_to_be_unread(name, loader, body):
    assert rows(rule, LOOPS.format(name=name, loader=loader, body=body)) == []


@pytest.mark.parametrize("loader", ["test", "torch.linspace(0, 1, 8)", "torch.arange(4)"])
def test_fires_on_a_variable_that_is_never_read(loader):
    assert rows(rule, LOOPS.format(name="seen", loader=loader, body="print(model(batch))")) == [17]


@pytest.mark.parametrize(
    ("name", "loader"),
    [("i, seen", "enumerate(test)"), ("i, (seen, label)", "enumerate(test)"), ("seen, label", "test")],
)
def test_fires_where_the_data_is_enumerated_or_comes_in_parts(name, loader):
    assert rows(rule, LOOPS.format(name=name, loader=loader, body="print(i, model(batch))")) == [17]


@pytest.mark.parametrize(
    ("name", "loader"),
    [
        ("i, _", "enumerate(test)"),
        ("seen, label", "test"),
        ("i, (seen, label)", "enumerate(test)"),
        ("_, label", "test"),
    ],
)
def test_silent_where_a_part_of_the_data_is_read_or_meant_to_be_unread(name, loader):
    assert rows(rule, LOOPS.format(name=name, loader=loader, body="print(model(batch), label)")) == []


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


@pytest.mark.parametrize(
    ("loader", "end"),
    [
        ("test", "pass"),
        ("train", "return test"),
        ("train", "print(next(iter(test)))"),
        ("train", "print(test.dataset[0], len(test))"),
        ("DataLoader(torch.rand(40, 20), 8)", "pass"),
    ],
)
def test_silent_where_the_other_loader_is_used(loader, end):
    assert rows(rule, SPLIT.format(loader=loader, end=end)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("test = DataLoader", "_test = DataLoader"),
        ("with torch.no_grad():", "if True:"),
        ("print(nn.functional.mse_loss(model(x), x))", "print(x.mean())"),
    ],
)
def test_silent_where_no_model_is_evaluated_or_the_loader_is_not_wanted(old, new):
    assert rows(rule, SPLIT.format(loader="train", end="pass").replace(old, new)) == []


@pytest.mark.parametrize("end", ["pass", "print(len(test))", "print(1 / len(test.dataset))"])
def test_fires_on_an_evaluation_over_the_training_loader(end):
    assert rows(rule, SPLIT.format(loader="train", end=end)) == [14]


def test_fires_where_only_the_length_of_a_loader_of_the_module_is_read():
    source = SPLIT.replace("def main():", "if True:").replace("main()\n", "")
    assert rows(rule, source.format(loader="train", end="print(1 / len(test.dataset))")) == [14]


@pytest.mark.parametrize("wrapped", ["enumerate({})", "zip(range(4), {})", "enumerate(progress({}))"])
def test_loaders_that_are_counted(wrapped):
    source = SPLIT.replace("for x in train", "for i, x in " + wrapped.format("train"))
    source = source.replace("for x in {loader}", "for i, x in " + wrapped.format("{loader}"))
    assert rows(rule, source.format(loader="train", end="pass")) == [14]
    assert rows(rule, source.format(loader="test", end="pass")) == []


SUBSET = """
import torch
from torch.utils.data import Dataset, Subset, random_split

class Pictures(Dataset):
    def __init__(self, transform=None):
        self.pictures, self.transform = torch.rand(100, 3, 8, 8), transform

    def __len__(self):
        return 100

    def __getitem__(self, i):
        return self.transform(self.pictures[i])

data = Pictures(torch.flip)
train, val = random_split(data, [80, 20])
{line}
"""


@pytest.mark.parametrize(
    "line",
    [
        "data.transform = None",
        "val.dataset = Pictures()",
        "val = Subset(Pictures(), val.indices)",
        "val.name = 'validation'",
    ],
)
def test_silent_on_settings_that_are_read(line):
    assert rows(rule, SUBSET.format(line=line)) == []


@pytest.mark.parametrize(
    "line", ["val.transform = None", "val.transform, n = str, 1", "part = train; part.transform = str"]
)
def test_settings_of_a_subset(line):
    assert rows(rule, SUBSET.format(line=line)) == [17]


GLOBAL = """
import torch
from torch import nn

model = nn.Linear(20, 20)
batch = torch.rand(8, 20)
scale = torch.ones(20)


def cost(output, target, weight=1.0):
    {body}


for step in range(10):
    x = torch.rand(8, 20)
    cost(model(x), {given}).backward()
"""


@pytest.mark.parametrize(
    ("body", "given"),
    [
        pytest.param("return ((output - target) ** 2).mean()", "x", id="the argument is read"),
        pytest.param("return ((output - batch) ** 2).mean()", "batch", id="the same tensor"),
        pytest.param("return ((output - batch) ** 2).mean() + 0 * target", "x", id="both are read"),
        pytest.param("return ((output * scale) ** 2).mean()", "x", id="a table of another shape"),
        pytest.param("return output.abs().mean()", "x", id="nothing in its place"),
        pytest.param("batch = output.detach(); return ((output - batch) ** 2).mean()", "x", id="a name of its own"),
        pytest.param("return ((output - batch) ** 2).mean()", "None", id="nothing is given"),
    ],
)
def test_silent_on_arguments_that_count(body, given):
    assert rows(rule, GLOBAL.format(body=body, given=given)) == []


@pytest.mark.parametrize("given", ["x", "target=x", "x.view(8, 20)"])
@pytest.mark.parametrize(
    "body", ["return ((output - batch) ** 2).mean()", "return nn.functional.l1_loss(output, batch)"]
)
def test_a_tensor_of_the_module_in_place_of_the_argument(body, given):
    assert rows(rule, GLOBAL.format(body=body, given=given)) == [11]


ORDERED = """
import numpy as np
import torch

class Batches:
    def __init__(self, data, size):
        self.data, self.size = data, size
        self.order = np.arange(len(data))
        self.shuffle()

    def shuffle(self):
        {draw}

    def __len__(self):
        return len(self.order) // self.size

    def __getitem__(self, i):
        rows = range(i * self.size, (i + 1) * self.size)
        return torch.stack([{row} for j in rows])

for batch in Batches(torch.rand(64, 8), 4):
    print(batch)
"""


@pytest.mark.parametrize(
    ("draw", "row", "found"),
    [
        pytest.param("np.random.shuffle(self.order)", "self.data[self.order[j]]", [], id="followed"),
        pytest.param("np.random.shuffle(self.data)", "self.data[j]", [], id="the data itself is shuffled"),
        pytest.param("self.order = self.order[::-1]", "self.data[j]", [], id="no random order"),
        pytest.param("np.random.shuffle(self.order)", "getattr(self, 'order')[j]", [], id="read by its name"),
        pytest.param("np.random.shuffle(self.order)", "self.data[j]", [19], id="shuffled in place"),
        pytest.param("self.order = np.random.permutation(self.order)", "self.data[j]", [19], id="drawn anew"),
        pytest.param("self.order = torch.randperm(len(self.order)).tolist()", "self.data[j:j + 1]", [12], id="slices"),
    ],
)
def test_an_order_of_a_data_set_of_which_only_the_length_is_read(draw, row, found):
    assert rows(rule, ORDERED.format(draw=draw, row=row)) == found


@pytest.mark.parametrize(
    ("part", "found"),
    [
        pytest.param("data[order[i : i + 8]]", [], id="followed"),
        pytest.param("data[i : i + 8]", [8], id="left alone"),
        pytest.param("data.narrow(0, i, 8)", [5], id="left alone in another way"),
    ],
)
def test_an_order_of_a_function_that_nothing_reads(part, found):
    source = f"""
import torch

def train(model, optimizer, data):
    order = torch.randperm(len(data))
    for i in range(0, len(data), 8):
        optimizer.zero_grad()
        x = {part}
        (model(x) - x).pow(2).mean().backward()
        optimizer.step()
"""
    assert rows(rule, source) == found


DROPPED = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

model = nn.Linear(8, 8)
optimizer = torch.optim.Adam(model.parameters())

def make_loader(x, size=64):
    return DataLoader({loader})

loader = make_loader(torch.randn({rows}, 8))
for epoch in range(5):
    for (x,) in loader:
        optimizer.zero_grad()
        (model(x) - x).pow(2).mean().backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    ("count", "loader"),
    [
        pytest.param("48", "TensorDataset(x), batch_size=size", id="kept"),
        pytest.param("64", "TensorDataset(x), batch_size=size, drop_last=True", id="one full batch"),
        pytest.param("n", "TensorDataset(x), batch_size=size, drop_last=True", id="unknown number"),
        pytest.param("48", "TensorDataset(x), batch_size=size, drop_last=len(x) > size", id="asked first"),
        pytest.param("48", "TensorDataset(x), batch_size=size, drop_last=True, sampler=endless", id="drawn otherwise"),
    ],
)
def test_silent_on_loaders_with_a_batch(count, loader):
    assert rows(rule, DROPPED.format(rows=count, loader=loader)) == []


@pytest.mark.parametrize(
    ("count", "loader"),
    [
        ("48", "TensorDataset(x), batch_size=size, drop_last=True"),
        ("63", "TensorDataset(x), size, shuffle=True, drop_last=True"),
        ("16", "dataset=TensorDataset(x), batch_size=2 * 16, drop_last=True, num_workers=2"),
    ],
)
def test_the_only_batch_is_left_out(count, loader):
    assert rows(rule, DROPPED.format(rows=count, loader=loader)) == [10]
