"""AEL141: results and the names that they are unpacked into."""

import pytest

from aelint.rules.architecture import unpacking_mismatch as rule
from tests.rules.harness import rows, run

PROGRAM = """
import torch
from torch import nn
from torch.utils.data import DataLoader

class VAE(nn.Module):
    def __init__(self, full=False):
        super().__init__()
        self.heads, self.decoder, self.full = nn.Linear(64, 16), nn.Linear(8, 64), full

    def encode(self, x):
        return self.heads(x).chunk(2, dim=1)

    def forward(self, x, unknown=None):
        mu, logvar = self.encode(x)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        {end}

model = VAE()
for x in DataLoader(torch.rand(256, 64), batch_size=32):
    {names} = model(x{more})
"""


def program(end="return self.decoder(z), mu, logvar", names="recon, mu, logvar", more=""):
    return PROGRAM.format(end=end, names=names, more=more)


@pytest.mark.parametrize(
    "source",
    [
        program(),
        program(names="out"),
        program(names="recon, *rest"),
        program(end="return tuple(self.decoder(z) for _ in range(unknown))"),
        program(end="return [self.decoder(z), mu, logvar]"),
        program(end="return (self.decoder(z), mu, logvar) if self.full else self.decoder(z)", names="out"),
        program(end="return (mu, logvar) if unknown else (self.decoder(z), mu, logvar)", more=", given()"),
        program(end="return unknown(z)", more=", given"),
        program(end="return self.decoder(z).unbind(1)[:3]"),
        program(end="return {'recon': self.decoder(z), 'mu': mu, 'logvar': logvar}"),
        program(end="return torch.rand(3, 4)"),
    ],
)
def test_silent_where_the_numbers_agree_or_are_not_known(source):
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    ("end", "names", "said"),
    [
        ("return self.decoder(z)", "recon, mu, logvar", "one tensor"),
        ("return self.decoder(z), mu", "recon, mu, logvar", "2 values"),
        ("return self.decoder(z), mu, logvar", "recon, mu", "3 values"),
        ("return self.decoder(z), mu, logvar, z", "(recon, mu, logvar)", "4 values"),
    ],
)
def test_another_number_of_names(end, names, said):
    (finding,) = run(rule, program(end=end, names=names))
    assert finding.site.row == 21
    assert said in finding.message
    assert [note.site.row for note in finding.notes] == [14]


def test_silent_on_what_never_runs():
    source = (
        program().replace("self.encode(x)\n        z", "self.encode(x)\n        z")
        + "\ndef last(x):\n    return x\n    recon, mu = model(x)\n"
    )
    assert rows(rule, source) == []


def test_inside_of_the_network():
    assert rows(rule, program().replace("mu, logvar = self.encode(x)", "mu, logvar, h = self.encode(x)")) == [15]


def test_told_once_however_often_it_runs():
    source = program(end="return self.decoder(z), mu") + "\nVAE(True)(torch.rand(4, 64))\n"
    assert rows(rule, source) == [21]


WHOLE = """
import torch
from torch import nn
from torch.utils.data import DataLoader

class AE(nn.Module):
    def __init__(self, full=False):
        super().__init__()
        self.encoder, self.decoder, self.full = nn.Linear(64, 8), nn.Linear(8, 64), full

    def forward(self, x):
        z = self.encoder(x)
        {end}

model, loss_of = AE(), nn.MSELoss()
for x in DataLoader(torch.rand(256, 64), batch_size=32):
    {loss}
"""


@pytest.mark.parametrize(
    ("end", "loss"),
    [
        ("return self.decoder(z)", "loss_of(model(x), x)"),
        ("return z, self.decoder(z)", "loss_of(model(x)[1], x)"),
        ("return z, self.decoder(z)", "_, recon = model(x); loss_of(recon, x)"),
        ("return (self.decoder(z),)", "loss_of(*model(x), x)"),
        ("return (z, self.decoder(z)) if self.training else self.decoder(z)", "loss_of(model.eval()(x), x)"),
        ("return z, self.decoder(z)", "own_loss(model(x), x)"),
    ],
    ids=["one", "one of two", "unpacked", "spliced in", "one of two in training alone", "a loss of its own"],
)
def test_silent_on_losses_that_are_given_a_tensor(end, loss):
    assert rows(rule, WHOLE.format(end=end, loss=loss)) == []


@pytest.mark.parametrize(
    ("loss", "told"),
    [("loss_of(model(x), x)", "2 values"), ("out = model(x); nn.functional.l1_loss(out, x)", "2 values")],
    ids=["at once", "by name"],
)
def test_fires_on_a_loss_of_all_that_the_network_returns(loss, told):
    (finding,) = run(rule, WHOLE.format(end="return z, self.decoder(z)", loss=loss))
    assert (finding.site.row, told in finding.message) == (17, True)
    assert [note.site.row for note in finding.notes] == [11]
