"""Layers that run in the place of others, and unused layers for which nothing stands in."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import vectors


class Stages(nn.Module):
    """Layers of one kind, called as a subclass says."""

    order = (1, 2, 3)

    def __init__(self):
        super().__init__()
        self.narrow, self.widen = nn.Linear(20, 8), nn.Linear(8, 20)
        self.stage1, self.stage2, self.stage3 = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.wide4, self.other = nn.Linear(8, 4), nn.Linear(8, 8)

    def forward(self, x):
        h = torch.tanh(self.narrow(x))
        for number in self.order:
            h = torch.tanh(getattr(self, f"stage{number}")(h))
        return self.widen(h)


class FirstThroughout(Stages):
    order = (1, 1, 1)


class NotYetAll(Stages):
    """Grows while it trains: later stages wait."""

    order = (1, 2)


class Unrolled(Stages):
    """One layer unrolled; the unused ones are no twins of it."""

    order = (1, 1, 2, 3)


def mse(model, x):
    return F.mse_loss(model(x), x)


def of_two_views(model, x):
    return F.mse_loss(model(x), x) + F.mse_loss(model(0.5 * x), x)


def found(model, loss=mse):
    return run_checks(AESpec(model, vectors, loss=loss), only=["AEC116"])["AEC116"]


@pytest.mark.parametrize(
    ("model", "loss"),
    [
        pytest.param(Stages, mse, id="layers of other names or sizes"),
        pytest.param(NotYetAll, mse, id="each used layer runs once"),
        pytest.param(NotYetAll, of_two_views, id="the whole model runs twice"),
        pytest.param(Unrolled, mse, id="no twin is left out"),
    ],
)
def test_unused_layers_without_a_stand_in_only_warn(model, loss):
    assert found(model, loss).status == "warned"


@pytest.mark.parametrize("loss", [mse, of_two_views])
def test_a_layer_in_the_place_of_its_twins_fails(loss):
    verdict = found(FirstThroughout, loss)
    assert verdict.status == "failed"
    assert "stage2, stage3" in verdict.message
