"""A failure names the first module at which the fault appears."""

from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import mse, vectors


class Mixer(nn.Module):
    def forward(self, x):
        return x + x.mean(0, keepdim=True)


class Killer(nn.Module):
    def forward(self, x):
        return x * 0


class Exploding(nn.Module):
    def forward(self, x):
        return (x + 1000).exp()


def chain(middle):
    return lambda: nn.Sequential(nn.Linear(20, 8), nn.Tanh(), middle(), nn.Linear(8, 20))


def where(middle, code):
    (failure,) = run_checks(AESpec(chain(middle), vectors, loss=mse), only=[code]).failed
    return failure.where


def test_first_module_that_mixes_samples():
    assert where(Mixer, "AEC107") == "2 (Mixer)"


def test_first_module_whose_output_no_longer_varies():
    assert where(Killer, "AEC200") == "2 (Killer)"


def test_first_call_that_is_not_finite():
    assert where(Exploding, "AEC300") == "exp in 2"


def test_first_parameters_without_gradient():
    assert where(Killer, "AEC406") == "0"
