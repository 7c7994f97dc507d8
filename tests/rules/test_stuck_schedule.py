"""AEL416: counters and schedules that cannot advance."""

import pytest

from aelint.rules.optimization import stuck_schedule as rule
from tests.rules.harness import rows

TRAIN = """
def train(model, data, optimizer):
    step, done = 0, False
    {start}
    for epoch in range(5):
        for x in data:
            loss = model(x) + weight({given}) * model.kl
            loss.backward()
            optimizer.step()
            {end}
"""

HEALTHY = {
    "increased": ("global_step = 0", "global_step", "global_step += 1"),
    "counted by the loop": ("total = 0", "epoch", "pass"),
    "printed": ("global_step = 0", "epoch", "print(global_step)"),
    "logged": ("global_step = 0", "epoch", "writer.add_scalar('loss', loss, global_step)"),
    "a setting": ("global_steps = 1000", "global_steps", "pass"),
    "a flag": ("step = False", "step", "pass"),
    "set by a condition": ("global_step = 0", "global_step", "if loss: global_step = epoch"),
}


@pytest.mark.parametrize(("start", "given", "end"), HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(start, given, end):
    assert rows(rule, TRAIN.format(start=start, given=given, end=end)) == []


@pytest.mark.parametrize(
    ("start", "given"),
    [("global_step = 0", "global_step"), ("iteration = 0", "step=iteration"), ("n_iter = 0", "min(1.0, n_iter / 500)")],
)
def test_counters_that_stand_still(start, given):
    assert rows(rule, TRAIN.format(start=start, given=given, end="pass")) == [7]


CYCLE = """
def train(model, data, rate, cycle):
    weight = 0.0
    for epoch in range(20):
        {outside}
        for i, x in enumerate(data):
            weight = min(1.0, weight + rate)
            {inside}
            (model(x) + weight * model.kl).backward()
"""

RESET = "if epoch % cycle == 0: weight = 0.0"


@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        (RESET, "pass"),
        ("pass", "if i == 0 and epoch % cycle == 0: weight = 0.0"),
        ("pass", "if epoch > 10: weight = weight / 2"),
        ("pass", "if weight > 1 + epoch: weight = 0.0"),
    ],
)
def test_silent_on_restarts_that_leave_room_to_grow(outside, inside):
    assert rows(rule, CYCLE.format(outside=outside, inside=inside)) == []


@pytest.mark.parametrize(
    "inside", [RESET, "if epoch in (0, 5, 10): weight = 0.0", "if not epoch % cycle: weight = rate"]
)
def test_restarts_in_every_batch(inside):
    assert rows(rule, CYCLE.format(outside="pass", inside=inside)) == [8]


SCHEDULED = """
import torch
from torch import nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader

EPOCHS = 40
model = nn.Linear(8, 8)
loader = DataLoader(torch.randn(512, 8), batch_size=32)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = lr_scheduler.{made}
for epoch in range(EPOCHS):
    for x in loader:
        optimizer.zero_grad()
        (model(x) - x).pow(2).mean().backward()
        optimizer.step()
        {in_batch}
    {in_epoch}
"""


@pytest.mark.parametrize(
    ("made", "in_batch", "in_epoch"),
    [
        pytest.param("CosineAnnealingLR(optimizer, T_max=EPOCHS)", "pass", "scheduler.step()", id="epochs in both"),
        pytest.param("CosineAnnealingLR(optimizer, len(loader))", "scheduler.step()", "pass", id="batches in both"),
        pytest.param(
            "CosineAnnealingLR(optimizer, EPOCHS * len(loader))", "scheduler.step()", "pass", id="all batches"
        ),
        pytest.param("CosineAnnealingLR(optimizer, 100)", "scheduler.step()", "pass", id="a plain number"),
        pytest.param("CosineAnnealingLR(optimizer, EPOCHS, 1e-5)", "pass", "scheduler.step()", id="falls"),
        pytest.param("StepLR(optimizer, step_size=10)", "pass", "scheduler.step()", id="whole steps"),
        pytest.param("StepLR(optimizer, step_size=EPOCHS / 4)", "pass", "scheduler.step()", id="a quotient"),
    ],
)
def test_silent_on_schedulers_that_fit(made, in_batch, in_epoch):
    assert rows(rule, SCHEDULED.format(made=made, in_batch=in_batch, in_epoch=in_epoch)) == []


