"""Codebooks, sequences, sparse codes; and what is only worth a warning."""

import math

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from tests.plugin import zoo
from tests.plugin.mutants.catalogue import MUTANTS, Changed, Mutant, bad_loss, mutant
from tests.plugin.zoo import MLP, VAE, gaussian_kl, sentences, tokens


@mutant("AEC108", batch=zoo.images, loss=zoo.vq_loss)
class PixelsCutAcross(nn.Module):
    """Vectors for the codebook are read from a feature map without moving its channels last."""

    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Conv2d(1, 4, 4, 4), nn.ConvTranspose2d(4, 1, 4, 4)
        self.book = nn.Parameter(torch.randn(16, 4) * 0.3)

    def forward(self, x):
        z = self.enc(x)
        flat = z.reshape(-1, 4)
        q = self.book[torch.cdist(flat, self.book).argmin(1)].view_as(z)
        loss = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
        return self.dec(z + (q - z).detach()), loss


@mutant("AEC116")
class WrongTwin(MLP):
    """The second of two equal layers is never called, the first one twice."""

    def __init__(self):
        super().__init__()
        self.block1, self.block2 = nn.Linear(20, 20), nn.Linear(20, 20)

    def forward(self, x):
        return super().forward(torch.tanh(self.block1(torch.tanh(self.block1(x)))))


@mutant("AEC624")
class OwnGenerator(Changed):
    """Noise from a generator that no seed reaches."""

    def __init__(self):
        super().__init__()
        self.generator = torch.Generator()

    def on_code(self, z):
        return z + 0.1 * torch.randn(z.shape, generator=self.generator)


@mutant("AEC311", loss=zoo.returned_kl)
class SoftmaxOverAll(zoo.Gumbel):
    """The KL's probabilities are normalised over all variables together."""

    def forward(self, x):
        logits = self.enc(x)
        z = F.gumbel_softmax(logits.view(-1, 4, 5), tau=1.0)
        q = F.softmax(logits, dim=-1)
        kl = (q * (q.clamp_min(1e-20).log() + math.log(20))).sum(1).mean()
        return self.dec(z.flatten(1)), kl


class TwoCodes(nn.Module):
    """Two codebook vectors of four elements for each sample."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 16), nn.Linear(16, 20)
        self.book = nn.Parameter(torch.randn(16, 8) * 0.3)

    def forward(self, x):
        z = self.encoder(x).view(-1, 8)
        q = self.book[torch.cdist(z, self.book).argmin(1)]
        return self.decoder((z + (q - z).detach()).view(-1, 16)), z, q


@bad_loss("AEC703", model=TwoCodes)
def codebook_summed(model, x):
    y, z, q = model(x)
    summed = (q - z.detach()).pow(2).view(len(x), -1).sum(1).mean() + 0.25 * (z - q.detach()).pow(2).view(
        len(x), -1
    ).sum(1).mean()
    return F.mse_loss(y, x) + summed


@bad_loss("AEC332", model=MLP)
def last_columns_only(model, x):
    y = model(x)
    return sum((y[:, end - 1] - x[:, end - 1]).pow(2).mean() for end in range(4, 24, 4))


@bad_loss("AEC305")
def kl_summed_over_the_batch(model, x):
    y, mu, logvar = model(x)
    return F.mse_loss(y, x) + len(x) * gaussian_kl(mu, logvar)


@bad_loss("AEC301")
def kl_outweighs(model, x):
    y, mu, logvar = model(x)
    return F.mse_loss(y, x) + 100 * gaussian_kl(mu, logvar)


@bad_loss("AEC732", model=MLP)
def rewards_large_codes(model, x):
    z = model.encoder(x)
    return F.mse_loss(model.decoder(z), x) - 0.1 * z.abs().mean()


class Reader(nn.Module):
    """A sentence autoencoder whose decoder is given the tokens, `shift` places late."""

    def __init__(self, shift=1):
        super().__init__()
        self.shift, self.embed = shift, nn.Embedding(15, 8, padding_idx=0)
        self.enc, self.dec = nn.GRU(8, 12, batch_first=True), nn.GRU(8, 12, batch_first=True)
        self.heads, self.start, self.out = nn.Linear(12, 6), nn.Linear(3, 12), nn.Linear(12, 15)

    def forward(self, x):
        e = self.embed(x)
        mu, logvar = self.heads(self.enc(e)[1][-1]).chunk(2, 1)
        given = torch.cat([torch.zeros_like(e[:, : self.shift]), e[:, : x.shape[1] - self.shift]], 1)
        y, _ = self.dec(given, torch.tanh(self.start(zoo.reparameterize(mu, logvar)))[None])
        return self.out(y), mu, logvar


def all_steps(model, x):
    scores, mu, logvar = model(x)
    return F.cross_entropy(scores.transpose(1, 2), x) + 0.1 * gaussian_kl(mu, logvar)


MUTANTS += [
    Mutant("padding_counted", "AEC713", Reader, sentences, all_steps),
    Mutant("padding_read", "AEC717", Reader, sentences, zoo.padded_token_loss),
    Mutant("answer_given", "AEC719", lambda: Reader(0), tokens, all_steps),
    Mutant("learns_nothing", "AEC421", VAE, loss=kl_outweighs, more={"slow": True}),
]
