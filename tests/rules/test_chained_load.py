"""AEL604: what load_state_dict gives back."""

import pytest

from aelint.rules.inference import chained_load as rule
from tests.rules.harness import rows

SETUP = """
import torch
from torch import nn

class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(4, 4)

    def forward(self, x):
        return self.net(x)

model = AE()
state = torch.load("ae.pt")
"""

HEALTHY = {
    "on a line of its own": "model.load_state_dict(state)\nmodel.eval()",
    "the keys are kept": "result = model.load_state_dict(state, strict=False)\nprint(result.missing_keys)",
    "the keys are unpacked": "missing, unexpected = model.load_state_dict(state, strict=False)",
    "printed": "print(model.load_state_dict(state))",
    "a method of the project returns the model": """
class Loader:
    def load_state_dict(self, state):
        model.load_state_dict(state)
        return model
net = Loader().load_state_dict(state).eval()
""",
    "returned through super": """
class Net(AE):
    def load_state_dict(self, state, strict=True):
        return super().load_state_dict(state, strict)
Net().load_state_dict(state)
""",
}


@pytest.mark.parametrize("lines", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(lines):
    assert rows(rule, SETUP + lines) == []


FAULTS = {
    "replaced": "model = model.load_state_dict(state)",
    "to a device": "model.load_state_dict(state).to('cuda')",
    "built and loaded": "net = AE().load_state_dict(state).eval()",
    "applied": "net = AE().load_state_dict(state); net(torch.randn(2, 4))",
    "an optimiser": "opt = torch.optim.Adam(model.parameters()); opt = opt.load_state_dict(state)",
}


@pytest.mark.parametrize("lines", FAULTS.values(), ids=FAULTS.keys())
def test_fires(lines):
    assert rows(rule, SETUP + lines) == [15]


def test_result_leaves_a_function_of_another_file():
    files = {
        "main.py": "from restore import restore\nimport torch\nmodel = restore(torch.nn.Linear(2, 2))\nmodel.eval()\n",
        "restore.py": "import torch\n\ndef restore(net):\n    return net.load_state_dict(torch.load('n.pt'))\n",
    }
    assert rows(rule, files) == [4]
