"""Healthy autoencoders, small and of many kinds. No check may say a word against any of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from pytest_aecheck import AESpec


@dataclass(frozen=True)
class Healthy:
    name: str
    model: Callable[[], nn.Module]
    batch: Callable[[int, int], torch.Tensor]
    loss: Callable

    def spec(self, seed=0, **changes):
        return AESpec(self.model, self.batch, loss=self.loss, seed=seed, name=self.name).but(**changes)


def vectors(n, seed):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, 6, generator=g) @ torch.randn(6, 20, generator=torch.Generator().manual_seed(99)) / 3


def images(n, seed, channels=1, side=16):
    g = torch.Generator().manual_seed(seed)
    return F.interpolate(torch.rand(n, channels, 4, 4, generator=g), size=(side, side), mode="bilinear")


def signed_images(n, seed):
    return images(n, seed) * 2 - 1


def series(n, seed):
    g = torch.Generator().manual_seed(seed)
    t = torch.linspace(0, 6.28, 12).view(1, -1, 1)
    return torch.sin(t * (1 + torch.rand(n, 1, 2, generator=g)) + 6 * torch.rand(n, 1, 2, generator=g))


def tokens(n, seed):
    return torch.randint(2, 15, (n, 7), generator=torch.Generator().manual_seed(seed))


def patches(n, seed):
    return torch.randn(n, 12, 8, generator=torch.Generator().manual_seed(seed)).cumsum(1) / 3


def mse(model, x):
    out = model(x)
    return F.mse_loss(out[0] if isinstance(out, tuple) else out, x)


def gaussian_kl(mu, logvar):
    return -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).flatten(1).sum(1).mean()


def elbo(model, x, beta=1.0):
    x_hat, mu, logvar = model(x)
    return (x_hat - x).pow(2).flatten(1).sum(1).mean() + beta * gaussian_kl(mu, logvar)


def reparameterize(mu, logvar):
    return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)


class MLP(nn.Module):
    def __init__(self, d=20, code=5, act=nn.ReLU):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(d, 32), act(), nn.Linear(32, code))
        self.decoder = nn.Sequential(nn.Linear(code, 32), act(), nn.Linear(32, d))

    def forward(self, x):
        return self.decoder(self.encoder(x))


class Overcomplete(nn.Module):
    """Sparse: more units than inputs, an L1 penalty on the rectified code."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 64), nn.Linear(64, 20)

    def forward(self, x):
        z = F.relu(self.encoder(x))
        return self.decoder(z), z


def sparse_loss(model, x):
    x_hat, z = model(x)
    return F.mse_loss(x_hat, x) + 1e-3 * z.sum(1).mean()


class ConvAE(nn.Module):
    def __init__(self, norm=True):
        super().__init__()
        bn = nn.BatchNorm2d if norm else nn.Identity
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 4, 2, 1),
            bn(8),
            nn.ReLU(True),
            nn.Conv2d(8, 8, 4, 2, 1),
            bn(8),
            nn.ReLU(True),
            nn.Flatten(),
            nn.Linear(128, 6),
        )
        self.decoder = nn.Sequential(
            nn.Linear(6, 128), nn.ReLU(True), nn.Unflatten(1, (8, 4, 4)), nn.ConvTranspose2d(8, 8, 4, 2, 1), nn.ReLU(True),
            nn.ConvTranspose2d(8, 1, 4, 2, 1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x):
        return self.decoder(self.encoder(x))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.code = nn.Conv2d(1, 8, 3, 2, 1), nn.Conv2d(8, 4, 3, 2, 1)
        self.block = nn.Sequential(nn.GroupNorm(2, 8), nn.SiLU(), nn.Conv2d(8, 8, 3, 1, 1))
        self.up = nn.Sequential(
            nn.Upsample(scale_factor=2),
            nn.Conv2d(4, 8, 3, 1, 1),
            nn.SiLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(8, 1, 3, 1, 1),
        )

    def encode(self, x):
        h = self.stem(x)
        return self.code(h + self.block(h))

    def decode(self, z):
        return self.up(z)

    def forward(self, x):
        return {"x_hat": self.decode(self.encode(x))}


def dict_mse(model, x):
    return F.mse_loss(model(x)["x_hat"], x)


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


class BernoulliVAE(VAE):
    """Logits and binary cross-entropy, the KL written over a log standard deviation."""

    def forward(self, x):
        h = self.encoder(x)
        mu, log_sigma = self.fc_mu(h), self.fc_logvar(h)
        z = mu + log_sigma.exp() * torch.randn_like(mu)
        return self.decoder(z), mu, log_sigma


def binary(n, seed):
    return (vectors(n, seed) > 0).float()


def bernoulli_loss(model, x):
    logits, mu, ls = model(x)
    kl = (0.5 * (mu**2 + (2 * ls).exp()) - ls - 0.5).sum(1).mean()
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x) + kl


