import pytest

from aelint.rules.variants import sparsity_penalty as rule
from tests.rules.harness import rows

HEAD = (
    "import torch\nfrom torch import nn\nenc = nn.Linear(16, 64)\nx = torch.randn(8, 16)\ns = torch.randn(8, 10, 16)\n"
)
KL = "\np = (0.05 * torch.log(0.05 / rho) + 0.95 * torch.log(0.95 / (1 - rho))).sum()"

SILENT = {
    "over the units": "def sparsity(a):\n    return a.norm(p=1, dim=-1).mean()\ny = sparsity(torch.relu(enc(s)))",
    "two axes": "def sparsity(a):\n    return a.norm(p=1, dim=1).mean()\ny = sparsity(torch.relu(enc(x)))",
    "no penalty": "def score(a):\n    return a.norm(dim=1).mean()\ny = score(torch.relu(enc(s)))",
    "channels of a feature map": "def sparsity(a):\n    return a.norm(dim=1).mean()\ny = sparsity(nn.Conv1d(10, 4, 3)(s))",
    "average over samples": "h = torch.sigmoid(enc(x))\nrho = h.mean(0)" + KL,
    "average over samples, clamped": "rho = torch.sigmoid(enc(x)).mean(0).clamp(1e-6, 1 - 1e-6)" + KL,
    "an average that is no rate": "h = torch.sigmoid(enc(x))\nrho = h.mean(1)",
    "absolute values": "z = enc(x)\nl1_loss = z.abs().sum(1).mean()",
    "positive activations": "z = torch.relu(enc(x))\nl1_loss = z.sum(1).mean()",
}
LOUD = {
    "tokens": ("def sparsity(a, p=2):\n    return a.norm(p=p, dim=1).mean()\ny = sparsity(torch.relu(enc(s)))", 7),
    "tokens, by the name of the result": ("l1 = torch.norm(torch.relu(enc(s)), p=1, dim=1)", 6),
    "average over units": ("h = torch.sigmoid(enc(x))\nrho = torch.mean(h, dim=1)" + KL, 7),
    "average over the last axis": ("h = torch.sigmoid(enc(x))\nrho = h.mean(-1)" + KL, 7),
    "every activation": ("rho = torch.sigmoid(enc(x))" + KL, 7),
    "every activation, clamped": ("rho = torch.sigmoid(enc(x)).clamp(1e-6, 1 - 1e-6)" + KL, 7),
    "every activation, the target a tensor": (
        "rho = torch.sigmoid(enc(x))\nt = torch.tensor(0.05)\np = (t * torch.log(t / rho)).sum()",
        8,
    ),
    "average over units, the target filled": (
        "h = torch.sigmoid(enc(x))\nrho = h.mean(1)\nt = torch.full_like(rho, 0.05)\np = (t * torch.log(t / rho)).sum()",
        7,
    ),
    "signed": ("z = enc(x)\nl1_loss = 1e-3 * z.sum(1).mean()", 7),
}


@pytest.mark.parametrize("body", SILENT.values(), ids=SILENT)
def test_silent(body):
    assert rows(rule, HEAD + body) == []


@pytest.mark.parametrize(("body", "row"), LOUD.values(), ids=LOUD)
def test_wrong_penalty(body, row):
    assert rows(rule, HEAD + body) == [row]


SUBTRACTED = """
import torch
from torch import nn

encoder, decoder = nn.Linear(16, 64), nn.Linear(64, 16)
x = torch.randn(8, 16)
codes = torch.relu(encoder(x))
mse = (decoder(codes) - x).pow(2).sum(-1).mean()
loss = {}
loss.backward()
"""


@pytest.mark.parametrize(
    "loss",
    [
        "mse + 1e-3 * codes.abs().sum(-1).mean()",
        "-(-mse - 1e-3 * codes.abs().sum(-1).mean())",
        "mse - 1e-3 * (codes - x.mean()).abs().mean()",
        "mse - 1e-3 * unknown(codes)",
    ],
)
def test_silent_on_penalties_that_are_added(loss):
    assert rows(rule, SUBTRACTED.format(loss)) == []


