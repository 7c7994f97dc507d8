import pytest

from aelint.rules.architecture import linear_stack as rule
from tests.rules.harness import rows, run

TEXT = """
import torch
import torch.nn as nn

class AE(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(32, width), {act}, nn.Linear(width, 4))
        self.decoder = nn.Sequential({decoder})

    def forward(self, x):
        return self.decoder(self.encoder(x))
"""


def ae(decoder: str, act: str = "nn.ReLU()") -> str:
    return TEXT.format(decoder=decoder, act=act)


@pytest.mark.parametrize(
    ("reason", "source"),
    [
        ("activations everywhere", ae("nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 32)")),
        ("a code between two linear layers", ae("nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 32)")),
        ("low-rank factors", ae("nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 4), nn.Linear(4, 32), nn.Linear(32, 32)")),
        ("a linear autoencoder", ae("nn.Linear(4, 8), nn.Linear(8, 16), nn.Linear(16, 32)", act="nn.Identity()")),
        (
            "layer normalisation is not affine",
            ae("nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 16), nn.LayerNorm(16), nn.Linear(16, 32)"),
        ),
    ],
)
def test_silent_on(reason, source):
    assert rows(rule, source) == [], reason


def test_fires_on_a_chain_with_normalisation_and_dropout():
    found = run(rule, ae("nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 16), nn.Dropout(0.1), nn.Linear(16, 32)"))
    assert [f.site.row for f in found] == [9]
    assert "3 linear layers" in found[0].message


def test_fires_on_layers_that_a_loop_adds():
    source = ae("*[nn.Linear(a, b) for a, b in zip([4, 8, 16], [8, 16, 32])]")
    assert rows(rule, source) == [9]


def test_fires_in_a_written_out_forward():
    source = """
import torch.nn as nn
import torch.nn.functional as F
class D(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 8)
        self.b = nn.Linear(8, 16)
        self.c = nn.Linear(16, 32)
        self.d = nn.Linear(32, 64)
    def forward(self, z):
        return self.d(self.c(self.b(F.relu(self.a(z)))))
"""
    assert rows(rule, source) == [9]


def test_silent_around_a_matrix_without_a_bias():
    source = """
import torch
from torch import nn

first, operator, last = nn.Linear(8, 8), nn.Linear(8, 8, bias={bias}), nn.Linear(8, 8)
other = nn.Sequential(nn.Linear(8, 8), nn.Tanh())
y = last(operator(first(other(torch.rand(2, 8)))))
"""
    assert rows(rule, source.format(bias=False)) == []
    assert rows(rule, source.format(bias=True)) == [5]


LOOP = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class Block(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.fc = nn.Linear(width, out)

    def forward(self, x):
        return self.fc(x)

class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 32)
        {made}

    def forward(self, x):
        for i in range(3):
            {run}
        return self.head(F.relu(x))

AE()(torch.rand(4, 32))
"""
MADE = "self.blocks = nn.ModuleList([nn.Linear(a, b) for a, b in [(32, 32), (32, 32), (32, 8)]])"
OWN = MADE.replace("nn.Linear(a", "Block(a")
NAMED = "for i, n in enumerate([32, 32, 8]): setattr(self, f'block_{i}', Block(32, n))"


@pytest.mark.parametrize(
    ("made", "run", "found"),
    [
        pytest.param(MADE, "x = self.blocks[i](x)", [22], id="layers"),
        pytest.param(OWN, "x = self.blocks[i](x)", [22], id="blocks"),
        pytest.param(NAMED, "x = getattr(self, f'block_{i}')(x)", [22], id="by-name"),
        pytest.param(MADE, "x = F.relu(self.blocks[i](x))", [], id="activated"),
        pytest.param(OWN, "x = self.blocks[i](x if i == 0 else F.relu(x))", [], id="activated-between"),
    ],
)
def test_a_chain_that_a_loop_runs_is_reported_in_the_loop(made, run, found):
    assert rows(rule, LOOP.format(made=made, run=run)) == found


OWN = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class Dense(nn.Module):
    def __init__(self, entering, leaving, activation=None, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(leaving, entering))
        self.bias = nn.Parameter(torch.zeros(leaving)) if bias else None
        self.scale = entering ** -0.5
        self.activation = activation

    def forward(self, x):
        out = {out}
        if self.activation:
            out = F.leaky_relu(out, 0.2)
        return out

class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 8))
        layers = [Dense(8, 16{option})]
        for _ in range(2):
            layers.append(Dense(16, 16{option}))
        self.decoder = nn.Sequential(*layers, Dense(16, 32))

    def forward(self, x):
        return self.decoder(self.encoder(x))
"""
SCALED = "F.linear(x, self.weight * self.scale, self.bias)"


@pytest.mark.parametrize(
    ("out", "option"),
    [
        (SCALED, ", activation=True"),
        (SCALED, ", bias=False"),
        ("F.linear(x, self.weight @ self.weight.t() @ self.weight, self.bias)", ""),
        ("F.linear(torch.sin(x), self.weight, self.bias)", ""),
    ],
    ids=["an activation of its own", "matrices without bias", "a computed weight", "a function before the product"],
)
def test_silent_on_networks_that_are_more_than_a_linear_layer(out, option):
    assert rows(rule, OWN.format(out=out, option=option)) == []


@pytest.mark.parametrize(
    "out",
    [SCALED, "F.linear(x, self.weight, self.bias)", "F.linear(x * self.scale, self.weight, self.bias) * 2 ** 0.5"],
)
def test_networks_that_are_no_more_than_a_linear_layer(out):
    assert rows(rule, OWN.format(out=out, option="")) == [26]
