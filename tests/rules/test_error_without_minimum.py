"""Errors that a perfect reconstruction does not minimise."""

from __future__ import annotations

import pytest

from aelint.diagnostics import Severity
from aelint.rules.objective import error_without_minimum as rule
from tests.rules.harness import rows, run

HEAD = """import torch
from torch import nn

net, critic, x = nn.Sequential(nn.Linear(30, 4), nn.Linear(4, 30)), nn.Linear(30, 1), torch.rand(16, 30)
recon = net(x)
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("((recon - x) ** 2).mean().backward()", id="squared"),
        pytest.param("((recon - x) * (recon - x)).mean().backward()", id="times-itself"),
        pytest.param("((net(x) - x) * (net(x) - x)).mean().backward()", id="computed-twice"),
        pytest.param("(x - recon).abs().sum(1).mean().backward()", id="absolute"),
        pytest.param("(recon ** 2 - 2 * recon * x + x ** 2).mean().backward()", id="written-out"),
        pytest.param("(critic(recon) - critic(x)).mean().backward()", id="critic"),
        pytest.param("loss = (recon - x).mean()", id="never-minimised"),
        pytest.param("(torch.nn.functional.softplus(recon) - x * recon).sum().backward()", id="logits"),
        pytest.param("(recon.exp() - x * recon).sum().backward()", id="poisson"),
        pytest.param("(recon - net(x + 1)).mean().backward()", id="two-outputs"),
        pytest.param("(recon + x).mean().backward()", id="no-difference"),
        pytest.param("(recon - -1 * x).mean().backward()", id="a-sum-by-two-signs"),
        pytest.param("(net(recon) - recon).mean().backward()", id="an-output-of-an-output"),
        pytest.param("((x.cumsum(1) - x).mean() + recon.pow(2).mean()).backward()", id="data-with-data"),
        pytest.param("(critic(x) - x).mean().backward()", id="another-size"),
        pytest.param("(net(torch.rand(16, 30)) - x).mean().backward()", id="made-of-noise"),
        pytest.param("(recon[:, :30] - x).mean().backward()", id="picked-features"),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("(recon - x).mean().backward()", id="not-squared"),
        pytest.param("torch.sum(0.5 * x - recon ** 2, 1).mean().backward()", id="parenthesis"),
        pytest.param("(0.1 * torch.sum(recon.view(16, -1) - x.view(16, -1) ** 2)).backward()", id="data-squared"),
        pytest.param("torch.sum(x * 0.5 - recon ** 2, 1).mean().backward()", id="a-factor-behind"),
        pytest.param("torch.sum(x / 2 - recon ** 2, 1).mean().backward()", id="a-divisor"),
        pytest.param("((x - recon) * torch.rand(30)).mean().backward()", id="weighed"),
        pytest.param("(2 * (x - recon).sum(dim=1)).mean().backward()", id="summed"),
    ],
)
def test_fires(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == [6]


VAE = """import torch
from torch import nn
from torch.nn import functional as F

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(30, 8), nn.Linear(4, 60)
        self.spread = nn.Parameter(torch.zeros(30))

    def draw(self, mean, logvar):
        return mean + torch.randn_like(mean) * torch.exp(0.5 * logvar)

    def loss(self, x):
        mean, logvar = self.encoder(x).chunk(2, 1)
        kl = -0.5 * (1 + logvar - mean.pow(2) - logvar.exp()).sum(1).mean()
        x_mean, x_logvar = self.decoder(self.draw(mean, logvar)).chunk(2, 1)
        {body}