@pytest.mark.parametrize(
    "loss",
    [
        "mse - 1e-3 * codes.abs().sum(-1).mean()",
        "mse - 0.1 * codes.mean()",
        "mse + -0.1 * encoder(x).abs().sum(1).mean()",
    ],
)
def test_penalties_that_are_subtracted(loss):
    assert rows(rule, SUBTRACTED.format(loss)) == [9]


RESAMPLED = "dead = (self.encoder.bias < 0).nonzero().squeeze(1); rows = torch.randn(len(dead), 16); "
ATOMS = """
import torch
from torch import nn
import torch.nn.functional as F

class SAE(nn.Module):
    def __init__(self, wide):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(16, wide), nn.Linear(wide, 16, bias=False)
        self.W_dec = nn.Parameter(torch.randn(wide, 16))

    def normalise(self):
        {}

    def forward(self, x):
        codes = torch.relu(self.encoder(x))
        return self.decoder(codes) + codes @ self.W_dec

sae = SAE({})
sae(torch.randn(8, 16))
sae.normalise()
"""


@pytest.mark.parametrize(
    ("line", "wide"),
    [
        ("self.W_dec.data /= self.W_dec.data.norm(dim=1, keepdim=True)", 64),
        ("self.W_dec.data = F.normalize(self.W_dec.data, dim=-1)", 64),
        ("self.decoder.weight.data = F.normalize(self.decoder.weight.data, dim=0)", 64),
        ("self.encoder.weight.data = F.normalize(self.encoder.weight.data, dim=0)", 64),
        ("self.W_dec.data /= self.W_dec.data.norm(dim=0, keepdim=True)", 8),
        ("self.W_dec.data.copy_(F.normalize(self.W_dec, dim=1))", 64),
        (RESAMPLED + "self.W_dec.data[dead] = F.normalize(rows, dim=-1)", 64),
        (RESAMPLED + "self.W_dec.data[0] = F.normalize(rows[0], dim=0)", 64),
        (RESAMPLED + "self.W_dec.data[:, self.bias > 0] = F.normalize(rows, dim=0)", 64),
        (RESAMPLED + "self.encoder.weight.data[dead] = F.normalize(rows, dim=0)", 64),
        (RESAMPLED + "self.decoder.weight.data[:, dead] = F.normalize(rows.t(), dim=0)", 64),
    ],
)
def test_silent_on_unit_vectors_of_latents(line, wide):
    assert rows(rule, ATOMS.format(line, wide)) == []


