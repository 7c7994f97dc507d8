"""Activations on the mean or the log-variance of a posterior."""

from __future__ import annotations

import pytest

from aelint.rules.latent import bounded_posterior_head as rule
from tests.rules.harness import rows, run

MODEL = """
import torch
from torch import nn
import torch.nn.functional as F

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(30, 16), nn.ReLU())
        self.mean, self.scale, self.decoder = nn.Linear(16, 4), nn.Linear(16, 4), nn.Linear(4, 30)

    def forward(self, x):
        h = self.body(x)
        m, s = {heads}
        z = m + {std} * torch.randn_like(m)
        return self.decoder(z), m, s

def loss(model, x):
    out, m, s = model(x)
    return F.mse_loss(out, x) + {kl}

loss(Model(), torch.rand(8, 30)).backward()
"""
LOGVAR = ("torch.exp(0.5 * s)", "-0.5 * (1 + s - m ** 2 - s.exp()).mean()")
LOGSTD = ("torch.exp(s)", "0.5 * (m ** 2 + torch.exp(2 * s) - 1 - 2 * s).mean()")
STD = ("s", "0.5 * (m ** 2 + s ** 2 - 1 - 2 * s.log()).mean()")
NONE = ("torch.exp(s)", "0")


@pytest.mark.parametrize(
    ("heads", "law"),
    [
        pytest.param("self.mean(h), self.scale(h)", LOGVAR, id="linear"),
        pytest.param("self.mean(h), F.softplus(self.scale(h))", STD, id="softplus-for-a-std"),
        pytest.param("self.mean(h), self.scale(h).clamp(-10, 10)", LOGVAR, id="clamped"),
        pytest.param("self.mean(h), self.scale(h).clamp(max=10)", LOGVAR, id="clamped-from-above"),
        pytest.param("self.mean(h), self.scale(h).clamp(min=1e-6)", STD, id="a-std-above-zero"),
        pytest.param("self.mean(h), F.hardtanh(self.scale(h), -7, 2)", LOGVAR, id="hardtanh-as-a-guard"),
        pytest.param("self.mean(h), 5 * torch.tanh(self.scale(h))", LOGVAR, id="tanh-as-a-guard"),
        pytest.param("torch.tanh(self.mean(h)), self.scale(h)", NONE, id="policy"),
        pytest.param("self.mean(F.elu(h)), self.scale(F.relu(h))", LOGVAR, id="activation-before-the-head"),
        pytest.param(
            "self.mean(h), self.scale(h) if x.mean() > 0 else -4.0",
            ("torch.exp(0.5 * s)", "-0.5 * (1 + s - m ** 2 - torch.exp(s)).mean()"),
            id="a-fixed-scale-for-some",
        ),
    ],
)
def test_silent(heads: str, law: tuple[str, str]) -> None:
    assert rows(rule, MODEL.format(heads=heads, std=law[0], kl=law[1])) == []


def test_an_output_distribution_is_no_posterior() -> None:
    source = MODEL.format(heads="self.mean(h), self.scale(h)", std=LOGVAR[0], kl=LOGVAR[1])
    source += (
        "\nclass Decoder(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.m, self.s, self.critic = nn.Linear(4, 30), nn.Linear(4, 30), nn.Linear(30, 1)\n\n"
        "    def forward(self, z):\n        m, s = torch.sigmoid(self.m(z)), self.s(z)\n"
        "        return self.critic(m + torch.exp(0.5 * s) * torch.randn_like(m))\n\n"
        "q = Model()\nz = q.mean(q.body(torch.rand(8, 30)))\nz = z + (q.scale(q.body(torch.rand(8, 30))) / 2).exp() * torch.randn_like(z)\n"
        "Decoder()(z)\n"
    )
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    ("heads", "law"),
    [
        pytest.param("F.relu(self.mean(h)), self.scale(h)", LOGVAR, id="relu-mean"),
        pytest.param("torch.tanh(self.mean(h)), 0.5 * torch.tanh(self.scale(h))", LOGSTD, id="tanh-mean"),
        pytest.param("self.mean(h), F.relu(self.scale(h))", LOGVAR, id="relu-log-variance"),
        pytest.param("self.mean(h), F.softplus(self.scale(h))", LOGVAR, id="softplus-log-variance"),
        pytest.param("self.mean(h), self.scale(h).sigmoid()", LOGSTD, id="sigmoid-log-std"),
        pytest.param("self.mean(h), self.scale(h).clamp(min=0)", LOGVAR, id="log-variance-above-zero"),
        pytest.param("self.mean(h), torch.clip(self.scale(h), 0.1, 10)", LOGSTD, id="log-std-above-zero"),
        pytest.param("self.mean(h).softmax(-1), self.scale(h)", LOGVAR, id="softmax-mean"),
    ],
)
def test_fires(heads: str, law: tuple[str, str]) -> None:
    assert rows(rule, MODEL.format(heads=heads, std=law[0], kl=law[1])) == [14]


