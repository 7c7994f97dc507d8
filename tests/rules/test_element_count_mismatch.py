import pytest

from aelint.rules.architecture import element_count_mismatch as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\n"

DECODER = (
    HEAD
    + """
class Decoder(nn.Module):
    def __init__(self, channels=8, side=4):
        super().__init__()
        self.channels, self.side = channels, side
        self.fc = nn.Linear(16, channels * side ** 2)

    def forward(self, z):
        h = self.fc(z)
        return {reshape}
"""
)


def test_silent_when_the_product_fits():
    assert rows(rule, DECODER.format(reshape="h.view(-1, self.channels, self.side, self.side)")) == []
    assert rows(rule, DECODER.format(reshape="h.reshape(len(z), 8, 4, 4)")) == []


def test_silent_with_a_free_batch_size():
    # Half the channels and twice the samples: no contradiction in numbers, another rule's business.
    assert rows(rule, DECODER.format(reshape="h.view(-1, 4, 4, 4)")) == []


def test_silent_on_sizes_that_may_agree():
    assert rows(rule, HEAD + "def f(x, n):\n    return torch.rand(4, 6).view(n, 3)\n") == []


def test_fires_on_known_sizes_per_sample():
    found = run(rule, DECODER.format(reshape="h.view(z.size(0), self.channels // 2, self.side, self.side)"))
    assert [f.site.row for f in found] == [12]
    assert "64*N elements" in found[0].message
    assert "128*N" in found[0].message


def test_fires_on_the_function_and_a_tuple():
    assert rows(rule, DECODER.format(reshape="torch.reshape(h, (h.shape[0], 8, 5, 5))")) == [12]


def test_fires_on_constants():
    assert rows(rule, HEAD + "x = torch.rand(10, 784).view(10, 1, 28, 27)\n") == [3]


def test_fires_on_a_split_that_does_not_add_up():
    assert rows(rule, HEAD + "a, b = torch.rand(4, 10).split([4, 5], dim=1)\n") == [3]


def test_silent_on_sizes_from_which_one_was_deleted():
    source = """
    import torch

    x = torch.zeros(1, 8, 4, 4)
    sizes = list(x.shape)
    del sizes[1]
    y = torch.zeros(16).view(sizes)
    """
    assert rows(rule, source) == []


def test_silent_on_the_filters_of_a_layer_with_a_group_for_each_channel():
    source = HEAD + (
        "from einops import rearrange\n"
        "class Conv(nn.Module):\n"
        "    def __init__(self, width):\n"
        "        super().__init__()\n"
        "        self.conv = nn.Conv1d(width, width, 4, groups={groups})\n"
        "    def forward(self, x):\n"
        "        return x @ rearrange(self.conv.weight, 'd 1 w -> d w')\n"
    )
    assert rows(rule, source.format(groups="width")) == []
    assert rows(rule, source.format(groups="x.groups")) == []


def test_silent_on_sizes_that_are_too_long_to_compare():
    source = HEAD + (
        "def fold(x, a, b, c, d, e):\n"
        "    n, g, k = x.shape[0], x.shape[1] // a, 64 // (x.shape[1] // a)\n"
        "    h, w = (x.shape[2] + a + b + c + d + e), (x.shape[3] + a + b + c + d - e)\n"
        "    return torch.zeros(n, g, k, h, w).reshape(n, 64, h, w)\n"
    )
    assert rows(rule, source) == []


def test_a_method_is_judged_by_the_defaults_although_a_function_builds_the_network_with_others():
    source = HEAD + (
        "class Net(nn.Module):\n"
        "    def __init__(self, width=6):\n"
        "        super().__init__()\n"
        "        self.fc = nn.Linear(4, width)\n"
        "    def grid(self, x):\n"
        "        return self.fc(x).view(len(x), 4, 4)\n"
        "def small():\n"
        "    return Net(width=12)\n"
    )
    assert rows(rule, source) == [8]


def test_silent_on_a_default_that_holds_nothing_yet():
    source = """
import torch
import torch.nn as nn
class Detect(nn.Module):
    def __init__(self, anchors=()):
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.n = len(anchors)
        a = torch.tensor(anchors).float().view(self.n, -1, 2)
        self.register_buffer("grid", a.clone().view(self.n, 1, -1, 1, 1, 2))
    def forward(self, x):
        return self.fc(x) + self.grid
"""
    assert rows(rule, source) == []


def test_silent_behind_a_tuple_of_another_length_than_its_targets():
    source = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layer, self.head = nn.Linear(784, 500), nn.Linear(500, 10)

    def forward(self, x):
        code = self.layer(x)
        return self.head(code), code

{targets} = Net("plain")(torch.rand(8, 784))
print({last}[0].reshape(28, 28))
"""
    assert rows(rule, source.format(targets="scores, image, mean", last="image")) == []
    assert rows(rule, source.format(targets="scores, image", last="image")) == [15]


AUTOENCODER = """
import torch
from torch import nn

class VAE(nn.Module):
    def __init__(self, size={size}):
        super().__init__()
        self.encoder = nn.Conv2d(3, 64, 4, 2)
        self.mu, self.logvar = nn.Linear(256, 16), nn.Linear(256, 16)
        self.grow = nn.Linear(16, size)
        self.decoder = nn.ConvTranspose2d(64, 3, 4, 2)

    def decode(self, z):
        return self.decoder(self.grow(z).view({target}))

    def forward(self, x):
        {encode}
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        {result}
"""
ENCODED = {
    "size": "256",
    "target": "-1, 64, 2, 2",
    "encode": "h = self.encoder(x).view(-1, 256)",
    "result": "return self.decode(z), mu, logvar",
}


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="the sizes fit"),
        pytest.param({"size": "size"}, id="the size is not known"),
        pytest.param({"target": "-1, 64, 2, self.side"}, id="the target is not known"),
        pytest.param(
            {"size": "512", "result": "return self.decode(z)", "encode": "h = x"}, id="nothing tells what went in"
        ),
        pytest.param(
            {"size": "512", "result": "return self.decode(z).view(-1, 2 * 3 * 36), mu"},
            id="the frames are joined again",
        ),
        pytest.param(
            {"size": "512", "result": "y = self.decode(z)\n        return y.view(-1, 2, *y.shape[1:]), mu"},
            id="the frames get an axis",
        ),
        pytest.param({"size": "512", "result": "self.decode(z)\n        return mu, logvar"}, id="it is not returned"),
        pytest.param({"size": "512", "target": "z.shape[0] * 2, 64, 2, 2"}, id="the number is written out"),
    ],
)
def test_silent_on_a_batch_that_comes_out_as_it_went_in_or_is_not_known_to(parts):
    parts = {**ENCODED, **parts}
    source = AUTOENCODER.replace("size={size}", "size") if parts["size"] == "size" else AUTOENCODER
    assert rows(rule, source.format(**parts)) == []


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"target": "-1, 64, 2, 4"}, id="one image of two codes"),
        pytest.param({"size": "512"}, id="two images of one code"),
        pytest.param({"size": "320"}, id="five images of four codes"),
        pytest.param({"size": "512", "result": "return self.decode(z)"}, id="the features tell how many went in"),
        pytest.param({"size": "512", "encode": "h = x.view(-1, 256)"}, id="the mean tells"),
        pytest.param({"size": "512", "result": "return {'recon': self.decode(z), 'mu': mu}"}, id="in a dictionary"),
    ],
)
def test_fires_where_the_free_size_changes_the_number_of_samples(parts):
    assert rows(rule, AUTOENCODER.format(**{**ENCODED, **parts})) == [14]
