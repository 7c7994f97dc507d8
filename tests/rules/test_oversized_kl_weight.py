import pytest

from aelint.rules.objective import oversized_kl_weight as rule
from tests.rules.harness import rows

HEAD = "import torch\nimport torch.nn.functional as F\n\n\ndef loss(recon, x, mu, logvar, beta, capacity):\n"
KL = "    kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())\n"

HEALTHY = {
    "beta-VAE": "    return F.binary_cross_entropy(recon, x, reduction='sum') + 4 * kl",
    "the largest honest weight": "    return F.binary_cross_entropy(recon, x, reduction='sum') + 20.0 * kl",
    "a schedule": "    return F.mse_loss(recon, x, reduction='sum') + beta * kl",
    "a capacity": "    return F.mse_loss(recon, x, reduction='sum') + 1000 * torch.abs(kl - capacity)",
    "the reconstruction weighted up alike": "    return 784 * F.mse_loss(recon, x, reduction='sum') + 784 * kl",
    "distillation": "    rec = F.mse_loss(recon, x)\n    kl_loss = F.kl_div(F.log_softmax(mu, 1), logvar)\n    return rec + 100 * kl_loss",
    "no reconstruction in sight": "    return 100 * kl",
}


@pytest.mark.parametrize("body", HEALTHY.values(), ids=HEALTHY.keys())
def test_healthy_weight(body):
    assert not rows(rule, HEAD + KL + body + "\n")


def test_weight_that_makes_up_for_a_mean_over_latents_against_a_sum_over_pixels():
    source = """
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    enc, dec = nn.Linear(64, 64), nn.Linear(32, 64)
    x = torch.rand(16, 64)
    mu, logvar = enc(x).chunk(2, 1)
    kl = -0.5 * torch.mean(1 + logvar - mu ** 2 - logvar.exp())
    loss = F.mse_loss(dec(mu), x, reduction="sum") / 16 + {} * kl
    """
    assert not rows(rule, source.format("64"))
    assert rows(rule, source.format("6400")) == [9]


def test_division_of_a_sum_over_samples_that_are_not_known_to_be_as_many():
    source = """
    import torch
    import torch.nn.functional as F
    def loss(recon, x, mu, logvar):
        kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp(), dim=1).mean()
        return F.binary_cross_entropy(recon, x, reduction="sum") / {} + {} * kl
    """
    assert not rows(rule, source.format("64", "1"))
    assert rows(rule, source.format("1", "100")) == [6]


def test_names_alone():
    assert rows(rule, "loss = reconstruction_loss + 100 * kl_divergence\n") == [1]
    assert rows(rule, "total = 0\nloss = kl_loss * 500.0 + rec_loss\n") == [2]
    assert not rows(rule, "loss = reconstruction_loss + 100 * kl_weight\n")


def test_weight_from_a_default_argument():
    source = HEAD.replace("beta,", "").replace("capacity", "beta=250.0") + KL
    source += "    recon_loss = ((recon - x) ** 2).sum()\n    return recon_loss + beta * kl\n"
    assert rows(rule, source) == [8]


def test_weight_stored_in_the_model():
    source = """
    import torch
    import torch.nn as nn
    class VAE(nn.Module):
        def __init__(self, kld_weight=1000):
            super().__init__()
            self.kld_weight = kld_weight
        def loss_function(self, recon, x, mu, logvar):
            kld = torch.mean(-0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp(), dim=1))
            return nn.functional.mse_loss(recon, x) + self.kld_weight * kld
    """
    assert rows(rule, source) == [10]