class SoftplusVAE(VAE):
    """Standard deviation by softplus, KL and sampling by torch.distributions."""

    def forward(self, x):
        h = self.encoder(x)
        q = torch.distributions.Normal(self.fc_mu(h), F.softplus(self.fc_logvar(h)) + 1e-4)
        return self.decoder(q.rsample()), q


def distribution_loss(model, x):
    x_hat, q = model(x)
    prior = torch.distributions.Normal(torch.zeros_like(q.loc), torch.ones_like(q.scale))
    likelihood = torch.distributions.Normal(x_hat, 1.0)
    return -likelihood.log_prob(x).sum(1).mean() + torch.distributions.kl_divergence(q, prior).sum(1).mean()


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


def free_bits_loss(model, x):
    x_hat, mu, logvar = model(x)
    kl = (-0.5 * (1 + logvar - mu.pow(2) - logvar.exp())).mean(0)
    return (x_hat - x).pow(2).sum(1).mean() + kl.clamp(min=0.5).sum()


class LearnedVariance(VAE):
    """The decoder gives a log-variance per pixel as well."""

    def __init__(self):
        super().__init__()
        self.decoder = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 40))

    def forward(self, x):
        mu, logvar = self.encode(x)
        mean, log_noise = self.decoder(reparameterize(mu, logvar)).chunk(2, 1)
        return mean, log_noise, mu, logvar


def learned_variance_loss(model, x):
    mean, log_noise, mu, logvar = model(x)
    nll = 0.5 * ((x - mean) ** 2 / log_noise.exp() + log_noise + math.log(2 * math.pi))
    return nll.sum(1).mean() + gaussian_kl(mu, logvar)


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


def returned_kl(model, x):
    x_hat, kl = model(x)
    return (x_hat - x).pow(2).flatten(1).sum(1).mean() + kl


class Conditional(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(3, 4)
        self.enc, self.dec = nn.Linear(24, 8), nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 20))

    def forward(self, x, label):
        c = self.embed(label)
        mu, logvar = self.enc(torch.cat([x, c], 1)).chunk(2, 1)
        return self.dec(torch.cat([reparameterize(mu, logvar), c], 1)), mu, logvar


def labelled(n, seed):
    return vectors(n, seed), torch.arange(seed, seed + n) % 3


def conditional_loss(model, batch):
    x, label = batch
    x_hat, mu, logvar = model(x, label)
    return (x_hat - x).pow(2).sum(1).mean() + gaussian_kl(mu, logvar)


class VQ(nn.Module):
    """Straight-through quantisation with codebook and commitment terms."""

    def __init__(self, ema=False):
        super().__init__()
        self.encoder, self.decoder = (
            nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 8)),
            nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 20)),
        )
        self.ema = ema
        book = torch.randn(16, 4) * 0.3
        if ema:
            self.register_buffer("book", book)
            self.register_buffer("counts", torch.ones(16))
            self.register_buffer("sums", book.clone())
        else:
            self.book = nn.Parameter(book)

    def quantize(self, z):
        ids = torch.cdist(z, self.book).argmin(1)
        q = self.book[ids]
        if self.ema and self.training:
            with torch.no_grad():
                hot = F.one_hot(ids, 16).float()
                self.counts.mul_(0.9).add_(hot.sum(0), alpha=0.1)
                self.sums.mul_(0.9).add_(hot.t() @ z, alpha=0.1)
                self.book.copy_(self.sums / (self.counts + 1e-5).unsqueeze(1))
        loss = 0.25 * F.mse_loss(z, q.detach()) + (0 if self.ema else F.mse_loss(q, z.detach()))
        return z + (q - z).detach(), loss

    def forward(self, x):
        z = self.encoder(x).view(-1, 4)
        q, loss = self.quantize(z)
        return self.decoder(q.view(-1, 8)), loss


