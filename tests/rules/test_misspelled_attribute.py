"""AEL408: attributes and statements without effect."""

import pytest

from aelint.rules.optimization import misspelled_attribute as rule
from tests.rules.harness import rows, run

SETUP = """
import torch
from torch import nn

class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 4), nn.Linear(4, 20)
        self.require_grad = True

    def forward(self, x):
        return self.decoder(self.encoder(x))

class Switched(AE):
    @property
    def requires_grad(self):
        return True

    @requires_grad.setter
    def requires_grad(self, value):
        self.requires_grad_(value)

model = AE()
opt = torch.optim.Adam(model.parameters())
"""

HEALTHY = {
    "spelled right": "for p in model.parameters():\n    p.requires_grad = False",
    "a weight is frozen": "model.encoder.weight.requires_grad = False",
    "the method": "model.requires_grad_(False)",
    "a property of the class": "net = Switched()\nnet.requires_grad = False",
    "the rate of each group": "for group in opt.param_groups:\n    group['lr'] = 1e-4",
    "called": "model.eval()\nopt.zero_grad()\nopt.step()",
    "passed on": "switch = model.eval\nswitch()",
    "a tensor made to be differentiated": "x = torch.randn(3)\nx.requires_grad = True",
}


@pytest.mark.parametrize("lines", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(lines):
    assert rows(rule, SETUP + lines) == []


FAULTS = {
    "in a loop": ("for p in model.encoder.parameters():\n    p.require_grad = False", 26),
    "on a weight": ("model.encoder.weight.requires_gradient = False", 25),
    "on a module": ("model.encoder.requires_grad = False", 25),
    "learning rate": ("opt.lr = 1e-4", 25),
    "not called": ("model.train()\nmodel.eval", 26),
    "step not called": ("opt.step()\nopt.step", 26),
}


@pytest.mark.parametrize(("lines", "row"), FAULTS.values(), ids=FAULTS.keys())
def test_fires(lines, row):
    assert rows(rule, SETUP + lines) == [row]


def test_the_fix_of_a_method_that_is_not_called():
    (found,) = run(rule, SETUP + "opt.step()\nopt.step")
    assert found.rewrite is not None
    assert [text for _, text in found.rewrite.replacements] == ["opt.step()"]


def test_a_state_that_is_saved_without_being_taken():
    head = "import torch\nmodel = torch.nn.Linear(3, 3)\n"
    assert rows(rule, head + "torch.save(model.state_dict, 'a')\n") == [3]
    assert rows(rule, head + "torch.save({'model': model.state_dict, 'epoch': 3}, 'a')\n") == [3]
    assert not rows(rule, head + "torch.save({'model': model.state_dict()}, 'a')\n")
    assert not rows(rule, head + "torch.save(model, 'a')\n")


def test_silent_where_the_branch_is_for_parameters():
    freeze = (
        "for part in (model.encoder, weight):\n    if isinstance(part, nn.{kind}):\n        part.requires_grad = False"
    )
    assert rows(rule, SETUP + "weight = nn.Parameter(torch.zeros(3))\n" + freeze.format(kind="Parameter")) == []
    assert rows(rule, SETUP + "weight = nn.Parameter(torch.zeros(3))\n" + freeze.format(kind="Linear")) != []
