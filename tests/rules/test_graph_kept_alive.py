"""AEL412: what a running sum holds on to."""

import pytest

from aelint.rules.optimization import graph_kept_alive as rule
from tests.rules.harness import rows

SETUP = """
import torch
from torch import nn

model = nn.Linear(20, 20)
opt = torch.optim.Adam(model.parameters())
total, kept = 0.0, []
for i in range(99):
    x = torch.randn(8, 20)
    loss = nn.functional.mse_loss(model(x), x)
    opt.zero_grad()
    {lines}
    opt.step()
"""

HEALTHY = {
    "a number": "loss.backward(); total += loss.item()",
    "detached": "loss.backward(); total += loss.detach()",
    "a float": "loss.backward(); total = total + float(loss)",
    "the sum is differentiated": "total = total + loss; total.backward(retain_graph=True)",
    "terms of one loss": "loss = loss + model(x).abs().mean(); loss.backward()",
    "terms that are differentiated one by one": (
        "other, third = model(x).abs().mean(), model(x).sum()\n    other.backward(); third.backward(); loss.backward()\n"
        "    whole = other + third + loss"
    ),
    "the number of a term": (
        "size = model.weight.abs().mean(); loss = loss + size; loss.backward(); total += size.item()"
    ),
    "a detached term": "size = model.weight.abs().mean(); (loss + size).backward(); total += size.detach()",
    "a term that nothing is learned from": "shift = x.mean(); (loss + shift).backward(); total += shift",
    "a tensor that no loss depends on": "loss.backward(); total += model(x).mean()",
    "the sum of terms is differentiated": (
        "size = model.weight.abs().mean(); total = total + size; (loss + total).backward(retain_graph=True)"
    ),
    "the number of a loss, by the size of the batch": "loss.backward(); total += loss.item() * x.size(0)",
    "what unread code gives may be a number": (
        "from tools import penalty; size = penalty(model); (loss + size).backward(); total += size"
    ),
    "the data of a loss": "loss.backward(); total += loss.data * x.size(0)",
    "without gradients": "loss.backward()\n    with torch.no_grad():\n        total += loss",
}


@pytest.mark.parametrize("lines", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(lines):
    assert rows(rule, SETUP.format(lines=lines)) == []


@pytest.mark.parametrize(
    "lines",
    [
        "loss.backward(); total += loss",
        "loss.backward(); total = total + loss",
        "loss.backward(); total += loss * x.size(0)",
        "loss.backward(); total += len(x) * loss",
        "loss.backward(); total = total + loss / 99",
        "size = model.weight.abs().mean(); (loss + 0.1 * size).backward(); total += size",
        "losses = {'whole': loss}; losses['whole'].backward(); total += losses['whole']",
    ],
)
def test_fires(lines):
    assert rows(rule, SETUP.format(lines=lines)) == [12]


def test_attribute_of_a_trainer_in_another_file():
    files = {
        "main.py": "from fit import Trainer\nTrainer().fit()\n",
        "fit.py": """
            import torch


            class Trainer:
                def __init__(self):
                    self.net = torch.nn.Linear(3, 3)
                    self.opt = torch.optim.SGD(self.net.parameters(), lr=0.1)
                    self.total = 0

                def fit(self):
                    for i in range(9):
                        loss = self.net(torch.randn(2, 3)).pow(2).mean()
                        self.opt.zero_grad()
                        loss.backward()
                        self.opt.step()
                        self.total += loss
            """,
    }
    assert rows(rule, files) == [17]


def test_silent_on_the_sum_of_the_losses_of_one_step():
    source = """
import torch

def total_of(losses):
    total = 0
    for loss in losses:
        total += loss
        loss.backward()
    return total

net = torch.nn.Linear(4, 4)
total_of([net(torch.rand(2, 4)).sum(), net(torch.rand(2, 4)).mean()])
"""
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    ("added", "found"), [("loss.item() * len(x)", []), ("loss * len(x)", [15]), ("kld * x.size(0)", [15])]
)
def test_terms_weighed_by_a_batch_of_unknown_size(added, found):
    source = f"""
    import torch
    from torch import nn

    def train(loader, criterion):
        model = nn.Linear(20, 20)
        opt = torch.optim.Adam(model.parameters())
        total = 0.0
        for x, other in loader:
            kld = model(x).pow(2).mean()
            loss = criterion(model(x), x) + kld
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += {added}
        return total
    """
    assert rows(rule, source) == found


GROUPS = """
import torch
from torch import nn

model = nn.Linear(20, 20)
opt = torch.optim.Adam(model.parameters())
{start}
for step in range(100):
    x = torch.rand(8, 20)
    terms, total = [], {total}
    for width in (5, 10, 20):
        term = (model(x)[:, :width] - x[:, :width]).pow(2).mean()
        {within}
        terms.append(term)
    loss = torch.stack(terms).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    {behind}
"""
OF_ONE_STEP = {"start": "pass", "total": "0.0", "within": "total += term", "behind": "pass"}


def test_silent_on_terms_that_are_summed_within_one_step():
    assert rows(rule, GROUPS.format(**OF_ONE_STEP)) == []


def test_fires_on_terms_that_are_summed_over_the_steps():
    over_steps = {"start": "kept = 0.0", "within": "pass", "behind": "kept += term"}
    assert rows(rule, GROUPS.format(**{**OF_ONE_STEP, **over_steps})) == [19]


METER = """
import torch
from torch import nn

class Meter:
    def __init__(self):
        self.sum, self.count = 0.0, 0

    def update(self, value, n=1):
        self.sum += value * n
        self.count += n

def step(model, x, optimizer):
    loss = nn.functional.mse_loss(model(x), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    {inside}
    return loss

def train(model, loader, optimizer):
    for x in loader:
        loss = step(model, x, optimizer)
        {outside}

model, losses = nn.Linear(20, 20), Meter()
train(model, torch.rand(10, 32, 20), torch.optim.Adam(model.parameters()))
"""


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("losses.update(loss.item(), x.size(0))", "pass"),
        ("losses.update(loss.detach(), x.size(0))", "pass"),
        ("pass", "losses.update(float(loss))"),
    ],
)
def test_silent_on_meters_that_are_given_numbers(inside, outside):
    assert rows(rule, METER.format(inside=inside, outside=outside)) == []


@pytest.mark.parametrize(
    ("inside", "outside", "row"),
    [
        ("losses.update(loss, x.size(0))", "pass", 18),
        ("losses.update(value=loss)", "pass", 18),
        ("pass", "losses.update(loss, 32)", 24),
    ],
)
def test_a_meter_is_told_of_where_it_is_given_a_loss(inside, outside, row):
    assert rows(rule, METER.format(inside=inside, outside=outside)) == [row]
