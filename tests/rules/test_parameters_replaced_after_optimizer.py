"""AEL409: parts exchanged behind the optimiser's back."""

import pytest

from aelint.rules.optimization import parameters_replaced_after_optimizer as rule
from tests.rules.harness import rows

SETUP = """
import torch
from torch import nn

class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 4), nn.Linear(4, 20)

    def widen(self):
        self.decoder = nn.Linear(4, 20)

    def forward(self, x):
        return self.decoder(self.encoder(x))

model = AE()
{lines}
for i in range(9):
    x = torch.randn(8, 20)
    opt.zero_grad()
    nn.functional.mse_loss(model(x), x).backward()
    opt.step()
"""

HEALTHY = {
    "replaced before": "model.decoder = nn.Linear(4, 20)\nopt = torch.optim.Adam(model.parameters())",
    "moved to a device": "opt = torch.optim.Adam(model.parameters())\nmodel.to('cuda')\nmodel = model.cuda()",
    "a new optimiser": (
        "opt = torch.optim.Adam(model.parameters())\nmodel.decoder = nn.Linear(4, 20)\nopt = torch.optim.Adam(model.parameters())"
    ),
    "something new is added": "opt = torch.optim.Adam(model.parameters())\nmodel.probe = nn.Linear(4, 2)",
    "an activation is exchanged": "model.act = nn.ReLU()\nopt = torch.optim.Adam(model.parameters())\nmodel.act = nn.Tanh()",
    "another model": "other = AE()\nopt = torch.optim.Adam(model.parameters())\nother.decoder = nn.Linear(4, 20)",
}


@pytest.mark.parametrize("lines", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(lines):
    assert rows(rule, SETUP.format(lines=lines)) == []


FAULTS = {
    "a layer": ("opt = torch.optim.Adam(model.parameters())\nmodel.decoder = nn.Linear(4, 20)", 18),
    "a weight": (
        "opt = torch.optim.Adam(model.parameters())\nmodel.encoder.weight = nn.Parameter(torch.randn(4, 20))",
        18,
    ),
    "in a method": ("opt = torch.optim.Adam(model.parameters())\nmodel.widen()", 11),
}


@pytest.mark.parametrize(("lines", "row"), FAULTS.values(), ids=FAULTS.keys())
def test_fires(lines, row):
    assert rows(rule, SETUP.format(lines=lines)) == [row]


KEPT = {
    "only if the user asks for it": (
        "opt = torch.optim.Adam(model.parameters())\nif input():\n    model.decoder = nn.Linear(4, 20)"
    ),
    "unknown parameters": "from setup import chosen\nopt = torch.optim.Adam(chosen(model))\nmodel.decoder = nn.Linear(4, 20)",
}


@pytest.mark.parametrize("lines", KEPT.values(), ids=KEPT.keys())
def test_silent_where_the_optimiser_may_know(lines):
    assert rows(rule, SETUP.format(lines=lines)) == []


def test_silent_where_the_part_is_exchanged_after_training():
    source = SETUP.format(lines="opt = torch.optim.Adam(model.parameters())")
    assert rows(rule, source + "model.decoder = nn.Linear(4, 10)\n") == []


def test_silent_where_another_network_had_a_part_of_that_name():
    lines = "other = AE()\nother.probe = nn.Linear(4, 2)\nopt = torch.optim.Adam(model.parameters())\nmodel.probe = nn.Linear(4, 2)"
    assert rows(rule, SETUP.format(lines=lines)) == []


def test_silent_on_a_second_name_of_what_the_optimiser_took():
    lines = "model.last = nn.Linear(4, 2)\nopt = torch.optim.Adam(model.parameters())\nmodel.last = {value}"
    assert rows(rule, SETUP.format(lines=lines.format(value="model.decoder"))) == []
    assert rows(rule, SETUP.format(lines=lines.format(value="nn.Linear(4, 2)"))) == [19]


def test_silent_where_the_new_part_gets_an_optimiser_of_its_own():
    lines = (
        "opt = torch.optim.Adam(model.parameters())\nmodel.decoder = nn.Linear(4, 20)\nnew = torch.optim.Adam({given})"
    )
    source = SETUP.replace("opt.step()", "opt.step()\n    new.step()")
    assert rows(rule, source.format(lines=lines.format(given="model.decoder.parameters()"))) == []
    assert rows(rule, source.format(lines=lines.format(given="model.encoder.parameters()"))) == [18]