def vq_loss(model, x):
    x_hat, extra = model(x)
    return F.mse_loss(x_hat, x) + extra


class ResidualVQ(nn.Module):
    """Several codebooks of which a random number is used in training."""

    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(20, 4), nn.Linear(4, 20)
        self.books = nn.ParameterList([nn.Parameter(torch.randn(8, 4) * 0.3) for _ in range(3)])

    def forward(self, x):
        import random

        residual = x = self.enc(x)
        total, loss = torch.zeros_like(x), 0.0
        for book in list(self.books)[: random.randrange(1, 4) if self.training else 3]:
            q = book[torch.cdist(residual.detach(), book.detach()).argmin(1)]
            loss = loss + F.mse_loss(q, residual.detach()) + 0.25 * F.mse_loss(residual, q.detach())
            total, residual = total + q, residual - q.detach()
        return self.dec(x + (total - x).detach()), loss


class Gumbel(nn.Module):
    def __init__(self, hard=False):
        super().__init__()
        self.hard = hard
        self.enc, self.dec = (
            nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 20)),
            nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 20)),
        )

    def forward(self, x):
        logits = self.enc(x).view(-1, 4, 5)
        z = F.gumbel_softmax(logits, tau=1.0, hard=self.hard)
        q = logits.softmax(-1)
        kl = (q * (q.clamp_min(1e-20).log() + math.log(5))).sum((1, 2)).mean()
        return self.dec(z.flatten(1)), kl


class Recurrent(nn.Module):
    def __init__(self, kind=nn.GRU):
        super().__init__()
        self.enc, self.dec, self.code = kind(2, 16, batch_first=True), kind(2, 16, batch_first=True), nn.Linear(16, 6)
        self.start, self.out = nn.Linear(3, 16), nn.Linear(16, 2)

    def forward(self, x):
        _, h = self.enc(x)
        h = h[0] if isinstance(h, tuple) else h
        mu, logvar = self.code(h[-1]).chunk(2, 1)
        h0 = self.start(reparameterize(mu, logvar)).unsqueeze(0)
        shifted = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1)
        y, _ = self.dec(shifted, (h0, torch.zeros_like(h0)) if isinstance(self.dec, nn.LSTM) else h0)
        return self.out(y), mu, logvar


class SentenceVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.enc, self.dec = (
            nn.Embedding(15, 8, padding_idx=0),
            nn.GRU(8, 16, batch_first=True),
            nn.GRU(8, 16, batch_first=True),
        )
        self.code, self.start, self.out = nn.Linear(16, 6), nn.Linear(3, 16), nn.Linear(16, 15)

    def forward(self, x):
        _, h = self.enc(self.embed(x))
        mu, logvar = self.code(h[-1]).chunk(2, 1)
        shifted = torch.cat([torch.ones_like(x[:, :1]), x[:, :-1]], 1)
        y, _ = self.dec(self.embed(shifted), torch.tanh(self.start(reparameterize(mu, logvar))).unsqueeze(0))
        return self.out(y), mu, logvar


def token_loss(model, x):
    logits, mu, logvar = model(x)
    return F.cross_entropy(logits.flatten(0, 1), x.flatten(), reduction="sum") / len(x) + gaussian_kl(mu, logvar)


class Transformer(nn.Module):
    def __init__(self, dropout=0.0):
        super().__init__()
        self.embed, self.pos = nn.Linear(8, 16), nn.Parameter(0.02 * torch.randn(12, 16))
        self.block = nn.TransformerEncoderLayer(16, 2, 32, dropout=dropout, batch_first=True)
        self.code, self.out = nn.Linear(16, 3), nn.Sequential(nn.Linear(3, 32), nn.GELU(), nn.Linear(32, 8))

    def forward(self, x):
        return self.out(self.code(self.block(self.embed(x) + self.pos)))


