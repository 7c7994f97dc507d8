"""AEL410: tied, copied, and copied on purpose."""

import pytest

from aelint.rules.optimization import copied_not_tied as rule
from tests.rules.harness import rows

SETUP = """
import torch
from torch import nn

class AE(nn.Module):
    def __init__(self, tied=True):
        super().__init__()
        self.encoder, self.decoder, self.twin = nn.Linear(8, 4), nn.Linear(4, 8), nn.Linear(8, 4)
        self.{name}()

    def {name}(self):
        {line}

    def forward(self, x):
        return self.decoder(self.encoder(x))

AE()
"""

HEALTHY = {
    "one parameter": ("tie_weights", "self.twin.weight = self.encoder.weight"),
    "shared memory": ("tie_weights", "self.decoder.weight.data = self.encoder.weight.data.t()"),
    "a good start": ("start", "self.decoder.weight.data.copy_(self.encoder.weight.t())"),
    "something else is copied": ("tie_weights", "self.decoder.weight.data.copy_(torch.randn(8, 4))"),
}


@pytest.mark.parametrize(("name", "line"), HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(name, line):
    assert rows(rule, SETUP.format(name=name, line=line)) == []


def test_silent_where_the_copy_is_made_for_each_pass():
    source = SETUP.format(name="tie", line="pass").replace(
        "return self.decoder", "self.decoder.weight.data.copy_(self.encoder.weight.t())\n        return self.decoder"
    )
    assert rows(rule, source) == []


FAULTS = {
    "copy_": ("tie_weights", "self.decoder.weight.data.copy_(self.encoder.weight.data.t())"),
    "a cloned parameter": ("share", "self.decoder.weight = nn.Parameter(self.encoder.weight.t().clone())"),
    "cloned data": ("make_tied", "self.decoder.weight.data = self.encoder.weight.data.clone().t()"),
}


@pytest.mark.parametrize(("name", "line"), FAULTS.values(), ids=FAULTS.keys())
def test_fires(name, line):
    assert rows(rule, SETUP.format(name=name, line=line)) == [12]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("for _ in range(3): self.decoder.weight.data.copy_(self.encoder.weight.t())", id="in a loop"),
        pytest.param("self.encoder.weight.data.copy_(self.encoder.weight.clone())", id="onto itself"),
        pytest.param("self.twin.weight.data.copy_(self.encoder.weight * 0.5)", id="scaled"),
        pytest.param(
            "self.twin.weight.data.copy_(torch.linalg.qr(self.encoder.weight.t())[0].t())", id="made orthogonal"
        ),
    ],
)
def test_silent_on_other_numbers(line):
    assert rows(rule, SETUP.format(name="tie_weights", line=line)) == []


def test_silent_where_another_branch_shares_the_weight():
    source = """
import torch.nn as nn

def tie(first, second, export):
    if export:
        first.weight = nn.Parameter(second.weight.clone())
    else:
        {otherwise}

tie(nn.Linear(4, 4), nn.Linear(4, 4), exported())
"""
    assert rows(rule, source.format(otherwise="first.weight = second.weight")) == []
    assert rows(rule, source.format(otherwise="pass")) == [6]


NAMED = """
import torch
from torch import nn

class {name}(nn.Module):
    \"\"\"{text}\"\"\"

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(8, 4)
        self.mirror = {mirror}

    def forward(self, x):
        return nn.functional.linear(self.encoder(x), self.mirror)

{name}()
"""
CLONED = "nn.Parameter(self.encoder.weight.t().clone())"


@pytest.mark.parametrize(
    ("name", "text", "mirror"),
    [
        pytest.param("AE", "An autoencoder.", CLONED, id="a good start"),
        pytest.param("UntiedAE", "The encoder and decoder are not tied.", CLONED, id="it says that they are not tied"),
        pytest.param("TiedAE", "", "nn.Parameter(self.encoder.weight.t())", id="shared memory"),
        pytest.param("TiedAE", "", "nn.Parameter(torch.randn(8, 4).clone())", id="something else is cloned"),
    ],
)
def test_silent_on_parameters_of_other_networks(name, text, mirror):
    assert rows(rule, NAMED.format(name=name, text=text, mirror=mirror)) == []


def test_silent_on_a_parameter_that_no_network_makes():
    source = """
from torch import nn

def start_of(layer):
    return nn.Parameter(layer.weight.t().clone())

encoder = nn.Linear(8, 4)
mirror = start_of(encoder)
other = nn.Parameter(encoder.weight.t().clone())  # not tied
"""
    assert rows(rule, source) == []


@pytest.mark.parametrize(("name", "text"), [("TiedAE", ""), ("AE", "Encoder and decoder have tied weights.")])
def test_a_parameter_made_from_a_clone_in_a_network_that_calls_itself_tied(name, text):
    assert rows(rule, NAMED.format(name=name, text=text, mirror=CLONED)) == [11]


@pytest.mark.parametrize(
    ("kept", "place"),
    [
        pytest.param("pass", "self.weight", id="the weight of the network itself"),
        pytest.param("self.mirrors = nn.ParameterDict()", "self.mirrors['first']", id="one of several"),
        pytest.param("self.decoder = nn.Module()", "self.decoder.kernel", id="in a part without a type"),
    ],
)
def test_a_clone_that_is_kept_elsewhere_in_a_tied_network(kept, place):
    source = NAMED.replace("self.mirror = {mirror}", "{kept}\n        {place} = {mirror}").replace(
        "self.mirror)", "{place})"
    )
    assert rows(rule, source.format(name="TiedAE", text="", mirror=CLONED, kept=kept, place=place)) == [12]
