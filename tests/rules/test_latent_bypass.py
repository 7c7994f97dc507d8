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


TWICE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(20, 4), nn.Linear(4, 20)

    def forward(self, x):
        return self.dec(self.enc(x)) + x

net, x = Net(), torch.randn(64, 20)
for _ in range(2):
    loss = nn.functional.mse_loss(net(x), x)
"""


def test_reported_once_where_the_network_runs_again():
    assert rows(rule, TWICE) == [11]


@pytest.mark.parametrize(
    "x",
    ["def score(x: torch.Tensor, y: torch.Tensor):", "def score(x, y):"],
    ids=["tensors of unknown shape", "anything"],
)
def test_silent_where_no_size_tells_the_code_from_the_output(x):
    source = f"""
import torch
import torch.nn.functional as F

{x}
    return F.mse_loss(F.linear(x, y) + F.linear(y, x), x)
"""
    assert rows(rule, source) == []
