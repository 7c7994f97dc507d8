import pytest

from aelint.diagnostics import Severity
from aelint.rules.objective import kl_sign as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn.functional as F\n\n\ndef loss(recon, x, mu, logvar, beta):\n"

RIGHT = {
    "both added": "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    return F.mse_loss(recon, x) + kl",
    "negative KL subtracted": "kl = 0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    return F.mse_loss(recon, x) - kl",
    "negated lower bound": "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    elbo = -F.mse_loss(recon, x) - kl\n    return -elbo",
    "weight of unknown sign": "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    return F.mse_loss(recon, x) + beta * kl",
    "a lower bound": "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    elbo = torch.distributions.Normal(recon, 1.0).log_prob(x).sum() - kl\n    return -elbo",
    "the KL alone": "return 0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())",
    "names alone": "return recon_loss - kl_loss",
    "the density of a code under a learned prior, without a reconstruction": (
        "kl = torch.mean(-0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp(), dim=1))\n"
        "    prior = torch.mean(-0.5 * torch.sum(1 + beta - (x - recon) ** 2 - beta.exp(), dim=1))\n"
        "    kl_loss = -(prior - kl)\n    return {'kl_loss': -kl_loss}"
    ),
    "held to a capacity": (
        "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    return F.mse_loss(recon, x) + beta * (kl - 25.0).abs()"
    ),
    "one of two losses": (
        "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n"
        "    error = F.mse_loss(recon, x) if beta else F.l1_loss(recon, x) / 3\n    return error + kl"
    ),
    "two weights of unknown sign": (
        "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    return F.mse_loss(recon, x) - beta * settings.turn * settings.way * kl"
    ),
    "a bound that is called a loss": (
        "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    recon_loss = likelihood(recon, x)\n    elbo = recon_loss - kl\n    return -elbo"
    ),
    "a bound that is called a loss and negated": (
        "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    loss = recon_loss - kl\n    return -loss"
    ),
    "a bound, taken from zero": (
        "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    loss = recon_loss - kl\n    return 0 - loss.mean()"
    ),
    "a bound, times minus one": (
        "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    loss = recon_loss - kl\n    return loss * -1"
    ),
    "a bound with a likelihood": (
        "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    log_likelihood_loss = decode(mu)\n    bound = log_likelihood_loss - kl\n    return bound"
    ),
    "beside something else": "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    loss = distance(mu, logvar) - kl\n    return loss",
    "both negative by name": (
        "kl = 0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    recon_loss = error(recon, x)\n    loss = recon_loss - kl\n    return loss"
    ),
    "a bound that is named so, and backward elsewhere": (
        "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    recon_loss = fit(recon, x)\n"
        "    loss_elbo = recon_loss - kl\n    return loss_elbo, 1"
    ),
    "a likelihood by name": (
        "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    log_likelihood_recon_loss = fit(recon, x)\n"
        "    loss = log_likelihood_recon_loss - kl\n    return loss"
    ),
    "both taken away": (
        "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    recon_loss = fit(recon, x)\n"
        "    loss = 0 - recon_loss - kl\n    return loss"
    ),
    "a distance between models": "return F.mse_loss(recon, x) - F.l1_loss(mu, logvar)",
}


@pytest.mark.parametrize("body", RIGHT.values(), ids=RIGHT.keys())
def test_same_sign(body):
    assert not rows(rule, HEAD + "    " + body + "\n")


