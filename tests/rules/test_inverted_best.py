"""AEL605: which of two models is kept."""

import pytest

from aelint.rules.inference import inverted_best as rule
from aelint.semantics.domain.values import Sym
from aelint.semantics.inference import scores
from tests.rules.harness import rows, run

SETUP = """
import copy
import math
import torch
from torch import nn
from torch.nn import functional as F
from sklearn.metrics import roc_auc_score
from judge import quality

model = nn.Linear(4, 4)
best = {start}
for epoch in range(9):
    x = torch.randn(5, 4)
    loss = F.mse_loss(model(x), x)
    value = {value}
    if {test}:
        best = value
        {keep}
"""

SAVE = "torch.save(model.state_dict(), 'best.pt')"


def program(value, test, keep=SAVE, start="None"):
    return SETUP.format(value=value, test=test, keep=keep, start=start)


HEALTHY = {
    "a falling loss": program("loss.item()", "value < best"),
    "a falling loss, the other way round": program("loss.item()", "best > value"),
    "a rising score": program("10 * math.log10(1 / loss.item())", "value > best"),
    "a negated loss": program("-loss", "value > best"),
    "an unknown quality": program("quality(model)", "value < best"),
    "a rising external score": program("roc_auc_score(x, model(x))", "value > best"),
    "the first of falling losses": program("loss.item()", "best is None or value < best"),
    "a falling loss once the model is warm": program("loss.item()", "epoch > 3 and value < best", start="9.0"),
    "two numbers beside each other": program("loss.item()", "value > best or best < value - 1"),
    "the largest loss is only shown": program("loss.item()", "value > best", keep="print(best)"),
}


