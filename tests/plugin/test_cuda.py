"""Healthy models on a GPU are left alone, faulty ones are not; skipped where there is none."""

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_map

from pytest_aecheck import AESpec, run_checks
from tests.plugin.mutants import MUTANTS
from tests.plugin.zoo import HEALTHY, mse
from tests.plugin.zoo.precision import under_autocast

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
MIXED = ("mlp", "conv-batchnorm", "residual-dict", "vae", "conv-vae", "hierarchical", "deep", "unet", "transformer")
FAULTS = ("AEC107", "AEC200", "AEC203", "AEC205", "AEC207", "AEC208", "AEC302", "AEC303", "AEC304", "AEC307", "AEC406")


def on_gpu(tree):
    return tree_map(lambda item: item.cuda() if isinstance(item, torch.Tensor) else item, tree)


def moved(spec, change=lambda model: model):
    """The same declaration with model and batches on the GPU."""
    model, batch = spec.model, spec.batch
    return spec.but(model=lambda: change(model().cuda()), batch=lambda n, seed: on_gpu(batch(n, seed)))


def complaints(spec):
    return [str(verdict) for verdict in run_checks(spec).failed]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("healthy", HEALTHY, ids=lambda healthy: healthy.name)
def test_healthy_model_on_a_gpu_is_left_alone(healthy, seed):
    assert complaints(moved(healthy.spec(seed))) == []


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("healthy", [h for h in HEALTHY if h.name in MIXED], ids=lambda healthy: healthy.name)
def test_healthy_model_in_mixed_precision_is_left_alone(healthy, dtype):
    assert complaints(moved(healthy.spec(), lambda model: under_autocast(model, "cuda", dtype))) == []


@pytest.mark.parametrize("code", FAULTS)
def test_fault_is_found_on_a_gpu(code):
    mutant = next(m for m in MUTANTS if m.code == code)
    assert [verdict.code for verdict in run_checks(moved(mutant.spec()), only=[code]).failed] == [code]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("code", ["AEC107", "AEC200", "AEC302", "AEC406"])
def test_fault_is_found_in_mixed_precision(code, dtype):
    mutant = next(m for m in MUTANTS if m.code == code)
    spec = moved(mutant.spec(), lambda model: under_autocast(model, "cuda", dtype))
    assert [verdict.code for verdict in run_checks(spec, only=[code]).failed] == [code]


class AddsByAtomics(nn.Module):
    """Sums in an order that changes from call to call, as scatters on a GPU do, and mixes nothing."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(4096, 8), nn.Linear(8, 4096)
        self.register_buffer("places", torch.arange(4096) % 8)

    def forward(self, x):
        pooled = torch.zeros(len(x), 8, device=x.device).index_add(1, self.places, x)
        return self.decoder(torch.tanh(self.encoder(x)) + 0.01 * pooled)


def test_noise_of_unordered_sums_is_no_influence_between_samples():
    def batch(n, seed):
        return torch.randn(n, 4096, generator=torch.Generator().manual_seed(seed)).cuda()

    report = run_checks(AESpec(lambda: AddsByAtomics().cuda(), batch, loss=mse))
    assert [str(verdict) for verdict in report.failed] == []


@pytest.mark.parametrize("healthy", HEALTHY[::8], ids=lambda healthy: healthy.name)
def test_checking_on_a_gpu_leaves_its_generator_alone(healthy):
    torch.cuda.manual_seed(3)
    before = torch.cuda.get_rng_state()
    run_checks(moved(healthy.spec()))
    assert torch.equal(torch.cuda.get_rng_state(), before)
