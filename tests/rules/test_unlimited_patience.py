"""AEL610: counters of early stopping."""

import pytest

from aelint.rules.inference import unlimited_patience as rule
from tests.rules.harness import rows

LOOP = """
import torch
from torch import nn

model = nn.Linear(4, 4)
best, waited = float("inf"), 0
for epoch in range(90):
    x = torch.randn(5, 4)
    loss = nn.functional.mse_loss(model(x), x).item()
    if loss < best:
        best = loss
        {better}
    else:
        waited += 1
        {worse}
    if waited >= 5:
        {stop}
"""

SAVE = "torch.save(model.state_dict(), 'best.pt')"
HEALTHY = {
    "set back": LOOP.format(better="waited = 0", worse="pass", stop="break"),
    "set back beside something else": LOOP.format(better="kept, waited = epoch, 0", worse="pass", stop="break"),
    "set back after a decay": LOOP.format(better="pass", worse="pass", stop="waited = 0"),
    "another file holds the last model": LOOP.format(
        better=f"waited = 0; {SAVE}", worse="torch.save(model.state_dict(), 'last.pt')", stop="break"
    ),
    "no limit": LOOP.format(better="pass", worse="pass", stop="break").replace("if waited >= 5", "if epoch"),
    "a counter of something else": LOOP.format(better="pass", worse="pass", stop="break").replace(
        "best = loss", "pass"
    ),
}


@pytest.mark.parametrize("source", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(source):
    assert rows(rule, source) == []


def test_silent_where_a_method_sets_it_back():
    source = STOPPING.format(better="self.reset()") + "\n    def reset(self):\n        self.bad = 0\n"
    assert rows(rule, source) == []


STOPPING = """
class EarlyStopping:
    def __init__(self, patience):
        self.patience, self.best, self.bad = patience, None, 0

    def __call__(self, loss):
        if self.best is None or loss < self.best:
            self.best = loss
            {better}
        else:
            self.bad = self.bad + 1
        return self.bad > self.patience
"""


IN_METHOD = """
class Trainer:
    def fit(self, epochs):
        best, stale, waited = 1e9, 0, 0
        for loss in self.losses(epochs):
            if loss <= best:
                best = loss
                {better}
            else:
                stale += 1
                waited += 1
            if waited >= self.patience or stale > 3:
                break
"""


def test_silent_where_a_method_sets_its_own_counters_back():
    assert rows(rule, IN_METHOD.format(better="waited = stale = 0")) == []


@pytest.mark.parametrize(
    ("source", "row"),
    [
        (LOOP.format(better="pass", worse="pass", stop="break"), 11),
        (LOOP.format(better="pass", worse="print(waited)", stop="raise SystemExit"), 11),
        (STOPPING.format(better="print('better')"), 8),
        ("def fit(model, x, n):" + LOOP.format(better="pass", worse="pass", stop="return").replace("\n", "\n    "), 11),
        (IN_METHOD.format(better="stale = 0"), 7),
    ],
)
def test_a_counter_that_nothing_sets_back(source, row):
    assert rows(rule, source) == [row]


@pytest.mark.parametrize("save", [SAVE, "save_checkpoint(model, epoch)", "trainer.save(model)"])
def test_a_worse_model_that_is_saved_over_the_best(save):
    assert rows(rule, LOOP.format(better=f"waited = 0; {save}", worse=save, stop="break")) == [15]


TOLERANT = """
class Stop:
    def __init__(self, patience=5, delta=0.01):
        self.patience, self.delta, self.counter, self.best = patience, delta, 0, None

    def __call__(self, score):
        if self.best is None:
            self.best = score
        elif {test}:
            self.counter += 1
        else:
            {better}
            self.counter = 0
        return self.counter >= self.patience
"""


@pytest.mark.parametrize(
    ("test", "better"),
    [
        ("score < self.best + self.delta", "self.best = score"),
        ("score > self.best - self.delta", "self.best = score"),
        ("score < self.best", "self.best = score"),
        ("score < self.best - self.delta", "self.best = max(self.best, score)"),
        ("score < self.best - -0.1", "self.best = score"),
    ],
)
def test_silent_on_tolerances_that_ask_for_more(test, better):
    assert rows(rule, TOLERANT.format(test=test, better=better)) == []


@pytest.mark.parametrize(
    "test", ["score < self.best - self.delta", "score <= self.best - self.delta", "score > self.best + self.delta"]
)
def test_tolerances_that_let_scores_sink(test):
    assert rows(rule, TOLERANT.format(test=test, better="self.best = score")) == [9]