WRONG = {
    "held to a capacity": (
        "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    return F.mse_loss(recon, x) - 100 * (kl - 25.0).abs()",
        7,
    ),
    "held to a growing capacity": (
        (
            "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp(), dim=1).mean()\n"
            "    return F.mse_loss(recon, x) - beta * (settings.capacity - kl) ** 2"
        ),
        7,
    ),
    "beside one of two losses": (
        (
            "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n"
            "    error = F.mse_loss(recon, x) if beta else F.l1_loss(recon, x) / 3\n    return error - kl"
        ),
        8,
    ),
    "two weights": (
        "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    return F.mse_loss(recon, x) - beta * settings.kl_weight * kl",
        7,
    ),
    "likelihood and divergence added": (
        "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    elbo = torch.distributions.Normal(recon, 1.0).log_prob(x).sum() + kl\n    return -elbo",
        7,
    ),
    "missing minus": (
        "kl = 0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    return F.mse_loss(recon, x) + kl",
        6,
    ),
    "subtracted": (
        "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    return ((recon - x) ** 2).sum() - kl",
        7,
    ),
    "weighted": (
        "kl = 0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    return F.mse_loss(recon, x) + beta * kl",
        6,
    ),
    "reconstruction turned": (
        "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    return kl - F.mse_loss(recon, x)",
        7,
    ),
    "library call": (
        "q, p = torch.distributions.Normal(mu, logvar.exp()), torch.distributions.Normal(0.0, 1.0)\n    return F.mse_loss(recon, x) - torch.distributions.kl_divergence(q, p).mean()",
        7,
    ),
}


@pytest.mark.parametrize(("body", "row"), WRONG.values(), ids=WRONG.keys())
def test_opposite_sign(body, row):
    assert rows(rule, HEAD + "    " + body + "\n") == [row]


def test_loss_and_divergence_in_two_functions_of_two_files():
    files = {
        "train.py": "import torch.nn.functional as F\nfrom losses import kl\ndef loss(y, x, m, v):\n    return F.mse_loss(y, x) + kl(m, v)\n",
        "losses.py": "import torch\ndef kl(m, v):\n    return 0.5 * torch.sum(1 + v - m ** 2 - v.exp())\n",
    }
    assert rows(rule, files) == [3]


NAMED = {
    "a function that is not in sight": (
        (
            "kl_loss = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n"
            "    recon_loss = criterion(recon, x)\n    loss = recon_loss - beta * kl_loss\n    return loss"
        ),
        8,
    ),
    "the logarithm of a hyperbolic cosine": (
        (
            "recons_loss = torch.log(torch.cosh(recon - x)).mean()\n"
            "    kld_loss = torch.mean(-0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp(), dim=1), dim=0)\n"
            "    loss = recons_loss - kld_loss\n    return {'loss': loss, 'KLD': kld_loss}"
        ),
        8,
    ),
    "a loss from which something is taken": (
        (
            "kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    rec_loss = criterion(recon, x)\n"
            "    loss = rec_loss - kl\n    return loss, loss - beta"
        ),
        8,
    ),
    "backward": (
        "rec_loss = criterion(recon, x)\n    kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    (rec_loss - kl).backward()",
        8,
    ),
    "the sign of the formula": (
        "kl = 0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n    rec_loss = criterion(recon, x)\n    return rec_loss + kl",
        6,
    ),
}


@pytest.mark.parametrize(("body", "row"), NAMED.values(), ids=NAMED)
def test_taken_away_from_what_is_called_a_reconstruction_loss(body, row):
    found = run(rule, HEAD + "    " + body + "\n")
    assert [(f.site.row, f.severity) for f in found] == [(row, Severity.WARNING)]


REPORTED = """
import torch
import torch.nn.functional as F


def losses(recon, x, mu, logvar, logger=None):
    mse = F.mse_loss(recon, x)
    kl = {sign}0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp(), dim=1).mean()
    loss = mse + kl
    {report}
    return loss
"""


@pytest.mark.parametrize(
    ("sign", "report"),
    [
        pytest.param("-", "return {'loss': loss, 'KLD': kl.detach()}", id="as-it-is"),
        pytest.param("-", "return {'mse': mse, 'kl': -kl}", id="not-for-reading"),
        pytest.param("-", "return {'loss': loss, 'neg_kl': -kl.item()}", id="named-so"),
        pytest.param("-", "return {'loss': loss, 'elbo': -loss.item()}", id="another-value"),
        pytest.param("-", "logger.log('kl_weight', -kl)", id="a-weight"),
        pytest.param("-", "logger.log('kl', kl)", id="logged"),
    ],
)
def test_silent_on_reports(sign, report):
    assert rows(rule, REPORTED.format(sign=sign, report=report)) == []


