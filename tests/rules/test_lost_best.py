import pytest

from aelint.rules.inference import lost_best as rule
from tests.rules.harness import rows, run

PROGRAM = """
import copy
import torch
from torch import nn

model = nn.Linear(20, 20)
{best} = {start}
for epoch in range(10):
    x = torch.randn(32, 20)
    score = {score}
    if {test}:
        {inside}
        state = copy.deepcopy(model.state_dict())
    {outside}
"""
LOSS = "nn.functional.mse_loss(model(x), x).item()"


def source(**parts):
    given = {
        "best": "best",
        "start": 'float("inf")',
        "score": LOSS,
        "test": "score < best",
        "inside": "best = score",
        "outside": "pass",
    }
    return PROGRAM.format(**{**given, **parts})


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"start": '-float("inf")', "test": "score > best", "score": "accuracy(model)"},
        {"start": "0.0", "test": "score > best", "score": "accuracy(model)"},
        {"start": "0.0", "score": "-" + LOSS},
        {"start": "0.0", "score": "unknown(model)"},
        {"start": "1e9"},
        {"best": "previous", "test": "score < previous", "inside": "pass", "outside": "previous = score"},
        {"inside": "best = score", "outside": "best = min(best, score)"},
        {"outside": "last = score"},
        {"start": "None"},
        {"start": "0.0\nbest = saved_best()"},
        {"start": "0.0", "test": "validate(model) < best"},
    ],
)
def test_silent_where_the_best_is_kept_and_can_be_beaten(parts):
    assert rows(rule, source(**parts)) == []


@pytest.mark.parametrize(
    ("parts", "row"),
    [
        ({"inside": "pass", "outside": "best = score"}, 14),
        ({"test": "best > score", "inside": "pass", "outside": "best = score"}, 14),
        ({"outside": "best = score"}, 14),
        ({"start": "0.0"}, 11),
        ({"start": "0", "test": "best > score"}, 11),
        ({"start": '-float("inf")'}, 11),
        ({"start": 'float("inf")', "test": "score > best", "score": "accuracy(model)"}, 11),
    ],
)
def test_fires(parts, row):
    assert rows(rule, source(**parts)) == [row]


def test_names_the_start():
    assert "starts at 0" in run(rule, source(start="0.0"))[0].message


def test_fires_on_an_attribute_of_a_trainer():
    text = """
    import torch
    from torch import nn

    class Trainer:
        def __init__(self):
            self.model = nn.Linear(20, 20)
            self.best_loss = 0.0

        def epoch(self, x):
            loss = nn.functional.mse_loss(self.model(x), x).item()
            if loss < self.best_loss:
                self.best_loss = loss
                torch.save(self.model.state_dict(), "best.pt")

    Trainer().epoch(torch.rand(4, 20))
    """
    assert rows(rule, text) == [12]


KEPT = """
import copy
import torch

def fit(model, epochs, score):
    best, state = float("inf"), None
    for epoch in range(epochs):
        loss = score(model)
        if loss < best:
            best = loss
            {kept}
    {end}
"""


@pytest.mark.parametrize(
    ("kept", "end"),
    [
        ("state = copy.deepcopy(model.state_dict())", "model.load_state_dict(state)"),
        ("state = copy.deepcopy(model.state_dict())", "return state"),
        ("state = copy.deepcopy(model.state_dict()); torch.save(state, 'best.pt')", "return model"),
        ("torch.save(model.state_dict(), 'best.pt')", "return model"),
        ("state = epoch", "return model"),
    ],
    ids=["loaded", "returned", "saved", "saved at once", "the epoch only"],
)
def test_silent_on_states_that_are_used(kept, end):
    assert rows(rule, KEPT.format(kept=kept, end=end)) == []


@pytest.mark.parametrize(
    "kept",
    [
        "state = copy.deepcopy(model.state_dict())",
        "state = {k: v.clone() for k, v in model.state_dict().items()}",
        "state = {k: v.cpu() for k, v in model.state_dict().items()}; print(best)",
    ],
)
def test_states_that_nothing_uses(kept):
    assert rows(rule, KEPT.format(kept=kept, end="return model")) == [11]


FILES = """
import os
import torch
from torch import nn

model = nn.Linear(20, 20)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def save(state, is_best, folder):
    {save}


best = float("inf")
for epoch in range(10):
    x = torch.randn(32, 20)
    loss = nn.functional.mse_loss(model(x), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    is_best = loss.item() < best
    best = min(best, loss.item())
    save(model.state_dict(), is_best, "out")
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            "if is_best:\n        torch.save(state, os.path.join(folder, 'model_best.pth'))", id="only the best"
        ),
        pytest.param(
            "torch.save(state, 'last.pth')\n    if is_best:\n        torch.save(state, 'best.pth')", id="two files"
        ),
        pytest.param("if not is_best:\n        return\n    torch.save(state, 'best.pth')", id="an early return"),
        pytest.param("torch.save(state, os.path.join('best_run', 'checkpoint.pth'))", id="a folder of that name"),
        pytest.param("torch.save(state, 'bestiary.pth')", id="another word"),
    ],
)
def test_silent_on_files_for_the_best(body):
    assert rows(rule, FILES.format(save=body)) == []


@pytest.mark.parametrize(
    "body",
    [
        "torch.save(state, os.path.join(folder, 'model_best.pth'))\n    if is_best:\n        print('best')",
        "torch.save(state, f=f'{{folder}}/best.pt')",
        "torch.save(state, folder + '/best_model.pt')",
    ],
)
def test_a_file_for_the_best_that_every_round_writes(body):
    assert rows(rule, FILES.replace("{save}", body.replace("{{", "{").replace("}}", "}"))) == [11]


TRAINER = """
import math
import torch
from torch import nn


