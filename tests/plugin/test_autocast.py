"""Mixed precision rounds, and rounding is no fault."""

import pytest
import torch

from pytest_aecheck import run_checks
from tests.plugin.mutants import MUTANTS
from tests.plugin.zoo import HEALTHY
from tests.plugin.zoo.precision import under_autocast

NAMES = (
    "mlp",
    "conv-batchnorm",
    "residual-dict",
    "vae",
    "bernoulli-logstd",
    "softplus-distributions",
    "conv-vae",
    "hierarchical",
    "deep",
    "unet",
    "transformer",
)
FAULTS = ("AEC107", "AEC200", "AEC203", "AEC302", "AEC303", "AEC304", "AEC406")


@pytest.mark.parametrize("healthy", [h for h in HEALTHY if h.name in NAMES], ids=lambda healthy: healthy.name)
def test_healthy_model_in_mixed_precision_is_left_alone(healthy):
    spec = healthy.spec().but(model=lambda: under_autocast(healthy.model(), "cpu", torch.bfloat16))
    assert [str(verdict) for verdict in run_checks(spec).failed] == []


@pytest.mark.parametrize("code", FAULTS)
def test_fault_is_found_in_mixed_precision(code):
    mutant = next(m for m in MUTANTS if m.code == code)
    spec = mutant.spec().but(model=lambda: under_autocast(mutant.model(), "cpu", torch.bfloat16))
    assert [verdict.code for verdict in run_checks(spec, only=[code]).failed] == [code]


@pytest.mark.parametrize("name", ["vae", "bernoulli-logstd", "softplus-distributions", "tiny-beta"])
def test_scale_and_formula_of_a_healthy_posterior_are_read_in_mixed_precision(name):
    healthy = next(h for h in HEALTHY if h.name == name)
    spec = healthy.spec().but(model=lambda: under_autocast(healthy.model(), "cpu", torch.bfloat16))
    report = run_checks(spec, only=["AEC203", "AEC303"])
    assert {verdict.status.value for verdict in report} == {"passed"}
