"""How much of the target has to lie beyond the prediction's interval, and how far."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from pytest_aecheck import AESpec, run_checks
from pytest_aecheck.checks.objective.range_cannot_express_data import judge
from pytest_aecheck.observations import Objective, Observations, OperandPair
from tests.plugin.zoo import series


def status(**changes):
    pair = OperandPair(
        **{
            "function": "mse_loss",
            "prediction_last": "sigmoid",
            "prediction_low": 0.0,
            "prediction_high": 1.0,
            "target_low": -0.05,
            "target_high": 1.0,
            "share_outside": 0.05,
            "furthest_outside": 0.05,
            "swapped": False,
            "same_shape": True,
            "prediction_shape": (8, 20),
            "target_shape": (8, 20),
            "target_noise": 0.0,
            "target_is_fed": True,
            **changes,
        }
    )
    objective = Objective(values=(1.0,), finite=True, gradients_finite=True, where="", pairs=(pair,))
    return judge(Observations.of(objective=objective)).status


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="a few values, just outside: scaled by other rows"),
        pytest.param({"share_outside": 0.005, "furthest_outside": 2.0}, id="one value in two hundred, however far"),
        pytest.param({"function": "cosine_similarity", "share_outside": 0.5}, id="no distance is taken"),
        pytest.param({"share_outside": 0.5, "prediction_trained": False}, id="nothing trained made the prediction"),
    ],
)
def test_a_target_that_is_as_good_as_within_reach(changes):
    assert status(**changes) == "passed"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"share_outside": 0.15}, id="many values, just outside"),
        pytest.param({"furthest_outside": 0.15}, id="a few values, far outside"),
    ],
)
def test_a_target_out_of_reach(changes):
    assert status(**changes) == "failed"


class Readings(nn.Module):
    """Reads its values off the state of a recurrent layer, given as `read(output, state)`."""

    def __init__(self, kind, read, start=None):
        super().__init__()
        self.enc, self.dec = nn.LSTM(2, 8, batch_first=True), kind(8, 2, batch_first=True)
        self.read, self.start = read, start

    def forward(self, x):
        code = self.enc(x)[0][:, -1:].expand(-1, x.size(1), -1)
        state = () if self.start is None else (self.start * torch.ones(1, len(x), 2),)
        return self.read(*self.dec(code, *state)).expand_as(x)


def every_step(output, state):
    return output


def last_hidden(output, state):
    return state[0].transpose(0, 1)


def last_cell(output, state):
    return state[1].transpose(0, 1)


def judged(model):
    spec = AESpec(lambda: model, lambda n, seed: 2 * series(n, seed), loss=lambda m, x: F.mse_loss(m(x), x))
    return run_checks(spec, only=["AEC310"])["AEC310"].status


@pytest.mark.parametrize(
    ("kind", "read", "start"),
    [
        pytest.param(nn.LSTM, last_cell, None, id="the cell of an LSTM adds up"),
        pytest.param(nn.GRU, every_step, 3.0, id="a GRU keeps some of the state it is given"),
        pytest.param(lambda *a, **k: nn.RNN(*a, nonlinearity="relu", **k), every_step, None, id="no tanh"),
    ],
)
def test_states_that_may_be_large(kind, read, start):
    assert judged(Readings(kind, read, start)) == "passed"


@pytest.mark.parametrize(
    ("kind", "read", "start"),
    [
        pytest.param(nn.LSTM, every_step, None, id="LSTM"),
        pytest.param(nn.LSTM, last_hidden, None, id="the last hidden state"),
        pytest.param(nn.GRU, every_step, None, id="GRU"),
        pytest.param(nn.GRU, every_step, 0.0, id="a GRU that starts at zero"),
        pytest.param(nn.RNN, every_step, None, id="RNN"),
    ],
)
def test_states_that_a_tanh_bounds(kind, read, start):
    assert judged(Readings(kind, read, start)) == "failed"
