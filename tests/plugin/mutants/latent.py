"""The code, the posterior, its draw."""

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from tests.plugin import zoo
from tests.plugin.mutants.catalogue import Changed, mutant
from tests.plugin.zoo import MLP, VAE, reparameterize


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


@mutant("AEC406", loss=zoo.elbo)
class MeanDetached(VAE):
    """The KL still trains the mean, so that every parameter has a gradient."""

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decoder(mu.detach() + torch.randn_like(mu) * (0.5 * logvar).exp()), mu, logvar


@mutant("AEC721", batch=zoo.patches, loss=zoo.masked_loss)
class OrderRestoredFromTheNoise(zoo.Masked):
    """The argsort of the noise is the order itself, not the way back."""

    def forward(self, x):
        b, n, _ = x.shape
        order = torch.rand(b, n).argsort(1)
        back, keep = order, n // 4
        h = self.embed(x) + self.pos
        seen = self.enc(torch.gather(h, 1, order[:, :keep, None].expand(-1, -1, 16)))
        full = torch.cat([seen, self.token.expand(b, n - keep, -1)], 1)
        full = torch.gather(full, 1, back[..., None].expand(-1, -1, 16)) + self.pos
        return self.head(self.dec(full)), (back >= keep).float()


@mutant("AEC704", loss=zoo.vq_loss)
class FarthestOfATransposedBook(zoo.VQ):
    """The entries are columns, the table is looked up transposed, and the largest distance wins."""

    def __init__(self):
        super().__init__()
        self.book = nn.Parameter(self.book.detach().t().contiguous())

    def quantize(self, z):
        distance = z.pow(2).sum(1, keepdim=True) - 2 * z @ self.book + self.book.pow(2).sum(0, keepdim=True)
        q = F.embedding(distance.argmax(1), self.book.t())
        return z + (q - z).detach(), F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
