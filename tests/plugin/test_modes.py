"""Mean in evaluation mode, a draw in training: other arrangements that are sensible stay unreported."""

import pytest
import torch
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import VAE, VQ, elbo, vectors, vq_loss


class Modal(VAE):
    """A VAE that draws as a subclass says."""

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decoder(self.code(mu, (0.5 * logvar).exp())), mu, logvar


class MeanInEvaluation(Modal):
    def code(self, mu, std):
        return mu + std * torch.randn_like(std) if self.training else mu


class DrawnInBoth(Modal):
    def code(self, mu, std):
        return mu + std * torch.randn_like(std)


class WithDropout(MeanInEvaluation):
    def __init__(self):
        super().__init__()
        self.decoder = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), nn.ELU(), nn.Linear(16, 20))


class NarrowInEvaluation(Modal):
    """A colder draw in evaluation mode."""

    def code(self, mu, std):
        return mu + (1.0 if self.training else 0.1) * std * torch.randn_like(std)


class StdStaysBehind(Modal):
    def code(self, mu, std):
        if self.training:
            std = std * torch.randn_like(std)
        return mu + std


class StdStaysBehindNormalised(WithDropout):
    def code(self, mu, std):
        return mu + std * (torch.randn_like(std) if self.training else 1)


class Reversed(Modal):
    def code(self, mu, std):
        return mu if self.training else mu + std * torch.randn_like(std)


def verdict(model, loss=elbo):
    return run_checks(AESpec(model, vectors, loss=loss), only=["AEC215"])["AEC215"]


@pytest.mark.parametrize("model", [MeanInEvaluation, DrawnInBoth, WithDropout, NarrowInEvaluation])
def test_sensible_arrangements_pass(model):
    assert verdict(model).status == "passed"


def test_nothing_is_said_where_nothing_is_drawn():
    assert verdict(VQ, vq_loss).status == "skipped"


@pytest.mark.parametrize("model", [StdStaysBehind, StdStaysBehindNormalised])
def test_a_scale_that_stays_in_the_code_is_found(model):
    assert "mean + scale" in verdict(model).message
    assert verdict(model).status == "failed"


def test_exchanged_modes_are_found():
    assert verdict(Reversed).status == "failed"
    assert "wrong way round" in verdict(Reversed).message
