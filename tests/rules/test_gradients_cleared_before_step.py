"""AEL404: gradients lost between backward and step."""

import pytest

from aelint.rules.optimization import gradients_cleared_before_step as rule
from tests.rules.harness import rows

SETUP = """
import torch
from torch import nn

model = nn.Sequential(nn.Linear(20, 4), nn.Linear(4, 20))
critic = nn.Linear(20, 1)
opt = torch.optim.Adam(model.parameters())
opt_critic = torch.optim.Adam(critic.parameters())
for i in range(9):
    x = torch.randn(8, 20)
    loss = (model(x) - x).pow(2).mean()
"""

HEALTHY = {
    "cleared after the step": ["loss.backward()", "opt.step()", "opt.zero_grad()"],
    "the other player is cleared": ["opt.zero_grad()", "loss.backward()", "opt_critic.zero_grad()", "opt.step()"],
    "a skipped batch": ["opt.zero_grad()", "loss.backward()", "if loss.isnan(): opt.zero_grad()", "opt.step()"],
    "computed again": [
        "loss.backward()",
        "opt.zero_grad()",
        "critic(model(x)).mean().backward()",
        "opt.step()",
    ],
    "gradients are set by hand": [
        "loss.backward()",
        "g = [p.grad.clone() for p in model.parameters()]",
        "opt.zero_grad()",
        "for p, q in zip(model.parameters(), g): p.grad = q",
        "opt.step()",
    ],
}


def body(lines):
    return SETUP + "\n".join("    " + line for line in lines)


