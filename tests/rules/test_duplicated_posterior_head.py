"""Mean and scale that are one tensor."""

from __future__ import annotations

import pytest

from aelint.rules.latent import duplicated_posterior_head as rule
from tests.rules.harness import rows

MODEL = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.distributions import Normal

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.both = nn.Linear(16, 4), nn.Linear(16, 4), nn.Linear(16, 8)
        self.gain = nn.Parameter(torch.zeros(4))

    def forward(self, h, g):
        {heads}
        {rest}
"""
DRAW = "return m + torch.exp(0.5 * s) * torch.randn_like(m)"


@pytest.mark.parametrize(
    ("heads", "rest"),
    [
        pytest.param("m, s = self.a(h), self.b(h)", DRAW, id="two-heads"),
        pytest.param("m, s = self.both(h).chunk(2, dim=1)", DRAW, id="halves"),
        pytest.param("p = self.both(h); m, s = p[:, :4], p[:, 4:]", DRAW, id="slices"),
        pytest.param("m, s = self.a(h), self.a(g)", DRAW, id="one-layer-on-two-inputs"),
        pytest.param(
            "m = self.a(h)", "return m + torch.exp(0.5 * self.gain) * torch.randn_like(m)", id="fixed-variance"
        ),
        pytest.param("m = F.relu(self.a(h))", "return m + m.sqrt() * torch.randn_like(m)", id="shot-noise"),
        pytest.param("m, s = self.a(h), self.b(h)", "return m, s, m", id="returned-twice-on-purpose"),
        pytest.param(
            "m, s, u = self.a(h), self.b(h), self.both(g)", "return m, s, m, s", id="an-idle-head-of-another-size"
        ),
        pytest.param("m, s, u = self.a(h), self.b(h), self.a(g).relu()", "return m, s, m, s", id="an-idle-activation"),
        pytest.param("m, s, _ = self.a(h), self.b(h), self.a(g)", "return m, s, m", id="what-is-dropped-on-purpose"),
        pytest.param("m, s = self.a(h), self.a(h)", "return m, s.detach() + self.b(h)", id="both-layers-are-called"),
        pytest.param("m = self.a(h)", "return m + 0.1 * m.abs() * torch.randn_like(m)", id="noise-in-proportion"),
        pytest.param("m, s, u = self.a(h), self.b(h), self.a(g)", "self.kept = u; return m, s, m, s", id="stored"),
    ],
)
def test_silent(heads: str, rest: str) -> None:
    assert rows(rule, MODEL.format(heads=heads, rest=rest)) == []


@pytest.mark.parametrize(
    ("heads", "rest"),
    [
        pytest.param("m, s = self.a(h), self.a(h)", DRAW, id="one-layer-twice"),
        pytest.param("p = self.both(h); m, s = p[:, :4], p[:, :4]", DRAW, id="one-slice-twice"),
        pytest.param("m = self.a(h); s = self.a(h)", "return Normal(m, F.softplus(s)).rsample()", id="distribution"),
    ],
)
def test_fires_where_the_second_is_made(heads: str, rest: str) -> None:
    assert rows(rule, MODEL.format(heads=heads, rest=rest)) == [14]


def test_returned_twice_beside_an_unused_head() -> None:
    assert rows(
        rule, MODEL.format(heads="m, s, n, t = self.a(h), self.b(h), self.a(g), self.b(g)", rest="return m, s, n, s")
    ) == [15]


def test_one_layer_twice_beside_a_layer_that_nothing_calls() -> None:
    source = (
        "import torch\nfrom torch import nn\n\nclass E(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.m, self.v = nn.Linear(3, 4), nn.Linear(3, 4)\n\n    def forward(self, x):\n"
        "        {}\n        return mean, logvar\n"
    )
    assert rows(rule, source.format("mean, logvar = self.m(x), self.v(x)")) == []
    assert rows(rule, source.format("mean, logvar = self.m(x), self.m(x)")) == [10]


def test_returned_as_both() -> None:
    source = (
        "import torch\nfrom torch import nn\n\nclass E(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.m, self.v = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)\n\n    def forward(self, x):\n"
        "        mean, logvar = self.m(x), self.v(x)\n        return mean, mean\n\n"
        "mean, logvar = E()(torch.rand(2, 3, 8, 8))\nz = mean + logvar.div(2).exp() * torch.randn(mean.shape)\n"
    )
    assert rows(rule, source) == [11]


HALVED = """
import torch
from torch import nn

class Gaussian:
    def __init__(self, parameters):
        self.mean, self.logvar = torch.chunk(parameters, 2, dim=1)

    def sample(self):
        return self.mean + torch.exp(0.5 * self.logvar) * torch.randn_like(self.mean)

class VAE(nn.Module):
    def __init__(self, fixed=FIXED):
        super().__init__()
        self.fixed, self.encoder, self.decoder = fixed, nn.Conv2d(3, 8, 3), nn.ConvTranspose2d(4, 3, 3)

    def forward(self, x):
        {halves}
        {joined}
        return self.decoder(Gaussian(h).sample())