x = torch.rand(16, 30)
VAE().loss(x).backward()
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("return ((x - x_mean) ** 2 / x_logvar.exp() + x_logvar).sum(1).mean() + kl", id="a density"),
        pytest.param("return F.gaussian_nll_loss(x_mean, x, x_logvar.exp()) + kl", id="a density of torch's"),
        pytest.param("return F.mse_loss(x_mean, x) + kl", id="the mean"),
        pytest.param("return F.mse_loss(x_mean + 0.1 * torch.randn_like(x_mean), x) + kl", id="noise of a fixed scale"),
        pytest.param(
            "return F.mse_loss(self.draw(x_mean, x_logvar), self.draw(x_mean, x_logvar)) + kl", id="two draws"
        ),
        pytest.param("print(self.draw(x_mean, x_logvar)); return F.mse_loss(x_mean, x) + kl", id="drawn to look at"),
        pytest.param(
            "return F.mse_loss(self.draw(*self.encoder(x).repeat(1, 8)[:, :60].chunk(2, 1)), x) + kl", id="a code"
        ),
        pytest.param(
            "return F.mse_loss(x_mean + 0.1 * x_mean * torch.randn_like(x_mean), x) + kl",
            id="in proportion to the mean",
        ),
        pytest.param(
            "return F.mse_loss(x_mean + x_mean * x_logvar.sigmoid() * torch.randn_like(x_mean), x) + kl",
            id="a spread of two factors",
        ),
        pytest.param("return F.l1_loss(self.draw(x_mean, x_logvar), x) + kl", id="an absolute error"),
    ],
)
def test_silent_on_errors_of_what_was_decoded(body: str) -> None:
    assert rows(rule, VAE.format(body=body)) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("return F.mse_loss(self.draw(x_mean, x_logvar), x) + kl", id="a loss of torch's"),
        pytest.param("return ((x - self.draw(x_mean, x_logvar)) ** 2).mean() + kl", id="written out"),
        pytest.param("return F.mse_loss(self.draw(x_mean, x_logvar).view_as(x), x) + kl", id="reshaped"),
    ],
)
def test_the_squared_error_of_a_drawn_reconstruction(body: str) -> None:
    assert rows(rule, VAE.format(body=body)) == [18]


def test_the_call_that_draws_a_reconstruction_is_noted() -> None:
    body = "drawn = self.draw(x_mean, x_logvar)\n        return F.mse_loss(drawn, x) + kl"
    (finding,) = run(rule, VAE.format(body=body))
    assert [note.site.row for note in finding.notes] == [18]


OWN_SIMILARITY = """
import torch
from torch import nn
from torch.utils.data import DataLoader

class {name}(nn.Module):
    def forward(self, x, y):
        products = (2 * x * y + 0.01) / (x ** 2 + y ** 2 + 0.01)
        return {result}

class Loss(nn.Module):
    def __init__(self):
        super().__init__()
        self.measure = {name}()

    def forward(self, recon, x):
        return {loss}

net, criterion = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 1, 3, padding=1)), Loss()
optimizer = torch.optim.Adam(net.parameters())
for x in DataLoader(torch.rand(64, 1, 8, 8), batch_size=8, shuffle=True):
    optimizer.zero_grad()
    criterion({given}).backward()
    optimizer.step()
"""
OWN = {"name": "SSIM", "result": "products.mean()", "loss": "self.measure(recon, x)", "given": "net(x), x"}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"loss": "1 - self.measure(recon, x)"}, id="one minus it"),
        pytest.param({"loss": "-self.measure(recon, x)"}, id="negated"),
        pytest.param({"loss": "(recon - x).abs().mean() - 0.1 * self.measure(recon, x)"}, id="subtracted"),
        pytest.param({"result": "1 - products.mean()"}, id="turned round inside"),
        pytest.param({"name": "SSIMLoss"}, id="a loss by its name"),
        pytest.param({"loss": "-1.0 * self.measure(recon, x).mean()"}, id="a negative factor"),
        pytest.param({"given": "net(x), net(x.flip(0))"}, id="two outputs that are to differ"),
    ],
)
def test_silent_on_similarities_of_the_projects_own_that_are_rewarded(changes):
    assert rows(rule, OWN_SIMILARITY.format(**{**OWN, **changes})) == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="alone"),
        pytest.param({"loss": "(recon - x).abs().mean() + 0.1 * self.measure(recon, x)"}, id="beside an error"),
        pytest.param({"result": "products", "loss": "self.measure(recon, x).mean()"}, id="averaged by the loss"),
        pytest.param({"name": "MS_SSIM"}, id="of several scales"),
    ],
)
def test_fires_on_similarities_of_the_projects_own_that_are_minimised(changes):
    (found,) = run(rule, OWN_SIMILARITY.format(**{**OWN, **changes}))
    assert (found.site.row, found.severity) == (17, Severity.WARNING)
