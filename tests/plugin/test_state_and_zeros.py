"""State that a pass changes without any effect, and weights that meet nothing but zeros."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import MLP, mse, series, vectors


class Counting(MLP):
    """Counts in every mode how often it was called."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        self.calls += 1
        return super().forward(x)


class Drifting(Counting):
    """Lets the count act on what it gives."""

    def forward(self, x):
        return super().forward(x) * (1 + 0.1 * self.calls)


def test_a_count_that_nothing_reads_only_warns():
    found = run_checks(AESpec(Counting, vectors, loss=mse), only=["AEC622"])["AEC622"]
    assert found.status == "warned"
    assert "calls" in found.message


def test_state_that_changes_the_next_output_fails():
    assert run_checks(AESpec(Drifting, vectors, loss=mse), only=["AEC622"])["AEC622"].status == "failed"


class Recurrent(nn.Module):
    """A decoder that starts from the code and is given `gain` times a constant as input."""

    gain = 0.0

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.GRU(2, 8, batch_first=True), nn.GRU(1, 8, batch_first=True)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        _, h = self.encoder(x)
        given = self.gain * torch.ones(len(x), x.shape[1], 1)
        return self.out(self.decoder(given, h)[0])


class CutDecoder(Recurrent):
    gain = 1.0

    def forward(self, x):
        _, h = self.encoder(x)
        steps = self.decoder(torch.ones(len(x), x.shape[1], 1), h)[0]
        return self.out(steps * 0 + h[-1][:, None])


def reach(model):
    return run_checks(AESpec(model, series, loss=lambda m, x: F.mse_loss(m(x), x)), only=["AEC406"])["AEC406"]


def test_input_weights_of_a_decoder_without_input_are_left_alone():
    assert reach(Recurrent).status == "passed"


def test_the_same_weights_fail_where_they_do_meet_something():
    found = reach(CutDecoder)
    assert found.status == "failed"
    assert "decoder.weight_ih_l0" in found.message


class RoundedToNothing(MLP):
    """Codes that are all rounded to zero: the decoder's weights meet zeros by a fault of the model's own."""

    def forward(self, x):
        code = self.encoder(x)
        return self.decoder(code + (torch.round(0.01 * code) - code).detach())


def test_zeros_that_the_model_computes_are_no_excuse():
    found = run_checks(AESpec(RoundedToNothing, vectors, loss=mse), only=["AEC406"])["AEC406"]
    assert found.status == "failed"


class Activated(nn.Module):
    def __init__(self, act):
        super().__init__()
        self.encoder, self.act, self.decoder = nn.Linear(20, 8), act, nn.Linear(8, 20)

    def forward(self, x):
        return self.decoder(self.act(self.encoder(x)))


@pytest.mark.parametrize(
    ("act", "status"),
    [
        pytest.param(nn.LeakyReLU(0.2), "passed", id="a small slope"),
        pytest.param(nn.LeakyReLU(inplace=True), "passed", id="a flag by its name"),
        pytest.param(nn.PReLU(init=1.0), "passed", id="a slope that is learned"),
        pytest.param(nn.Sequential(nn.ReLU(), nn.LeakyReLU(1.0)), "passed", id="nothing negative comes in"),
        pytest.param(nn.Dropout(0.5), "passed", id="half of the units"),
        pytest.param(nn.LeakyReLU(True), "failed", id="a flag for the slope"),
        pytest.param(nn.LeakyReLU(1.0, inplace=True), "failed", id="in place"),
        pytest.param(nn.Dropout(1.0), "failed", id="all of the units"),
    ],
)
def test_activations_that_pass_everything_or_nothing(act, status):
    found = run_checks(AESpec(lambda: Activated(act), vectors, loss=mse), only=["AEC136"])["AEC136"]
    assert found.status == status, str(found)
