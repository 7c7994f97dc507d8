"""AEL136: rectifiers and dropout whose number leaves nothing to do."""

import pytest

from aelint.rules.architecture import identity_activation as rule
from tests.rules.harness import rows

TEXT = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class N(nn.Module):
    def __init__(self, slope=0.2):
        super().__init__()
        self.fc = nn.Linear(8, 4)
        self.act = {layer}

    def forward(self, x):
        return {call}
"""


@pytest.mark.parametrize(
    ("layer", "call"),
    [
        pytest.param("nn.LeakyReLU(0.2, True)", "self.act(self.fc(x))", id="the flag is second"),
        pytest.param("nn.LeakyReLU(inplace=True)", "self.act(self.fc(x))", id="the flag is named"),
        pytest.param("nn.LeakyReLU(slope)", "self.act(self.fc(x))", id="another slope"),
        pytest.param("nn.ReLU(True)", "self.act(self.fc(x))", id="ReLU takes the flag first"),
        pytest.param("nn.ELU(True)", "self.act(self.fc(x))", id="alpha is 1 anyway"),
        pytest.param("nn.Dropout(0.5, True)", "self.act(self.fc(x))", id="the flag of dropout is second"),
        pytest.param("nn.Dropout(0.5)", "F.dropout(x, 0.5, self.training)", id="the mode is third"),
        pytest.param("nn.Dropout(0.5)", "F.leaky_relu(x, 0.1)", id="a function with a slope"),
    ],
)
def test_silent_on(layer, call):
    assert rows(rule, TEXT.format(layer=layer, call=call)) == []


@pytest.mark.parametrize(
    "layer", ["nn.LeakyReLU(True)", "nn.LeakyReLU(1.0)", "nn.LeakyReLU(negative_slope=1)", "nn.Dropout(True)"]
)
def test_layers(layer):
    assert rows(rule, TEXT.format(layer=layer, call="self.act(self.fc(x))")) == [10]


@pytest.mark.parametrize("call", ["F.leaky_relu(self.fc(x), True)", "F.dropout(self.fc(x), self.training)"])
def test_functions(call):
    assert rows(rule, TEXT.format(layer="nn.ReLU()", call=call)) == [13]
