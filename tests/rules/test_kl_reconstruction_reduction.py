import pytest

from aelint.rules.objective import kl_reconstruction_reduction as rule
from tests.rules.harness import rows

HEAD = """
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(784, 40), nn.Linear(20, 784)


def loss(x, weight):
    mu, logvar = encoder(x).chunk(2, dim=1)
    y = decoder(mu + torch.randn_like(mu) * torch.exp(0.5 * logvar))
    per_dim = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp())
    {}


for x in torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.rand(64, 784)), batch_size={}):
    loss(x[0], unknown)
"""


def program(body, batch=16):
    return HEAD.format(body, batch)


HEALTHY = {
    "both summed": "return F.mse_loss(y, x, reduction='sum') + per_dim.sum()",
    "both per sample, then averaged": "return F.mse_loss(y, x, reduction='none').sum(1).mean() + per_dim.sum(1).mean()",
    "sums divided by the batch": "return F.mse_loss(y, x, reduction='sum') / x.size(0) + per_dim.sum(1).mean()",
    "divided in place by pixels times batch": "kl = per_dim.sum()\n    kl /= x.size(0) * 4 * 196\n    return F.mse_loss(y, x) + kl",
    "both averaged over everything": "return F.mse_loss(y, x) + per_dim.mean()",
    "a small weight": "return F.mse_loss(y, x) + 0.00025 * per_dim.sum(1).mean()",
    "divided by the pixels": "return F.mse_loss(y, x) + per_dim.sum(1).mean() / 784",
    "divided by pixels and batch": "return F.mse_loss(y, x) + per_dim.sum() / x.numel()",
    "both divided by pixels and batch": "return F.mse_loss(y, x, reduction='sum') / x.numel() + per_dim.sum() / x.numel()",
    "both divided by their numbers": "return F.mse_loss(y, x, reduction='sum') / x.nelement() + per_dim.sum() / mu.nelement()",
    "multiplied by the pixels": "return 784 * F.mse_loss(y, x) + per_dim.sum(1).mean()",
    "a weight known at run time only": "return F.mse_loss(y, x) + weight * per_dim.sum(1).mean()",
    "a contrastive term, whose labels are places": (
        "return F.cross_entropy(mu @ mu.t(), torch.arange(len(mu), device=mu.device)) + per_dim.sum()"
    ),
    "latents averaged with a weight that makes up for it": "return F.mse_loss(y, x, reduction='sum') / len(x) + 20 * per_dim.mean()",
}


@pytest.mark.parametrize("body", HEALTHY.values(), ids=HEALTHY.keys())
def test_balanced(body):
    assert not rows(rule, program(body))


def test_few_features():
    source = program("return F.mse_loss(y, x) + per_dim.sum(1).mean()").replace("784", "8")
    assert not rows(rule, source)


OUT_OF_BALANCE = {
    "pixels averaged": "return F.mse_loss(y, x) + per_dim.sum(1).mean()",
    "pixels averaged, everything else summed": "return F.mse_loss(y, x) + per_dim.sum()",
    "divided by all pixels": "return F.mse_loss(y, x, reduction='sum') / x.numel() + per_dim.sum()",
    "divided by the product of the sizes": "return ((y - x) ** 2).sum() / (x.size(0) * 784) + per_dim.sum(1).mean()",
    "binary cross-entropy averaged": "return F.binary_cross_entropy(torch.sigmoid(y), x) + per_dim.sum(dim=-1).mean(dim=0)",
    "latents averaged": "return ((y - x) ** 2).sum(1).mean() + per_dim.mean()",
    "latents and batch averaged": "return ((y - x) ** 2).sum() + per_dim.mean()",
    "batch mixed": "return F.mse_loss(y, x, reduction='sum') + per_dim.sum(1).mean()",
    "batch mixed the other way": "return F.mse_loss(y, x, reduction='none').sum(1).mean() + per_dim.sum()",
}


@pytest.mark.parametrize("body", OUT_OF_BALANCE.values(), ids=OUT_OF_BALANCE.keys())
def test_out_of_balance(body):
    assert rows(rule, program(body)) == [13]


ODD = {
    "the mean over pixels": ("mean", "per_dim.sum(1).mean()", 13),
    "the sum over the batch of the reconstruction": ("sum", "per_dim.sum(1).mean()", 13),
    "the mean over latent dimensions": ("sum", "per_dim.mean()", 14),
    "the mean over pixels beside a sum over everything": ("mean", "per_dim.sum()", 13),
}


