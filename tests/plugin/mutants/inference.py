"""Modes, state, generation; quantised, masked and sparse models."""

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from tests.plugin import zoo
from tests.plugin.mutants.catalogue import MUTANTS, Changed, Mutant, bad_loss, mutant
from tests.plugin.zoo import VAE


@mutant("AEC601")
class TrainsItself(Changed):
    def on_code(self, z):
        self.train()
        return z


@mutant("AEC621")
class WritesIntoInput(Changed):
    def forward(self, x):
        x.clamp_(-1, 1)
        return super().forward(x)


@mutant("AEC622")
class AveragesInEvaluation(Changed):
    """A running mean of the code that is taken off, and moves in every mode."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(5))

    def on_code(self, z):
        self.mean.mul_(0.9).add_(0.1 * z.detach().mean(0))
        return z - self.mean


@mutant("AEC623")
class PlainTensor(Changed):
    def __init__(self):
        super().__init__()
        self.shift = torch.randn(5)

    def on_code(self, z):
        return z + self.shift


@mutant("AEC623")
class InitialisedAgain(Changed):
    """Takes its shift from the first batch, and keeps in a plain attribute that it did."""

    def __init__(self):
        super().__init__()
        self.shift, self.ready = nn.Parameter(torch.zeros(5)), False

    def on_code(self, z):
        if self.training and not self.ready:
            with torch.no_grad():
                self.shift.copy_(z.mean(0))
            self.ready = True
        return z - self.shift


@mutant("AEC628")
class ObjectInState(Changed):
    """Saves a class beside its tensors, which only a reader that runs arbitrary code can bring back."""

    def get_extra_state(self):
        return {"made by": Changed}

    def set_extra_state(self, state):
        pass


@mutant("AEC215", loss=zoo.elbo)
class StdStaysBehind(VAE):
    def forward(self, x):
        mu, logvar = self.encode(x)
        std = (0.5 * logvar).exp()
        if self.training:
            std = std * torch.randn_like(std)
        return self.decoder(mu + std), mu, logvar


@mutant("AEC625", loss=zoo.elbo)
class SamplesWrongSize(VAE):
    def sample(self, n=4):
        return self.decoder(torch.randn(n, 7))


@mutant("AEC606", loss=zoo.elbo)
class SamplesUniform(VAE):
    def sample(self, n=4):
        return self.decoder(torch.rand(n, 4))


@mutant("AEC626", batch=zoo.images, loss=zoo.dict_mse)
class ScaledAfterDecoding(zoo.Residual):
    def __init__(self):
        super().__init__()
        self.decoder = self.up

    def encode(self, x):
        return 0.18 * super().encode(x)

    def decode(self, z):
        return self.decoder(z) / 0.18

    def forward(self, x):
        return {"x_hat": self.decoder(super().encode(x))}


@mutant("AEC705", loss=zoo.vq_loss)
class CountsFromZero(zoo.VQ):
    def __init__(self):
        super().__init__(ema=True)
        self.counts.zero_()


@mutant("AEC705", loss=zoo.vq_loss)
class AverageUnderAnotherName(zoo.VQ):
    def __init__(self):
        super().__init__(ema=True)

    def quantize(self, z):
        kept = self.book.clone()
        q, loss = super().quantize(z)
        if self.training:
            self.average = self.book.clone()
            self.book.copy_(kept)
        return q, loss


def inverted(model, x):
    pred, mask = model(x)
    return ((pred - x).pow(2).mean(-1) * (1 - mask)).sum() / (1 - mask).sum()


def shifted(model, x):
    pred, mask = model(x)
    mask = mask * (torch.arange(12) > 1)
    return ((pred - x).pow(2).mean(-1) * mask).sum() / mask.sum()


def selected(model, x):
    pred, mask = model(x)
    return F.mse_loss(pred[mask == 0], x[mask == 0])


MUTANTS += [
    Mutant("visible_patches_selected", "AEC721", zoo.Masked, zoo.patches, selected),
    Mutant("loss_on_visible", "AEC721", zoo.Masked, zoo.patches, inverted),
    Mutant("mask_shifted", "AEC721", zoo.Masked, zoo.patches, shifted),
]


@mutant("AEC723", batch=zoo.images)
class PatchesMixedUp(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(16, 16)

    def patchify(self, x):
        return x.view(-1, 4, 4, 4, 4).permute(0, 1, 3, 2, 4).reshape(len(x), 16, 16)

    def unpatchify(self, p):
        return p.view(-1, 4, 4, 4, 4).permute(0, 1, 4, 2, 3).reshape(len(p), 1, 16, 16)

    def forward(self, x):
        return self.unpatchify(self.net(self.patchify(x)))


@bad_loss("AEC731", model=lambda: SignedCode())  # noqa: PLW0108 - the class is defined below
def signed_penalty(model, x):
    y, z = model(x)
    return F.mse_loss(y, x) + 0.1 * z.mean()


class SignedCode(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 40)), nn.Linear(40, 20)

    def forward(self, x):
        z = self.encoder(x)
        return self.decoder(z), z
