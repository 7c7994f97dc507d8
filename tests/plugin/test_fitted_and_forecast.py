"""Statistics that mean something after training, and the one that looks ahead."""

import pytest
import torch

from pytest_aecheck import AESpec, run_checks
from pytest_aecheck.checks.latent.no_better_than_the_mean import judge
from pytest_aecheck.observations import Fitted, Observations
from pytest_aecheck.probes.fitted import unexplained
from tests.plugin.zoo import VAE, elbo, gaussian_kl, vectors


def trained(loss, steps=300):
    torch.manual_seed(0)
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(steps):
        optimizer.zero_grad()
        loss(model, vectors(64, step)).backward()
        optimizer.step()
    return model


def heavy(model, x):
    """A KL of a hundred times the weight that the sum calls for."""
    return elbo(model, x, beta=100.0)


def averaged_beside_summed(model, x):
    x_hat, mu, logvar = model(x)
    return (x_hat - x).pow(2).mean() + gaussian_kl(mu, logvar)


@pytest.mark.parametrize("loss", [heavy, averaged_beside_summed])
def test_collapse_is_predicted_before_training_and_seen_after_it(loss):
    before = run_checks(AESpec(VAE, vectors, loss=loss), only=["AEC301"])["AEC301"]
    assert before.status == "warned"
    assert before.numbers["predicted_active_units"] == 0
    after = run_checks(AESpec(trained(loss), vectors, loss=loss, stage="fitted"), only=["AEC23"])
    assert after["no-better-than-the-mean"].status == "failed"
    assert after["inactive-units"].status == "warned"


def test_a_weight_that_no_code_is_worth_fails():
    report = run_checks(AESpec(VAE, vectors, loss=lambda m, x: elbo(m, x, beta=1000.0)), only=["AEC301"])
    assert report["AEC301"].status == "failed"
    assert "leaves no room for a code" in report["AEC301"].message
    assert report["AEC301"].numbers["gain"] < 1 / 8


def test_healthy_weights_predict_active_units_and_training_finds_them():
    loss = lambda m, x: elbo(m, x, beta=0.1)  # noqa: E731
    before = run_checks(AESpec(VAE, vectors, loss=loss), only=["AEC301"])["AEC301"]
    assert before.status == "passed"
    after = run_checks(AESpec(trained(loss), vectors, loss=loss, stage="fitted"), only=["AEC23"])
    assert after["no-better-than-the-mean"].status == "passed"
    assert after["inactive-units"].numbers["active"] > 0


def test_fitted_checks_are_skipped_before_training():
    report = run_checks(AESpec(VAE, vectors, loss=elbo), only=["AEC23"])
    assert {verdict.status for verdict in report} == {"skipped"}


@pytest.mark.parametrize(("fvu", "status"), [(0.5, "passed"), (0.975, "skipped"), (0.99, "skipped"), (1.01, "failed")])
def test_a_small_sample_yields_no_verdict(fvu, status):
    assert judge(Observations.of(fitted=Fitted(256, fvu, 0.01))).status == status


@pytest.mark.parametrize("draw", [torch.randn, lambda *size: torch.distributions.Laplace(0.0, 0.7).sample(size)])
def test_at_the_threshold_a_verdict_is_as_rare_as_the_page_says(draw):
    """Data whose explained part is exactly 2 % of the variance, 1500 times."""
    torch.manual_seed(0)
    runs, failures = 1500, 0
    for _ in range(runs):
        known, rest = 0.02**0.5 * draw(256, 5).double(), 0.98**0.5 * draw(256, 5).double()
        found = unexplained(known + rest, known)
        failures += judge(Observations.of(fitted=Fitted(256, found.value, found.error))).status == "failed"
    assert failures / runs <= 0.05 + 2 * (0.05 * 0.95 / runs) ** 0.5


def test_the_mean_itself_is_always_recognised():
    torch.manual_seed(0)
    for _ in range(200):
        data = torch.randn(256, 5).double()
        found = unexplained(data, torch.zeros_like(data))
        assert judge(Observations.of(fitted=Fitted(256, found.value, found.error))).status == "failed"