@pytest.mark.parametrize(("error", "kl", "row"), ODD.values(), ids=ODD.keys())
def test_points_at_the_reduction_that_is_odd(error, kl, row):
    body = f"error = F.mse_loss(y, x, reduction='{error}')\n    kl = {kl}\n    return error + kl"
    assert rows(rule, program(body)) == [row]


def test_points_at_the_divergence_that_alone_is_summed_over_the_batch():
    body = "error = (y - x).pow(2).sum(1).mean()\n    kl = per_dim.sum()\n    return error + kl"
    assert rows(rule, program(body)) == [14]


@pytest.mark.parametrize(
    ("error", "kl", "found"),
    [
        pytest.param("F.mse_loss(y, x, reduction='sum')", "per_dim.sum()", [], id="both summed"),
        pytest.param("((y - x) ** 2).sum(1).mean()", "per_dim.sum() / 64", [], id="both averaged"),
        pytest.param("((y - x) ** 2).sum(1).mean()", "per_dim.sum()", [13], id="the divergence alone summed"),
        pytest.param("F.mse_loss(y, x, reduction='sum')", "per_dim.sum(1).mean()", [13], id="the error alone summed"),
    ],
)
def test_a_known_number_of_samples(error, kl, found):
    function = program(f"return {error} + {kl}").partition("for x in")[0]
    assert rows(rule, function + "loss(torch.rand(64, 784), 1.0)\n") == found


def test_points_at_the_reduction_inside_a_helper():
    helper = "def distance(y, x):\n    return {}\n\n\ndef loss("
    source = program("return distance(y, x) + per_dim.sum(1).mean()").replace("def loss(", helper)
    assert rows(rule, source.format("(y - x).pow(2).mean()")) == [10]
    assert rows(rule, source.format("(y - x).pow(2).sum()")) == [10]
    assert rows(rule, source.format("(y - x).pow(2).sum(1).mean()")) == []


CRITERION = """
class Criterion(nn.Module):
    def __init__(self, average=True):
        super().__init__()
        self.average = average

    def forward(self, y, x):
        error = F.mse_loss(y, x, reduction="sum")
        if self.average:
            error = error / x.numel()
        return error


def error(y, x, kind="mean"):
    total = (y - x).pow(2).sum()
    if kind == "mean":
        total = total / x.numel()
    return total


criterion = Criterion({})


def loss("""


@pytest.mark.parametrize(
    ("given", "called", "row"),
    [
        ("average=True", "criterion(y, x)", 28),
        ("True", "criterion(y, x)", 28),
        ("", "criterion(y, x)", 10),
        ("", "error(y, x, 'mean')", 35),
        ("", "error(y, x)", 21),
        ("average=False", "criterion(y, x)", None),
        ("", "error(y, x, 'sum')", None),
    ],
)
def test_points_at_the_option_that_asks_for_the_mean(given, called, row):
    source = program(f"return {called} + per_dim.sum()").replace("def loss(", CRITERION.strip("\n"))
    assert rows(rule, source.replace("Criterion({})", f"Criterion({given})")) == ([] if row is None else [row])


def test_points_at_the_mean_where_the_option_is_not_kept_as_it_was_given():
    source = program("return criterion(y, x) + per_dim.sum()").replace("def loss(", CRITERION.strip("\n"))
    source = source.replace("self.average = average", "self.average = not average")
    assert rows(rule, source.replace("Criterion({})", "Criterion(average=False)")) == [17]


def test_sizes_that_are_not_known():
    source = """
    import torch
    import torch.nn as nn
    def loss_function(recon, x, mu, logvar):
        criterion = nn.MSELoss()
        kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        return criterion(recon, x) + kld
    """
    assert rows(rule, source) == [7]
    assert not rows(rule, source.replace("criterion(recon, x) + kld", "criterion(recon, x) + 1e-4 * kld"))
    assert not rows(rule, source.replace("nn.MSELoss()", "nn.MSELoss(reduction='sum')"))


def test_a_sum_divided_by_the_samples_is_a_mean_over_them():
    source = """
    import torch
    from torch import nn

    encoder, decoder = nn.Linear(64, 40), nn.Linear(20, 64)

    def loss(x):
        mu, logvar = encoder(x).chunk(2, dim=1)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        kl = torch.{}(-0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), 1))
        kl = {}
        return torch.sum((decoder(z) - x) ** 2) / x.size(0) + kl

    loss(torch.rand(16, 64))
    """
    assert not rows(rule, source.format("mean", "kl"))
    assert not rows(rule, source.format("mean", "0.1 * kl"))
    averaged = "-0.5 * torch.mean(torch.mean(1 + logvar - mu.pow(2) - logvar.exp(), 1))"
    assert rows(rule, source.format("mean", averaged))


