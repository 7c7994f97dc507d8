"""Losses in the spellings that people use."""

import math

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it


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


def sparse_loss(model, x):
    x_hat, z = model(x)
    return F.mse_loss(x_hat, x) + 1e-3 * z.sum(1).mean()


def dict_mse(model, x):
    return F.mse_loss(model(x)["x_hat"], x)


def bernoulli_loss(model, x):
    logits, mu, ls = model(x)
    kl = (0.5 * (mu**2 + (2 * ls).exp()) - ls - 0.5).sum(1).mean()
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x) + kl


def distribution_loss(model, x):
    x_hat, q = model(x)
    prior = torch.distributions.Normal(torch.zeros_like(q.loc), torch.ones_like(q.scale))
    likelihood = torch.distributions.Normal(x_hat, 1.0)
    return -likelihood.log_prob(x).sum(1).mean() + torch.distributions.kl_divergence(q, prior).sum(1).mean()


def count_loss(model, x):
    likelihood, mu, logvar = model(x)
    return -likelihood.log_prob(x).sum(1).mean() + gaussian_kl(mu, logvar)


def free_bits_loss(model, x):
    x_hat, mu, logvar = model(x)
    kl = (-0.5 * (1 + logvar - mu.pow(2) - logvar.exp())).mean(0)
    return (x_hat - x).pow(2).sum(1).mean() + kl.clamp(min=0.5).sum()


def learned_variance_loss(model, x):
    mean, log_noise, mu, logvar = model(x)
    nll = 0.5 * ((x - mean) ** 2 / log_noise.exp() + log_noise + math.log(2 * math.pi))
    return nll.sum(1).mean() + gaussian_kl(mu, logvar)


def returned_kl(model, x):
    x_hat, kl = model(x)
    return (x_hat - x).pow(2).flatten(1).sum(1).mean() + kl


def capacity_loss(model, x):
    """The divergence is pulled to a value of its own, from whichever side (JointVAE)."""
    x_hat, kl = model(x)
    return (x_hat - x).pow(2).flatten(1).sum(1).mean() + 30 * (2.0 - kl).abs()


def handed_on_loss(model, x):
    x_hat, given, mu, logvar = model(x)
    return (x_hat - given.flatten(1)).pow(2).sum(1).mean() + gaussian_kl(mu, logvar)


def conditional_loss(model, batch):
    x, label = batch
    x_hat, mu, logvar = model(x, label)
    return (x_hat - x).pow(2).sum(1).mean() + gaussian_kl(mu, logvar)


def vq_loss(model, x):
    x_hat, extra = model(x)
    return F.mse_loss(x_hat, x) + extra


def token_loss(model, x):
    logits, mu, logvar = model(x)
    return F.cross_entropy(logits.flatten(0, 1), x.flatten(), reduction="sum") / len(x) + gaussian_kl(mu, logvar)


def padded_token_loss(model, x):
    logits, mu, logvar = model(x)
    each = F.cross_entropy(logits.flatten(0, 1), x.flatten(), ignore_index=0, reduction="sum")
    return each / len(x) + gaussian_kl(mu, logvar)


def masked_loss(model, x):
    pred, mask = model(x)
    return ((pred - x).pow(2).mean(-1) * mask).sum() / mask.sum()


def denoising_loss(model, x):
    return F.mse_loss(model(x + 0.3 * torch.randn_like(x)), x)


def mmd_loss(model, x):
    x_hat, z = model(x)
    p = torch.randn_like(z)

    def k(a, b):
        return torch.exp(-torch.cdist(a, b).pow(2) / 8).mean()

    return F.mse_loss(x_hat, x) + k(z, z) + k(p, p) - 2 * k(z, p)


def hidden_patches_loss(model, x):
    """The same, on what was hidden, selected by its mask."""
    pred, mask = model(x)
    return F.mse_loss(pred[mask.bool()], x[mask.bool()])


def monte_carlo_loss(model, x):
    """The KL estimated from the drawn sample."""
    x_hat, q = model(x)
    z = q.rsample()
    prior = torch.distributions.Normal(0.0, 1.0)
    return (x_hat - x).pow(2).sum(1).mean() + (q.log_prob(z) - prior.log_prob(z)).sum(1).mean()


def summed_bce(model, x):
    return F.binary_cross_entropy(model(x), x, reduction="sum") / len(x)


def warm_up(model, x):
    """The KL's weight is still zero."""
    return elbo(model, x, beta=0.0)


def edge_loss(model, batch):
    logits, mu, logvar = model(*batch)
    kl = gaussian_kl(mu, logvar) / 10
    return F.binary_cross_entropy_with_logits(logits, batch[1]) + 0.01 * kl


def weighted_by_activity_loss(model, x):
    """What is counted weighs a term; it is none of its own."""
    x_hat, z = model(x)
    active = (z > 0.1).float().mean(0)
    return F.mse_loss(x_hat, x) + 1e-3 * (active * z.abs()).mean()
