"""Quantised and categorical latents."""

import math

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn


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


class LateVQ(VQ):
    """Puts the averages of one forward into the codebook when the next one begins."""

    def __init__(self):
        super().__init__(ema=True)
        self.register_buffer("passes", torch.zeros(()))

    def quantize(self, z):
        if self.training and self.passes > 0:
            self.book.copy_(self.sums / (self.counts + 1e-5).unsqueeze(1))
        now = self.book.clone()
        q, loss = super().quantize(z)
        self.book.copy_(now)
        self.passes += self.training
        return q, loss


class WatchedVQ(VQ):
    """A learned codebook, beside an average that is kept to be looked at."""

    def __init__(self):
        super().__init__()
        self.register_buffer("average", torch.zeros(16, 4))

    def quantize(self, z):
        if self.training:
            self.average.mul_(0.9).add_(self.book.detach(), alpha=0.1)
        return super().quantize(z)


class FirstBatchVQ(VQ):
    """A codebook that starts from the first batch that it sees, in whatever mode."""

    def __init__(self):
        super().__init__(ema=True)
        self.book.zero_()
        self.counts.zero_()
        self.sums.zero_()
        self.register_buffer("initted", torch.tensor(False))

    def quantize(self, z):
        if not self.initted:
            with torch.no_grad():
                chosen = z[torch.arange(16) % len(z)] + 1e-3 * torch.randn(16, 4)
                self.book.copy_(chosen)
                self.sums.copy_(chosen)
                self.counts.fill_(1.0)
                self.initted.fill_(True)
        return super().quantize(z)


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
