"""Every draw should matter to something: a loss, an output, a branch, a weight."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import MLP, VAE, elbo, mse, vectors


def verdict(model, loss):
    return run_checks(AESpec(model, vectors, loss=loss), only=["AEC212"])["AEC212"]


class Branches(MLP):
    """A draw decides by an `if` whether the code is scaled."""

    def forward(self, x):
        z = self.encoder(x)
        if (torch.rand(3) < 0.5).any():
            z = 2 * z
        return self.decoder(z)


class Previews(VAE):
    """Decodes something from the prior, to be looked at later."""

    def forward(self, x):
        self.preview = self.decoder(torch.randn(4, 4)).detach()
        return super().forward(x)


class ReturnsNoise(MLP):
    def forward(self, x):
        noise = torch.randn_like(x)
        return super().forward(x), noise


def first(model, x):
    return F.mse_loss(model(x)[0], x)


def denoising(model, x):
    return F.mse_loss(model(x + 0.3 * torch.randn_like(x)), x)


@pytest.mark.parametrize(
    ("model", "loss"), [(Branches, mse), (Previews, elbo), (ReturnsNoise, first), (MLP, denoising), (nn.Dropout, mse)]
)
def test_draws_that_matter_are_left_alone(model, loss):
    assert verdict(model, loss).status == "passed"


def never_corrupted(model, x):
    noisy = x + 0.3 * torch.randn_like(x)
    assert noisy.shape == x.shape
    return F.mse_loss(model(x), x)


class DecodesTheMeanAfterADraw(VAE):
    def forward(self, x):
        mu, logvar = self.encode(x)
        torch.randn_like(mu)
        return self.decoder(mu), mu, logvar


@pytest.mark.parametrize(("model", "loss"), [(MLP, never_corrupted), (DecodesTheMeanAfterADraw, elbo)])
def test_a_draw_that_leads_nowhere_fails(model, loss):
    found = verdict(model, loss)
    assert found.status == "failed"
    assert "randn_like" in found.message
