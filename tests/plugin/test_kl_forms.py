"""What may stand beside a KL without spoiling it, and what may not stand in it."""

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import VAE, elbo, gaussian_kl, vectors


def found(penalty):
    def loss(model, x):
        x_hat, mu, logvar = model(x)
        return F.mse_loss(x_hat, x, reduction="sum") / len(x) + penalty(mu, logvar)

    return run_checks(AESpec(VAE, vectors, loss=loss), only=["AEC303"])["AEC303"]


def per_unit(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - logvar - 1)


SILENT = {
    "the closed form": gaussian_kl,
    "a second penalty on the log-variance": lambda mu, logvar: gaussian_kl(mu, logvar) + 0.1 * logvar.pow(2).sum(1).mean(),
    "a second penalty on the standard deviation": lambda mu, v: gaussian_kl(mu, v) + 0.1 * (0.5 * v).exp().sum(1).mean(),
    "free bits": lambda mu, logvar: per_unit(mu, logvar).mean(0).clamp(min=0.5).sum(),
    "a wider prior": lambda mu, logvar: 0.5 * ((mu**2 + logvar.exp()) / 9 - logvar + math.log(9) - 1).sum(1).mean(),
    "a prior of half the standard deviation": lambda mu, v: 0.5 * (4 * (mu**2 + v.exp()) - v - 1).sum(1).mean(),
    "a clamped log-variance": lambda mu, logvar: gaussian_kl(mu, logvar.clamp(-0.5, 0.5)),
}  # fmt: skip


@pytest.mark.parametrize("penalty", SILENT.values(), ids=SILENT)
def test_silent(penalty):
    assert found(penalty).status in {"passed", "skipped"}


@pytest.mark.parametrize(
    ("penalty", "said"),
    [
        (lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - logvar**2 - 1).sum(1).mean(), "(log σ)² where log σ²"),
        (lambda mu, logvar: 0.5 * (mu**2 + torch.exp(logvar / 2) - logvar - 1).sum(1).mean(), "σ where σ²"),
        (lambda mu, logvar: (mu**2 + logvar.exp() - logvar / 2 - 0.5).sum(1).mean(), "0.5 times as much"),
        (lambda mu, logvar: (0.5 * (mu**2 + logvar.exp()) - logvar - 0.5).sum(1).mean(), "2 times as much"),
        (lambda mu, logvar: 0.5 * (mu**2 + torch.exp(2 * logvar) - logvar - 1).sum(1).mean(), "σ⁴ where σ²"),
    ],
)
def test_the_mistaken_part_is_named(penalty, said):
    verdict = found(penalty)
    assert verdict.status == "failed"
    assert said in verdict.message


class DoubledExponent(VAE):
    """Takes the exponential of the log-variance for the standard deviation; its KL is right."""

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decoder(mu + torch.randn_like(mu) * logvar.exp()), mu, logvar


def test_a_right_formula_of_another_scale_is_said_once():
    report = run_checks(AESpec(DoubledExponent, vectors, loss=elbo))
    assert report["AEC203"].status == "failed"
    assert report["AEC303"].status != "failed"


def test_a_log_variance_that_the_formula_squares_as_if_it_were_the_scale():
    def loss(model, x):
        x_hat, mu, logvar = model(x)
        return F.mse_loss(x_hat, x) + (mu**2 + logvar**2 - torch.log(logvar**2 + 1e-20) - 1).sum(1).mean()

    found = run_checks(AESpec(VAE, vectors, loss=loss), only=["AEC203"])["AEC203"]
    assert found.status == "failed"
    assert "as a scale" in found.message
