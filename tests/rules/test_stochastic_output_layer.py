import pytest

from aelint.rules.architecture import stochastic_output_layer as rule
from tests.rules.harness import rows

TEXT = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class AE(nn.Module):
    def __init__(self, p=0.2):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Dropout(p))
        self.decoder = nn.Sequential({layers})
        self.p = p

    def forward(self, x):
        z = self.encoder(x)
        return {output}

def train(loader):
    model = AE()
    for x in loader:
        loss = {loss}
        loss.backward()
"""


def ae(layers="nn.Linear(4, 8)", output="self.decoder(z)", loss="F.mse_loss(model(x), x)"):
    return TEXT.format(layers=layers, output=output, loss=loss)


@pytest.mark.parametrize(
    ("reason", "source"),
    [
        ("dropout in front of the last layer", ae("nn.Dropout(p), nn.Linear(4, 8), nn.Sigmoid()")),
        ("dropout that never drops", ae("nn.Linear(4, 8), nn.Dropout(0.0)")),
        (
            "normalisation in front of an inner activation",
            ae("nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8)"),
        ),
        ("the target is no data", ae("nn.Linear(4, 8), nn.Dropout(p)", loss="F.mse_loss(model(x), model.encoder(x))")),
        ("no loss in sight", ae("nn.Linear(4, 8), nn.Dropout(p)", loss="model(x).sum()")),
    ],
)
def test_silent_when(reason, source):
    assert rows(rule, source) == [], reason


def test_fires_behind_the_last_layer_and_its_activation():
    assert rows(rule, ae("nn.Linear(4, 8), nn.Dropout(p)")) == [10]
    assert rows(rule, ae("nn.Linear(4, 8), nn.Sigmoid(), nn.Dropout(p)", loss="((model(x) - x) ** 2).mean()")) == [10]


def test_fires_on_the_function():
    assert rows(rule, ae(output="F.dropout(self.decoder(z), self.p, self.training).view(-1, 8)")) == [15]


def test_fires_on_batch_normalisation():
    assert rows(rule, ae("nn.Linear(4, 8), nn.BatchNorm1d(8)")) == [10]


def test_fires_on_batch_normalisation_behind_the_last_sigmoid():
    source = """
    import torch
    from torch import nn

    net = nn.Sequential(
        nn.Linear(20, 4),
        nn.ReLU(),
        nn.Linear(4, 20),
        nn.Sigmoid(),
        nn.BatchNorm1d(20),
    )
    x = torch.rand(8, 20)
    loss = nn.functional.mse_loss(net(x), x)
    """
    assert rows(rule, source) == [10]


def test_silent_on_batch_normalisation_in_front_of_the_last_activation():
    assert rows(rule, ae("nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Sigmoid()")) == []
    assert rows(rule, ae("nn.Linear(4, 8), nn.Dropout(0.2), nn.Sigmoid()")) == [10]
