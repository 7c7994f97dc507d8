from aelint.rules.architecture import unflattened_input_to_linear as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\n"


def test_silent_on_flattened_images():
    source = (
        HEAD + "m = nn.Linear(784, 4)\nx = torch.rand(2, 1, 28, 28)\ny = m(x.view(len(x), -1))\nz = m(x.flatten(1))\n"
    )
    assert rows(rule, source) == []


def test_silent_on_a_linear_layer_over_the_last_axis():
    assert rows(rule, HEAD + "y = nn.Linear(28, 4)(torch.rand(2, 1, 28, 28))\n") == []


def test_silent_on_another_mismatch():
    assert rows(rule, HEAD + "y = nn.Linear(30, 4)(torch.rand(2, 28))\n") == []


def test_fires_on_an_image_batch():
    found = run(rule, HEAD + "m = nn.Sequential(nn.Linear(28 * 28, 4), nn.ReLU())\ny = m(torch.rand(2, 1, 28, 28))\n")
    assert [f.site.row for f in found] == [3]
    assert "784 per sample" in found[0].message


def test_fires_without_a_channel_axis_in_a_class():
    source = HEAD + (
        "class E(nn.Module):\n    def __init__(self, side=8):\n        super().__init__()\n        self.fc = nn.Linear(side * side, 2)\n"
        "    def forward(self, x):\n        return self.fc(x)\n"
        "E()(torch.rand(5, 8, 8))\n"
    )
    assert rows(rule, source) == [6]


def test_fires_behind_a_convolution():
    source = (
        HEAD
        + "net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Linear(4 * 6 * 6, 2))\nnet(torch.rand(3, 1, 6, 6))\n"
    )
    assert rows(rule, source) == [3]