def test_activation_module_at_the_end_of_the_head() -> None:
    source = MODEL.format(heads="self.mean(h), self.scale(h)", std=LOGVAR[0], kl=LOGVAR[1])
    source = source.replace(
        "self.mean, self.scale, self.decoder = nn.Linear(16, 4),",
        "self.mean, self.scale, self.decoder = nn.Sequential(nn.Linear(16, 4), nn.Tanh()),",
    )
    assert rows(rule, source) == [10]


def test_silent_on_what_is_generated_from_noise_behind_the_training() -> None:
    source = (
        MODEL.format(heads="self.mean(h), self.scale(h)", std=LOGVAR[0], kl=LOGVAR[1])
        + """

def sample(model, step):
    z = torch.randn(8, 30)
    m, s = step(z).chunk(2, dim=1)
    z = torch.tanh(m) + torch.exp(0.5 * s) * torch.randn_like(s)
    return model.decoder(z)

sample(Model(), nn.Linear(30, 8))
"""
    )
    assert rows(rule, source) == []


BY_HAND = """
import torch
from torch import nn
import torch.nn.functional as F

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.W_h, self.b_h = nn.Parameter(torch.randn(30, 16)), nn.Parameter(torch.zeros(16))
        self.W_m, self.b_m = nn.Parameter(torch.randn(16, 4)), nn.Parameter(torch.zeros(4))
        self.W_s, self.b_s = nn.Parameter(torch.randn(16, 4)), nn.Parameter(torch.zeros(4))
        self.W_x = nn.Parameter(torch.randn(4, 30))

    def forward(self, x):
        h = torch.relu(x @ self.W_h + self.b_h)
        m = {mean}
        s = {scale}
        z = m + torch.exp(0.5 * s) * torch.randn_like(m)
        return z @ self.W_x, m, s

def loss(model, x):
    out, m, s = model(x)
    return F.mse_loss(out, x) - 0.5 * (1 + s - m ** 2 - s.exp()).mean()

loss(Model(), torch.rand(8, 30)).backward()
"""
PLAIN_SCALE = "h @ self.W_s + self.b_s"


@pytest.mark.parametrize(
    ("mean", "scale"),
    [
        pytest.param("h @ self.W_m + self.b_m", PLAIN_SCALE, id="weights-kept-as-parameters"),
        pytest.param("torch.relu(h[:, :4] + h[:, 4:8])", PLAIN_SCALE, id="sum-without-weights"),
    ],
)
def test_silent_by_hand(mean: str, scale: str) -> None:
    assert rows(rule, BY_HAND.format(mean=mean, scale=scale)) == []


@pytest.mark.parametrize(
    ("mean", "scale", "found"),
    [
        pytest.param("torch.relu(h @ self.W_m + self.b_m)", PLAIN_SCALE, [16], id="matmul-and-bias"),
        pytest.param("torch.relu(torch.matmul(h, self.W_m))", PLAIN_SCALE, [16], id="no-bias"),
        pytest.param(
            "torch.addmm(self.b_m, h, self.W_m)", "torch.addmm(self.b_s, h, self.W_s).relu()", [17], id="addmm"
        ),
        pytest.param("torch.add(self.b_m, h.mm(self.W_m)).sigmoid()", PLAIN_SCALE, [16], id="bias-first"),
    ],
)
def test_fires_by_hand(mean: str, scale: str, found: list[int]) -> None:
    assert rows(rule, BY_HAND.format(mean=mean, scale=scale)) == found


BLOCKS = """
import torch
from torch import nn
import torch.nn.functional as F

class Conv(nn.Module):
    def __init__(self, c_in, c_out, activation=F.relu):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.activation = activation

    def forward(self, x):
        x = self.conv(x)
        return x if self.activation is None else self.activation(x)

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = Conv(1, 8)
        self.mean = Conv(8, 2, activation=None)
        self.logvar = Conv(8, 2{given})
        self.up = nn.Conv2d(2, 1, 1)

    def forward(self, x):
        h = self.body(x)
        mean, logvar = self.mean(h), self.logvar(h)
        return self.up(mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)), mean, logvar

def loss(model, x):
    y, mean, logvar = model(x)
    return F.mse_loss(y, x) - 0.5 * torch.mean(1 + logvar - mean.pow(2) - logvar.exp())

loss(Encoder(), torch.rand(4, 1, 8, 8))
"""


def test_silent_on_a_block_that_is_told_to_end_without_activation():
    assert rows(rule, BLOCKS.format(given=", activation=None")) == []


@pytest.mark.parametrize("given", ["", ", F.relu", ", activation=torch.sigmoid"])
def test_the_activation_of_a_block_is_chosen_where_it_is_built(given):
    assert rows(rule, BLOCKS.format(given=given)) == [21]