class Masked(nn.Module):
    """Masked autoencoder: random patches are hidden, the loss counts only those."""

    def __init__(self):
        super().__init__()
        self.embed, self.pos = nn.Linear(8, 16), nn.Parameter(0.02 * torch.randn(1, 12, 16))
        self.token = nn.Parameter(torch.zeros(1, 1, 16))
        self.enc = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.dec = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.head = nn.Linear(16, 8)

    def forward(self, x):
        b, n, _ = x.shape
        order = torch.rand(b, n).argsort(1)
        back, keep = order.argsort(1), n // 4
        h = self.embed(x) + self.pos
        seen = self.enc(torch.gather(h, 1, order[:, :keep, None].expand(-1, -1, 16)))
        full = torch.cat([seen, self.token.expand(b, n - keep, -1)], 1)
        full = torch.gather(full, 1, back[..., None].expand(-1, -1, 16)) + self.pos
        return self.head(self.dec(full)), (back >= keep).float()


def masked_loss(model, x):
    pred, mask = model(x)
    return ((pred - x).pow(2).mean(-1) * mask).sum() / mask.sum()


def denoising_loss(model, x):
    return F.mse_loss(model(x + 0.3 * torch.randn_like(x)), x)


class DropoutAE(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Linear(20, 32),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(32, 6),
            nn.BatchNorm1d(6),
            nn.Linear(6, 32),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(32, 20),
        )


class ZeroStart(nn.Sequential):
    """The last layer starts at zero, so that nothing depends on the input in the first step."""

    def __init__(self):
        super().__init__(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5), nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 20))
        nn.init.zeros_(self[-1].weight)
        nn.init.zeros_(self[-1].bias)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(6, 20) / 4), nn.Parameter(torch.zeros(20))

    def forward(self, x):
        return F.linear(torch.sigmoid(F.linear(x, self.weight)), self.weight.t(), self.bias)


class FrozenBackbone(nn.Module):
    """Features of a frozen network, taken out by a hook; what comes after the hook is not used."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.LayerNorm(16), nn.Linear(16, 10))
        self.backbone[2].register_forward_hook(self._take)
        self.code, self.decoder = nn.Linear(16, 4), nn.Linear(4, 20)

    def _take(self, module, args, output):
        self.features = output

    def forward(self, x):
        self.backbone(x)
        return self.decoder(self.code(self.features))


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


def mmd_loss(model, x):
    x_hat, z = model(x)
    p = torch.randn_like(z)

    def k(a, b):
        return torch.exp(-torch.cdist(a, b).pow(2) / 8).mean()

    return F.mse_loss(x_hat, x) + k(z, z) + k(p, p) - 2 * k(z, p)


def monte_carlo_loss(model, x):
    """The KL estimated from the drawn sample."""
    x_hat, q = model(x)
    z = q.rsample()
    prior = torch.distributions.Normal(0.0, 1.0)
    return (x_hat - x).pow(2).sum(1).mean() + (q.log_prob(z) - prior.log_prob(z)).sum(1).mean()


class HalfPrecision(MLP):
    def __init__(self):
        super().__init__()
        self.to(torch.bfloat16)


def half_vectors(n, seed):
    return vectors(n, seed).to(torch.bfloat16)


class DoublePrecision(VAE):
    def __init__(self):
        super().__init__()
        self.double()


class Unet(nn.Module):
    """Skip connections around the code, on purpose."""

    def __init__(self):
        super().__init__()
        self.down, self.mid, self.up = (
            nn.Conv2d(1, 8, 4, 2, 1),
            nn.Conv2d(8, 8, 3, 1, 1),
            nn.ConvTranspose2d(16, 1, 4, 2, 1),
        )

    def forward(self, x):
        d = F.relu(self.down(x))
        return torch.sigmoid(self.up(torch.cat([d, F.relu(self.mid(d))], 1)))


class Deep(nn.Sequential):
    def __init__(self):
        blocks = [m for _ in range(8) for m in (nn.Linear(32, 32), nn.LayerNorm(32), nn.GELU())]
        super().__init__(
            nn.Linear(20, 32), *blocks[:12], nn.Linear(32, 4), nn.Linear(4, 32), *blocks[12:], nn.Linear(32, 20)
        )


class SequenceFirst(nn.Module):
    """Time on the first axis, samples on the second, as torch's recurrent layers have it by default."""

    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.GRU(2, 12), nn.GRU(12, 12)
        self.out = nn.Linear(12, 2)

    def forward(self, x):
        _, h = self.enc(x)
        y, _ = self.dec(h[-1].unsqueeze(0).expand(x.shape[0], -1, -1).contiguous())
        return self.out(y)