VAE()(torch.rand(2, 3, 8, 8)).sum().backward()
"""
ZEROS = "h = torch.cat([m, torch.zeros_like(m)], dim=1)"


@pytest.mark.parametrize(
    ("halves", "joined"),
    [
        pytest.param("m, s = self.encoder(x).chunk(2, dim=1)", "h = torch.cat([m, s], dim=1)", id="both"),
        pytest.param("m = self.encoder(x)[:, :4]", "h = torch.cat([m, m.new_zeros(m.shape)], 1)", id="channels taken"),
        pytest.param("m, s = self.encoder(x).chunk(2, dim=1)", ZEROS + "; h = h + s.mean()", id="used in another way"),
        pytest.param(
            "h, (m, _) = self.encoder(x), x.chunk(2, dim=2)", "n = torch.cat([m, m * 0], 1)", id="of the data"
        ),
        pytest.param(
            "m, s = self.encoder(x).chunk(2, dim=1)",
            "h = torch.cat([m, torch.zeros_like(m) if self.fixed else s], dim=1)",
            id="where it is asked for",
        ),
        pytest.param(
            "h = self.encoder(x)",
            "if self.fixed:\n            m, _ = h.chunk(2, dim=1)\n            " + ZEROS,
            id="one of two ways",
        ),
        pytest.param(
            "m, _ = self.encoder(x).chunk(2, dim=1); h = torch.cat([m, m], 1)",
            "if self.fixed:\n            "
            "return self.decoder(Gaussian(torch.cat([m, torch.zeros_like(m)], 1)).sample())",
            id="a way of its own",
        ),
    ],
)
def test_silent_where_the_scale_is_kept_or_left_out_on_purpose(halves, joined):
    assert rows(rule, HALVED.format(halves=halves, joined=joined)) == []


@pytest.mark.parametrize(
    ("halves", "joined"),
    [
        pytest.param("m, _ = torch.chunk(self.encoder(x), 2, dim=1)", ZEROS, id="unpacked"),
        pytest.param("m = self.encoder(x).chunk(2, dim=1)[0]", ZEROS, id="indexed"),
        pytest.param(
            "m = torch.cat([self.encoder(part).chunk(2, dim=1)[0] for part in (x, x)], 2)",
            "h = torch.cat((m, torch.zeros(m.shape)), 1)",
            id="put together from parts",
        ),
    ],
)
def test_zeros_in_the_place_of_a_half_that_is_thrown_away(halves, joined):
    assert rows(rule, HALVED.format(halves=halves, joined=joined)) == [19]


GRAPHS = """
import torch
from torch import nn
{imported}

class Convolution(nn.Module):
    def __init__(self, size, out, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(size, out))

    def forward(self, x, edges):
        return torch.spmm(edges, x @ self.weight)

class Encoder(nn.Module):
    def __init__(self, features, hidden, latent):
        super().__init__()
        self.first = {layer}(features, hidden)
        self.mean = {layer}(hidden, latent)
        self.logvar = {layer}(hidden, {width})

    def reset(self):
        self.mean.reset_parameters()
        self.logvar.reset_parameters()

    def forward(self, x, edges, other):
        x = self.first(x, edges).relu()
        {heads}
        return mean, logvar
"""
TWICE = "mean, logvar = self.mean(x, edges), self.mean(x, edges)"


def graphs(heads=TWICE, layer="Convolution", width="latent", imported="from torch_geometric.nn import GCNConv"):
    return GRAPHS.format(heads=heads, layer=layer, width=width, imported=imported)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(graphs("mean, logvar = self.mean(x, edges), self.logvar(x, edges)"), id="two heads"),
        pytest.param(graphs("mean, logvar = self.mean(x, edges), self.mean(other, edges)"), id="another input"),
        pytest.param(graphs("mean, logvar = self.mean(x, edges), self.mean(x, other)"), id="another graph"),
        pytest.param(graphs(width="2"), id="no twin"),
        pytest.param(graphs("mean = self.mean(x, edges)\n        logvar = mean"), id="one result twice"),
        pytest.param(graphs(TWICE + "\n        x = self.logvar(mean, edges)"), id="the twin has another use"),
        pytest.param(graphs(TWICE + "\n        x = other.apply(self.logvar)"), id="the twin is handed on"),
        pytest.param(graphs(TWICE + "\n        x = getattr(self, 'logvar')"), id="the twin is found by its name"),
        pytest.param(
            graphs("for _ in range(2):\n            mean = logvar = self.mean(x, edges)"), id="rounds of a loop"
        ),
        pytest.param(graphs(layer="GCNConv", width="2"), id="no twin of a library"),
        pytest.param(
            graphs("mean, logvar = self.mean(x, edges), self.logvar(x, edges)", layer="GCNConv"), id="two of a library"
        ),
        pytest.param(graphs("mean, logvar = self.mean.weight.norm(2), self.mean.weight.norm(2)"), id="methods"),
    ],
)
def test_silent_on_layers_of_which_each_has_its_use(source):
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    ("source", "row"),
    [
        pytest.param(graphs(), 27, id="in one line"),
        pytest.param(graphs("mean = self.mean(x, edges)\n        logvar = self.mean(x, edges)"), 28, id="in two lines"),
        pytest.param(
            graphs("mean = self.mean(x, edges=edges)\n        logvar = self.mean(x, edges=edges)"), 28, id="by name"
        ),
        pytest.param(graphs(layer="GCNConv"), 27, id="of a library"),
    ],
)
def test_a_layer_of_another_make_that_is_applied_twice_beside_an_idle_twin(source, row):
    assert rows(rule, source) == [row]
