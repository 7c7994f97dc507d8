import pytest

from aelint.rules.data import aliased_batch as rule
from tests.rules.harness import rows

LOOP = """
import torch
import numpy as np
def collect(model, loader):
    buffer = torch.zeros(8, 4)
    out = []
    for x in loader:
        {body}
    return out
"""

SILENT = {
    "a clone": "buffer.copy_(x); out.append(buffer.clone())",
    "a new tensor": "out.append(model(x))",
    "a new buffer in each round": "b = torch.zeros(8); b.copy_(x); out.append(b)",
    "moved away": "buffer.copy_(x); out.append(buffer.cpu())",
    "never overwritten": "out.append(buffer)",
    "a running sum": "buffer.add_(x); out.append(buffer)",
    "one row is filled": "buffer[0] = x; out.append(buffer)",
    "a result of its own": "buffer.copy_(x); out.append(buffer * 2)",
}
LOUD = {
    "copied into": "buffer.copy_(x); out.append(buffer)",
    "written": "buffer[:] = x; out.append(buffer)",
    "a view": "buffer.copy_(x); out.append(buffer.view(-1).detach())",
    "as an array": "buffer.copy_(x); out.append(buffer.numpy())",
}


@pytest.mark.parametrize("body", SILENT.values(), ids=SILENT)
def test_silent(body):
    assert rows(rule, LOOP.format(body=body)) == []


@pytest.mark.parametrize("body", LOUD.values(), ids=LOUD)
def test_one_buffer_is_collected(body):
    assert rows(rule, LOOP.format(body=body)) == [8]


def test_buffer_of_the_model():
    source = """
    import torch
    from torch import nn
    class AE(nn.Module):
        def __init__(self):
            super().__init__()
            self.enc, self.workspace = nn.Linear(9, 4), torch.empty(8, 4)
        def encode(self, x):
            self.workspace.copy_(self.enc(x))
            return self.workspace
    def collect(loader):
        model, codes = AE(), []
        for x in loader:
            codes.append(model.encode(x))
        return codes
    """
    assert rows(rule, source) == [14]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("g = [[]] * 5\ng[1].append(2)", [1]),
        ("g = [torch.zeros(3)] * n\nfor i in range(n):\n    g[i][0] = i", [1]),
        ("g = [[]] * 5\ng[1] = [2]", []),
        ("g = [0] * 5\ng[1] += 2", []),
        ("g = [[] for _ in range(5)]\ng[1].append(2)", []),
        ("g = [nn.ReLU()] * 5\nprint(g[1])", []),
    ],
)
def test_repeated_list(source, expected):
    assert rows(rule, source) == expected


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param("out = [torch.zeros(3)] * 4\nout[1] = x", id="items are replaced"),
        pytest.param("out = [[0]] * 4\nprint(out[1][0])", id="items are read"),
        pytest.param("out = [0.0] * 4\nout[1] += 2.0", id="numbers"),
        pytest.param("out = [torch.zeros(3) for _ in range(4)]\nout[1].add_(1)", id="one for each"),
        pytest.param("out = [torch.zeros(3)] * 4\nother[1].add_(1)", id="another list"),
        pytest.param("out = [model] * 4\nout[1].eval_()", id="nobody knows what it is"),
        pytest.param("out = [torch.zeros(3)] * 4\nout[1].requires_grad_()", id="a flag"),
    ],
)
def test_silent_on_repeated_lists(lines):
    assert rows(rule, "import torch\n" + lines + "\n") == []


def test_silent_on_a_buffer_of_each_epoch():
    source = """
    import torch
    def collect(loader):
        out = []
        for epoch in range(9):
            buffer = torch.zeros(8, 4)
            for x in loader:
                buffer.copy_(x)
            out.append(buffer)
        return out
    """
    assert rows(rule, source) == []


GATHERED = """
def evaluate(model, loader):
    scores, targets = [], []
    for x, target in loader:
        scores.append(model(x))
        {body}
    return scores, targets
"""


@pytest.mark.parametrize(
    "body",
    ["targets.append(target)", "targets.append(list(targets))", "targets.append(scores)", "scores = targets"],
)
def test_silent_on_lists_that_gather_other_values(body):
    assert rows(rule, GATHERED.format(body=body)) == []


def test_silent_on_a_list_that_is_put_into_itself_outside_of_loops():
    assert rows(rule, "cycle = []\ncycle.append(cycle)\n") == []


@pytest.mark.parametrize(("start", "row"), [("scores, targets = [], []", 6), ("scores = []; targets = [0]", 6)])
def test_a_list_gathers_itself(start, row):
    source = GATHERED.format(body="targets.append(targets)").replace("scores, targets = [], []", start)
    assert rows(rule, source) == [row]


def test_a_list_gathers_itself_in_the_module_and_in_a_branch():
    source = "names = []\nfor n in range(3):\n    if n:\n        while n > 1:\n            names.append(names)\n"
    assert rows(rule, source) == [5]


def test_silent_where_every_place_of_a_repeated_list_gets_a_list_of_its_own():
    source = """
def batches(indices, size):
    buckets = [[]] * 100
    for i in indices:
        if len(buckets[i]) == 0:
            buckets[i] = []
        buckets[i].append(i)
"""
    assert rows(rule, source) == []
    assert rows(rule, source.replace("buckets[i] = []", "pass")) == [3]


SHUFFLED = """
import random
from random import shuffle
import numpy as np
import torch


def batches(x, rows, lengths):
    lengths, order = torch.sort(torch.LongTensor(lengths))
    {made}
    {shuffle}(items)
    return items
"""


@pytest.mark.parametrize(
    ("made", "shuffle"),
    [
        ("items = order.tolist()", "random.shuffle"),
        ("items = list(range(len(order)))", "random.shuffle"),
        ("items = [rows[i] for i in order]", "random.shuffle"),
        ("items = order.numpy()", "random.shuffle"),
        ("items = np.arange(64)", "random.shuffle"),
        ("items = np.array(order)", "random.shuffle"),
        ("items = np.random.rand(64, 8)", "np.random.shuffle"),
        ("items = x", "random.shuffle"),
        ("items = torch.utils.data.TensorDataset(order)", "random.shuffle"),
        ("items = list(order.split(8))", "random.shuffle"),
    ],
)
def test_silent_on_shuffles_that_lose_nothing(made, shuffle):
    assert rows(rule, SHUFFLED.format(made=made, shuffle=shuffle)) == []


@pytest.mark.parametrize(
    ("made", "shuffle"),
    [
        ("items = order", "random.shuffle"),
        ("items = order.clone()[8:16]", "shuffle"),
        ("items = torch.randperm(64)", "random.shuffle"),
        ("items = torch.from_numpy(rows)", "random.shuffle"),
        ("items = torch.nonzero(x > 0).squeeze(1)", "random.shuffle"),
        ("items = np.random.rand(64, 8)", "random.shuffle"),
    ],
)
def test_a_shuffle_through_views(made, shuffle):
    assert rows(rule, SHUFFLED.format(made=made, shuffle=shuffle)) == [11]
