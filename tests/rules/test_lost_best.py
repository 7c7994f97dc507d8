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
    ],
)
def test_silent_where_the_best_is_kept_and_can_be_beaten(parts):
    assert rows(rule, source(**parts)) == []


@pytest.mark.parametrize(
    ("parts", "row"),
    [
        ({"inside": "pass", "outside": "best = score"}, 14),
        ({"test": "best > score", "inside": "pass", "outside": "best = score"}, 14),
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
