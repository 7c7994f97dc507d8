"""A loss in the model that nobody in sight calls is given what `forward` returned, where the names tell."""

from textwrap import dedent

import pytest

from aelint.semantics import understand
from aelint.semantics.domain.values import Sym
from aelint.sources.unit import SourceUnit

MODEL = """
import torch
from torch import nn


class VAE({base}):
    def __init__(self):
        super().__init__()
        self.encoder, self.mu, self.logvar, self.decoder = (nn.Linear(8, 8) for _ in range(4))

    def encode(self, x):
        h = self.encoder(x)
        return self.mu(h), self.logvar(h)

    def {forward}(self, x):
        mu, logvar = self.encode(x)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        recon = self.decoder(z)
        return {result}

    def loss({parameters}):
        {body}
        scale = logvar.exp()
        return scale.sum() + mu.sum()

{rest}
"""
PARTS = {
    "base": "nn.Module",
    "forward": "forward",
    "result": "[recon, x, mu, logvar]",
    "parameters": "self, *args, **kwargs",
    "body": "mu = args[2]\n        logvar = args[3]",
    "rest": "",
}


def read_by_the_loss(**parts):
    """Where what the loss reads as a log-variance was computed: "linear" for the model's own head."""
    program = understand(SourceUnit("main.py", dedent(MODEL.format(**{**PARTS, **parts}))))
    (scale,) = (b.value for b in program.bindings_of("scale"))
    assert isinstance(scale, Sym)
    (head,) = scale.inputs
    assert isinstance(head, Sym)
    return head.op


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(
            {"body": "mean = args[2]\n        logvar = args[3]; mu = mean"}, id="one name that agrees is no proof"
        ),
        pytest.param({"body": "mu = args[1]\n        logvar = args[2]"}, id="other places: it is given something else"),
        pytest.param(
            {"body": "mu = args[2]\n        logvar = args[3]\n        w = args[4]"}, id="it is given more than that"
        ),
        pytest.param(
            {"parameters": "self, x, *args", "body": "mu = args[2]\n        logvar = args[3]"},
            id="the places are shifted",
        ),
        pytest.param({"parameters": "self, mean, logvar", "body": "mu = mean"}, id="one parameter of that name"),
        pytest.param(
            {"result": "{'mu': mu, 'logvar': logvar}", "parameters": "self, mu, logvar"},
            id="forward returns a dictionary",
        ),
        pytest.param(
            {"result": "logvar", "parameters": "self, mu, logvar", "body": ""}, id="forward returns one tensor"
        ),
        pytest.param({"forward": "run", "parameters": "self, mu, logvar", "body": ""}, id="no forward"),
        pytest.param({"base": "object", "parameters": "self, mu, logvar", "body": ""}, id="no network"),
        pytest.param({"rest": "VAE().loss(1, 2, torch.rand(2), torch.rand(2))"}, id="somebody calls it"),
    ],
)
def test_nothing_is_assumed_where(parts):
    body = {"body": "pass"} if parts.get("body") == "" else {}
    assert read_by_the_loss(**{**parts, **body}) != "linear"


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="from the rest of the arguments"),
        pytest.param({"result": "recon, x, mu, logvar"}, id="of a tuple"),
        pytest.param({"parameters": "self, recon, x, mu, logvar", "body": "pass"}, id="by name"),
    ],
)
def test_the_loss_reads_the_heads(parts):
    assert read_by_the_loss(**parts) == "linear"


def test_what_does_not_fit_speaks_against_the_assumption():
    body = "mu = args[2]\n        logvar = args[3].view(3, 5, 7)"
    program = understand(SourceUnit("main.py", dedent(MODEL.format(**{**PARTS, "body": body}))))
    assert program.machine.trace.conflicts == []


INNER = """
import torch
from torch import nn


class Quantiser(nn.Module):
    def forward(self, x):
        return x.round()


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self.quantiser = nn.Linear(8, 4), nn.Linear(4, 8), Quantiser()

    def forward(self, data):
        {code} = self.encoder(data)
        q = self.quantiser({code})
        return self.decoder(q), {code}, q

    def loss(self, {parameters}):
        given = x.exp()
        return given.sum() + q.sum()
"""


@pytest.mark.parametrize(
    ("code", "parameters", "op"),
    [
        pytest.param("z", "x, recon, z, q", "param", id="what a layer calls x is the code z here"),
        pytest.param("x", "recon, x, q", "linear", id="forward itself calls it x"),
    ],
)
def test_a_result_that_goes_by_several_names(code, parameters, op):
    program = understand(SourceUnit("main.py", INNER.format(code=code, parameters=parameters)))
    (given,) = (b.value for b in program.bindings_of("given"))
    assert isinstance(given, Sym)
    assert [one.op for one in given.inputs if isinstance(one, Sym)] == [op]
