"""AEL606: codes for sampling, and factors on the latent."""

import pytest

from aelint.rules.inference import prior_sampling as rule
from tests.rules.harness import rows

VAE = """
import numpy as np
import torch
from torch import nn

class VAE(nn.Module):
    def __init__(self, size=8):
        super().__init__()
        self.size = size
        self.encoder = nn.Linear(64, 2 * size)
        self.decoder = nn.Sequential(nn.Linear(size, 64), nn.Sigmoid())

    def forward(self, x):
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        z = {training}
        return self.decoder(z), mean, log_var

    def sample(self, n):
        z = {sampling}
        return self.decoder(z)
"""

GAUSSIAN = "mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)"


def vae(sampling, training=GAUSSIAN):
    return VAE.format(training=training, sampling=sampling)


HEALTHY = {
    "a normal draw": vae("torch.randn(n, self.size)"),
    "a cooler normal draw": vae("0.7 * torch.randn(n, self.size)"),
    "an autoencoder has no prior": vae("torch.rand(n, self.size)", training="mean"),
    "uniform noise in training too": vae("torch.rand(n, self.size)", training="mean + torch.rand_like(mean)"),
    "a chain that starts anywhere and is moved by a score": """
import torch
from torch import nn

class Chain(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))

    def sample(self, n):
        x = 2 * torch.rand(n, 8) - 1
        for _ in range(20):
            x = x + 0.1 * self.score(x) + 0.01 * torch.randn_like(x)
        return x
""",
    "a uniform quantile is turned into a normal code": vae("torch.erfinv(2 * torch.rand(n, self.size) - 1)"),
}


