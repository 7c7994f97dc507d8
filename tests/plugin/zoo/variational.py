"""Autoencoders that draw a Gaussian latent."""

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from tests.plugin.zoo.losses import gaussian_kl, reparameterize


class VAE(nn.Module):
    def __init__(self, d=20, code=4):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(d, 32), nn.Tanh())
        self.fc_mu, self.fc_logvar = nn.Linear(32, code), nn.Linear(32, code)
        self.decoder = nn.Sequential(nn.Linear(code, 32), nn.Tanh(), nn.Linear(32, d))

    def encode(self, x):
        h = self.encoder(x)
        return self.fc_mu(h), self.fc_logvar(h)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decoder(reparameterize(mu, logvar)), mu, logvar

    def sample(self, n=4):
        return self.decoder(torch.randn(n, self.fc_mu.out_features))


class VariableVAE(VAE):
    """Noise as code for torch 0.3 draws it."""

    def forward(self, x):
        mu, logvar = self.encode(x)
        epsilon = torch.autograd.Variable(torch.randn(mu.size()), requires_grad=False)
        return self.decoder(mu.addcmul(logvar.mul(0.5).exp_(), epsilon)), mu, logvar


class BernoulliVAE(VAE):
    """Logits and binary cross-entropy, the KL written over a log standard deviation."""

    def forward(self, x):
        h = self.encoder(x)
        mu, log_sigma = self.fc_mu(h), self.fc_logvar(h)
        z = mu + log_sigma.exp() * torch.randn_like(mu)
        return self.decoder(z), mu, log_sigma


class SoftplusVAE(VAE):
    """Standard deviation by softplus, KL and sampling by torch.distributions."""

    def forward(self, x):
        h = self.encoder(x)
        q = torch.distributions.Normal(self.fc_mu(h), F.softplus(self.fc_logvar(h)) + 1e-4)
        return self.decoder(q.rsample()), q


class InPlaceVAE(VAE):
    """The spelling of older code: noise drawn and used in place, one layer for both heads."""

    def __init__(self):
        super().__init__()
        self.fc_mu = self.fc_logvar = nn.Identity()
        self.heads = nn.Linear(32, 8)

    def forward(self, x):
        mu, logvar = self.heads(self.encoder(x)).chunk(2, dim=1)
        std = logvar.mul(0.5).exp_()
        eps = std.data.new(std.size()).normal_()
        return self.decoder(eps.mul(std).add_(mu)), mu, logvar


class LearnedVariance(VAE):
    """The decoder gives a log-variance per pixel as well."""

    def __init__(self):
        super().__init__()
        self.decoder = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 40))

    def forward(self, x):
        mu, logvar = self.encode(x)
        mean, log_noise = self.decoder(reparameterize(mu, logvar)).chunk(2, 1)
        return mean, log_noise, mu, logvar


