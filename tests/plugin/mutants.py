"""Faults injected into healthy models, each with the check that must find it."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from pytest_aecheck import AESpec
from tests.plugin import zoo
from tests.plugin.zoo import MLP, VAE, gaussian_kl, mse, reparameterize, vectors


@dataclass(frozen=True)
class Mutant:
    name: str
    code: str
    model: Callable[[], nn.Module]
    batch: Any = vectors
    loss: Callable | None = mse
    more: dict = field(default_factory=dict)

    def spec(self):
        return AESpec(self.model, self.batch, loss=self.loss, name=self.name, **self.more)


MUTANTS: list[Mutant] = []


def mutant(code, batch=vectors, loss=mse, **more):
    """Enter a model class (or factory) into the catalogue under its own name."""

    def enter(model):
        MUTANTS.append(Mutant(model.__name__, code, model, batch, loss, more))
        return model

    return enter


def bad_loss(code, model=VAE, batch=vectors, **more):
    """Enter a loss for a healthy model."""

    def enter(loss):
        MUTANTS.append(Mutant(loss.__name__, code, model, batch, loss, more))
        return loss

    return enter


class Changed(MLP):
    """The healthy model with something done to code or output."""

    def forward(self, x):
        return self.after(self.decoder(self.on_code(self.encoder(x))), x)

    def on_code(self, z):
        return z

    def after(self, y, x):
        return y


# --- architecture ------------------------------------------------------------------------------------------


@mutant("AEC100")
class WrongFeatures(MLP):
    def __init__(self):
        super().__init__()
        self.decoder[0] = nn.Linear(6, 32)


@mutant("AEC100")
class BatchSizeBakedIn(Changed):
    def on_code(self, z):
        return z.view(8, 5)


@mutant("AEC105")
class OutputInAnotherType(Changed):
    def after(self, y, x):
        return y.double()


@mutant("AEC107")
class AddsBatchMean(Changed):
    def after(self, y, x):
        return y + 1e-4 * y.mean(0, keepdim=True)


@mutant("AEC107")
class SoftmaxOverBatch(Changed):
    def on_code(self, z):
        return z.softmax(0)


@mutant("AEC107")
class NormalisesOverBatch(Changed):
    def on_code(self, z):
        return (z - z.mean(0)) / (z.std(0) + 1e-3)


@mutant("AEC107")
class LeaksDetached(Changed):
    def after(self, y, x):
        return y + 0.1 * y.detach().mean(0, keepdim=True)


@mutant("AEC107")
class TransposedView(Changed):
    def after(self, y, x):
        return y.t().contiguous().view(y.shape)


@mutant("AEC107")
class GlobalMinMax(Changed):
    def after(self, y, x):
        return (y - y.min()) / (y.max() - y.min())


@mutant("AEC107", batch=zoo.series, loss=mse)
class BatchAsTime(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(2, 8), nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


@mutant("AEC107", batch=zoo.patches)
class AttentionOverBatch(zoo.Transformer):
    def __init__(self):
        super().__init__()
        self.block = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0)


@mutant("AEC113")
class OnlyNormalised(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Linear(20, 16),
            nn.ReLU(),
            nn.Linear(16, 5),
            nn.Linear(5, 16),
            nn.BatchNorm1d(16),
            nn.Linear(16, 24),
            nn.BatchNorm1d(24),
            nn.Linear(24, 20),
        )


@mutant("AEC114")
class LayersInList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers, self.out = [nn.Linear(20, 8), nn.ReLU()], nn.Linear(8, 20)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.out(x)


@mutant("AEC114")
class LayersInDict(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers, self.out = {"a": nn.Linear(20, 8)}, nn.Linear(8, 20)

    def forward(self, x):
        return self.out(F.relu(self.layers["a"](x)))


@mutant("AEC117")
class DropoutOnOutput(MLP):
    def __init__(self):
        super().__init__()
        self.decoder.append(nn.Dropout(0.2))


@mutant("AEC118")
class ClampAsStatement(Changed):
    def after(self, y, x):
        y.clamp(0, 1)
        return y


@mutant("AEC118", batch=zoo.patches)
class MaskAsStatement(zoo.Transformer):
    def forward(self, x):
        h = self.embed(x)
        h.masked_fill(x[..., :1] > 0, 0.0)
        return self.out(self.code(self.block(h + self.pos)))


@mutant("AEC120")
class FunctionalDropout(Changed):
    def on_code(self, z):
        return F.dropout(z, 0.3)


@mutant("AEC121")
class ReturnsInput(Changed):
    def after(self, y, x):
        return x + 0 * y


@mutant("AEC122", batch=zoo.patches)
class PositionAlongBatch(zoo.Transformer):
    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.randn(64, 1, 16))

    def forward(self, x):
        return self.out(self.code(self.block(self.embed(x) + self.table[: x.size(0)])))


# --- latent ------------------------------------------------------------------------------------------------


@mutant("AEC200")
class ConstantOutput(Changed):
    def after(self, y, x):
        return torch.zeros_like(y) + self.decoder[-1].bias


@mutant("AEC200")
class DeadCode(MLP):
    def __init__(self):
        super().__init__()
        self.encoder.append(nn.ReLU())
        nn.init.constant_(self.encoder[2].bias, -50.0)


@mutant("AEC200")
class DetachedCode(Changed):
    def on_code(self, z):
        return z.detach()


@mutant("AEC200")
class RoundedCode(Changed):
    def on_code(self, z):
        return torch.round(z)


@mutant("AEC200")
class MeanCode(Changed):
    def on_code(self, z):
        return torch.zeros_like(z)


@mutant("AEC200", batch=zoo.patches)
class ArgmaxCode(zoo.Transformer):
    def forward(self, x):
        return self.out(F.one_hot(self.code(self.block(self.embed(x))).argmax(-1), 3).float())


@mutant("AEC100")
class NumpyOnTheWay(Changed):
    def on_code(self, z):
        return torch.from_numpy(z.numpy())


class Gaussian(VAE):
    """The healthy VAE, its draw and heads open to change."""

    def forward(self, x):
        mu, logvar = self.heads(x)
        return self.decoder(self.draw(mu, logvar)), mu, logvar

    def heads(self, x):
        return self.encode(x)

    def draw(self, mu, logvar):
        return reparameterize(mu, logvar)


@mutant("AEC202", loss=zoo.elbo)
class RectifiedMean(Gaussian):
    def heads(self, x):
        mu, logvar = self.encode(x)
        return F.relu(mu), logvar


@mutant("AEC202", loss=zoo.elbo)
class SigmoidMean(Gaussian):
    def heads(self, x):
        mu, logvar = self.encode(x)
        return torch.sigmoid(mu), logvar


@mutant("AEC202", loss=zoo.elbo)
class SoftmaxMean(Gaussian):
    def heads(self, x):
        mu, logvar = self.encode(x)
        return F.softmax(mu, dim=1), logvar


@mutant("AEC202", loss=zoo.elbo)
class RectifiedLogVariance(Gaussian):
    def heads(self, x):
        mu, logvar = self.encode(x)
        return mu, F.relu(logvar)


@mutant("AEC202", loss=zoo.elbo)
class SoftplusLogVariance(Gaussian):
    def heads(self, x):
        mu, logvar = self.encode(x)
        return mu, F.softplus(logvar)


@mutant("AEC203", loss=zoo.elbo)
class VarianceAsScale(Gaussian):
    def draw(self, mu, logvar):
        return mu + torch.exp(logvar) * torch.randn_like(mu)


@mutant("AEC203", loss=zoo.elbo)
class LogVarianceAsScale(Gaussian):
    def draw(self, mu, logvar):
        return mu + logvar * torch.randn_like(mu)


@mutant("AEC203", loss=zoo.elbo)
class HalvedOutside(Gaussian):
    def draw(self, mu, logvar):
        return mu + 0.5 * torch.exp(logvar) * torch.randn_like(mu)


@mutant("AEC205", loss=zoo.elbo)
class UniformNoise(Gaussian):
    def draw(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.rand_like(mu)


@mutant("AEC207", loss=zoo.elbo)
class OneNoiseForTheBatch(Gaussian):
    def draw(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape[1])


@mutant("AEC207", loss=zoo.elbo)
class OneNoiseForAllDimensions(Gaussian):
    def draw(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn(len(mu), 1)


@mutant("AEC208", loss=zoo.elbo)
class DrawnWithoutGradient(Gaussian):
    def draw(self, mu, logvar):
        return torch.normal(mu, torch.exp(0.5 * logvar))


@mutant("AEC208", loss=zoo.elbo)
class SampleInPlaceOfRsample(Gaussian):
    def draw(self, mu, logvar):
        return torch.distributions.Normal(mu, torch.exp(0.5 * logvar)).sample()


@mutant("AEC209", loss=zoo.elbo)
class OneHeadTwice(Gaussian):
    def heads(self, x):
        h = self.encoder(x)
        return self.fc_mu(h), self.fc_mu(h)


@mutant("AEC213", loss=zoo.elbo)
class ReseededNoise(Gaussian):
    def draw(self, mu, logvar):
        torch.manual_seed(0)
        return reparameterize(mu, logvar)


@mutant("AEC213", loss=zoo.elbo)
class FreshGenerator(Gaussian):
    def draw(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, generator=torch.Generator().manual_seed(1))


@mutant("AEC221", loss=zoo.elbo)
class DecodesTheMean(Gaussian):
    def forward(self, x):
        mu, logvar = self.encode(x)
        reparameterize(mu, logvar)
        return self.decoder(mu), mu, logvar


@mutant("AEC221", batch=zoo.tokens, loss=zoo.token_loss)
class DecoderFromEncoderState(zoo.SentenceVAE):
    def forward(self, x):
        _, h = self.enc(self.embed(x))
        mu, logvar = self.code(h[-1]).chunk(2, 1)
        self.start(reparameterize(mu, logvar))
        shifted = torch.cat([torch.ones_like(x[:, :1]), x[:, :-1]], 1)
        return self.out(self.dec(self.embed(shifted), h)[0]), mu, logvar


# --- objective ---------------------------------------------------------------------------------------------


@bad_loss("AEC300")
def exploding_exponential(model, x):
    x_hat, mu, logvar = model(x)
    return F.mse_loss(x_hat, x) + gaussian_kl(mu, logvar + 200)


@bad_loss("AEC302")
def reconstruction_only(model, x):
    return F.mse_loss(model(x)[0], x)


@bad_loss("AEC302")
def kl_as_number(model, x):
    x_hat, mu, logvar = model(x)
    return F.mse_loss(x_hat, x) + gaussian_kl(mu, logvar).item()


@bad_loss("AEC302")
def kl_detached(model, x):
    x_hat, mu, logvar = model(x)
    return F.mse_loss(x_hat, x) + gaussian_kl(mu.detach(), logvar.detach())


@bad_loss("AEC303")
def kl_without_log(model, x):
    x_hat, mu, logvar = model(x)
    return F.mse_loss(x_hat, x) + 0.5 * (mu**2 + logvar.exp() - 1).sum(1).mean()


@bad_loss("AEC303")
def kl_log_with_wrong_sign(model, x):
    x_hat, mu, logvar = model(x)
    return F.mse_loss(x_hat, x) + 0.5 * (mu**2 + logvar.exp() + logvar - 1).sum(1).mean()


@bad_loss("AEC303")
def kl_variance_subtracted(model, x):
    x_hat, mu, logvar = model(x)
    return F.mse_loss(x_hat, x) + 0.5 * (mu**2 - logvar.exp() - logvar - 1).sum(1).mean()


@bad_loss("AEC303")
def kl_double_variance(model, x):
    x_hat, mu, logvar = model(x)
    return F.mse_loss(x_hat, x) + 0.5 * (mu**2 + 2 * logvar.exp() - logvar - 1).sum(1).mean()


@bad_loss("AEC203")
def kl_reads_log_scale(model, x):
    x_hat, mu, logvar = model(x)
    return F.mse_loss(x_hat, x) + (0.5 * (mu**2 + (2 * logvar).exp()) - logvar - 0.5).sum(1).mean()


@bad_loss("AEC203")
def kl_receives_scale(model, x):
    x_hat, mu, logvar = model(x)
    return F.mse_loss(x_hat, x) + gaussian_kl(mu, torch.exp(0.5 * logvar))


@bad_loss("AEC304")
def kl_subtracted(model, x):
    x_hat, mu, logvar = model(x)
    return F.mse_loss(x_hat, x) - gaussian_kl(mu, logvar)


@bad_loss("AEC304", model=zoo.Gumbel)
def categorical_kl_subtracted(model, x):
    x_hat, kl = model(x)
    return F.mse_loss(x_hat, x) - kl


@bad_loss("AEC307", model=MLP)
def compared_with_noisy_input(model, x):
    x = x + 0.5 * torch.randn_like(x)
    return F.mse_loss(model(x), x)


@bad_loss("AEC307", model=MLP)
def compared_with_itself(model, x):
    y = model(x)
    return F.mse_loss(y, y)


@bad_loss("AEC307", model=MLP)
def compared_with_neighbour(model, x):
    return F.mse_loss(model(x), x.flip(0))


@bad_loss("AEC308", model=zoo.ConvAE, batch=zoo.images)
def logits_loss_on_sigmoid(model, x):
    return F.binary_cross_entropy_with_logits(model(x), x)


@bad_loss("AEC310", model=zoo.ConvAE, batch=zoo.signed_images)
def sigmoid_for_signed_images(model, x):
    return F.mse_loss(model(x), x)


@bad_loss("AEC310", model=zoo.ConvAE, batch=lambda n, seed: 255 * zoo.images(n, seed))
def sigmoid_for_bytes(model, x):
    return F.mse_loss(model(x), x)


@bad_loss("AEC310", model=lambda: nn.Sequential(MLP(), nn.ReLU()))
def relu_for_signed_vectors(model, x):
    return (model(x) - x).pow(2).mean()


@bad_loss("AEC310", model=MLP)
def logits_loss_on_signed_target(model, x):
    return F.binary_cross_entropy_with_logits(model(x), x)


@bad_loss("AEC310", model=lambda: nn.Sequential(MLP(), nn.Softmax(1)), batch=lambda n, s: vectors(n, s).sigmoid())
def softmax_for_pixels(model, x):
    return F.mse_loss(model(x), x)


@bad_loss("AEC312", model=MLP, batch=zoo.binary)
def swapped_cross_entropy(model, x):
    return F.binary_cross_entropy_with_logits(x, model(x))


@bad_loss("AEC313", model=MLP)
def broadcast_comparison(model, x):
    return F.mse_loss(model(x).unsqueeze(1), x)


@bad_loss("AEC316", model=MLP)
def weights_after_the_mean(model, x):
    return (F.mse_loss(model(x), x) * (1 + (x > 0))).mean()


@bad_loss("AEC318", model=MLP)
def error_maximised(model, x):
    return -F.mse_loss(model(x), x)


@bad_loss("AEC318", model=zoo.SoftplusVAE)
def likelihood_minimised(model, x):
    x_hat, q = model(x)
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    return torch.distributions.Normal(x_hat, 1.0).log_prob(x).sum(1).mean() + kl


# --- optimisation ------------------------------------------------------------------------------------------


@mutant("AEC401")
class ConstantWeights(MLP):
    def __init__(self):
        super().__init__()
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.constant_(layer.weight, 0.01)


@mutant("AEC406")
class TwoBranches(MLP):
    """A second branch is computed and dropped."""

    def __init__(self):
        super().__init__()
        self.side = nn.Linear(20, 5)

    def forward(self, x):
        self.side(x)
        return super().forward(x)


@bad_loss("AEC406", model=MLP)
def detached_loss(model, x):
    return F.mse_loss(model(x), x).detach().requires_grad_()


@bad_loss("AEC406", model=MLP)
def loss_as_new_tensor(model, x):
    return torch.tensor(F.mse_loss(model(x), x).item())


@mutant("AEC406", loss=zoo.vq_loss)
class TermsAfterStraightThrough(zoo.VQ):
    def quantize(self, z):
        q = self.book[torch.cdist(z, self.book).argmin(1)]
        q = z + (q - z).detach()
        return q, F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())


@mutant("AEC406", loss=zoo.vq_loss)
class CodebookDetached(zoo.VQ):
    def quantize(self, z):
        q = self.book[torch.cdist(z, self.book).argmin(1)].detach()
        return z + (q - z).detach(), F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q)


@mutant("AEC200", loss=zoo.vq_loss)
class NoStraightThrough(zoo.VQ):
    def quantize(self, z):
        q = self.book[torch.cdist(z, self.book).argmin(1)]
        return q, F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())


@mutant("AEC406", loss=zoo.vq_loss)
class LastBookNeverChosen(zoo.ResidualVQ):
    def forward(self, x):
        residual = x = self.enc(x)
        total, loss = torch.zeros_like(x), 0.0
        for book in list(self.books)[: random.randrange(1, 3) if self.training else 3]:
            q = book[torch.cdist(residual.detach(), book.detach()).argmin(1)]
            loss = loss + F.mse_loss(q, residual.detach()) + 0.25 * F.mse_loss(residual, q.detach())
            total, residual = total + q, residual - q.detach()
        return self.dec(x + (total - x).detach()), loss


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def step_with(order):
    """A training step whose parts come in the given order: z(ero), b(ackward), c(lip), s(tep), e(val)."""

    def step(model, optimizer, x):
        loss = F.mse_loss(model(x), x)
        for part in order:
            match part:
                case "z":
                    optimizer.zero_grad()
                case "b":
                    loss.backward()
                case "c":
                    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                case "s":
                    optimizer.step()
                case "e":
                    model.eval()

    return step


for _name, _code, _order in (
    ("gradients_never_cleared", "AEC403", "bs"),
    ("step_before_backward", "AEC405", "zsb"),
    ("no_step", "AEC405", "zb"),
    ("clipped_after_step", "AEC405", "zbsc"),
    ("cleared_before_step", "AEC405", "bzs"),
    ("left_in_evaluation", "AEC601", "zbse"),
):
    MUTANTS.append(Mutant(_name, _code, MLP, more={"optimizer": adam, "train_step": step_with(_order)}))
MUTANTS.append(
    Mutant("decoder_only", "AEC402", MLP, more={"optimizer": lambda m: torch.optim.SGD(m.decoder.parameters(), lr=0.1)})
)


# --- data --------------------------------------------------------------------------------------------------

DATA = vectors(96, 3)


class Rows(Dataset):
    def __init__(self):
        self.rows = [row.clone() for row in DATA[:24]]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


class FixedRow(Rows):
    def __getitem__(self, index):
        return self.rows[0]


class EditsRow(Rows):
    def __getitem__(self, index):
        row = self.rows[index]
        row[random.randrange(20)] = 0.0
        return row


class SameBatch:
    def __iter__(self):
        loader = DataLoader(TensorDataset(DATA), 16)
        return iter([next(iter(loader)) for _ in range(4)])


class OneBuffer:
    def __iter__(self):
        buffer = torch.empty(16, 20)
        for (batch,) in DataLoader(TensorDataset(DATA), 16, shuffle=True):
            buffer.copy_(batch)
            yield buffer


class Breaks(Rows):
    def __getitem__(self, index):
        return self.rows[index][: 10 + index]


for _name, _code, _loader in (
    ("same_batch_again", "AEC501", SameBatch),
    ("index_ignored", "AEC502", lambda: DataLoader(FixedRow(), 8, shuffle=True)),
    ("sorted_and_unshuffled", "AEC505", lambda: DataLoader(DATA[DATA.mean(1).argsort()], 16)),
    ("rows_edited", "AEC508", lambda: DataLoader(EditsRow(), 8, shuffle=True)),
    ("one_buffer", "AEC511", OneBuffer),
    ("ragged_items", "AEC500", lambda: DataLoader(Breaks(), 8)),
    ("infinite_values", "AEC500", lambda: DataLoader(DATA / 0, 16, shuffle=True)),
):
    MUTANTS.append(Mutant(_name, _code, MLP, more={"loader": _loader}))
MUTANTS.append(
    Mutant(
        "validated_on_training_data",
        "AEC506",
        MLP,
        more={k: (lambda: DataLoader(DATA, 16, shuffle=True)) for k in ("loader", "eval_loader")},
    )
)


# --- inference and variants ----------------------------------------------------------------------------------


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
class CountsInEvaluation(Changed):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def on_code(self, z):
        self.seen += len(z)
        return z


@mutant("AEC623")
class PlainTensor(Changed):
    def __init__(self):
        super().__init__()
        self.shift = torch.randn(5)

    def on_code(self, z):
        return z + self.shift


@mutant("AEC602", loss=zoo.elbo)
class SamplesWrongSize(VAE):
    def sample(self, n=4):
        return self.decoder(torch.randn(n, 7))


@mutant("AEC606", loss=zoo.elbo)
class SamplesUniform(VAE):
    def sample(self, n=4):
        return self.decoder(torch.rand(n, 4))


@mutant("AEC608", batch=zoo.images, loss=zoo.dict_mse)
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


def inverted(model, x):
    pred, mask = model(x)
    return ((pred - x).pow(2).mean(-1) * (1 - mask)).sum() / (1 - mask).sum()


def shifted(model, x):
    pred, mask = model(x)
    mask = mask * (torch.arange(12) > 1)
    return ((pred - x).pow(2).mean(-1) * mask).sum() / mask.sum()


MUTANTS += [
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