def series_first(n, seed):
    return series(n, seed).transpose(0, 1).contiguous()


class InputDependentSize(nn.Module):
    """Pooled to a fixed size: the decoder upsamples back."""

    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Conv2d(1, 4, 3, 1, 1), nn.Conv2d(4, 1, 3, 1, 1)

    def forward(self, x):
        z = F.adaptive_avg_pool2d(F.relu(self.enc(x)), 4)
        return self.dec(F.interpolate(z, size=x.shape[-2:], mode="bilinear"))


def summed_bce(model, x):
    return F.binary_cross_entropy(model(x), x, reduction="sum") / len(x)


def warm_up(model, x):
    """The KL's weight is still zero."""
    return elbo(model, x, beta=0.0)


HEALTHY = [
    Healthy("mlp", MLP, vectors, mse),
    Healthy("mlp-leaky", lambda: MLP(act=nn.LeakyReLU), vectors, mse),
    Healthy("mlp-denoising", MLP, vectors, denoising_loss),
    Healthy("overcomplete-sparse", Overcomplete, vectors, sparse_loss),
    Healthy("conv-batchnorm", ConvAE, images, mse),
    Healthy("conv-bce", lambda: ConvAE(norm=False), images, summed_bce),
    Healthy("residual-dict", Residual, images, dict_mse),
    Healthy("vae", VAE, vectors, elbo),
    Healthy("beta-vae", VAE, vectors, lambda m, x: elbo(m, x, 4.0)),
    Healthy("tiny-beta", VAE, vectors, lambda m, x: elbo(m, x, 1e-6)),
    Healthy("warm-up", VAE, vectors, warm_up),
    Healthy("free-bits", VAE, vectors, free_bits_loss),
    Healthy("bernoulli-logstd", BernoulliVAE, binary, bernoulli_loss),
    Healthy("softplus-distributions", SoftplusVAE, vectors, distribution_loss),
    Healthy("monte-carlo-kl", SoftplusVAE, vectors, monte_carlo_loss),
    Healthy("in-place-noise", InPlaceVAE, vectors, elbo),
    Healthy("learned-variance", LearnedVariance, vectors, learned_variance_loss),
    Healthy("conv-vae", ConvVAE, signed_images, lambda m, x: elbo(m, x, 0.1)),
    Healthy("hierarchical", Hierarchical, vectors, returned_kl),
    Healthy("conditional", Conditional, labelled, conditional_loss),
    Healthy("vq", VQ, vectors, vq_loss),
    Healthy("vq-ema", lambda: VQ(ema=True), vectors, vq_loss),
    Healthy("residual-vq", ResidualVQ, vectors, vq_loss),
    Healthy("gumbel", Gumbel, vectors, returned_kl),
    Healthy("gumbel-hard", lambda: Gumbel(hard=True), vectors, returned_kl),
    Healthy("gru", Recurrent, series, lambda m, x: elbo(m, x, 0.1)),
    Healthy("lstm", lambda: Recurrent(nn.LSTM), series, lambda m, x: elbo(m, x, 0.1)),
    Healthy("sequence-first", SequenceFirst, series_first, mse),
    Healthy("sentence", SentenceVAE, tokens, token_loss),
    Healthy("transformer", Transformer, patches, mse),
    Healthy("transformer-dropout", lambda: Transformer(0.1), patches, mse),
    Healthy("masked", Masked, patches, masked_loss),
    Healthy("dropout-batchnorm", DropoutAE, vectors, mse),
    Healthy("zero-start", ZeroStart, vectors, mse),
    Healthy("tied", Tied, vectors, mse),
    Healthy("hooked-backbone", FrozenBackbone, vectors, mse),
    Healthy("wae-mmd", WAE, vectors, mmd_loss),
    Healthy("bfloat16", HalfPrecision, half_vectors, mse),
    Healthy("float64", DoublePrecision, lambda n, s: vectors(n, s).double(), elbo),
    Healthy("unet", Unet, images, mse),
    Healthy("deep", Deep, vectors, mse),
    Healthy("adaptive-pool", InputDependentSize, images, mse),
]
