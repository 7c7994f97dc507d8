"""Healthy models on a GPU are left alone, faulty ones are not; skipped where there is none."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import HEALTHY

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
IDS = [healthy.name for healthy in HEALTHY]


def moved(value):
    if isinstance(value, torch.Tensor):
        return value.cuda()
    if isinstance(value, (tuple, list)):
        return type(value)(moved(v) for v in value)
    if isinstance(value, dict):
        return {k: moved(v) for k, v in value.items()}
    return value


@pytest.mark.parametrize("healthy", HEALTHY, ids=IDS)
def test_healthy_model_on_a_gpu_is_left_alone(healthy):
    spec = healthy.spec(0).but(
        model=lambda: healthy.model().cuda(), batch=lambda n, seed: moved(healthy.batch(n, seed))
    )
    assert [str(verdict) for verdict in run_checks(spec).failed] == []


class Mixing(nn.Module):
    """Its output depends on the other samples."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(12, 4)
        self.decoder = nn.Linear(4, 12)

    def forward(self, x):
        code = self.encoder(x)
        return self.decoder(code - code.mean(0, keepdim=True))


class Constant(Mixing):
    """Its output does not depend on the input."""

    def forward(self, x):
        return self.decoder(torch.relu(-self.encoder(x).abs()))


@pytest.mark.parametrize(("model", "code"), [(Mixing, "AEC107"), (Constant, "AEC200")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_faults_are_found_on_a_gpu(model, code, dtype):
    def batch(n, seed):
        return torch.rand(n, 12, generator=torch.Generator().manual_seed(seed)).to("cuda", dtype)

    spec = AESpec(lambda: model().to("cuda", dtype), batch, loss=lambda net, x: F.mse_loss(net(x), x))
    assert code in {str(verdict.code) for verdict in run_checks(spec).failed}
