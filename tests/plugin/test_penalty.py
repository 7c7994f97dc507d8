"""Penalties on the code: which way they push."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import HEALTHY, MLP, Overcomplete, mse, vectors


def verdict(penalty, model=MLP, act=torch.sigmoid):
    class Coded(model):
        def forward(self, x):
            z = act(self.encoder(x))
            return self.decoder(z), z

    def loss(m, x):
        x_hat, z = m(x)
        return F.mse_loss(x_hat, x) + penalty(z)

    return run_checks(AESpec(Coded, vectors, loss=loss), only=["AEC732"])["AEC732"]


@pytest.mark.parametrize("healthy", HEALTHY, ids=[h.name for h in HEALTHY])
def test_healthy_losses_pass_or_have_no_penalty(healthy):
    found = run_checks(healthy.spec(), only=["AEC732"])["AEC732"]
    assert found.status in {"passed", "skipped"}, str(found)


def absolute(z):
    return z.abs().mean()


def target_activity(z):
    rho = z.mean(0).clamp(1e-4, 1 - 1e-4)
    return (0.9 * torch.log(0.9 / rho) + 0.1 * torch.log(0.1 / (1 - rho))).sum()


def variance_hinge(z):
    return F.relu(1 - z.std(0)).mean()


def log_penalty(z):
    return torch.log1p(z.pow(2)).sum()


@pytest.mark.parametrize("penalty", [absolute, target_activity, variance_hinge, log_penalty])
def test_meant_penalties_are_left_alone(penalty):
    assert verdict(penalty).status in {"passed", "skipped"}


def test_no_penalty_is_a_skip():
    assert run_checks(AESpec(MLP, vectors, loss=mse), only=["AEC732"])["AEC732"].status == "skipped"


@pytest.mark.parametrize("penalty", [lambda z: -absolute(z), lambda z: -z.pow(2).sum(), lambda z: -log_penalty(z)])
@pytest.mark.parametrize(("model", "act"), [(MLP, torch.sigmoid), (MLP, torch.tanh), (Overcomplete, torch.relu)])
def test_an_inverted_penalty_fails(penalty, model, act):
    assert verdict(penalty, model, act).status == "failed"