@pytest.mark.parametrize("lines", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(lines):
    assert rows(rule, body(lines)) == []


ACCUMULATING = {
    "cleared where the step is taken": ["loss.backward()", "if i % 4 == 3:", "    opt.step()", "    opt.zero_grad()"],
    "the other player takes turns": [
        "opt_critic.zero_grad()",
        "opt.zero_grad()",
        "critic(x).mean().backward()",
        "opt_critic.step()",
        "if i % 5 == 0:",
        "    loss.backward()",
        "    opt.step()",
    ],
    "a step in every round": ["opt.zero_grad()", "loss.backward()", "opt.step()", "if i % 4 == 0:", "    opt.step()"],
    "another optimiser steps in every round": [
        "opt.zero_grad()",
        "opt_critic.zero_grad()",
        "(loss + critic(x).mean()).backward()",
        "opt_critic.step()",
        "if i % 5 == 0:",
        "    opt.step()",
    ],
    "the rounds that wait skip the clearing": [
        "loss.backward()",
        "if (i + 1) % 4 != 0:",
        "    continue",
        "opt.step()",
        "opt.zero_grad()",
    ],
    "no count of rounds": ["opt.zero_grad()", "loss.backward()", "if loss < 9:", "    opt.step()"],
}


@pytest.mark.parametrize("lines", ACCUMULATING.values(), ids=ACCUMULATING.keys())
def test_silent_where_nothing_is_lost(lines):
    assert rows(rule, body(lines)) == []


@pytest.mark.parametrize(
    ("lines", "row"),
    [
        (["loss.backward()", "if (i + 1) % 4 == 0:", "    opt.step()", "opt.zero_grad()"], 15),
        (["opt.zero_grad()", "(loss / 4).backward()", "if i % 4 == 3 or i == 8:", "    opt.step()"], 12),
        (["loss.backward()", "if not (i + 1) % 4:", "    opt.step()", "opt.zero_grad(set_to_none=True)"], 15),
        (["opt.zero_grad()", "loss.backward()", "if (i + 1) % 4 != 0:", "    continue", "opt.step()"], 12),
        (["opt.zero_grad()", "due = i % 4 == 3", "loss.backward()", "if due:", "    opt.step()"], 12),
        (
            [
                "with torch.autocast('cpu'):",
                "    opt.zero_grad()",
                "loss.backward()",
                "if i % 4 == 3:",
                "    opt.step()",
            ],
            13,
        ),
    ],
)
def test_batches_that_are_lost(lines, row):
    assert rows(rule, body(lines)) == [row]


IN_A_METHOD = """
import torch

class Trainer:
    def __init__(self, net):
        self.net, self.scaler = net, torch.amp.GradScaler()
        self.optimizer = torch.optim.AdamW(net.parameters())

    def training_step(self, batch, index):
        loss = self.net(batch).pow(2).mean() / self.every
        self.scaler.scale(loss).backward()
        if (index + 1) % self.every == 0:
            self.scaler.step(self.optimizer)
            self.scaler.update(){clear}
"""


def test_the_loop_is_out_of_sight():
    assert rows(rule, IN_A_METHOD.format(clear="\n            self.optimizer.zero_grad()")) == []
    assert rows(rule, IN_A_METHOD.format(clear="\n        self.optimizer.zero_grad()")) == [15]


FAULTS = {
    "optimiser": ["loss.backward()", "opt.zero_grad()", "opt.step()"],
    "model": ["loss.backward()", "model.zero_grad()", "opt.step()"],
    "clipped between": [
        "loss.backward()",
        "opt.zero_grad()",
        "nn.utils.clip_grad_norm_(model.parameters(), 1)",
        "opt.step()",
    ],
}


@pytest.mark.parametrize("lines", FAULTS.values(), ids=FAULTS.keys())
def test_fires(lines):
    assert rows(rule, body(lines)) == [13]


def test_the_clearing_hides_in_a_function():
    source = """
        import torch
        from torch import nn

        def apply_gradients(optimizer):
            optimizer.zero_grad(set_to_none=True)
            optimizer.step()

        net = nn.Linear(3, 3)
        optimizer = torch.optim.RMSprop(net.parameters())
        while True:
            x = torch.rand(5, 3)
            nn.functional.l1_loss(net(x), x).backward()
            apply_gradients(optimizer)
        """
    assert rows(rule, source) == [6]


EPOCHS = """
import argparse
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

args = argparse.Namespace(steps=3)
model = nn.Linear(20, 20)
opt = torch.optim.Adam(model.parameters())
loader = DataLoader(TensorDataset(torch.randn({samples}, 20)), batch_size=8{options})

def train():
    count = 0
    {start}
    for i, (x,) in enumerate(loader):
        (model(x) - x).pow(2).mean().backward()
        {counted}
        if {test}:
            opt.step()
            opt.zero_grad()
            count = 0
    {end}

for epoch in range(5):
    train()
"""
WAITING = {
    "samples": "80",
    "options": "",
    "start": "opt.zero_grad()",
    "counted": "count += x.shape[0]",
    "test": "(i + 1) % 3 == 0",
    "end": "pass",
}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"samples": "96"}, id="a multiple"),
        pytest.param({"samples": "90 + 9", "options": ", drop_last=True"}, id="what is left over is not drawn"),
        pytest.param({"samples": "int(input())"}, id="nobody knows how many"),
        pytest.param({"start": "pass"}, id="the rest goes into the first step of the next epoch"),
        pytest.param({"end": "opt.step()"}, id="a step for the rest"),
        pytest.param({"test": "(i + 1) % 3 == 0 or i + 1 == len(loader)"}, id="a step at the last batch"),
        pytest.param({"test": "i % 3 == 0"}, id="counted from another batch"),
        pytest.param({"options": ", sampler=range(72)"}, id="a sampler says how many"),
        pytest.param({"test": "count >= 16"}, id="a multiple in samples"),
    ],
)
def test_silent_where_no_batches_are_left_over(changes):
    assert rows(rule, EPOCHS.format(**{**WAITING, **changes})) == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="every third of ten"),
        pytest.param({"test": "(i + 1) % args.steps == 0"}, id="an option"),
        pytest.param({"test": "count >= 24"}, id="counted in samples"),
        pytest.param({"samples": "90", "options": ", drop_last=True", "test": "(i + 1) % 2 == 0"}, id="of eleven"),
    ],
)
def test_the_last_batches_of_an_epoch_are_cleared(changes):
    assert rows(rule, EPOCHS.format(**{**WAITING, **changes})) == [18]
