"""Trained models. Each factory trains for a moment, or sets the weights to where a long training would have brought them."""

import torch
from torch import nn

from tests.plugin import zoo
from tests.plugin.mutants.catalogue import MUTANTS, Mutant, mutant
from tests.plugin.zoo import MLP, VAE, elbo, mse, vectors

FITTED = {"stage": "fitted"}


def trained(model, loss, batch=vectors, steps=200):
    """Put a model in the catalogue's form into training before it is looked at."""

    def factory():
        made = model()
        optimizer = torch.optim.Adam(made.parameters(), lr=5e-3)
        for step in range(steps):
            optimizer.zero_grad()
            loss(made, batch(64, 100 + step)).backward()
            optimizer.step()
        return made

    return factory


@mutant("AEC231", **FITTED)
class NeverLearned(MLP):
    """What an optimiser without the parameters leaves."""


@mutant("AEC222", **FITTED)
class SaysTheMean(MLP):
    def __init__(self):
        super().__init__()
        for parameter in self.decoder.parameters():
            nn.init.constant_(parameter, 1e-9)


@mutant("AEC234", **FITTED)
class DeadUnits(MLP):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 8), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 20))
        nn.init.constant_(self.encoder[2].bias[:6], -50.0)


@mutant("AEC237", **FITTED)
class DeafToUnits(MLP):
    def __init__(self):
        super().__init__()
        self.decoder.register_forward_pre_hook(lambda _, given: (given[0] * torch.tensor([1.0, 1, 1, 0, 0]),))


class Copy(nn.Module):
    """More units than features, and nothing that limits them."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 64), nn.Linear(64, 20)

    def forward(self, x):
        return self.decoder(self.encoder(x))


class FarFromPrior(VAE):
    """Codes far from the prior, and no KL to pull them back."""

    def __init__(self):
        super().__init__()
        nn.init.constant_(self.fc_mu.bias, 30.0)


class OneEntry(zoo.VQ):
    """A codebook of which everything but one entry has drifted out of reach."""

    def __init__(self):
        super().__init__()
        with torch.no_grad():
            self.book[1:] += 1e3


def collapsing(model, x):
    x_hat, mu, logvar = model(x)
    return (x_hat - x).pow(2).mean() + zoo.gaussian_kl(mu, logvar)


def almost_no_kl(model, x):
    return elbo(model, x, beta=1e-7)


def correlated(n, seed):
    """Features that say much about each other and fill their space."""
    return vectors(n, seed) + 0.2 * torch.randn(n, 20, generator=torch.Generator().manual_seed(seed))


COLLAPSED = trained(VAE, collapsing)

for _name, _code, _model, _batch, _loss in (
    ("decoder_alone", "AEC232", COLLAPSED, vectors, collapsing),
    ("units_collapsed", "AEC233", COLLAPSED, vectors, collapsing),
    ("worse_than_components", "AEC235", MLP, vectors, mse),
    ("copies_anything", "AEC236", trained(Copy, mse, correlated, 400), correlated, mse),
    ("far_from_the_prior", "AEC627", trained(FarFromPrior, almost_no_kl), vectors, almost_no_kl),
    ("one_entry_of_the_codebook", "AEC707", OneEntry, vectors, zoo.vq_loss),
):
    MUTANTS.append(Mutant(_name, _code, _model, _batch, _loss, FITTED))