@pytest.mark.parametrize(
    ("made", "in_batch", "in_epoch"),
    [
        pytest.param("CosineAnnealingLR(optimizer, T_max=len(loader))", "pass", "scheduler.step()", id="too long"),
        pytest.param("CosineAnnealingLR(optimizer, len(loader))", "pass", "scheduler.step()", id="by position"),
        pytest.param("CosineAnnealingLR(optimizer, EPOCHS)", "scheduler.step()", "pass", id="up and down"),
        pytest.param("CosineAnnealingLR(optimizer, EPOCHS, eta_min=1e-3)", "pass", "scheduler.step()", id="flat"),
        pytest.param("CosineAnnealingWarmRestarts(optimizer, 5, eta_min=0.01)", "pass", "scheduler.step()", id="rises"),
        pytest.param("StepLR(optimizer, step_size=1e-3)", "pass", "scheduler.step()", id="a fraction"),
    ],
)
def test_schedulers_whose_numbers_do_not_fit(made, in_batch, in_epoch):
    assert rows(rule, SCHEDULED.format(made=made, in_batch=in_batch, in_epoch=in_epoch)) == [11]


PLAYERS = """
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR

critic, decoder = nn.Linear(8, 1), nn.Linear(8, 8)
first = torch.optim.Adam(decoder.parameters())
second = torch.optim.Adam(critic.parameters())
schedules = [StepLR(first, 10), {other}]
for x in torch.randn(100, 16, 8):
    critic(decoder(x)).mean().backward()
    {steps}
    for one in schedules:
        one.step()
"""


@pytest.mark.parametrize(
    ("other", "steps"),
    [
        pytest.param("StepLR(second, 10)", "first.step(); second.step()", id="one for each"),
        pytest.param("StepLR(first, 20)", "first.step(); second.step()", id="a second, slower one"),
        pytest.param("StepLR(first, 10)", "first.step()", id="the other one never steps"),
    ],
)
def test_silent_on_schedules_for_two_optimisers(other, steps):
    assert rows(rule, PLAYERS.format(other=other, steps=steps)) == []


def test_the_same_schedule_for_one_of_two_optimisers():
    assert rows(rule, PLAYERS.format(other="StepLR(first, 10)", steps="first.step(); second.step()")) == [9]


TOLD = """
import argparse
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR
from torch.utils.data import DataLoader
from transformers import get_linear_schedule_with_warmup

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--batches", type=int, default=16)
args = parser.parse_args()

def cosine(optimizer, warmup_steps, total_steps):
    return LambdaLR(optimizer, lambda step: min(step / warmup_steps, 1.0) * (1 - step / total_steps))

class Trainer:
    def __init__(self, model, epochs):
        self.epochs, self.model = epochs, model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        self.schedule = {made}

    def train(self, loader):
        for epoch in {rounds}:
            for x in loader:
                self.optimizer.zero_grad()
                (self.model(x) - x).pow(2).mean().backward()
                self.optimizer.step()
                {in_batch}
            {in_epoch}

Trainer(nn.Linear(8, 8), args.epochs).train(DataLoader(torch.randn(512, 8), batch_size=32))
"""


def told(made: str, in_batch: str = "self.schedule.step()", rounds: str = "range(self.epochs)") -> str:
    in_epoch = "pass" if in_batch != "pass" else "self.schedule.step()"
    return TOLD.format(made=made, in_batch=in_batch, in_epoch=in_epoch, rounds=rounds)


@pytest.mark.parametrize(
    ("made", "in_batch"),
    [
        pytest.param("cosine(self.optimizer, 10, self.epochs)", "pass", id="advanced once per epoch"),
        pytest.param(
            "cosine(self.optimizer, 10, self.epochs * args.batches)", "self.schedule.step()", id="all batches"
        ),
        pytest.param("cosine(self.optimizer, self.epochs, 1000)", "self.schedule.step()", id="warm-up is no length"),
        pytest.param("cosine(self.optimizer, 10, args.batches)", "self.schedule.step()", id="another setting"),
        pytest.param(
            "OneCycleLR(self.optimizer, 0.1, epochs=epochs, steps_per_epoch=16)",
            "self.schedule.step()",
            id="both counts",
        ),
    ],
)
def test_silent_on_numbers_of_steps_that_fit(made: str, in_batch: str) -> None:
    assert rows(rule, told(made, in_batch)) == []