def test_silent_where_a_negative_formula_is_turned_round_to_be_reported():
    source = REPORTED.format(sign="", report="return {'loss': loss, 'KLD': -kl.detach()}").replace(
        "mse + kl", "mse - kl"
    )
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "report",
    [
        "return {'loss': loss, 'KLD': -kl.detach()}",
        "return {'loss': loss, 'KLD': -kl}",
        "return {'loss': loss}, {'kl_loss': -1 * kl.item()}",
        "logger.log('train/kl', -kl)",
        "logger.log_dict({'kl': -kl})",
        "shown = {}; shown['kl'] = (-kl).item()",
        "logger.add_scalar('loss/kl', -kl.item(), 3)",
    ],
)
def test_a_positive_divergence_that_is_reported_negated(report):
    found = run(rule, REPORTED.format(sign="-", report=report))
    assert {f.site.row for f in found} == {10}


ANNEALED = """
import torch
import torch.nn as nn
import torch.nn.functional as F

def weight(epoch, start, end):
    return {weight}

encoder, decoder = nn.Linear(20, 8), nn.Linear(4, 20)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
for epoch in range(90):
    for x in torch.utils.data.DataLoader(torch.rand(99, 20)):
        mu, logvar = encoder(x).chunk(2, 1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        error = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        optimizer.zero_grad()
        (error + weight(epoch, 0, 0.2) * kl).backward()
        optimizer.step()
"""


def test_silent_on_a_weight_that_is_a_difference():
    assert rows(rule, ANNEALED.format(weight="end + (start - end) * 0.9 ** epoch")) == []


def test_fires_on_a_weight_that_is_negative():
    assert rows(rule, ANNEALED.format(weight="-end * 0.9 ** epoch")) != []


DISCREPANCY = """
import torch
from torch import nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(8, 2), nn.Linear(2, 8)

def kernel(a, b):
    return torch.exp(-torch.cdist(a, b)).mean()

def mmd(z, prior):
    return kernel(z, z) + kernel(prior, prior) - 2 * kernel(z, prior)

def losses(x, weight=10.0):
    z = encoder(x)
    mmd_loss = mmd(z, torch.randn_like(z))
    recon = F.mse_loss(decoder(z), x)
    return {loss}

losses(torch.rand(16, 8)).backward()
{more}
"""


@pytest.mark.parametrize(
    ("loss", "more"),
    [
        ("recon + weight * mmd_loss", ""),
        ("recon - (-mmd_loss)", ""),
        ("recon - -2.0 * mmd_loss", ""),
        (
            "-(mmd_loss - recon)",
            "losses(torch.rand(16, 8)).mean(); (-losses(torch.rand(4, 8))).backward()",
        ),  # both players
        ("mmd_loss - recon", ""),  # a critic that is stepped uphill, or not at all
        ("recon - z.mean()", ""),
        ("-mmd_loss", ""),
        ("-(recon + mmd_loss)", ""),  # a bound, to be made large
    ],
)
def test_silent_on_discrepancies_that_are_added_and_in_games(loss, more):
    assert rows(rule, DISCREPANCY.format(loss=loss, more=more)) == []


@pytest.mark.parametrize(
    "loss", ["recon - mmd_loss", "recon - weight * mmd_loss", "-0.5 * mmd_loss + recon", "2 * (recon - mmd_loss) / 3"]
)
def test_a_discrepancy_that_is_taken_away(loss):
    (finding,) = run(rule, DISCREPANCY.format(loss=loss, more=""))
    assert finding.site.row == 18
    assert finding.severity is Severity.WARNING
    assert "`mmd_loss`" in finding.message