@pytest.mark.parametrize(
    "line",
    [
        "self.W_dec.data /= self.W_dec.data.norm(dim=0, keepdim=True)",
        "self.W_dec.data = F.normalize(self.W_dec.data, dim=-2)",
        "self.decoder.weight.data = F.normalize(self.decoder.weight.data)",
        "self.decoder.weight.data = self.decoder.weight.data / torch.norm(self.decoder.weight.data, dim=1, keepdim=True)",
        "with torch.no_grad(): self.W_dec.copy_(F.normalize(self.W_dec, dim=0))",
        RESAMPLED + "self.W_dec.data[dead] = F.normalize(rows, dim=0)",
        RESAMPLED + "self.W_dec.data[dead, :] = rows / rows.norm(dim=0, keepdim=True)",
        RESAMPLED + "self.decoder.weight.data[:, dead] = F.normalize(rows.t())",
    ],
)
def test_unit_vectors_along_the_latents(line):
    assert rows(rule, ATOMS.format(line, 64)) == [13]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("l1 = codes.abs().sum(1).mean()", []),
        ("l1 = torch.relu(codes).sum(1).mean()", []),
        ("l1 = (codes * codes).sum(1).mean()", []),
        ("l1 = codes.sum(1).mean()", [5]),
        ("l1 = (codes * (codes.abs() > 1).float()).sum(dim=-1).mean()", [5]),
        ("l1_loss = 1e-3 * torch.sum(codes * torch.zeros(8, 64).scatter(1, torch.zeros(8, 3).long(), 1.0))", [5]),
    ],
)
def test_signed_codes_of_weights_that_are_parameters(line, found):
    source = "import torch\nfrom torch import nn\nx, W, b = torch.randn(8, 16), nn.Parameter(torch.randn(16, 64)), nn.Parameter(torch.zeros(64))\ncodes = x @ W + b\n"
    assert rows(rule, source + line + "\n") == found


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("h = torch.sigmoid(enc(s))\nrho = h.mean(1)" + KL, id="average over the steps of a sequence"),
        pytest.param("rho = torch.rand(8, 64)" + KL, id="a rate that was measured elsewhere"),
        pytest.param("rho = torch.sigmoid(nn.Parameter(torch.zeros(64)))" + KL, id="a learned rate per unit"),
        pytest.param(
            "q, p = torch.sigmoid(enc(x)), torch.sigmoid(nn.Linear(16, 64)(x))\nkl = (q * torch.log(q / p)).sum()",
            id="the distance between two activations",
        ),
        pytest.param("h = enc(s).mean(1)\nl1 = nn.Linear(64, 8)(h)", id="a layer called l1 behind pooling"),
        pytest.param("h = enc(s).mean(1)\nl1 = torch.relu(nn.Linear(64, 8)(h)).sum()", id="activations behind pooling"),
        pytest.param("z = enc(x)\nenergy = z.sum(1).mean()", id="a sum that is no penalty"),
        pytest.param("l1 = (enc(x) - enc(x + 1)).pow(2).sum(1).mean()", id="squares"),
    ],
)
def test_no_rate_and_no_penalty(body):
    assert rows(rule, HEAD + body) == []


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param("F.mse_loss(dec(z), x) + 0.1 * z.abs().mean()", id="added"),
        pytest.param("-(-F.mse_loss(dec(z), x) - 0.1 * z.abs().mean())", id="added, with the sign outside"),
        pytest.param("-F.mse_loss(dec(z), x) - 0.1 * z.abs().mean()", id="all of it is turned round"),
        pytest.param("F.mse_loss(dec(z), x) - 0.1 * (z - enc(x.flip(0))).abs().mean()", id="codes kept apart"),
        pytest.param("F.mse_loss(dec(z), x) - 0.1 * x.abs().mean()", id="a number of the data"),
        pytest.param("F.mse_loss(dec(z), x) + 0.1 * (z.norm(dim=1) - 1).pow(2).mean()", id="lengths held at one"),
    ],
)
def test_penalties_that_are_not_rewarded(loss):
    source = (
        HEAD + f"import torch.nn.functional as F\ndec, z = nn.Linear(64, 16), enc(x)\nloss = {loss}\nloss.backward()\n"
    )
    assert rows(rule, source) == []


WRITTEN_OUT = """import math
import torch
from torch import nn

enc = nn.Linear(16, 64)
q = torch.sigmoid(enc(torch.randn(8, 16))).mean(0)
p = 0.05
kl = {penalty}
"""


@pytest.mark.parametrize(
    "penalty",
    [
        "p * math.log(p) - p * torch.log(q) + (1 - p) * math.log(1 - p) - (1 - p) * torch.log(1 - q)",
        "p * (math.log(p) - torch.log(q)) + (1 - p) * (math.log(1 - p) - torch.log(1 - q))",
        "-p * torch.log(q) - (1 - p) * torch.log(1 - q)",
        "-torch.log(q) - torch.log(1 - q)",
        "1.0 - torch.log(q) - 0.95 * torch.log(1 - q)",
    ],
    ids=["whole", "in-brackets", "without-constants", "barrier", "another-constant"],
)
def test_silent_on_divergences_written_out(penalty):
    assert rows(rule, WRITTEN_OUT.format(penalty=penalty)) == []