class ConvVAE(nn.Module):
    """A spatial latent, clamped log-variance, tanh output."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 8, 4, 2, 1), nn.SiLU(), nn.Conv2d(8, 8, 4, 2, 1))
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(4, 8, 4, 2, 1), nn.SiLU(), nn.ConvTranspose2d(8, 1, 4, 2, 1), nn.Tanh()
        )

    def forward(self, x):
        mean, logvar = self.encoder(x).chunk(2, dim=1)
        logvar = logvar.clamp(-30.0, 20.0)
        return self.decoder(mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)), mean, logvar


class Hierarchical(nn.Module):
    """Two levels with a learned prior for the lower one."""

    def __init__(self):
        super().__init__()
        self.h1, self.h2 = nn.Sequential(nn.Linear(20, 24), nn.ELU()), nn.Sequential(nn.Linear(24, 16), nn.ELU())
        self.q1, self.q2 = nn.Linear(24 + 3, 8), nn.Linear(16, 6)
        self.p1, self.out = nn.Linear(3, 8), nn.Sequential(nn.Linear(7, 24), nn.ELU(), nn.Linear(24, 20))

    def forward(self, x):
        h1 = self.h1(x)
        m2, l2 = self.q2(self.h2(h1)).chunk(2, 1)
        z2 = reparameterize(m2, l2)
        m1, l1 = self.q1(torch.cat([h1, z2], 1)).chunk(2, 1)
        z1 = reparameterize(m1, l1)
        pm, pl = self.p1(z2).chunk(2, 1)
        kl1 = 0.5 * (pl - l1 + (l1.exp() + (m1 - pm) ** 2) / pl.exp() - 1).sum(1).mean()
        return self.out(torch.cat([z1, z2], 1)), gaussian_kl(m2, l2) + kl1


class Conditional(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(3, 4)
        self.enc, self.dec = nn.Linear(24, 8), nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 20))

    def forward(self, x, label):
        c = self.embed(label)
        mu, logvar = self.enc(torch.cat([x, c], 1)).chunk(2, 1)
        return self.dec(torch.cat([reparameterize(mu, logvar), c], 1)), mu, logvar


class WAE(nn.Module):
    """A stochastic encoder held to the prior by an MMD on the samples: no KL, and rightly so."""

    def __init__(self):
        super().__init__()
        self.enc, self.dec = (
            nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 8)),
            nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 20)),
        )

    def forward(self, x):
        mu, logvar = self.enc(x).chunk(2, 1)
        z = reparameterize(mu, logvar)
        return self.dec(z), z


class DoublePrecision(VAE):
    def __init__(self):
        super().__init__()
        self.double()


class GammaVAE(VAE):
    """A gamma posterior, drawn by torch's implicit reparameterisation."""

    def forward(self, x):
        shape, rate = (F.softplus(head) + 0.5 for head in self.encode(x))
        q = torch.distributions.Gamma(shape, rate)
        kl = torch.distributions.kl_divergence(q, torch.distributions.Gamma(torch.ones(()), torch.ones(())))
        return self.decoder(q.rsample()), kl.sum(1).mean()


class NegativeBinomialLikelihood:
    """A likelihood of one's own: a mean for every entry, and a dispersion that no sample has a say in."""

    def __init__(self, mu, theta):
        self.mu, self.theta = mu, theta.expand_as(mu)

    def log_prob(self, x):
        return torch_likelihood(self.mu, self.theta).log_prob(x)


def torch_likelihood(mu, theta):
    return torch.distributions.NegativeBinomial(theta, logits=mu.add(1e-8).log() - theta.log())


class CountVAE(VAE):
    """Counts of genes: a profile times the depth of each cell."""

    def __init__(self, likelihood=NegativeBinomialLikelihood):
        super().__init__()
        self.dispersion, self.likelihood = nn.Parameter(torch.zeros(20)), likelihood

    def forward(self, x):
        mu, logvar = self.encode(x.log1p())
        profile = self.decoder(reparameterize(mu, logvar)).softmax(1)
        return self.likelihood(x.sum(1, keepdim=True) * profile, self.dispersion.exp()), mu, logvar


class HandsInputOn(VAE):
    """Gives the loss everything that it needs, the input among it; the reconstruction is flat."""

    def forward(self, x):
        mu, logvar = self.encode(x.flatten(1))
        return self.decoder(reparameterize(mu, logvar)), x, mu, logvar


class GraphVAE(nn.Module):
    """Decodes edges, by inner products; the mean of its posterior has the shape of the node features."""

    def __init__(self):
        super().__init__()
        self.base, self.mean, self.logvar = nn.Linear(6, 16), nn.Linear(16, 6), nn.Linear(16, 6)

    def forward(self, x, adjacency):
        hidden = torch.relu(adjacency @ self.base(x))
        mu, logvar = adjacency @ self.mean(hidden), (adjacency @ self.logvar(hidden)).clamp(max=5.0)
        z = reparameterize(mu, logvar)
        return z @ z.transpose(1, 2), mu, logvar
