"""Silence on healthy models comes first."""

import pytest
import torch

from pytest_aecheck import run_checks
from pytest_aecheck.observations import PROBE_BROKE
from tests.plugin.zoo import HEALTHY

IDS = [healthy.name for healthy in HEALTHY]


def complaints(healthy, seed):
    report = run_checks(healthy.spec(seed))
    followed = [str(verdict) for verdict in report.skipped if verdict.message.startswith(PROBE_BROKE)]
    return [str(verdict) for verdict in report.failed] + followed


@pytest.mark.parametrize("healthy", HEALTHY, ids=IDS)
def test_healthy_model_is_left_alone(healthy):
    assert complaints(healthy, seed=0) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 20))
@pytest.mark.parametrize("healthy", HEALTHY, ids=IDS)
def test_healthy_model_is_left_alone_at_every_seed(healthy, seed):
    assert complaints(healthy, seed) == []


@pytest.mark.parametrize("healthy", HEALTHY[::9], ids=IDS[::9])
def test_healthy_model_is_left_alone_after_training(healthy):
    torch.manual_seed(0)
    model = healthy.model()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step in range(30):
        optimizer.zero_grad()
        healthy.loss(model, healthy.batch(16, step)).backward()
        optimizer.step()
    report = run_checks(healthy.spec().but(model=model))
    assert [str(verdict) for verdict in report.failed] == []


def test_a_check_leaves_the_model_as_it_was():
    torch.manual_seed(0)
    model = HEALTHY[4].model().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    run_checks(HEALTHY[4].spec().but(model=model))
    assert not model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in model.parameters())
