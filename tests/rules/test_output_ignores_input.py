"""AEL200: reconstructions that know nothing of the data."""

import pytest

from aelint.rules.latent import output_ignores_input as rule
from tests.rules.harness import rows, run

PROGRAM = """
import torch
import torch.nn.functional as F
from torch import nn

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar, self.decoder = nn.Linear(64, 8), nn.Linear(64, 8), nn.Linear(8, 64)

    def forward(self, x, label=None):
        mean, logvar = self.mean(x), self.logvar(x)
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        return {decoded}, mean, logvar

model, x, other = VAE(), torch.rand(32, 64), torch.rand(32, 64)
recon, mean, logvar = model(x)
kl = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
loss = {loss}
loss.backward()
"""
LOSS = "F.mse_loss(recon, x, reduction='sum') + kl"


@pytest.mark.parametrize(
    ("decoded", "loss"),
    [
        ("self.decoder(z)", LOSS),
        ("self.decoder(mean)", LOSS),  # another fault
        ("self.decoder(z + 0.1 * torch.randn_like(z))", LOSS),
        ("self.decoder(torch.randn_like(z))", "kl + F.mse_loss(model.decoder(mean), x)"),
        ("self.decoder(torch.randn_like(z))", "kl + recon.mean()"),  # compared with nothing
        ("self.decoder(torch.randn_like(z))", "F.mse_loss(recon, other) + kl"),  # with other data
        ("self.decoder(unknown(z))", LOSS),
        ("self.decoder(label)", LOSS),
        (
            "self.decoder(torch.normal(mean, torch.exp(0.5 * logvar)))",
            LOSS,
        ),  # drawn around the mean: no gradient, but data
        ("self.decoder(torch.bernoulli(torch.sigmoid(mean)))", LOSS),
        (
            "(self.decoder(z), self.decoder(torch.randn_like(z)))",
            "kl + F.mse_loss(recon[0], x) + F.mse_loss(recon[1], x)",
        ),
    ],
)
def test_silent_where_the_data_take_part_or_are_not_asked_for(decoded, loss):
    assert rows(rule, PROGRAM.format(decoded=decoded, loss=loss)) == []


@pytest.mark.parametrize(
    "decoded",
    [
        "self.decoder(torch.randn_like(z))",
        "torch.sigmoid(self.decoder(torch.randn(x.size(0), 8)))",
        "self.decoder(torch.zeros_like(z))",
    ],
)
@pytest.mark.parametrize("loss", [LOSS, "((recon - x) ** 2).sum() + kl"])
def test_decoded_from_noise_or_zeros(decoded, loss):
    (finding,) = run(rule, PROGRAM.format(decoded=decoded, loss=loss))
    assert finding.site.row == 14
    assert [note.site.row for note in finding.notes] == [13, 19]


PLAIN = """
import torch
import torch.nn.functional as F
from torch import nn

class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(64, 8), nn.Linear(8, 64)
        self.codes = nn.Parameter(torch.zeros(32, 8))

    def forward(self, x):
        z = self.encoder(x)
        return self.decoder({decoded})

model, x = Autoencoder(), torch.rand(32, 64)
F.mse_loss(model(x), x).backward()
"""


@pytest.mark.parametrize(
    "decoded",
    [
        "z",
        "z + 0.1 * torch.randn_like(z)",
        "F.dropout(z)",
        "torch.where(torch.rand_like(z) < 0.1, torch.randn_like(z), z)",
        "torch.randn_like(x[:, :8])",  # a deep image prior: no code is left out
        "self.codes + 0.1 * torch.randn_like(z)",  # codes that are learned in place of an encoder
    ],
)
def test_silent_on_codes_that_are_disturbed(decoded):
    assert rows(rule, PLAIN.format(decoded=decoded)) == []


@pytest.mark.parametrize("decoded", ["torch.randn_like(z)", "torch.zeros_like(z)", "0.5 * torch.rand_like(z) - 1"])
def test_a_plain_code_that_lends_its_shape_alone(decoded):
    (finding,) = run(rule, PLAIN.format(decoded=decoded))
    assert finding.site.row == 14
    assert "from the code (line 13)" in finding.message
