import pytest

from aelint.rules.objective import output_range_cannot_express_data as rule
from tests.rules.harness import rows

HEAD = """
import math
import torch
import torch.nn as nn
import torch.nn.functional as F

model = nn.Sequential(
    nn.Linear(4, 2),
    nn.{}(),
    nn.Linear(2, 4),
    nn.{}(),
)
x = {}
loss = F.mse_loss(model(x), x)
loss.backward()
"""


def program(activation, data):
    return HEAD.format("LeakyReLU", activation, data)


COVERED = [
    ("Sigmoid", "torch.rand(8, 4)"),
    ("Tanh", "torch.rand(8, 4)"),
    ("Tanh", "(torch.rand(8, 4) - 0.5) / 0.5"),
    ("Identity", "torch.randn(8, 4)"),
    ("ReLU", "torch.rand(8, 4) * 255"),
    ("Sigmoid", "torch.load('data.pt')"),
    ("Sigmoid", "unknown(torch.rand(8, 4) - 0.5)"),
    ("Sigmoid", "torch.rand(8, 4) * 1.001"),
]


@pytest.mark.parametrize(("activation", "data"), COVERED)
def test_data_inside_or_not_known(activation, data):
    assert not rows(rule, program(activation, data))


def test_output_that_is_rescaled_afterwards():
    source = program("Sigmoid", "torch.rand(8, 4) * 2 - 1").replace("model(x)", "model(x) * 2 - 1")
    assert not rows(rule, source)


def test_normalised_input_with_a_plain_target():
    source = program("Sigmoid", "torch.rand(8, 4)").replace("model(x)", "model((x - 0.5) / 0.5)")
    assert not rows(rule, source)


MISSED = [
    ("Sigmoid", "(torch.rand(8, 4) - 0.5) / 0.5"),
    ("Sigmoid", "torch.rand(8, 4) * 255"),
    ("Sigmoid", "torch.randn(8, 4)"),
    ("ReLU", "torch.cos(torch.rand(8, 4) * 6)"),
    ("Tanh", "torch.randn(8, 4)"),
]


@pytest.mark.parametrize(("activation", "data"), MISSED)
def test_data_outside(activation, data):
    assert rows(rule, program(activation, data)) == [11]


def test_functional_sigmoid_of_a_method():
    source = """
    import torch
    import torch.nn as nn
    class AE(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)
        def forward(self, x):
            return torch.sigmoid(self.fc(x))
    ae = AE()
    for step in range(9):
        x = torch.rand(8, 4) * 2 - 1
        loss = ((ae(x) - x) ** 2).mean()
    """
    assert rows(rule, source) == [9]


def test_silent_where_a_loss_is_tried_on_noise_and_nothing_is_fitted():
    source = """
    import torch
    from torch import nn
    from torch.nn import functional as F

    model = nn.Sequential(nn.Linear(8, 2), nn.Linear(2, 8), nn.Tanh())
    x = torch.randn(16, 8)
    loss = F.mse_loss(model(x), x)
    """
    assert rows(rule, source) == []
    assert rows(rule, source + "loss.backward()\n") != []
