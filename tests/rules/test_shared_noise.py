"""One draw of noise for many samples or many units."""

from __future__ import annotations

import pytest

from aelint.rules.latent import shared_noise as rule
from tests.rules.harness import rows

MODEL = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.scale = nn.Linear(30, 4), nn.Linear(30, 4)
        self.gain = nn.Parameter(torch.zeros(4))

    def forward(self, x):
        m, h = self.mean(x), self.scale(x)
        {sample}
        return z

Model()(torch.rand({batch}, 30))
"""


@pytest.mark.parametrize(
    ("sample", "batch"),
    [
        pytest.param("z = m + torch.exp(0.5 * h) * torch.randn_like(m)", 8, id="like-the-mean"),
        pytest.param("z = m + torch.exp(0.5 * h) * torch.randn(x.size(0), 4)", 8, id="by-size"),
        pytest.param("z = m + torch.exp(0.5 * h) * torch.randn(10, *m.shape)", 8, id="several-samples"),
        pytest.param("z = m + torch.exp(0.5 * h) * torch.randn(4)", 1, id="batch-of-one"),
        pytest.param("shared = torch.randn(4); z = m + torch.exp(0.5 * h) * shared", 8, id="said-to-be-shared"),
        pytest.param("z = m + self.gain * torch.randn(x.size(0), 1)", 8, id="noise-injection"),
        pytest.param("z = m + 0.1 * torch.randn(4)", 8, id="fixed-scale"),
    ],
)
def test_silent(sample: str, batch: int) -> None:
    assert rows(rule, MODEL.format(sample=sample, batch=batch)) == []


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param("z = m + torch.exp(0.5 * h) * torch.randn(4)", id="one-vector"),
        pytest.param("z = m + torch.exp(0.5 * h) * torch.randn(1, 4)", id="one-row"),
        pytest.param("z = m + torch.exp(0.5 * h) * torch.randn(x.shape[0], 1)", id="one-number-per-sample"),
        pytest.param("z = torch.addcmul(m, torch.exp(0.5 * h), torch.empty(4).normal_())", id="in-place"),
        pytest.param("z = m + nn.functional.softplus(h) * torch.randn(1)", id="one-number"),
    ],
)
def test_fires(sample: str) -> None:
    assert rows(rule, MODEL.format(sample=sample, batch=8)) == [13]


@pytest.mark.parametrize(
    "sample",
    [
        pytest.param("z = m + torch.exp(0.5 * h) * torch.randn(10, 1, 4)", id="several-draws-for-all"),
        pytest.param("z = m + torch.exp(0.5 * h) * torch.randn(count, 4)", id="a-number-that-nobody-knows"),
        pytest.param("z = x[:, :4] + self.gain.exp() * torch.randn(8, 1)", id="a-learned-gain-of-noise"),
    ],
)
def test_silent_on_other_shapes(sample: str) -> None:
    assert rows(rule, MODEL.format(sample=sample, batch=8)) == []


def test_silent_on_a_batch_of_one_that_the_function_makes() -> None:
    source = """
        import torch
        from torch import nn
        from layers import pooled

        class VAE(nn.Module):
            def __init__(self):
                super().__init__()
                self.mean, self.variance = nn.Linear(64, 4), nn.Linear(64, 4)

            def encode(self, batch):
                return pooled(batch)

            def reconstruct(self, molecule):
                h = self.encode([molecule])
                return self.mean(h) + torch.exp(self.variance(h) / 2) * torch.randn(1, 4)
        """
    known = source.replace("pooled(batch)", "torch.rand(8, 64)")
    assert rows(rule, source) == []
    assert rows(rule, known) == []
    assert rows(rule, known.replace("[molecule]", "molecule")) == [16]