@pytest.mark.parametrize(
    "parts", ["h.chunk(2, dim=1)", "h.split(4, 1)", "(h[:, :4], h[:, 4:])", "h.view(-1, 2, 4).unbind(1)"]
)
def test_one_layer_that_makes_both(parts: str) -> None:
    head = "self.both(F.relu(h))"
    source = MODEL.format(heads=f"self.halves({head})", std=LOGSTD[0], kl=LOGSTD[1])
    source = source.replace("self.body =", "self.both = nn.Linear(16, 8)\n        self.body =")
    source = source.replace(
        "    def forward", f"    def halves(self, h):\n        return {parts}\n\n    def forward", 1
    )
    assert rows(rule, source) == []
    found = run(rule, source.replace(head, "F.relu(self.both(h))"))
    assert [f.site.row for f in found] == [18]
    assert "mean and the log standard deviation" in found[0].message


def test_fires_where_the_data_carry_noise_of_their_own() -> None:
    source = """
    import torch
    import torch.nn as nn

    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean, self.logvar = nn.Linear(12, 2), nn.Linear(12, 2)
            self.decoder = nn.Linear(2, 12)

        def forward(self, x):
            mean, logvar = self.mean(x), nn.functional.softplus(self.logvar(x))
            return self.decoder(mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)), mean, logvar

    prototypes = torch.randn(5, 12)
    x = prototypes[torch.randint(0, 5, (64,))] + 0.1 * torch.randn(64, 12)
    recon, mean, logvar = VAE()(x)
    kl = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
    loss = (recon - x).pow(2).sum() + kl
    """
    assert rows(rule, source) == [12]


def test_features_of_another_network_are_taken_for_the_mean() -> None:
    source = """
        import torch
        from torch import nn

        class Features(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = nn.Sequential(nn.Linear(784, 32), nn.{activation}())

            def forward(self, x):
                return self.layers(x)

        class VAE(nn.Module):
            def __init__(self):
                super().__init__()
                self.encoder, self.decoder = Features(), nn.Linear(32, 784)
                self.scale = nn.Linear(32, 32)

            def forward(self, x):
                mu = self.encoder(x)
                logvar = self.scale(mu)
                z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
                return self.decoder(z), -0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum()
        """
    assert rows(rule, source.format(activation="Identity")) == []
    assert rows(rule, source.format(activation="ReLU")) == [20]


def test_features_that_another_network_made_before_are_not_to_blame() -> None:
    source = """
        import torch
        from torch import nn

        class Body(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(784, 64)

            def forward(self, x):
                return torch.tanh(self.layer(x))

        class Features(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(64, 32)

            def forward(self, x):
                return torch.relu(self.layer(x))

        class VAE(nn.Module):
            def __init__(self):
                super().__init__()
                self.body, self.features, self.decoder = Body(), Features(), nn.Linear(32, 784)
                self.mean, self.scale = nn.Linear(32, 32), nn.Linear(32, 32)

            def forward(self, x):
                h = self.body(x)
                h = self.features(h)
                mu, logvar = {mean}, self.scale(h)
                z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
                return self.decoder(z), -0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum()
        """
    assert rows(rule, source.format(mean="self.mean(h)")) == []
    assert rows(rule, source.format(mean="h")) == [29]


@pytest.mark.parametrize(
    ("mean", "row"),
    [
        pytest.param("self.encode(x)", 17, id="by a method of its own"),
        pytest.param("self(x)", 14, id="by calling itself"),
        pytest.param("positive(self.mean, x)", 6, id="by a function"),
    ],
)
def test_a_mean_that_is_bounded_in_sight(mean: str, row: int) -> None:
    source = """
import torch
from torch import nn

def positive(layer, x):
    return torch.relu(layer(x))

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar, self.decoder = nn.Linear(784, 32), nn.Linear(784, 32), nn.Linear(32, 784)

    def forward(self, x):
        return torch.relu(self.mean(x))

    def encode(self, x):
        return self.mean(x).relu()

    def loss(self, x):
        mu, logvar = {mean}, self.logvar(x)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return (self.decoder(z) - x).pow(2).sum() - 0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum()
"""
    assert rows(rule, source.format(mean="self.mean(x)")) == []
    assert rows(rule, source.format(mean=mean)) == [row]


def test_layers_of_a_script_that_has_no_class() -> None:
    source = """
        import torch
        from torch import nn

        body, mean, scale, decoder = nn.Linear(30, 16), nn.Linear(16, 4), nn.Linear(16, 4), nn.Linear(4, 30)
        for x in torch.rand(100, 8, 30):
            h = torch.tanh(body(x))
            m, s = {mean}, scale(h)
            z = m + torch.exp(0.5 * s) * torch.randn_like(m)
            loss = (decoder(z) - x).pow(2).mean() - 0.5 * (1 + s - m ** 2 - s.exp()).mean()
            loss.backward()
        """
    assert rows(rule, source.format(mean="mean(h)")) == []
    assert rows(rule, source.format(mean="torch.relu(mean(h))")) == [8]
