"""Losses."""

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from tests.plugin import zoo
from tests.plugin.mutants.catalogue import bad_loss
from tests.plugin.zoo import MLP, gaussian_kl, vectors


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


@bad_loss("AEC303")
def kl_with_the_logarithm_squared(model, x):
    x_hat, mu, logvar = model(x)
    return F.mse_loss(x_hat, x) + 0.5 * (mu**2 + logvar.exp() - (0.5 * logvar) ** 2 - 1).sum(1).mean()


@bad_loss("AEC303")
def kl_with_the_standard_deviation(model, x):
    x_hat, mu, logvar = model(x)
    return F.mse_loss(x_hat, x) + 0.5 * (mu**2 + (0.5 * logvar).exp() - logvar - 1).sum(1).mean()


@bad_loss("AEC303")
def kl_with_the_variance_squared(model, x):
    x_hat, mu, logvar = model(x)
    return F.mse_loss(x_hat, x) + 0.5 * (mu**2 + logvar.exp() ** 2 - logvar - 1).sum(1).mean()


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


class StateIsReading(nn.Module):
    """An LSTM's hidden state for a reading, and the readings are standardised."""

    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.LSTM(2, 8, batch_first=True), nn.LSTM(8, 2, batch_first=True)

    def forward(self, x):
        return self.dec(self.enc(x)[0][:, -1:].expand(-1, x.size(1), -1))[0]


@bad_loss("AEC310", model=StateIsReading, batch=lambda n, seed: 2 * zoo.series(n, seed))
def hidden_state_for_readings(model, x):
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


@bad_loss("AEC331", model=MLP)
def error_maximised(model, x):
    return -F.mse_loss(model(x), x)


@bad_loss("AEC331", model=zoo.SoftplusVAE)
def likelihood_minimised(model, x):
    x_hat, q = model(x)
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1).mean()
    return torch.distributions.Normal(x_hat, 1.0).log_prob(x).sum(1).mean() + kl


@bad_loss("AEC307", model=MLP)
def samples_fed_in_another_order(model, x):
    return F.mse_loss(model(x.flip(0)), x)


@bad_loss("AEC212", model=MLP)
def corruption_made_and_dropped(model, x):
    noisy = x + 0.3 * torch.randn_like(x)
    return F.mse_loss(model(x), x) + 0 * len(noisy)
