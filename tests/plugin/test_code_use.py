"""Trained models: what the decoder makes of the code, and what the sample allows to say."""

import pytest
import torch
from torch import nn

from pytest_aecheck import AESpec, run_checks
from pytest_aecheck.checks.latent import dead_code_units, decoder_ignores_code, inactive_units
from pytest_aecheck.observations import CodeUse, LatentUse, Observations
from pytest_aecheck.probes.estimates import root_ratio, variances
from tests.plugin.zoo import MLP, VAE, VQ, elbo, gaussian_kl, mse, vectors, vq_loss


def trained(model, loss, steps=200):
    torch.manual_seed(0)
    model = model()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(steps):
        optimizer.zero_grad()
        loss(model, vectors(64, step)).backward()
        optimizer.step()
    return model


def verdicts(model, loss, **more):
    return run_checks(AESpec(model, vectors, loss=loss, stage="fitted", **more), only=["AEC232", "AEC233", "AEC234"])


def light(model, x):
    return elbo(model, x, beta=0.1)


def collapsing(model, x):
    x_hat, mu, logvar = model(x)
    return (x_hat - x).pow(2).mean() + gaussian_kl(mu, logvar)


@pytest.mark.parametrize(("model", "loss"), [(MLP, mse), (VAE, light), (VQ, vq_loss)])
def test_trained_models_use_their_code(model, loss):
    report = verdicts(trained(model, loss), loss)
    assert report["AEC232"].status == "passed", str(report["AEC232"])
    assert not report.failed
    assert not report.warned


def test_a_collapsed_model_ignores_its_code():
    report = verdicts(trained(VAE, collapsing), collapsing)
    assert report["AEC232"].status == "failed"
    assert report["AEC233"].status == "warned"
    assert report["AEC233"].numbers["information"] < 0.1


def test_information_stays_below_its_ceiling():
    numbers = verdicts(trained(VAE, light), light)["AEC233"].numbers
    assert 1 < numbers["information"] <= numbers["information_ceiling"] + 1e-9
    assert numbers["information"] < numbers["kl"]


class DeadRelu(MLP):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 8), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 20))
        nn.init.constant_(self.encoder[2].bias[:6], -50.0)


def test_dead_units_are_counted():
    found = verdicts(DeadRelu(), mse)["AEC234"]
    assert found.status == "warned"
    assert found.numbers["dead"] == 6


def test_a_wide_sparse_code_is_not_judged():
    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = nn.Sequential(nn.Linear(20, 64), nn.ReLU()), nn.Linear(64, 20)
            nn.init.constant_(self.encoder[0].bias, -50.0)

        def forward(self, x):
            return self.decoder(self.encoder(x))

    assert verdicts(Wide(), mse)["AEC234"].status == "skipped"


def test_few_samples_yield_no_verdict():
    report = run_checks(
        AESpec(trained(VAE, collapsing, 1), vectors(8, 0), loss=collapsing, stage="fitted"), only=["AEC23"]
    )
    for code in ("AEC232", "AEC233"):
        assert "cannot tell from 8" in report[code].message


def code_use(use, error=0.01, dead=0, *, sparse=False):
    return Observations.of(code_use=CodeUse(256, use, error, dead, 10, sparse, "the code", False))


@pytest.mark.parametrize(
    ("use", "error", "status"),
    [
        (0.01, 0.001, "failed"),
        (0.2, 0.01, "warned"),
        (0.24, 0.01, "skipped"),
        (0.26, 0.01, "skipped"),
        (0.4, 0.01, "passed"),
    ],
)
def test_the_error_decides_what_can_be_said_of_the_decoder(use, error, status):
    assert decoder_ignores_code.judge(code_use(use, error)).status == status


@pytest.mark.parametrize(("dead", "status"), [(0, "passed"), (5, "passed"), (6, "warned")])
def test_half_of_the_units_may_be_dead(dead, status):
    assert dead_code_units.judge(code_use(1.0, dead=dead)).status == status


@pytest.mark.parametrize(("active", "sure", "status"), [(0, 4, "warned"), (0, 3, "skipped"), (1, 3, "passed")])
def test_the_error_decides_what_can_be_said_of_the_units(active, sure, status):
    use = LatentUse(256, 4, active, sure, 0.009, 0.001, 4, 0.0, 0.0, 5.5)
    assert inactive_units.judge(Observations.of(latent_use=use)).status == status


TRIALS = 2000


def upper_bound(alarms):
    """Where the true rate lies at most, at three standard errors."""
    rate = alarms / TRIALS
    return rate + 3 * (rate * (1 - rate) / TRIALS) ** 0.5


@pytest.mark.parametrize("n", [64, 256])
def test_false_alarms_of_inactive_units_are_as_rare_as_stated(n):
    values = 0.1 * torch.randn(n, TRIALS, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    variance, error = variances(values)
    alarms = int((variance + 2 * error < 0.01).sum())
    assert alarms > 0
    assert upper_bound(alarms) < (0.06 if n == 256 else 0.10)


@pytest.mark.parametrize("n", [64, 256])
def test_false_alarms_of_an_ignored_code_are_as_rare_as_stated(n):
    """At a true value of exactly 0.25, with changes of independent normal entries over 4 dimensions."""
    generator = torch.Generator().manual_seed(n)
    squares = (0.25 * torch.randn(TRIALS, n, 4, generator=generator, dtype=torch.float64)).pow(2).mean(2)
    alarms = sum(root_ratio(one, 1.0).high < 0.25 for one in squares)
    assert alarms > 0
    assert upper_bound(alarms) < (0.05 if n == 256 else 0.06)