@pytest.mark.parametrize("source", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(source):
    assert rows(rule, source) == []


FAULTS = {
    "rand": "torch.rand(n, self.size)",
    "shifted": "torch.rand(n, self.size) * 2 - 1",
    "uniform_": "torch.empty(n, self.size).uniform_(-1, 1)",
    "numpy": "torch.from_numpy(np.random.uniform(-1, 1, (n, 8))).float()",
}


@pytest.mark.parametrize("sampling", FAULTS.values(), ids=FAULTS.keys())
def test_fires_on_uniform_codes(sampling):
    assert rows(rule, vae(sampling)) == [19]


def test_sampling_script_of_another_file():
    files = {
        "sample.py": "import torch\nfrom model import VAE\n\nvae = VAE(4)\nvae.decoder(torch.rand(16, 4))\nvae(torch.randn(3, 64))\n",
        "model.py": vae("torch.randn(n, self.size)"),
    }
    assert rows(rule, files) == [5]


SCALED = """
from torch import nn

class Latent(nn.Module):
    def __init__(self, factor=0.18):
        super().__init__()
        self.factor = factor
        self.enc, self.dec = nn.Conv2d(3, 4, 2, 2), nn.ConvTranspose2d(4, 3, 2, 2)

    def encode(self, x):
        return self.enc(x) * self.factor

    def decode(self, z):
        {decode}
"""

UNDONE = {
    "divided before the decoder": "return self.dec(z / self.factor)",
    "another factor on the output": "return self.dec(z / self.factor) / 2.0",
    "left to the caller": "return self.dec(z)",
}


@pytest.mark.parametrize("decode", UNDONE.values(), ids=UNDONE.keys())
def test_silent_where_the_factor_is_undone(decode):
    assert rows(rule, SCALED.format(decode=decode)) == []


@pytest.mark.parametrize(
    "decode",
    ["return self.dec(z) / self.factor", "return self.dec(z * self.factor)", "return self.dec(self.factor * z)"],
)
def test_fires_where_the_factor_is_undone_at_the_wrong_place(decode):
    assert rows(rule, SCALED.format(decode=decode)) == [14]


@pytest.mark.parametrize("result", ["z * self.factor, z", "self.factor * z, z", "(z * self.factor, z.mean(), z.std())"])
def test_fires_where_encode_gives_more_than_the_latent(result):
    source = SCALED.replace("return self.enc(x) * self.factor", f"z = self.enc(x)\n        return {result}")
    assert rows(rule, source.format(decode="return self.dec(z) / self.factor")) == [15]
    assert rows(rule, source.format(decode="return self.dec(z / self.factor)")) == []


PIPELINE = """
class Pipeline:
    def encode(self, x):
        z = self.vae.encode(x)
        return {there}

    def decode(self, z):
        return self.vae.decode({back})
"""
SCALE, SHIFT = "self.vae.config.scaling_factor", "self.vae.config.shift_factor"


@pytest.mark.parametrize(
    ("there", "back"),
    [
        pytest.param(f"(z - {SHIFT}) * {SCALE}", f"z / {SCALE} + {SHIFT}", id="both shift"),
        pytest.param(f"z * {SCALE}", f"z / {SCALE}", id="neither shifts"),
        pytest.param(f"{SHIFT} * 0 + z", f"z / {SCALE} + {SHIFT}", id="one direction alone"),
        pytest.param(f"(z - shift) * {SCALE}", f"z / {SCALE} + {SHIFT}", id="the shift under another name"),
        pytest.param("z * self.gain", "z / self.gain + self.bias", id="other numbers"),
        pytest.param(f"z * {SCALE}", f"z / {SCALE} + self.other.shift_factor", id="a shift of something else"),
    ],
)
def test_silent_on_latents_that_are_shifted_back(there, back):
    assert rows(rule, PIPELINE.format(there=there, back=back)) == []


@pytest.mark.parametrize(
    ("there", "back", "row"),
    [
        (f"z * {SCALE}", f"(z / {SCALE}) + {SHIFT}", 5),
        (f"{SCALE} * z", f"{SHIFT} + z / {SCALE}", 5),
        (f"(z - {SHIFT}) * {SCALE}", f"z / {SCALE}", 8),
        ("z * self.latent_scale", "z / self.latent_scale + self.latent_shift", 5),
    ],
)
def test_latents_that_are_shifted_in_one_direction(there, back, row):
    assert rows(rule, PIPELINE.format(there=there, back=back)) == [row]


MIXTURE = """
import torch
from torch import nn

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(64, 16), nn.Linear(8, 64)
        self.places, self.logits = nn.Parameter(torch.randn(5, 8)), nn.Parameter(torch.zeros(5))
        self.pseudo = nn.Linear(5, 64)

    def forward(self, x):
        mean, logvar = self.encoder(x).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        {density}
        return self.decoder(z), log_p.mean()

    def sample(self, n):
        z = {drawn}
        return self.decoder(z)

vae = VAE()
optimizer = torch.optim.Adam(vae.parameters())
for x in torch.rand(10, 16, 64):
    y, log_p = vae(x)
    loss = (y - x).pow(2).sum() - log_p
    loss.backward()
    optimizer.step()
vae.sample(4)
"""
PLAIN_DRAW = "torch.randn(n, 8)"


@pytest.mark.parametrize(
    ("density", "drawn"),
    [
        pytest.param("log_p = -0.5 * z.pow(2).sum(1)", PLAIN_DRAW, id="a plain prior"),
        pytest.param(
            "log_p = torch.logsumexp(-(z[:, None] - mean).pow(2).sum(2), dim=1)",
            PLAIN_DRAW,
            id="the codes of the batch",
        ),
        pytest.param(
            "log_p = torch.logsumexp(-(z[:, None] - self.places).pow(2).sum(2), dim=1)",
            "self.places[torch.randint(0, 5, (n,))] + torch.randn(n, 8)",
            id="drawn from a component",
        ),
        pytest.param(
            "log_p = torch.logsumexp(-(self.decoder(z) - x).pow(2), dim=1)", PLAIN_DRAW, id="a likelihood of the data"
        ),
        pytest.param(
            "log_p = torch.logsumexp(-(z[:, None] - torch.eye(5, 8)).pow(2).sum(2), dim=1)",
            PLAIN_DRAW,
            id="fixed places",
        ),
    ],
)
def test_silent_on_standard_normal_codes(density, drawn):
    assert rows(rule, MIXTURE.format(density=density, drawn=drawn)) == []


@pytest.mark.parametrize(
    "density",
    [
        pytest.param(
            "log_p = torch.logsumexp(-0.5 * (z[:, None] - self.places).pow(2).sum(2), dim=1)", id="learned places"
        ),
        pytest.param(
            "log_p = (self.logits - 0.5 * ((self.places - z.unsqueeze(1)) ** 2).sum(-1)).logsumexp(1)",
            id="the other way round",
        ),
        pytest.param(
            "m = self.encoder(self.pseudo(torch.eye(5))).chunk(2, dim=1)[0]; log_p = torch.logsumexp(-(z[:, None] - m).pow(2).sum(2), 1)",
            id="codes of pseudo inputs",
        ),
    ],
)
def test_standard_normal_codes_for_a_learned_mixture(density):
    assert rows(rule, MIXTURE.format(density=density, drawn=PLAIN_DRAW)) == [19]


FITTED = """
import torch
from torch import nn

class Latent(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Conv2d(3, 4, 2, 2), nn.ConvTranspose2d(4, 3, 2, 2)
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("shift", torch.ones(()))

    @torch.no_grad()
    def fit(self, x):
        self.scale.copy_(1.0 / self.enc(x).std())

    def encode(self, x):
        return self.enc(x) * self.scale

    def decode(self, z):
        {decode}

model = Latent()
model.fit(torch.rand(8, 3, 8, 8))
model.decode(model.encode(torch.rand(8, 3, 8, 8)))
"""


@pytest.mark.parametrize("decode", ["return self.dec(z / self.scale)", "return self.dec(z) / self.shift"])
def test_silent_on_a_fitted_factor_that_is_undone_or_another(decode):
    assert rows(rule, FITTED.format(decode=decode)) == []


def test_fires_on_a_fitted_factor_that_is_undone_on_the_output():
    assert rows(rule, FITTED.format(decode="return self.dec(z) / self.scale")) == [20]


MOVED = """
import torch
from torch import nn
from torch.autograd import Variable

def to_var(x):
    if torch.cuda.is_available():
        x = x.cuda()
    return Variable(x)

class VAE(nn.Module):
    def __init__(self, size=8):
        super().__init__()
        self.size = size
        self.mean, self.log_var, self.decoder = nn.Linear(64, size), nn.Linear(64, size), nn.Linear(size, 64)

    def forward(self, x):
        mean, log_var = self.mean(x), self.log_var(x)
        noise = {noise}
        return self.decoder(noise * torch.exp(0.5 * log_var) + mean), mean, log_var

    def sample(self, n=4, z=None):
        {given}
            z = {drawn}
        return self.decoder(z)
"""
MOVED_PARTS = {"noise": "to_var(torch.randn(len(x), self.size))", "given": "if z is None:"}
EITHER = "torch.{0}(n, self.size).cuda() if torch.cuda.is_available() else torch.{0}(n, self.size)"


@pytest.mark.parametrize(
    "drawn",
    [
        "to_var(torch.randn(n, self.size))",
        EITHER.format("randn"),
        "z",
        "torch.rand(n, 8) if n > 4 else torch.randn(n, 8)",
    ],
    ids=["normal", "normal on either device", "given", "uniform for some"],
)
def test_silent_on_codes_on_whatever_device(drawn):
    assert rows(rule, MOVED.format(**MOVED_PARTS, drawn=drawn)) == []


@pytest.mark.parametrize("given", ["if z is None:", "if True:"], ids=["where none is given", "always"])
@pytest.mark.parametrize(
    "noise", [MOVED_PARTS["noise"], EITHER.format("randn").replace("n, ", "len(x), ")], ids=["moved", "chosen"]
)
@pytest.mark.parametrize("drawn", ["to_var(torch.rand(n, self.size))", EITHER.format("rand")], ids=["moved", "chosen"])
def test_fires_on_uniform_codes_on_whatever_device(drawn, noise, given):
    assert rows(rule, MOVED.format(noise=noise, given=given, drawn=drawn)) == [24]
