import pytest

from aelint.rules.architecture import shared_module_instance as rule
from tests.rules.harness import rows

HEAD = "import copy\nimport torch\nimport torch.nn as nn\n"


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        ("a new layer each time", "net = nn.Sequential(*[nn.Linear(4, 4) for _ in range(3)])"),
        (
            "activations have no parameters",
            "act = nn.ReLU()\nnet = nn.Sequential(nn.Linear(4, 4), act, nn.Linear(4, 4), act)",
        ),
        ("copies", "layer = nn.Linear(4, 4)\nnet = nn.ModuleList([copy.deepcopy(layer) for _ in range(3)])"),
        ("an unknown number of new layers", "def f(n):\n    return nn.ModuleList([nn.Linear(4, 4) for _ in range(n)])"),
        (
            "a loop over an unknown number",
            "def f(n):\n    net = nn.ModuleList()\n    for _ in range(n):\n        net.append(nn.Linear(4, 4))\n    return net",
        ),
        ("tied by name", "tied = nn.Linear(4, 4)\nnet = nn.Sequential(*[tied] * 3)  # weights are shared"),
    ],
)
def test_silent_on(reason, line):
    assert rows(rule, HEAD + line + "\n") == [], reason


def test_fires_on_a_multiplied_list():
    assert rows(rule, HEAD + "net = nn.Sequential(*[nn.Linear(4, 4)] * 3)\n") == [4]
    assert rows(rule, HEAD + "net = nn.ModuleList([nn.Sequential(nn.Linear(4, 4), nn.ReLU())] * 2)\n") == [4]


def test_fires_on_one_object_that_a_loop_appends():
    source = HEAD + "block = nn.Conv2d(8, 8, 3)\nnet = nn.ModuleList()\nfor _ in range(4):\n    net.append(block)\n"
    assert rows(rule, source) == [4]


def test_fires_on_a_block_of_the_project():
    source = (
        HEAD
        + "class B(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.f = nn.Linear(2, 2)\n    def forward(self, x):\n        return self.f(x)\nnet = nn.Sequential(*([B()] * 2))\n"
    )
    assert rows(rule, source) == [10]
