"""Each unit of a trained code, and what the decoder makes of it."""

import pytest
import torch

from pytest_aecheck import AESpec, run_checks
from pytest_aecheck.checks.latent import ignored_units
from pytest_aecheck.observations import Observations, UnitUse
from pytest_aecheck.probes.units import IGNORED, unit_uses
from tests.plugin.test_code_use import collapsing, light, trained, upper_bound
from tests.plugin.zoo import MLP, VAE, VQ, mse, vectors, vq_loss


def verdict(model, loss):
    return run_checks(AESpec(trained(model, loss), vectors, loss=loss, stage="fitted"), only=["AEC237"])["AEC237"]


class Deaf(MLP):
    """Two units of five end before the decoder."""

    def __init__(self):
        super().__init__()
        self.decoder.register_forward_pre_hook(lambda _, given: (given[0] * torch.tensor([1.0, 1, 1, 1e-5, 0]),))


class DeafVAE(VAE):
    """A mean that varies whatever the decoder does, since nothing pulls on it."""

    def forward(self, x):
        mu, logvar = self.encode(x)
        mu = 4 * mu
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        return self.decoder(z * torch.tensor([1.0, 1, 0, 0])), mu, logvar


def without_kl(model, x):
    return (model(x)[0] - x).pow(2).mean()


@pytest.mark.parametrize(("model", "loss"), [(MLP, mse), (VAE, light), (VQ, vq_loss)])
def test_units_that_are_used_are_left_alone(model, loss):
    assert verdict(model, loss).status in ("passed", "skipped")


def test_collapsed_units_are_the_subject_of_another_check():
    assert verdict(VAE, collapsing).status != "warned"


def test_units_that_end_before_the_decoder_are_found():
    found = verdict(DeafVAE, without_kl)
    assert found.status == "warned"
    assert found.numbers["ignored"] == 2


def test_units_that_the_decoder_multiplies_by_nothing_are_found():
    found = verdict(Deaf, mse)
    assert found.status == "warned"
    assert found.numbers["ignored"] == 2


@pytest.mark.parametrize(("ignored", "unclear", "status"), [(0, 0, "passed"), (0, 1, "skipped"), (1, 1, "warned")])
def test_the_error_decides_what_can_be_said(ignored, unclear, status):
    use = UnitUse("the code", 256, 4, 4, ignored, unclear, 0.001, 1.0, IGNORED)
    assert ignored_units.judge(Observations.of(unit_use=use)).status == status


@pytest.mark.parametrize("n", [64, 256])
def test_false_alarms_are_as_rare_as_stated(n):
    """At a true use of exactly a hundredth, with slopes of independent normal entries one output each."""
    generator = torch.Generator().manual_seed(n)
    slopes = torch.randn(n, 2000, generator=generator, dtype=torch.float64).pow(2) * IGNORED**2
    use, error = unit_uses(slopes, torch.ones(2000), 1.0)
    alarms = int((use + 2 * error < IGNORED).sum())
    assert alarms > 0
    assert upper_bound(alarms) < (0.06 if n == 256 else 0.07)
