"""AEL617: counters and schedules that begin anew when a run is taken up again."""

import pytest

from aelint.rules.inference import unrestored_progress as rule
from tests.rules.harness import rows, run

TRAINER = """
import torch

class Trainer:
    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer
        self.step = 0

    def save(self, path):
        torch.save({{"model": self.model.state_dict(), "opt": self.optimizer.state_dict(), "step": self.step}}, path)

    def load(self, path):
        state = torch.load(path)
        self.model.load_state_dict(state["model"])
        {optimizer}
        {more}

    def fit(self, loader):
        for x in loader:
            {use}
            {count}
{behind}
"""
USE = "beta = min(1.0, self.step / 1000)"
OPTIMIZER = 'self.optimizer.load_state_dict(state["opt"])'


def trainer(optimizer=OPTIMIZER, more="pass", use=USE, count="self.step += 1", behind=""):
    return TRAINER.format(optimizer=optimizer, more=more, use=use, count=count, behind=behind)


@pytest.mark.parametrize(
    "source",
    [
        trainer(more='self.step = state["step"]'),
        trainer(more='self.step = state.get("step", 0)'),
        trainer(more="self.__dict__.update(state)"),
        trainer(more="return state"),
        trainer(more="setattr(self, 'step', 3)"),
        trainer(behind='trainer = Trainer(None, None)\ntrainer.load("a.pt")\ntrainer.step = int("7")'),
        trainer(behind='print(torch.load("a.pt")["step"])'),
        trainer(optimizer="pass"),  # weights alone: nothing is taken up again
        trainer(use="print(self.step)"),  # for the reader
        trainer(use="if self.step % 100 == 0: print(x)"),
        trainer(count="pass"),  # nothing is counted
        trainer(count="self.seen += 1"),  # something else is
        trainer(count="x.step += 1"),
        trainer(use="beta = x.step / 1000"),
        trainer(use="beta = self.epoch / 1000"),
        trainer(optimizer="self.optimizer.load_state_dict(torch.load('other.pt'))"),
        trainer(optimizer="print(state['opt'])"),
        trainer().replace('"step": self.step', '"step": path'),
        trainer().replace(
            '"model": self.model.state_dict(), "opt": self.optimizer.state_dict()', '"model": 1, "opt": 2'
        ),
    ],
)
def test_silent_where_the_count_comes_back_or_nothing_goes_by_it(source):
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "use",
    [
        USE,
        "if self.step > 1000: break",
        "beta = schedule(self.step)",
        "while self.step < 9: pass",
    ],
)
def test_a_count_that_is_saved_and_left_behind(use):
    (finding,) = run(rule, trainer(use=use))
    assert finding.site.row == 15
    assert "'step'" in finding.message
    assert [note.site.row for note in finding.notes] == [10, 20]


def test_several_files_may_read_the_key():
    files = {
        "main.py": "from other import resume\n" + trainer(),
        "other.py": "def resume(state):\n    return state['step']\n",
    }
    assert rows(rule, files) == []


RESUMED = """
import torch
from torch import nn

def warmup_linear(step):
    return min(1.0, step / 100)

model = nn.Linear(8, 8)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
{before}
checkpoint = torch.load("last.pt")
model.load_state_dict(checkpoint["model"])
optimizer.load_state_dict(checkpoint["optimizer"])
{after}
for epoch in range(checkpoint["epoch"], 100):
    for x in torch.rand(10, 4, 8):
        optimizer.zero_grad()
        (model(x) - x).pow(2).mean().backward()
        optimizer.step()
    {step}
"""
SCHEDULE = "schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)"
STEP = "schedule.step()"


def resumed(before=SCHEDULE, after="", step=STEP):
    return RESUMED.format(before=before, after=after, step=step)


@pytest.mark.parametrize(
    "source",
    [
        resumed(after='schedule.load_state_dict(checkpoint["schedule"])'),
        resumed(before="", after=SCHEDULE.replace("100)", '100, last_epoch=checkpoint["epoch"] - 1)')),
        resumed(before="schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda=warmup_linear)"),
        resumed(before="schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)", step="schedule.step(1.0)"),
        resumed(step="schedule.step(epoch)"),
        resumed(after="for _ in range(checkpoint['epoch']): schedule.step()"),
        resumed(after="optimizer.param_groups[0]['lr'] = 1e-4"),
        resumed(step="pass"),  # another fault
        resumed().replace('optimizer.load_state_dict(checkpoint["optimizer"])', ""),  # a new run from old weights
    ],
)
def test_silent_on_schedules_that_go_on(source):
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "schedule",
    [
        SCHEDULE,
        "schedule = torch.optim.lr_scheduler.StepLR(optimizer=optimizer, step_size=30)",
        "schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.9**epoch)",
    ],
)
def test_a_schedule_that_begins_anew(schedule):
    (finding,) = run(rule, resumed(before=schedule))
    assert finding.site.row == 10
    assert "begins anew" in finding.message


def test_a_schedule_that_is_built_behind_the_state_of_its_optimizer():
    (finding,) = run(rule, resumed(before="", after=SCHEDULE + '; schedule.load_state_dict(checkpoint["schedule"])'))
    assert finding.site.row == 14
    assert "build it before" in finding.message