def test_silent_where_a_sum_over_channels_leaves_a_map_that_may_be_1_by_1():
    source = """
        import torch
        import torch.nn as nn
        import torch.nn.functional as F

        encoder, decoder = nn.Conv2d(3, 64, 4, 2), nn.ConvTranspose2d(32, 3, 4, 2)

        def loss(x):
            mu, logvar = encoder(x).chunk(2, dim=1)
            y = decoder(mu + torch.randn_like(mu) * torch.exp(0.5 * logvar))
            kl = (-0.5 * (1 + logvar - mu.pow(2) - logvar.exp())).sum(1).mean()
            return F.mse_loss(y, x, reduction="sum") / x.size(0) + kl
        """
    assert rows(rule, source) == []


def test_silent_on_one_number_for_each_direction_on_a_sphere():
    source = """
import torch
from torch import nn
from torch.distributions import Distribution, Normal, kl_divergence

class Direction(Distribution):
    def __init__(self, loc, scale):
        self.loc, self.scale = loc, scale
        super().__init__(loc.size()[:-1], loc.size()[-1:])

    def rsample(self, shape=torch.Size()):
        shape = shape if isinstance(shape, torch.Size) else torch.Size([shape])
        return self.loc + torch.randn(shape + torch.Size(self.loc.shape))

enc, dec = nn.Linear(784, 16), nn.Linear(16, 784)

def train(x):
    q = {family}(enc(x), torch.ones(64, 16))
    logits = dec(q.rsample())
    loss = nn.BCEWithLogitsLoss(reduction="none")(logits, x).sum(-1).mean()
    loss = loss + kl_divergence(q, {family}(torch.zeros(64, 16), torch.ones(64, 16))).mean()
    loss.backward()

train(torch.rand(64, 784))
"""
    assert rows(rule, source.format(family="Direction")) == []
    assert rows(rule, source.format(family="Normal")) == [21]


ROWS = """
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

table = (np.load("table.npy") < 7).astype("float32").reshape(1000, -1)
encoder, decoder = nn.Linear(144, 8), nn.Sequential(nn.Linear(4, 144), nn.Sigmoid())
order = {order}
for i in range(0, len(table), 50):
    x = torch.from_numpy(table[order[i:i + 50]])
    mu, logvar = encoder(x).chunk(2, dim=1)
    y = decoder(mu + torch.randn_like(mu) * torch.exp(0.5 * logvar))
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(dim=-1)
    error = F.binary_cross_entropy(y, x, reduction="none").{reduced}
    (error + kl).mean().backward()
"""
ORDERS = [
    pytest.param("np.random.permutation(len(table))", id="permutation"),
    pytest.param("np.random.default_rng(0).permutation(len(table))", id="generator"),
    pytest.param("torch.randperm(len(table))", id="randperm"),
]


@pytest.mark.parametrize("order", ORDERS)
def test_rows_in_a_random_order(order):
    assert rows(rule, ROWS.format(order=order, reduced="sum(dim=-1)")) == []
    assert rows(rule, ROWS.format(order=order, reduced="mean(dim=-1)")) == [15]


def test_a_mean_over_the_last_axis_of_a_tensor_of_unknown_rank():
    function = """
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(144, 8), nn.Sequential(nn.Linear(4, 144), nn.Sigmoid())

def loss(x):
    mu, logvar = encoder(x).chunk(2, dim=-1)
    y = decoder(mu + torch.randn_like(mu) * torch.exp(0.5 * logvar))
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(dim=-1)
    return F.binary_cross_entropy(y, x, reduction="none").{}(dim=-1) + kl
"""
    assert rows(rule, function.format("sum")) == []
    assert rows(rule, function.format("mean")) == [12]


def test_silent_where_the_words_of_a_known_number_of_sentences_are_summed():
    source = """
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(14, 40), nn.Linear(20, 14 * 30)

def loss(words):
    mu, logvar = encoder(words.float()).chunk(2, dim=1)
    logits = decoder(mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)).view(-1, 14, 30)
    nll = F.cross_entropy(logits.flatten(0, 1), words.flatten(), reduction="sum")
    kl = -0.5 * {kl}
    return nll{per} + kl

loss(torch.randint(0, 30, (64, 14)))
"""
    summed, averaged = (
        "torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / len(words)",
        "(1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()",
    )
    assert rows(rule, source.format(kl=summed, per=" / len(words)")) == []
    assert rows(rule, source.format(kl=averaged, per="")) == [11]
