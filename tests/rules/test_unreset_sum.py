"""AEL620: sums that go on from one epoch to the next, or from one loop to the next."""

import pytest

from aelint.rules.inference import unreset_sum as rule
from tests.rules.harness import rows

EPOCHS = """
import torch

def train(model, loader, val_loader, epochs, log):
    {first}
    for epoch in range(epochs):
        {anew}
        for i, x in enumerate(loader):
            total += model(x).item()
            {inside}
        {behind}
    return {result}
"""
PLAIN = {
    "first": "total, count = 0.0, 0",
    "anew": "pass",
    "inside": "pass",
    "behind": "print(total / len(loader))",
    "result": "model",
}
MEANT = {
    "begins anew": {"anew": "total = 0.0"},
    "begins anew with another": {"anew": "total, seen = 0.0, 0"},
    "set to zero behind the message": {"behind": "print(total / len(loader)); total = 0.0"},
    "set to zero by turns": {"inside": "if i % 10 == 9: total = 0.0"},
    "the mean of all rounds so far": {"inside": "count += 1", "behind": "print(total / count)"},
    "divided by the epochs as well": {"behind": "print(total / (len(loader) * (epoch + 1)))"},
    "the mean of all epochs": {"behind": "pass", "result": "total / len(loader)"},
    "begins with something else": {"first": "total = model(log).item()"},
    "an argument": {"first": "total = log.total"},
    "another length": {"behind": "print(total / len(val_loader))"},
    "counts": {"behind": "print(count / len(loader))", "inside": "count += 1"},
}


@pytest.mark.parametrize("parts", MEANT.values(), ids=MEANT.keys())
def test_silent_on_a_sum_over_epochs_that_is_meant(parts):
    assert rows(rule, EPOCHS.format(**{**PLAIN, **parts})) == []


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="in a message"),
        pytest.param({"behind": "mean = total / len(loader); log.append(mean)"}, id="kept"),
        pytest.param({"behind": "total /= len(loader); print(total)"}, id="in place"),
        pytest.param({"behind": "print(total / len(loader.dataset))"}, id="by the samples"),
        pytest.param(
            {"inside": "count += 1", "anew": "count = 0", "behind": "print(total / count)"}, id="by a counter"
        ),
        pytest.param(
            {"first": "n = len(loader); total = 0", "behind": "print(total / n)"}, id="by a length with a name"
        ),
        pytest.param({"inside": "print(total / (i + 1))", "behind": "pass"}, id="while it runs"),
    ],
)
def test_fires_on_a_sum_that_goes_on_over_epochs(parts):
    assert rows(rule, EPOCHS.format(**{**PLAIN, **parts})) == [5]


LOOPS = """
def epoch(model, loader, val_loader, torch):
    total, count = 0.0, 0
    for x in loader:
        total += model(x).item()
        {counted}
    {between}
    with torch.no_grad():
        for x in val_loader:
            total += model(x).item()
            {counted}
    return {mean}
"""
ONE_AFTER_THE_OTHER = {"counted": "pass", "between": "print(total / len(loader))", "mean": "total / len(val_loader)"}


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"between": "total = 0.0"}, id="begins anew"),
        pytest.param({"between": "train_loss, total = total / len(loader), 0"}, id="begins anew beside the mean"),
        pytest.param({"mean": "total / (len(loader) + len(val_loader))"}, id="the mean of both"),
        pytest.param({"counted": "count += 1", "mean": "total / count"}, id="a counter of both"),
        pytest.param({"mean": "total"}, id="a sum"),
        pytest.param({"mean": "total / len(loader)"}, id="by the first"),
    ],
)
def test_silent_on_a_sum_over_two_loops_that_is_meant(parts):
    assert rows(rule, LOOPS.format(**{**ONE_AFTER_THE_OTHER, **parts})) == []


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="behind the mean of the first"),
        pytest.param({"between": "total /= len(loader)"}, id="that was divided in place"),
        pytest.param({"between": "model.eval()"}, id="without a word"),
        pytest.param(
            {"counted": "count += 1", "between": "count = 0", "mean": "total / count"}, id="by a counter of its own"
        ),
    ],
)
def test_fires_on_a_sum_that_the_next_loop_goes_on_with(parts):
    assert rows(rule, LOOPS.format(**{**ONE_AFTER_THE_OTHER, **parts})) == [10]


def test_silent_on_a_sum_that_the_first_loop_has_no_part_in():
    source = LOOPS.format(**ONE_AFTER_THE_OTHER).replace(
        "        total += model(x).item()\n        pass", "        model(x)", 1
    )
    assert rows(rule, source) == []


DATA = """
from torch.utils.data import DataLoader

def train(model, data, held_out, epochs):
    loader, val_loader = DataLoader(data, 8), DataLoader(held_out, 8)
    total = 0.0
    for epoch in range(epochs):
        for x in loader:
            total += model(x).sum().item()
        print(total / len({name}))
"""


def test_the_length_of_the_data_of_the_loader():
    assert rows(rule, DATA.format(name="held_out")) == []
    assert rows(rule, DATA.format(name="data")) == [6]