@pytest.mark.parametrize("rounds", ["range(self.epochs)", "range(1, self.epochs + 1)"])
@pytest.mark.parametrize(
    "made",
    [
        pytest.param("cosine(self.optimizer, 10, self.epochs)", id="a function of the project"),
        pytest.param("cosine(self.optimizer, warmup_steps=10, total_steps=epochs)", id="by name"),
        pytest.param("get_linear_schedule_with_warmup(self.optimizer, 10, args.epochs)", id="transformers"),
        pytest.param("OneCycleLR(self.optimizer, 1e-2, total_steps=self.epochs)", id="torch"),
    ],
)
def test_epochs_that_are_passed_for_steps(made: str, rounds: str) -> None:
    assert rows(rule, told(made, rounds=rounds)) == [21]


RATES = """
import torch
from torch import nn

def report(lr):
    print(lr)

def train(model, data, epochs, start, adjust):
    lr = {start}
    optimizer = torch.optim.Adam({built})
    for epoch in range(epochs):
        for x in data:
            optimizer.zero_grad()
            (model(x) - x).pow(2).mean().backward()
            optimizer.step()
        {change}
        {behind}
    return {result}

train(nn.Linear(8, 8), torch.randn(10, 16, 8), 5, 1e-3, print)
"""
LOWERED = {
    "start": "1e-3",
    "built": "model.parameters(), lr=lr",
    "change": "lr = lr * 0.95",
    "behind": "pass",
    "result": "model",
}


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"behind": "for group in optimizer.param_groups: group['lr'] = lr"}, id="set in the groups"),
        pytest.param({"behind": "optimizer.param_groups[0].update(lr=lr)"}, id="set in the first group"),
        pytest.param({"behind": "optimizer = torch.optim.Adam(model.parameters(), lr=lr)"}, id="a new optimiser"),
        pytest.param({"behind": "adjust(optimizer, lr)"}, id="handed to another function"),
        pytest.param({"change": "lr = adjust(optimizer, lr)"}, id="computed by another function"),
        pytest.param({"start": "torch.tensor(1e-3)", "change": "lr *= 0.95"}, id="a tensor that changes in place"),
        pytest.param({"built": "model.parameters(), lr=start"}, id="not the rate of the optimiser"),
        pytest.param({"change": "pass"}, id="never changed"),
        pytest.param({"behind": "for g in optimizer.param_groups: g['lr'] *= 0.95"}, id="a copy for the messages"),
        pytest.param({"behind": "adjust.scheduler.step()"}, id="a copy beside a schedule"),
        pytest.param({"behind": "adjust(optimizer, epoch)"}, id="a copy beside a function of the optimiser"),
        pytest.param({"change": "lr = start"}, id="not computed from itself"),
        pytest.param({"result": "lr"}, id="returned to whoever goes on with it"),
        pytest.param({"behind": "if lr < 1e-6: break"}, id="a number that ends the training"),
        pytest.param({"behind": "adjust(**locals())"}, id="handed on with all names"),
        pytest.param(
            {"start": "1e-3; lr2 = [lr]", "behind": "nonlocal_step = lambda: lr; nonlocal_step()"},
            id="read by a lambda",
        ),
    ],
)
def test_silent_where_the_optimiser_may_hear_of_the_rate(parts):
    assert rows(rule, RATES.format(**{**LOWERED, **parts})) == []


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="at length"),
        pytest.param({"change": "lr *= 0.95"}, id="in place"),
        pytest.param({"change": "if epoch % 10 == 9: lr = max(lr / 2, 1e-6)"}, id="every ten epochs"),
        pytest.param({"behind": "print(f'{epoch}: {lr:.2e}')"}, id="shown in a message"),
        pytest.param({"built": "model.parameters(), lr"}, id="by its position"),
        pytest.param({"start": "start[0]"}, id="an entry of the settings"),
    ],
)
def test_a_rate_that_the_optimiser_never_hears_of(parts):
    assert rows(rule, RATES.format(**{**LOWERED, **parts})) == [16]