class Trainer{base}:
    def __init__(self, model{taken}):
        self.model = model
        self.best_loss = {start}

    def validate(self, x):
        return nn.functional.mse_loss(self.model(x), x).item()

    def fit(self, epochs):
        for epoch in range(epochs):
            loss = self.validate(torch.rand(4, 20))
            if {test}:
                {kept}
            {after}


Trainer(nn.Linear(20, 20)).fit(9)
"""


def trainer(**parts):
    given = {"base": "", "taken": "", "start": "None", "test": "self.best_loss is None or loss < self.best_loss"}
    given |= {"kept": "torch.save(self.model.state_dict(), 'best.pt')", "after": "print(loss, self.best_loss)"}
    return TRAINER.format(**{**given, **parts})


@pytest.mark.parametrize(
    "parts",
    [
        {"kept": "torch.save(self.model.state_dict(), 'best.pt'); self.best_loss = loss"},
        {"after": "self.best_loss = min(loss, self.best_loss or loss)"},
        {"kept": "self.best_loss, self.best_epoch = loss, epoch; torch.save(self.model.state_dict(), 'best.pt')"},
        {"start": "best_loss", "taken": ", best_loss=math.inf", "test": "loss < self.best_loss"},
        {"kept": "torch.save(self.model.state_dict(), 'best.pt'); setattr(self, 'best_loss', loss)"},
        {
            "kept": "torch.save(self.model.state_dict(), 'good.pt'); break",
            "start": "0.1",
            "test": "loss < self.best_loss",
        },
        {"base": "(KeepsScores)"},
        {"kept": "print('better')"},
        {"start": "self.model(torch.rand(4, 20)).mean()", "test": "loss < self.best_loss"},
    ],
    ids=[
        "set in the branch",
        "set behind it",
        "set with another",
        "given from outside",
        "set by its name",
        "the first that is good enough",
        "a base that may set it",
        "no model is kept",
        "a score to beat",
    ],
)
def test_silent_where_the_best_may_be_set(parts):
    assert rows(rule, trainer(**parts)) == []


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"start": "math.inf", "test": "loss < self.best_loss"},
        {"start": "float('inf')", "test": "self.best_loss > loss", "base": "(object)"},
        {"start": "1e9", "test": "loss < self.best_loss and epoch > 2"},
    ],
)
def test_a_best_that_nothing_sets(parts):
    assert rows(rule, trainer(**parts)) == [18]


def test_a_local_best_that_nothing_sets():
    assert rows(rule, source(inside="pass")) == [11]
    assert rows(rule, source(inside="pass", test="score < best or best is None", start="None")) == [11]


ROUNDS = """
import math
import torch
from torch import nn

def fit(model, build, loaders, score, epochs, saved):
    {before}
    for epoch in range(epochs):
        {start}
        {between}
        loss = score(model)
        if {test}:
            best = loss
            torch.save(model.state_dict(), "best.pt")
            {end}
        {behind}
    return model
"""
ANEW = {
    "before": "pass",
    "start": "best = float('inf')",
    "between": "pass",
    "test": "loss < best",
    "end": "pass",
    "behind": "pass",
}


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"before": "best = float('inf')", "start": "pass"}, id="begins before the loop"),
        pytest.param({"between": "model = build()"}, id="a network of each round"),
        pytest.param({"between": "best = min(saved, default=best)"}, id="set to what was saved"),
        pytest.param({"between": "if saved: best = saved[-1]"}, id="set where something was saved"),
        pytest.param({"start": "best = score(build)"}, id="the score of something else"),
        pytest.param({"before": "best = math.inf", "start": "if epoch == 10: best = math.inf"}, id="begins again once"),
        pytest.param({"end": "break"}, id="the first round that is good enough"),
        pytest.param({"before": "best = math.inf", "start": "pass", "behind": "best = 1.0"}, id="behind the branch"),
    ],
)
def test_silent_where_a_round_does_not_begin_with_its_own_best(parts):
    assert rows(rule, ROUNDS.format(**{**ANEW, **parts})) == []


def test_silent_where_the_rounds_are_in_a_loop_behind_the_start():
    text = """
    import torch

    def fit(model, folds, score, epochs):
        for fold in folds:
            best = float("inf")
            for epoch in range(epochs):
                loss = score(model, fold)
                if loss < best:
                    best = loss
                    torch.save(model.state_dict(), f"best_{fold}.pt")
    """
    assert rows(rule, text) == []


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="infinity in words"),
        pytest.param({"start": "best = math.inf"}, id="infinity"),
        pytest.param({"start": "best = -math.inf", "test": "best < loss"}, id="less than all"),
        pytest.param(
            {"start": "best = 1e9", "test": "epoch > 2 or loss < best", "before": "best = 1e9"}, id="a number"
        ),
        pytest.param({"start": "best = None", "test": "best is None or loss < best"}, id="none"),
    ],
)
def test_a_best_that_begins_anew_in_every_round(parts):
    assert rows(rule, ROUNDS.format(**{**ANEW, **parts})) == [9]
