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
        ("a straight-through sum, which has the value of what was decoded", "x + (dec(z) - x).detach()", "x"),
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


UNET = """
import torch
from torch import nn
import torch.nn.functional as F


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.low, self.mean, self.logvar = nn.Linear(30, 16), nn.Linear(16, 4), nn.Linear(16, 4)
        self.up, self.out = nn.Linear(4, 16), nn.Linear({width}, 30)

    def forward(self, x, c):
        h = torch.relu(self.low(x))
        mu, logvar = self.mean(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        d = torch.relu(self.up(z))
        return self.out({decoded}), mu, logvar


net, x, c = VAE(), torch.rand(64, 30), torch.rand(64, 16)
y, mu, logvar = net(x, c)
loss = F.mse_loss(y, {target}) - 0.5 * (1 + logvar - mu ** 2 - logvar.exp()).mean()
"""


@pytest.mark.parametrize(
    ("width", "decoded", "target"),
    [
        pytest.param(16, "d", "x", id="from the sample alone"),
        pytest.param(32, "torch.cat([d, c], 1)", "x", id="condition"),
        pytest.param(32, "torch.cat([d, h], 1)", "x.flip(0)", id="another target"),
        pytest.param(16, "d + torch.relu(self.up(z))", "x", id="residual behind the sample"),
        pytest.param(32, "torch.cat([d, torch.relu(self.low(x * (c > 0.5).any()))], 1)", "x", id="masked input"),
    ],
)
def test_decoders_that_depend_on_the_sample(width, decoded, target):
    assert rows(rule, UNET.format(width=width, decoded=decoded, target=target)) == []


@pytest.mark.parametrize(
    ("width", "decoded"),
    [
        pytest.param(32, "torch.cat([d, h], 1)", id="concatenated"),
        pytest.param(16, "d + h", id="added"),
        pytest.param(32, "torch.cat((torch.tanh(self.low(x)), d), dim=1)", id="another use of the encoder"),
    ],
)
def test_features_that_pass_the_sample(width, decoded):
    assert rows(rule, UNET.format(width=width, decoded=decoded, target="x")) == [18]


RESIDUAL = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("codes", torch.randn(8, 32))

    def forward(self, z):
        distance = z.pow(2).sum(1, keepdim=True) - 2 * z @ self.codes + self.codes.pow(2).sum(0, keepdim=True)
        _, chosen = (-distance).max(1)
        nearest = F.embedding(chosen, self.codes.t())
        return z + (nearest - z).detach()

layers = nn.ModuleList([Quantizer() for _ in range(2)])
z = torch.randn(64, 8)
rest, total = z, 0.0
for layer in layers:
    code = layer(rest)
    rest = rest - code
    total = total + code
"""


def test_silent_on_the_rest_that_a_residual_quantiser_looks_up():
    assert rows(rule, RESIDUAL) == []


MESSAGE = (
    TEXT
    + """
message, reader, critic = torch.randint(0, 2, (64, 4)).float(), nn.Linear(20, 4), nn.Linear(20, 1)
loss = loss + {more}
"""
)


def test_silent_on_a_message_that_is_written_into_the_data():
    more = "F.binary_cross_entropy_with_logits(reader(out + 0.1 * torch.randn_like(out)), message)"
    assert rows(rule, MESSAGE.format(out="dec(z) + x", target="x", more=more)) == []


@pytest.mark.parametrize(
    "more",
    [
        "0",
        "F.binary_cross_entropy_with_logits(critic(out), torch.ones(64, 1))",  # asks for nothing but its like
        "F.binary_cross_entropy_with_logits(reader(x), message)",
        "F.mse_loss(reader(out), reader(x))",
        "F.mse_loss(torch.tanh(out), x)",
        "F.mse_loss(out, y)",
    ],
)
def test_fires_where_nothing_else_is_read_out_of_the_output(more):
    assert rows(rule, MESSAGE.format(out="dec(z) + x", target="x", more=more))[0] == 10