@pytest.mark.parametrize(
    "penalty",
    [
        "p * math.log(p) - torch.log(q) + (1 - p) * math.log(1 - p) - (1 - p) * torch.log(1 - q)",
        "p * (math.log(p) - q.log()) + (1 - p) * math.log(1 - p) - torch.log(1 - q)",
        "(p * math.log(p) - p * torch.log(q)) + ((1 - p) * math.log(1 - p) - p * torch.log(1 - q))",
    ],
    ids=["rate-is-missing", "rest-is-missing", "rate-twice"],
)
def test_fires_on_divergences_that_lost_a_weight(penalty):
    assert rows(rule, WRITTEN_OUT.format(penalty=penalty)) == [8]


APART = """
import numpy as np
import torch
from torch import nn

enc = nn.Linear(16, 64)


def divergence(p, q):
    q = q.clamp(1e-6, 1 - 1e-6)
    return (p * np.log(p) - p * torch.log(q) + (1 - p) * np.log(1 - p) - (1 - p) * torch.log(1 - q)).mean()


h = torch.sigmoid(enc(torch.rand(8, 16)))
penalty = divergence(0.1, {rate})
"""


@pytest.mark.parametrize("rate", ["h.mean(0)", "torch.mean(h, dim=0).view(1, -1)", "h.mean()"])
def test_silent_on_a_divergence_of_averages_by_a_function(rate):
    assert rows(rule, APART.format(rate=rate)) == []


@pytest.mark.parametrize("rate", ["h", "q=h"])
def test_a_divergence_of_single_activations_where_they_are_handed_over(rate):
    assert rows(rule, APART.format(rate=rate)) == [15]


def test_a_divergence_of_single_activations_where_they_get_the_name_of_the_average():
    source = APART.replace("    q = q.clamp(1e-6, 1 - 1e-6)", "    average = q\n    q = average.clamp(1e-6, 1 - 1e-6)")
    assert rows(rule, source.format(rate="h")) == [10]


EVERY_LAYER = """
import torch
from torch import nn

class Sparse(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(16, 8), nn.Sigmoid())
        self.decoder = nn.Sequential(nn.Linear(8, 16), nn.Sigmoid())

    def forward(self, x):
        return self.decoder(self.encoder(x))

def divergence(rho, q):
    return (rho * torch.log(rho / q) + (1 - rho) * torch.log((1 - rho) / (1 - q))).sum()

def sparsity(model, x, rho):
    total, values = 0, x
    for layer in {layers}:
        values = layer(values)
        if isinstance(layer, nn.Sigmoid):
            total = total + divergence(rho, {rate})
    return total

model, x = Sparse(), torch.rand(32, 16)
loss = nn.functional.mse_loss(model(x), x) + 0.1 * sparsity(model, x, {rho})
loss.backward()
"""


@pytest.mark.parametrize("rho", ["0.05", "torch.tensor([0.05])", "torch.full((1,), 0.05)"])
@pytest.mark.parametrize(
    ("layers", "rate", "found"),
    [
        pytest.param("model.encoder", "values.mean(0)", [], id="the code"),
        pytest.param("[*model.encoder, model.decoder[0]]", "values.mean(0)", [], id="not the last activation"),
        pytest.param("[*model.encoder, *model.decoder]", "values.mean(0)", [19], id="all layers"),
        pytest.param("(*model.encoder, *model.decoder)", "torch.mean(values, dim=0)", [19], id="all layers of a tuple"),
    ],
)
def test_a_target_rate_of_the_reconstruction(layers, rate, found, rho):
    assert rows(rule, EVERY_LAYER.format(layers=layers, rate=rate, rho=rho)) == found


def test_a_target_rate_of_the_output_alone():
    source = """
import torch
from torch import nn

model, x = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 16), nn.Sigmoid()), torch.rand(32, 16)
output = model(x)
q = output.mean(dim=0)
sparsity = (0.05 * torch.log(0.05 / q) + 0.95 * torch.log(0.95 / (1 - q))).sum()
loss = nn.functional.mse_loss(output, x) + sparsity
loss.backward()
"""
    assert rows(rule, source) == [7]
    assert rows(rule, source.replace("q = output", "q = model[:2](x)")) == []
