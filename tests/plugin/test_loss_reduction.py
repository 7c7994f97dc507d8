"""Terms of the loss that are reduced over the batch in different ways."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import HEALTHY, MLP, VAE, VQ, WAE, mmd_loss, vectors


def verdict(loss, model=VAE):
    return run_checks(AESpec(model, vectors, loss=loss), only=["AEC305"])["AEC305"]


def kl_sum(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum()


@pytest.mark.parametrize("healthy", HEALTHY, ids=[h.name for h in HEALTHY])
def test_healthy_losses_pass_or_say_what_they_lack(healthy):
    found = run_checks(healthy.spec(), only=["AEC305"])["AEC305"]
    assert found.status in {"passed", "skipped"}, str(found)


def both_summed(model, x):
    x_hat, mu, logvar = model(x)
    return (x_hat - x).pow(2).sum() + kl_sum(mu, logvar)


def decayed(model, x):
    """A weight penalty does not grow with the batch, and need not."""
    return both_summed(model, x) + 0.1 * sum(p.pow(2).sum() for p in model.parameters())


@pytest.mark.parametrize("loss", [both_summed, decayed])
def test_sums_throughout_pass(loss):
    assert verdict(loss).status == "passed"


def test_discrepancies_over_pairs_are_not_judged():
    assert verdict(mmd_loss, WAE).status in {"passed", "skipped"}


def mean_beside_sum(model, x):
    x_hat, mu, logvar = model(x)
    return F.mse_loss(x_hat, x) + kl_sum(mu, logvar)


def sum_beside_mean(model, x):
    x_hat, mu, logvar = model(x)
    return F.mse_loss(x_hat, x, reduction="sum") + kl_sum(mu, logvar) / len(x)


def summed_penalty(model, x):
    z = model.encoder(x)
    return F.mse_loss(model.decoder(z), x) + z.abs().sum()


@pytest.mark.parametrize(("loss", "model"), [(mean_beside_sum, VAE), (sum_beside_mean, VAE), (summed_penalty, MLP)])
def test_a_mixture_fails_with_both_shares(loss, model):
    found = verdict(loss, model)
    assert found.status == "failed"
    assert found.numbers["averaged"] > 1e-3
    assert found.numbers["summed"] > 1e-3


def test_a_written_out_batch_size_only_warns():
    def loss(model, x):
        x_hat, mu, logvar = model(x)
        return F.mse_loss(x_hat, x) + kl_sum(mu, logvar) / 128

    assert verdict(loss).status == "warned"


def test_summed_codebook_terms_beside_an_averaged_error_fail():
    class Summed(VQ):
        def quantize(self, z):
            q = self.book[torch.cdist(z, self.book).argmin(1)]
            return z + (q - z).detach(), ((z - q.detach()) ** 2).sum() + ((q - z.detach()) ** 2).sum()

    assert verdict(lambda m, x: F.mse_loss(m(x)[0], x) + m(x)[1], Summed).status == "failed"
