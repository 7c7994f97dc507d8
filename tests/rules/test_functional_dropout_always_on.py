import pytest

from aelint.rules.architecture import functional_dropout_always_on as rule
from tests.rules.harness import rows, run

TEXT = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class N(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 4)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        h = self.fc(x)
        {line}
        return h
"""


@pytest.mark.parametrize(
    "line",
    [
        "h = F.dropout(h, 0.1, self.training)",
        "h = F.dropout(h, p=0.1, training=self.training)",
        "h = self.drop(h)",
        "h = self.fc(F.dropout(x, 0.1))",
        "h = F.dropout(h, 0.1) if self.training else h",
        "h = F.dropout(h, 0.0)",
    ],
)
def test_silent_on(line):
    assert rows(rule, TEXT.format(line=line)) == []


def test_silent_under_a_condition():
    assert rows(rule, TEXT.format(line="if self.training:\n            h = F.dropout(h, 0.1)")) == []


@pytest.mark.parametrize(
    "line", ["h = F.dropout(h, 0.1)", "h = nn.functional.dropout(h)", "h = F.dropout2d(torch.relu(h), p=0.5)"]
)
def test_fires_on(line):
    assert rows(rule, TEXT.format(line=line)) == [14]


def test_offers_the_mode():
    found = run(rule, TEXT.format(line="h = F.dropout(h, 0.1)"))
    assert found[0].rewrite.replacements[0][1] == "F.dropout(h, 0.1, training=self.training)"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("h = F.dropout(h, *self.settings)", id="settings that nobody knows"),
        pytest.param("h = self.drop(F.dropout(h, self.rate, self.training))", id="the mode is the third argument"),
        pytest.param("h = F.dropout(h, training=False)", id="switched off"),
        pytest.param("h = F.dropout(h, **self.settings)", id="settings by name"),
    ],
)
def test_silent_where_the_mode_may_be_given(line):
    assert rows(rule, TEXT.format(line=line)) == []


def test_silent_on_a_function_for_uncertainty_outside_of_a_network():
    source = "import torch\nimport torch.nn.functional as F\ndef monte_carlo(model, x):\n    return F.dropout(model(x), 0.1)\n"
    assert rows(rule, source) == []
    sampler = TEXT.format(line="pass") + "    def draw(self, x):\n        return F.dropout(self.fc(x), 0.1)\n"
    assert rows(rule, sampler) == []


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("h = nn.Dropout(0.2)(h) if self.training else h", id="a layer for training only"),
        pytest.param("self.late = nn.Dropout(0.2); h = self.late(h)", id="a layer that is kept"),
        pytest.param("h = nn.Dropout(0.0)(h)", id="nothing is dropped"),
        pytest.param("h = nn.ReLU()(h)", id="a layer with one mode"),
    ],
)
def test_silent_on_layers_made_in_a_pass(line):
    assert rows(rule, TEXT.format(line=line)) == []


@pytest.mark.parametrize(
    "line", ["h = nn.Dropout(0.2)(h)", "h = nn.Dropout2d(p=0.5)(h)", "drop = nn.Dropout(0.3); h = drop(h)"]
)
def test_layers_made_in_a_pass(line):
    assert rows(rule, TEXT.format(line=line)) == [14]


def test_silent_on_a_rate_that_the_caller_gives():
    source = """
import torch.nn.functional as F
from torch import nn

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 4)

    def forward(self, x, rate):
        return self.last(F.dropout(self.first(x), {rate}))
"""
    assert rows(rule, source.format(rate="rate")) == []
    assert rows(rule, source.format(rate="0.3")) == [11]