@pytest.mark.parametrize("source", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(source):
    assert rows(rule, source) == []


FAULTS = {
    "a rising loss": program("loss.item()", "value > best"),
    "the other way round": program("loss", "best <= value"),
    "the first of rising losses": program("loss.item()", "best is None or value > best"),
    "a rising loss once the model is warm": program("loss.item()", "epoch > 3 and best < value", start="0.0"),
    "a falling signal-to-noise ratio": program("-10 * torch.log10(loss)", "value < best"),
    "a falling area under the curve": program(
        "roc_auc_score(x, model(x))", "value < best", keep="state = copy.deepcopy(model.state_dict())"
    ),
    "a mean over losses": program("sum([loss.item(), loss.item()]) / 2", "value > best"),
}


@pytest.mark.parametrize("source", FAULTS.values(), ids=FAULTS.keys())
def test_fires(source):
    assert rows(rule, source) == [16]


NAMED = """
import torch
from torch import nn

model = nn.Linear(4, 4)
best, waited = 1.0, 0
for epoch in range(9):
    x = torch.randn(5, 4)
    loss = nn.functional.mse_loss(model(x), x).item()
    waited += 1
    is_best = {test}
    {keep}
    if waited > 3:
        break
"""


@pytest.mark.parametrize(
    ("test", "keep"),
    [
        ("loss < best", "best = min(loss, best)"),
        ("loss < best", "if is_best: best = loss; torch.save(model, 'best.pt')"),
        ("True", "worst = max(loss, best)"),
        ("True", "if loss < best: best = loss; waited = 0"),
        ("True", "if loss > best: best = loss; print(best)"),
    ],
)
def test_silent_on_what_is_kept_under_a_name(test, keep):
    assert rows(rule, NAMED.format(test=test, keep=keep)) == []


@pytest.mark.parametrize(
    ("test", "keep", "row"),
    [
        ("loss > best", "best = max(loss, best)", 12),
        ("loss > best", "if is_best: best = loss; torch.save(model, 'best.pt')", 11),
        ("True", "best = min(best, -loss)", 12),
        ("True", "if loss > best: best = loss; waited = 0", 12),
    ],
)
def test_fires_on_what_is_kept_under_a_name(test, keep, row):
    assert rows(rule, NAMED.format(test=test, keep=keep)) == [row]


def test_early_stopping_in_another_file():
    files = {
        "main.py": """
            import torch
            from torch import nn
            from stop import Keeper

            model, keeper = nn.Linear(3, 3), Keeper()
            for _ in range(5):
                x = torch.randn(8, 3)
                keeper.update(model, nn.functional.l1_loss(model(x), x).item())
            """,
        "stop.py": """
            import torch


            class Keeper:
                def __init__(self):
                    self.best = 0.0

                def update(self, model, score):
                    if score >= self.best:
                        self.best = score
                        torch.save(model.state_dict(), "best.pt")
            """,
    }
    assert rows(rule, files) == [10]


WATCHED = """
import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from pytorch_lightning.callbacks import ModelCheckpoint

model = nn.Linear(4, 4)
plateau = ReduceLROnPlateau(torch.optim.Adam(model.parameters()), {mode})
x = torch.randn(5, 4)
loss = nn.functional.mse_loss(model(x), x)
plateau.step({value})
"""


@pytest.mark.parametrize(("mode", "value"), [("'min'", "loss"), ("mode='max'", "-loss"), ("mode='min'", "loss.item()")])
def test_silent_on_schedules_that_wait_in_the_right_direction(mode, value):
    assert rows(rule, WATCHED.format(mode=mode, value=value)) == []


@pytest.mark.parametrize(
    ("mode", "value"), [("'max'", "loss"), ("mode='max'", "loss.item()"), ("mode='min'", "-10 * loss.log10()")]
)
def test_fires_on_schedules_that_wait_in_the_wrong_direction(mode, value):
    assert rows(rule, WATCHED.format(mode=mode, value=value)) == [8]


ELBO = """
import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

model = nn.Linear(4, 4)
optimizer = torch.optim.Adam(model.parameters())
plateau = ReduceLROnPlateau(optimizer, "{mode}")

def bound(x):
    h = model(x)
    return (nn.functional.mse_loss(h, x, reduction="sum") + 0.1 * torch.sum(h.exp() - h)) / x.shape[0]

loader = torch.utils.data.DataLoader(torch.randn(40, 4), batch_size=10)
for epoch in range(3):
    for x in loader:
        optimizer.zero_grad()
        {trained}(x){trains}
        optimizer.step()
    with torch.no_grad():
        value = sum(bound(x).item() for x in loader) / len(loader)
    plateau.step(value)
"""


@pytest.mark.parametrize(
    ("mode", "trained", "trains", "expected"),
    [
        ("min", "bound", ".backward()", []),
        ("max", "model", ".mean().backward()", []),  # nothing minimises the sum: its other term may be a score
        ("max", "-bound", ".backward()", []),
        ("max", "bound", ".backward()", [8]),
    ],
)
def test_a_loss_and_a_penalty_are_judged_by_what_training_minimises(mode, trained, trains, expected):
    trained = "(-bound" if trained == "-bound" else trained
    source = ELBO.format(mode=mode, trained=trained, trains=trains)
    assert rows(rule, source.replace("(-bound(x)", "(-bound(x))")) == expected


@pytest.mark.parametrize(("mode", "expected"), [("min", []), ("max", [8])])
@pytest.mark.parametrize(
    "value",
    [
        "sum(bound(x).item() * len(x) for x in loader) / len(loader.dataset)",
        "sum(len(x) * bound(x).item() for x in loader) / len(loader.dataset)",
    ],
)
def test_a_mean_over_all_samples_of_terms_written_out(mode, expected, value):
    source = ELBO.format(mode=mode, trained="bound", trains=".backward()")
    source = source.replace("sum(bound(x).item() for x in loader) / len(loader)", value)
    error = 'nn.functional.mse_loss(h, x, reduction="sum")'
    assert rows(rule, source.replace(error, "0.5 * (h - x).pow(2).sum()")) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("monitor='val_loss', mode='min'", []),
        ("monitor='val_accuracy', mode='max'", []),
        ("monitor='val_loss'", []),
        ("monitor='val/loss', mode='max'", [2]),
        ("\n    monitor='val_loss',\n    mode='max',\n", [4]),
    ],
)
def test_monitored_quantities_of_callbacks(arguments, expected):
    source = (
        f"from pytorch_lightning.callbacks import ModelCheckpoint\nkeep = ModelCheckpoint({arguments})\nimport torch\n"
    )
    assert rows(rule, source) == expected


def test_a_number_that_is_doubled_many_times_is_judged_once():
    loss = Sym("mse_loss")
    total = loss
    for _ in range(25):
        total = Sym("add", (total, total))
    asked = []
    judged = scores._judged
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "_judged", lambda *of: asked.append(of) or judged(*of))
        assert scores.better(total) is scores.Better.LOWER
    assert len(asked) == 26


@pytest.mark.parametrize(
    "name",
    ["worst", "hardest", "peak", "threshold", "highest", "upper"],
    ids=lambda n: f"the {n} one is kept on purpose",
)
def test_silent_on_samples_with_a_large_loss(name):
    source = program("loss.item()", f"value > {name}", keep="torch.save(x, 'hard.pt')").replace("best = ", f"{name} = ")
    assert rows(rule, source) == []


def test_fires_on_the_name_of_a_condition_with_two_parts() -> None:
    source = program("loss.item()", "is_best").replace(
        "    if is_best", "    is_best = best is None or value {less} best\n    if is_best"
    )
    assert rows(rule, source.format(less="<")) == []
    assert rows(rule, source.format(less=">")) == [16]


def test_what_to_start_from_is_told_where_the_comparison_stands_alone() -> None:
    assert "start from `inf`" in run(rule, program("loss.item()", "value > best", start="0.0"))[0].message
    assert "start from" not in run(rule, program("loss.item()", "best is None or value > best"))[0].message
