import pytest

from aelint.rules.architecture import latent_bypass as rule
from tests.rules.harness import rows

TEXT = """
import torch
import torch.nn as nn
import torch.nn.functional as F

enc, dec, wide = nn.Linear(20, 4), nn.Linear(4, 20), nn.Linear(24, 20)
x = torch.randn(64, 20)
y = torch.randn(64, 20)
z = enc(x)
out = {out}
loss = F.mse_loss(out, {target})
"""


@pytest.mark.parametrize(
    ("reason", "out", "target"),
    [
        ("a plain autoencoder", "dec(z)", "x"),
        ("a condition", "wide(torch.cat([z, y], 1))", "x"),
        ("a residual denoiser with a clean target", "dec(enc(y)) + y", "x"),
        ("a residual block inside of the encoder", "dec(enc(x + wide(torch.cat([z, x], 1))))", "x"),
    ],
)
def test_silent_on(reason, out, target):
    assert rows(rule, TEXT.format(out=out, target=target)) == [], reason


def test_fires_on_a_sum_with_the_target():
    assert rows(rule, TEXT.format(out="dec(z) + x", target="x")) == [10]
    assert rows(rule, TEXT.format(out="torch.sigmoid(x.view(64, 20) + dec(z))", target="x")) == [10]


def test_fires_on_the_target_beside_the_code():
    assert rows(rule, TEXT.format(out="wide(torch.cat([z, x], dim=1))", target="x")) == [10]
