"""What the KL hides: weights that the reconstruction is made with and never corrects."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from pytest_aecheck import AESpec, run_checks
from pytest_aecheck.probes.bench import Bench
from pytest_aecheck.probes.shared import training_pass
from tests.plugin.zoo import HEALTHY, VAE, VQ, elbo, vectors, vq_loss


@pytest.mark.parametrize("healthy", HEALTHY, ids=[healthy.name for healthy in HEALTHY])
def test_every_weight_of_a_healthy_model_hears_from_the_reconstruction(healthy):
    assert training_pass(Bench(healthy.spec())).cut == ()


class DetachedMean(VAE):
    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decoder(mu.detach() + torch.randn_like(mu) * (0.5 * logvar).exp()), mu, logvar


class MeanByData(VAE):
    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decoder(mu.data + torch.randn_like(mu) * (0.5 * logvar).exp()), mu, logvar


class ScaleWithoutGradient(VAE):
    def forward(self, x):
        mu, logvar = self.encode(x)
        with torch.no_grad():
            std = (0.5 * logvar).exp()
        return self.decoder(mu + torch.randn_like(mu) * std), mu, logvar


@pytest.mark.parametrize(
    ("model", "name"),
    [(DetachedMean, "fc_mu.weight"), (MeanByData, "fc_mu.weight"), (ScaleWithoutGradient, "fc_logvar.weight")],
)
def test_a_cut_behind_the_kl_is_found(model, name):
    verdict = run_checks(AESpec(model, vectors, loss=elbo), only=["AEC406"])["AEC406"]
    assert verdict.status == "failed"
    assert name in verdict.message


class ProjectedBook(VQ):
    """The entries of the codebook pass a layer: it acts on weights, and straight-through gradients pass it by."""

    def __init__(self):
        super().__init__()
        self.project = torch.nn.Linear(self.book.shape[1], self.book.shape[1])

    def quantize(self, z):
        book = self.project(self.book)
        q = book[torch.cdist(z, book).argmin(1)]
        return z + (q - z).detach(), F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())


def test_layers_of_a_codebook_are_left_alone():
    assert run_checks(AESpec(ProjectedBook, vectors, loss=vq_loss), only=["AEC406"])["AEC406"].status == "passed"


class Probed(VAE):
    """A second decoder that only watches: the first one trains the code."""

    def __init__(self):
        super().__init__()
        self.watcher = torch.nn.Linear(4, 20)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        return self.decoder(z), mu, logvar, self.watcher(z.detach())


def watched(model, x):
    x_hat, mu, logvar, seen = model(x)
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
    return (x_hat - x).pow(2).sum(1).mean() + kl + F.mse_loss(seen, x)


def test_a_decoder_that_only_watches_is_left_alone():
    assert run_checks(AESpec(Probed, vectors, loss=watched), only=["AEC406"])["AEC406"].status == "passed"


class Guided(VAE):
    """A network of its own guides the draw and is trained by a term of its own."""

    def __init__(self):
        super().__init__()
        self.guide = torch.nn.Linear(20, 4)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        self.step = torch.sigmoid(self.guide(x))
        return self.decoder(z + 0.1 * self.step.detach()), mu, logvar


def guided(model, x):
    return elbo(model, x) + (model.step - 0.5).pow(2).sum(1).mean()


def test_a_network_that_only_guides_the_draw_is_left_alone():
    assert run_checks(AESpec(Guided, vectors, loss=guided), only=["AEC406"])["AEC406"].status == "passed"


class Critical(VAE):
    """Tells the decoder what a critic thinks of the sample; the critic is another player, and learns by itself."""

    def __init__(self):
        super().__init__()
        self.critic, self.told = torch.nn.Linear(20, 1), torch.nn.Linear(1, 4)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        return self.decoder(z + self.told(self.critic(x).detach())), mu, logvar


def in_turns(model, batch):
    """A step of the model by its loss, and one of the critic by its own."""
    for parameters, loss in ((model.parameters(), elbo(model, batch)), (model.critic.parameters(), own(model, batch))):
        model.zero_grad()
        loss.backward()
        torch.optim.SGD(parameters, lr=0.01).step()


def own(model, x):
    return (model.critic(x) - x.mean(1, keepdim=True)).pow(2).mean()


def by_the_loss_alone(model, batch):
    model.zero_grad()
    elbo(model, batch).backward()
    torch.optim.SGD(model.parameters(), lr=0.01).step()


@pytest.mark.parametrize(
    ("step", "status"),
    [
        pytest.param(in_turns, "passed", id="the critic is trained by a loss of its own"),
        pytest.param(by_the_loss_alone, "failed", id="nothing trains it"),
        pytest.param(None, "failed", id="no training step is declared"),
    ],
)
def test_another_player_s_network_need_not_hear_from_this_loss(step, status):
    found = run_checks(AESpec(Critical, vectors, loss=elbo, train_step=step), only=["AEC406"])["AEC406"]
    assert found.status == status
    assert status == "passed" or "critic.weight" in found.message


class Halved(nn.Module):
    """One layer makes both parts of the posterior."""

    def __init__(self):
        super().__init__()
        self.read, self.heads, self.write = nn.Linear(20, 16), nn.Linear(16, 8), nn.Linear(4, 20)

    def parts(self, x):
        return self.heads(torch.tanh(self.read(x))).chunk(2, 1)

    def forward(self, x):
        mu, logvar = self.parts(x)
        return self.write(mu + torch.randn_like(mu) * (0.5 * logvar).exp()), mu, logvar


class Gated(Halved):
    def forward(self, x):
        value, gate = self.parts(x)
        return self.write(value * torch.sigmoid(gate)), value, gate


class Rectified(Halved):
    """Units of a rectified layer may rest by chance, but not just those of one half."""

    def forward(self, x):
        z = torch.relu(self.heads(torch.tanh(self.read(x))))
        return self.write(z[:, :4] + z[:, 4:]), z[:, :4], z[:, 4:]


class OneFixed(Halved):
    """One of the units has a variance that is fixed on purpose."""

    def forward(self, x):
        mu, logvar = self.parts(x)
        logvar = torch.cat([logvar[:, :3], torch.zeros_like(logvar[:, 3:])], 1)
        return self.write(mu + torch.randn_like(mu) * (0.5 * logvar).exp()), mu, logvar


class VarianceOfZeros(Halved):
    def forward(self, x):
        mu, logvar = self.parts(x)
        logvar = torch.zeros_like(mu)
        return self.write(mu + torch.randn_like(mu) * (0.5 * logvar).exp()), mu, logvar


class MeanTwice(Halved):
    def forward(self, x):
        h = self.heads(torch.tanh(self.read(x)))
        mu, logvar = h[:, 4:], h[:, 4:]
        return self.write(mu + torch.randn_like(mu) * (0.5 * logvar).exp()), mu, logvar


class DecodesTheMean(Halved):
    """A VAE that is trained as a plain autoencoder, as some libraries do by default."""

    def forward(self, x):
        mu, logvar = self.parts(x)
        return self.write(mu), mu, logvar


def test_a_scale_that_a_plain_autoencoder_leaves_out():
    spec = AESpec(DecodesTheMean, vectors, loss=lambda model, x: F.mse_loss(model(x)[0], x))
    assert run_checks(spec, only=["AEC406"])["AEC406"].status == "passed"


@pytest.mark.parametrize("model", [Halved, Gated, Rectified, OneFixed])
def test_halves_of_a_layer_that_are_both_trained(model):
    assert run_checks(AESpec(model, vectors, loss=elbo), only=["AEC406"])["AEC406"].status == "passed"


@pytest.mark.parametrize(("model", "half"), [(VarianceOfZeros, "second"), (MeanTwice, "first")])
def test_the_half_of_a_layer_that_nothing_trains(model, half):
    found = run_checks(AESpec(model, vectors, loss=elbo), only=["AEC406"])["AEC406"]
    assert found.status == "failed"
    assert f"heads is split in two, and its {half} half" in found.message


class LearnedPrior(VAE):
    """The prior is computed from a condition, and enters the KL alone."""

    def __init__(self):
        super().__init__()
        self.prior = nn.Linear(20, 4)


def floored(bound):
    def loss(model, x):
        y, mu, logvar = model(x)
        kl = 0.5 * ((mu - model.prior(x)) ** 2 + logvar.exp() - logvar - 1).sum(1).mean()
        return F.mse_loss(y, x) + bound(kl)

    return loss


@pytest.mark.parametrize(
    ("bound", "status"),
    [
        pytest.param(lambda kl: kl, "passed", id="no floor"),
        pytest.param(lambda kl: kl.clamp(min=1e3), "passed", id="below its free bits"),
        pytest.param(lambda kl: torch.maximum(kl, torch.tensor(1e3)), "passed", id="below a maximum"),
        pytest.param(lambda kl: kl.clamp(max=1e-9), "failed", id="above its ceiling for good"),
        pytest.param(lambda kl: 0 * kl, "failed", id="of no weight"),
    ],
)
def test_a_prior_whose_divergence_is_held_at_a_floor(bound, status):
    assert run_checks(AESpec(LearnedPrior, vectors, loss=floored(bound)), only=["AEC406"])["AEC406"].status == status
