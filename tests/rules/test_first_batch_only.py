import pytest

from aelint.rules.data import first_batch_only as rule
from tests.rules.harness import rows

PROGRAM = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

model = nn.Linear(8, 8)
opt = torch.optim.Adam(model.parameters())
loader = DataLoader(TensorDataset(torch.randn(64, 8)), batch_size=16{more})
{body}
"""
STEP = "nn.functional.mse_loss(model(x), x).backward(); opt.step(); opt.zero_grad()"

SILENT = {
    "shuffled": (", shuffle=True", f"for i in range(9):\n    (x,) = next(iter(loader))\n    {STEP}"),
    "sampler": (", sampler=draw", f"for i in range(9):\n    (x,) = next(iter(loader))\n    {STEP}"),
    "one batch fitted on purpose": ("", f"(x,) = next(iter(loader))\nfor i in range(9):\n    {STEP}"),
    "iterator made before the loop": ("", f"it = iter(loader)\nfor i in range(9):\n    (x,) = next(it)\n    {STEP}"),
    "only shown": ("", f"for e in range(9):\n    for (x,) in loader:\n        {STEP}\n    show(next(iter(loader)))"),
    "gradients that are looked at": (
        "",
        "for net in nets:\n    (x,) = next(iter(loader))\n    net.zero_grad()\n    net(x).sum().backward()\n    show(net)",
    ),
    "no training": ("", "for i in range(9):\n    (x,) = next(iter(loader))\n    print(model(x))"),
    "another loader's length": (
        "",
        "for i in range(len(other)):\n    (x,) = next(iter(loader))\n    show(model(x))",
    ),
    "one batch in every epoch, and the mean over the epochs": (
        "",
        f"total = 0\nfor e in range(n):\n    for (x,) in loader:\n        {STEP}\n    show(next(iter(loader)))\n    total += e\nmean = total / n",
    ),
    "some rounds of all": (
        "",
        "for i in range(len(loader)):\n    if i == 0:\n        (x,) = next(iter(loader))\n    show(model(x))",
    ),
    "iterator renewed at its end": (
        "",
        (
            f"it = iter(loader)\nfor i in range(9):\n    try:\n        (x,) = next(it)\n    except StopIteration:\n"
            f"        it = iter(loader)\n        (x,) = next(it)\n    {STEP}"
        ),
    ),
}


@pytest.mark.parametrize(("more", "body"), SILENT.values(), ids=SILENT)
def test_silent(more, body):
    assert rows(rule, PROGRAM.format(more=more, body=body)) == []


@pytest.mark.parametrize(
    ("body", "row"),
    [
        (f"for i in range(9):\n    (x,) = next(iter(loader))\n    {STEP}", 10),
        (f"for i in range(9):\n    it = iter(loader)\n    x = next(it)[0]\n    {STEP}", 11),
        (f"while True:\n    batch = next(iter(loader))\n    x = batch[0] * 2\n    {STEP}", 10),
    ],
    ids=["one expression", "two statements", "while"],
)
def test_first_batch_every_time(body, row):
    assert rows(rule, PROGRAM.format(more="", body=body)) == [row]


EVALUATED = """
def evaluate(model, loader, n=4):
    total = 0.0
    {first}
    for i in range({rounds}):
        (x,) = next({iterator})
        with torch.no_grad():
            total += nn.functional.mse_loss(model(x), x).item()
    return total / {count}

evaluate(model, loader)
"""


@pytest.mark.parametrize(
    ("rounds", "count"), [("len(loader)", "2"), ("rounds", "2"), ("min(4, len(loader))", "4"), ("n", "n")]
)
def test_score_of_the_first_batch_in_place_of_all(rounds, count):
    first = "rounds = len(loader)"
    body = EVALUATED.format(first=first, rounds=rounds, count=count, iterator="iter(loader)")
    assert rows(rule, PROGRAM.format(more="", body=body)) == [14]
    body = EVALUATED.format(first=first + "; it = iter(loader)", rounds=rounds, count=count, iterator="it")
    assert rows(rule, PROGRAM.format(more="", body=body)) == []
    body = EVALUATED.format(first=first, rounds="4", count="4", iterator="iter(loader)")
    assert rows(rule, PROGRAM.format(more="", body=body)) == []


def test_second_loader_inside_the_batch_loop():
    body = """
def train(model, loader, noise):
    for (clean,) in loader:
        x = clean + next(iter(noise))[0]
        nn.functional.mse_loss(model(x), clean).backward()
        opt.step()
train(model, loader, DataLoader(TensorDataset(torch.randn(64, 8)), 16))
"""
    assert rows(rule, PROGRAM.format(more="", body=body)) == [12]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            f"for i in range(9):\n    if stale(i):\n        (x,) = next(iter(loader))\n    {STEP}",
            id="renewed now and then",
        ),
        pytest.param(
            f"for (x,) in loader:\n    {STEP}\n    (y,) = next(iter(loader))\n    show(model(y))", id="looked at"
        ),
        pytest.param(f"for i in range(9):\n    (x,) = next(iter(source))\n    {STEP}", id="a source that nobody knows"),
    ],
)
def test_other_first_batches(body):
    assert rows(rule, PROGRAM.format(more="", body=body)) == []


def test_a_batch_that_is_the_whole_set():
    body = f"for i in range(9):\n    (x,) = next(iter(loader))\n    {STEP}"
    assert rows(rule, PROGRAM.replace("batch_size=16", "batch_size=64").format(more="", body=body)) == []
    made = "loader = DataLoader(TensorDataset(torch.randn(64, 8)), batch_size=16"
    named = "data = TensorDataset(torch.randn(64, 8))\nloader = DataLoader(data, batch_size=len(data)"
    assert rows(rule, PROGRAM.replace(made, named).format(more="", body=body)) == []
