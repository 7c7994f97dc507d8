import pytest

from aelint.rules.architecture import degenerate_unflatten as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\n"


def decoder(*layers: str) -> str:
    lines = "".join(f"    {layer},\n" for layer in layers)
    return HEAD + f"net = nn.Sequential(\n{lines})\nout = net(torch.rand(4, 16))\n"


def test_silent_on_one_by_one_maps_in_front_of_a_transposed_convolution():
    assert rows(rule, decoder("nn.Unflatten(1, (16, 1, 1))", "nn.ConvTranspose2d(16, 8, 4)")) == []


def test_silent_on_one_channel_in_front_of_a_one_dimensional_convolution():
    assert rows(rule, decoder("nn.Unflatten(1, (1, 16))", "nn.Conv1d(1, 8, 3)")) == []


def test_silent_on_a_free_size():
    assert rows(rule, decoder("nn.Unflatten(1, (4, -1, 2))", "nn.Conv2d(4, 8, 1)")) == []


def test_silent_when_axis_0_is_folded_sequences():
    source = HEAD + "def f(x):\n    b, t, d = x.shape\n    return x.flatten(0, 1).unflatten(0, (b, t))\n"
    assert rows(rule, source) == []


def test_fires_on_a_one_element_tuple_in_front_of_a_convolution():
    found = run(rule, decoder("nn.Unflatten(1, (16,))", "nn.ConvTranspose2d(16, 8, 4)"))
    assert [f.site.row for f in found] == [4]
    assert "spatial axes are missing" in found[0].message


def test_fires_when_the_batch_becomes_the_channels():
    source = HEAD + (
        "class D(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.fc = nn.Linear(8, 2048)\n        self.u = nn.Unflatten(1, (8, 256))\n"
        "        self.up = nn.ConvTranspose2d(8, 3, 3)\n"
        "    def forward(self, z):\n        return self.up(self.u(self.fc(z)))\n"
    )
    found = run(rule, source)
    assert [f.site.row for f in found] == [7]
    assert "takes the batch for its channels" in found[0].message


def test_fires_on_a_wrong_product_in_a_layer_and_a_method():
    assert rows(rule, decoder("nn.Linear(16, 64)", "nn.Unflatten(1, (4, 4, 5))")) == [5]
    assert rows(rule, HEAD + "y = torch.rand(3, 64).unflatten(1, (4, 15))\n") == [3]


def test_fires_on_a_split_batch():
    source = HEAD + (
        "class D(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.net = nn.Sequential(nn.Linear(8, 64), nn.Unflatten(0, (4, 4, 4)))\n"
        "    def forward(self, z):\n        return self.net(z)\n"
    )
    assert rows(rule, source) == [6]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("torch.rand(12, 20).unflatten(0, (3, 4))", id="samples in groups"),
        pytest.param("torch.rand(64, 64).unflatten(0, (2, 32))", id="two views of as many samples as features"),
        pytest.param("nn.Unflatten(0, (2, 32))(torch.rand(64, 64))", id="the same in a layer"),
        pytest.param("nn.Unflatten(0, (8, 8))(torch.rand(64, 5, 64))", id="clips of frames in a layer"),
        pytest.param("nn.Unflatten(0, (3, 4))(torch.rand(12, 20))", id="samples in groups in a layer"),
        pytest.param("nn.Unflatten(0, (8, 8))(torch.rand(64))", id="one vector in a layer"),
        pytest.param("torch.rand(64, 5, 64).unflatten(0, (8, 8))", id="clips of frames"),
        pytest.param("torch.rand(64).unflatten(0, (8, 8))", id="one vector"),
        pytest.param("nn.Conv2d(16, 8, 1)(nn.Unflatten(0, (16, 2, 2))(torch.rand(64)))", id="one sample without batch"),
        pytest.param("nn.Conv2d(4, 8, 1)(torch.rand(3, 16, 5).unflatten(1, (4, 4)))", id="another axis is split"),
        pytest.param("nn.Conv2d(4, 8, 1)(torch.rand(3, 4, 25).unflatten(-1, (5, 5)))", id="patches in a row"),
        pytest.param("torch.rand(3, 64).unflatten(1, sizes)", id="sizes that nobody knows"),
    ],
)
def test_silent_where_axes_are_split_on_purpose(body):
    assert rows(rule, HEAD + body + "\n") == []


def test_a_reshape_that_cannot_hold_the_elements_is_left_to_another_rule():
    assert rows(rule, HEAD + "torch.rand(3, 64).view(3, 5, 5)\nnn.Unflatten(1, (8, 8))\n") == []
