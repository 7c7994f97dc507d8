import pytest

from aelint.rules.architecture import feature_mismatch as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"

AE = (
    HEAD
    + """
class AE(nn.Module):
    def __init__(self, code=8):
        super().__init__()
        self.encoder = nn.Linear(784, {given})
        self.decoder = nn.Linear(code, 784)

    def forward(self, x):
        z = self.encoder(x.flatten(1))
        {between}
        return self.decoder(z)
"""
)


def test_silent_on_equal_sizes_under_names():
    assert rows(rule, AE.format(given="code", between="z = torch.relu(z)")) == []


def test_silent_behind_a_split_head():
    assert rows(rule, AE.format(given="2 * code", between="z, logvar = z.chunk(2, dim=1)")) == []


def test_silent_behind_something_unknown():
    source = AE.format(given="20", between="z = project(z)").replace(
        "\nclass", "\nfrom elsewhere import project\nclass", 1
    )
    assert rows(rule, source) == []


def test_silent_behind_a_concatenated_condition():
    assert rows(rule, AE.format(given="6", between="z = torch.cat([z, torch.rand(len(z), 2)], dim=1)")) == []


def test_silent_where_a_condition_asks_for_the_shape():
    between = "if x.shape[1] > 3:\n            return self.decoder(z)\n        z = z[:, :8]"
    assert rows(rule, AE.format(given="20", between=between)) == []


def test_silent_on_a_linear_layer_over_the_last_axis():
    assert rows(rule, HEAD + "y = nn.Linear(8, 4)(torch.rand(2, 5, 8))\n") == []


def test_fires_with_both_places_in_the_message():
    found = run(rule, AE.format(given="20", between="z = F.relu(z)"))
    assert [f.site.row for f in found] == [9]
    assert "takes 8 features, but 20 arrive" in found[0].message
    assert "(line 8)" in found[0].message
    assert found[0].notes[0].site.row == 8


def test_fires_in_a_sequential_of_convolutions():
    source = (
        HEAD
        + "net = nn.Sequential(\n    nn.Conv2d(3, 16, 3),\n    nn.BatchNorm2d(16),\n    nn.ReLU(),\n    nn.Conv2d(32, 8, 3),\n)\nnet(torch.rand(2, 3, 32, 32))\n"
    )
    assert rows(rule, source) == [8]


def test_fires_on_a_normalisation_of_another_width():
    source = HEAD + "net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(32))\nnet(torch.rand(2, 3, 32, 32))\n"
    assert rows(rule, source) == [4]


def test_fires_after_flattening_known_maps():
    source = (
        HEAD
        + "net = nn.Sequential(\n    nn.Conv2d(1, 8, 3, 2, 1),\n    nn.Flatten(),\n    nn.Linear(8 * 13 * 13, 4),\n)\nnet(torch.rand(2, 1, 28, 28))\n"
    )
    found = run(rule, source)
    assert [f.site.row for f in found] == [7]
    assert "takes 1352 features, but 1568 arrive" in found[0].message


def test_blames_the_block_that_does_not_give_what_it_was_built_for():
    source = (
        HEAD
        + """
class Block(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_in, 3, padding=1)

    def forward(self, x):
        return torch.relu(self.conv(x))


class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Block(8, 4)
        self.out = nn.Conv2d(4, 3, 1)

    def forward(self, x):
        return self.out(self.block(x))
"""
    )
    assert rows(rule, source) == [8]


def test_fires_across_files():
    files = {
        "main.py": "import torch.nn as nn\nfrom enc import Encoder\nclass AE(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.enc = Encoder(16)\n        self.dec = nn.Linear(8, 4)\n    def forward(self, x):\n        return self.dec(self.enc(x))\n",
        "enc.py": "import torch.nn as nn\nclass Encoder(nn.Module):\n    def __init__(self, n):\n        super().__init__()\n"
        "        self.fc = nn.Linear(32, n)\n    def forward(self, x):\n        return self.fc(x)\n",
    }
    found = run(rule, files)
    assert [f.site.row for f in found] == [7]
    assert "line 5 of enc.py" in found[0].message


def test_blames_the_call_where_the_layer_takes_what_other_calls_give_it():
    source = (
        HEAD
        + "decoder = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 20))\ny = decoder(torch.rand(4, 6))\nz = torch.randn(4, 32)\nnew = decoder(z)\n"
    )
    found = run(rule, source)
    assert [f.site.row for f in found] == [7]
    assert found[0].notes[0].site.row == 4


LIBRARY = """
import torch.nn as nn
from library import register_to_config

class Model(nn.Module):
    {decorator}
    def __init__(self, heads=16, width=88, hidden=1152):
        super().__init__()
        self.down, self.up = nn.Linear(784, hidden), nn.Linear(heads * width, 784)

    def forward(self, x):
        return self.up(self.down(x))
"""


def test_silent_on_defaults_that_a_configuration_replaces():
    assert rows(rule, LIBRARY.format(decorator="@register_to_config")) == []


def test_fires_on_defaults_that_are_used():
    assert len(rows(rule, LIBRARY.format(decorator=""))) == 1


def test_a_forward_that_is_replaced_runs_in_the_place_of_the_first():
    source = HEAD + (
        "def keep(module, store):\n"
        "    run = module.forward\n"
        "    def wrapped(x):\n"
        "        store.append(run(x))\n"
        "        return store[-1]\n"
        "    module.forward = wrapped\n"
        "    return module\n"
        "kept = []\n"
        "first = keep(nn.Linear(4, 6), kept)\n"
        "last = nn.Linear({size}, 2)\n"
        "h = first(torch.rand(8, 4))\n"
        "y = last(torch.cat([h, kept.pop()], dim=1))\n"
    )
    assert rows(rule, source.format(size=12)) == []
    assert rows(rule, source.format(size=13)) == [13]


BLOCKS = HEAD + (
    "class Block(nn.Module):\n"
    "    def __init__(self, before, after):\n"
    "        super().__init__()\n"
    "        self.fc = nn.Linear(before, after)\n"
    "    def forward(self, x):\n"
    "        return self.fc(x).relu()\n"
    "first = Block(40, 32)\n"
    "second = Block({sizes})\n"
    "y = second(first(torch.rand(4, 40)))\n"
)


def test_points_to_the_block_that_is_built_with_the_wrong_sizes():
    assert rows(rule, BLOCKS.format(sizes="32, 8")) == []
    start = BLOCKS.splitlines().index("second = Block({sizes})") + 1
    assert rows(rule, BLOCKS.format(sizes="8, 32")) == [start]


def test_points_to_the_layer_where_its_class_names_the_size():
    source = BLOCKS.replace("nn.Linear(before, after)", "nn.Linear(40, after)")
    start = BLOCKS.splitlines().index("        self.fc = nn.Linear(before, after)") + 1
    assert rows(rule, source.format(sizes="32, 8")) == [start]


CONDITIONED = (
    HEAD
    + """
class Decoder(nn.Module):
    def __init__(self, {parameters}):
        super().__init__()
        width, layers = {first}, []
        for size in sizes:
            layers += [nn.Linear(width, size), nn.ReLU()]
            width = size
        self.net = nn.Sequential(*layers)

    def forward(self, z):
        {joined}
        return self.net(z)

class Net(nn.Module):
    def __init__(self, code=4, classes=10):
        super().__init__()
        self.encoder = nn.Linear(40, code)
        self.decoder = Decoder({arguments})

    def forward(self, x, y):
        return self.decoder({given})

Net()(torch.rand(8, 40), torch.rand(8, 10))
"""
)
TOLD = {
    "parameters": "width_in, sizes",
    "first": "width_in",
    "joined": "z = z * 2",
    "arguments": "code, (16, 40)",
    "given": "torch.cat([self.encoder(x), y], 1)",
}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        pytest.param({"arguments": "code + classes, (16, 40)"}, "", id="the sizes fit"),
        pytest.param({}, "self.decoder = Decoder", id="another part of the network joins what the block gets"),
        pytest.param(
            {"given": "torch.hstack((self.encoder(x), y))"}, "self.decoder = Decoder", id="in another spelling"
        ),
        pytest.param({"given": "x"}, "self.decoder = Decoder", id="the network gives it something else"),
        pytest.param(
            {"parameters": "width_in, sizes, extra", "arguments": "code, (16, 40), classes"},
            "layers += ",
            id="the block was told of both",
        ),
        pytest.param(
            {"given": "self.encoder(x)", "joined": "z = torch.cat([z, z], 1)"},
            "layers += ",
            id="the block joins by itself",
        ),
    ],
)
def test_points_to_the_call_that_tells_a_block_its_size(changes, line):
    source = CONDITIONED.format(**{**TOLD, **changes})
    written = [text.strip() for text in source.splitlines()]
    assert [written[row - 1][: len(line)] for row in rows(rule, source)] == [line] * bool(line)


def test_silent_on_defaults_that_the_program_replaces():
    source = HEAD + (
        "class Patches(nn.Module):\n"
        "    def __init__(self, channels=3):\n"
        "        super().__init__()\n"
        "        self.proj = nn.Conv2d(channels, 8, 4)\n"
        "        self.count = self.proj(torch.rand(1, 1, 16, 16)).shape[2]\n"
        "    def forward(self, x):\n"
        "        return self.proj(x)\n"
    )
    assert rows(rule, source) == [7]
    assert rows(rule, source + "def main(args):\n    return Patches(channels=1)\n") == []


def test_silent_on_a_queue_that_drops_its_oldest():
    source = (
        "from collections import deque\n"
        + HEAD
        + """
frames = deque([], {queue})
for _ in range(4):
    frames.append(torch.zeros(84, 84))
frames.append(torch.rand(84, 84))
nn.Conv2d(4, 32, 8)(torch.stack(list(frames), 0).unsqueeze(0))
"""
    )
    assert rows(rule, source.format(queue="maxlen=4")) == []
    assert rows(rule, source.format(queue="4")) == []
    assert rows(rule, source.replace(", {queue}", "")) != []


def test_silent_behind_blocks_of_which_some_may_be_left_out():
    source = (
        HEAD
        + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 16, 3), nn.Linear(16, 10)

    def stem(self, x):
        return torch.relu(self.first(x))

    def forward(self, x, last):
        for i, block in enumerate({blocks}):
            x = block(x)
        return self.head(x.mean((2, 3)))
"""
    )
    assert rows(rule, source.format(blocks="[self.stem, self.second][:last]")) == []
    assert rows(rule, source.format(blocks="[self.stem]")) != []


RESHAPED = (
    HEAD
    + """
class Decoder(nn.Module):
    def __init__(self, widths=(32, 16)):
        super().__init__()
        self.widths = widths
        self.fc = nn.Linear(8, widths[0] * 4)
        self.up = nn.ConvTranspose2d({taken}, 1, 4, 2, 1)

    def forward(self, z):
        return self.up({shaped})

Decoder()(torch.rand(16, 8))
"""
)


@pytest.mark.parametrize(
    "shaped", ["self.fc(z).view(-1, self.widths[0], 2, 2)", "self.fc(z).view(len(z), -1, 2, 2)"], ids=["named", "free"]
)
def test_silent_on_a_reshape_that_uses_the_size_of_the_layers(shaped):
    assert rows(rule, RESHAPED.format(taken="widths[0]", shaped=shaped)) == []


@pytest.mark.parametrize(
    ("taken", "shaped", "row"),
    [
        pytest.param("widths[0]", "self.fc(z).view(-1, 64, 2, 2)", 13, id="number-in-the-view"),
        pytest.param("widths[0]", "torch.reshape(self.fc(z), (-1, 64, 2, 2))", 13, id="reshape"),
        pytest.param("self.widths[-2]", "self.fc(z).reshape((-1, 64, 2, 2))", 13, id="tuple"),
        pytest.param("64", "self.fc(z).view(-1, self.widths[0], 2, 2)", 10, id="number-in-the-layer"),
        pytest.param("24", "self.fc(z).view(-1, 32, 2, 2)", 10, id="numbers-in-both"),
    ],
)
def test_the_number_is_reported_that_does_not_follow_the_sizes(taken, shaped, row):
    assert rows(rule, RESHAPED.format(taken=taken, shaped=shaped)) == [row]


SERIES = (
    HEAD
    + """
class Series(nn.Module):
    def __init__(self, channels=1, length={length}, code=16):
        super().__init__()
        self.conv = nn.Conv1d(channels, 4, 3, padding=1)
        self.pool = nn.MaxPool1d(2)
        self.to_code = nn.Linear({given}, code)
        self.out = nn.Linear(code, length)

    def forward(self, x):
        h = self.pool(self.pool(self.conv(x)))
        return self.out(self.to_code(h.view(-1, h.shape[1] * h.shape[2])))
"""
)


def test_silent_on_a_default_of_one_that_a_user_has_to_replace():
    assert rows(rule, SERIES.format(length=1, given="length")) == []


@pytest.mark.parametrize(("length", "given"), [(1, "1"), (1, "4 * length + 2"), (30, "length")])
def test_fires_on_a_size_that_is_more_than_a_default_of_one(length, given):
    assert rows(rule, SERIES.format(length=length, given=given)) == [10]


def test_fires_on_a_default_of_one_of_a_network_that_is_built_with_it():
    assert rows(rule, SERIES.format(length=1, given="length") + "Series()(torch.rand(2, 1, 12))\n") == [10]


OPTION = (
    HEAD
    + """
class Block(nn.Module):
    def __init__(self, time_size, condition_size=None):
        super().__init__()
        if condition_size is None:
            condition_size = 0
        self.layer = nn.Linear(time_size + condition_size, 8)

    def forward(self, time, condition=None):
        given = time
        if condition is not None:
            given = torch.cat([given, condition], dim=-1)
        return self.layer(given)

class Net(nn.Module):
    def __init__(self, size, condition_size={default}):
        super().__init__()
        self.time = nn.Linear(size, 4 * size)
        self.block = Block(4 * size, {given})

    def forward(self, time, condition=None):
        return self.block(self.time(time), condition)

class Wrapped(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.net = Net(**config)

    def forward(self, time, condition=None):
        if condition is not None:
            return self.net(time, condition)
        return self.net(time)
"""
)


@pytest.mark.parametrize("default", ["None", "0"])
def test_silent_on_an_optional_size_that_may_be_nothing(default):
    assert rows(rule, OPTION.format(default=default, given="condition_size")) == []


def test_fires_on_a_size_that_is_always_there():
    assert rows(rule, OPTION.format(default="None", given="3")) == [10]


SWITCH = (
    HEAD
    + """
class Layer(nn.Module):
    def __init__(self, given, made):
        super().__init__()
        self.rebuilds = True
        self.encoder, self.decoder = nn.Linear(given, made), nn.Linear(made, given)

    @property
    def alone(self):
        return self.rebuilds

    @alone.setter
    def alone(self, value):
        self.rebuilds = value

    def forward(self, x):
        code = self.encoder(x)
        return self.decoder(code) if self.rebuilds else code

class Kind(Layer):
    pass

class Stack(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.first, self.second = layers
        for layer in layers:
            layer.alone = {value}

    def forward(self, x):
        return self.second(self.first(x))

Stack([Kind(784, 64), Kind(64, 8)])(torch.rand(2, 784))
"""
)


def test_silent_where_setting_a_property_switches_what_a_layer_gives():
    assert rows(rule, SWITCH.format(value="False")) == []


def test_fires_where_setting_a_property_leaves_what_a_layer_gives():
    assert rows(rule, SWITCH.format(value="True")) != []


PASSED = (
    HEAD
    + """
class Block(nn.Module):
    def __init__(self, wide, out, inner=None):
        super().__init__()
        {first}
        self.layer = nn.{layer}

    def forward(self, x):
        return self.layer(x)

def build(kind, width, inner):
    if kind == "plain":
        return Block(width, width)
    return Block(inner, width)

net = nn.Sequential(*[build(kind, {width}, inner={inner}) for kind in {kinds}])
"""
)
PARTS = {"first": "", "layer": "Linear(wide, out)", "width": "8", "inner": "None", "kinds": '("plain", "other")'}


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"inner": "4"}, id="a number"),
        pytest.param({"kinds": '("plain",)'}, id="the branch is not taken"),
        pytest.param({"first": "wide = wide or out"}, id="replaced by a default"),
        pytest.param({"layer": "LazyLinear(out) if wide is None else nn.Linear(wide, out)"}, id="asked for"),
        pytest.param({"layer": "Linear(out, out, bias=wide)"}, id="no size"),
        pytest.param({"layer": "Linear(out, inner or out)"}, id="left out and replaced"),
    ],
)
def test_silent_where_no_layer_is_built_of_none(parts):
    assert rows(rule, PASSED.format(**PARTS | parts)) == []


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="by position"),
        pytest.param({"layer": "Conv2d(kernel_size=1, out_channels=out, in_channels=wide)"}, id="by name"),
        pytest.param({"layer": "GroupNorm(2, wide if out > 2 else out)"}, id="by a choice"),
    ],
)
def test_a_layer_is_built_of_none(parts):
    found = run(rule, PASSED.format(**PARTS | parts))
    assert [(f.site.row, f.site.text) for f in found] == [(19, "None")]


ATTENTION = (
    HEAD
    + """
class Attention(nn.Module):
    def __init__(self, size, given=None):
        super().__init__()
        given = size if given is None else given
        self.query, self.key = nn.Linear(size, size), nn.Linear(given, size)

    def forward(self, q, other=None):
        if other is None:
            return self.query(q) * self.key(q).mean(1, keepdim=True)
        return self.query(q) * self.key(other).mean(1, keepdim=True)

class Block(nn.Module):
    def __init__(self, size, given):
        super().__init__()
        self.project, self.over, self.across = nn.Linear(3, size), Attention(size), Attention(size, given)

    def forward(self, x, context=None):
        x = self.over(self.project(x))
        if context is {test}:
            x = x + self.across(x, context)
        return x

Block(512, 768)
"""
)


def test_silent_in_a_branch_that_a_branch_around_it_rules_out():
    assert rows(rule, ATTENTION.format(test="not None")) == []


def test_fires_in_a_branch_that_the_branch_around_it_leads_to():
    assert rows(rule, ATTENTION.format(test="None")) != []


TIED = (
    HEAD
    + """
class Words(nn.Module):
    def __init__(self, size, hidden):
        super().__init__()
        self.embedding = nn.Embedding(100, 32)
        self.scores = nn.Linear(hidden, 100)
        self.scores.weight = {weight}

    def forward(self, words):
        return self.scores(self.embedding(words){cut})

Words(32, {hidden})(torch.zeros(2, 5, dtype=torch.long))
"""
)


def test_silent_on_a_layer_whose_weight_is_that_of_another():
    assert rows(rule, TIED.format(weight="self.embedding.weight", cut="", hidden=40)) == []


def test_a_layer_that_keeps_its_weight_or_whose_new_weight_does_not_fit():
    assert rows(rule, TIED.format(weight="self.scores.weight", cut="", hidden=40)) != []
    assert rows(rule, TIED.format(weight="self.embedding.weight", cut="[..., :31]", hidden=31)) != []


EXCHANGED = (
    HEAD
    + """
class Coder(nn.Module):
    def __init__(self):
        super().__init__()
        self.front = nn.Conv1d(1, 20, 4, 4)
        self.conv = nn.Sequential(nn.Conv1d({size}, 8, 3, padding=1), nn.ReLU())

    def forward(self, wave):
        h = {made}
        h = {moved}
        return self.conv(h.contiguous())

Coder()(torch.randn(4, 1, 160))
"""
)
SPECTRUM = "torch.stft(wave.squeeze(1), 38, 8, window=torch.ones(38), return_complex=True).abs()"


@pytest.mark.parametrize(
    ("made", "moved", "size"),
    [
        pytest.param("self.front(wave)", "F.relu(h)", 20, id="left-as-it-is"),
        pytest.param("self.front(wave).transpose(1, 2)", "h.transpose(1, 2)", 20, id="there-and-back"),
        pytest.param(SPECTRUM, "h", 20, id="frequencies-as-channels"),
        pytest.param(SPECTRUM, "h.transpose(1, 2)", 21, id="frames-as-channels"),
    ],
)
def test_silent_on_channels_in_axis_one(made, moved, size):
    assert rows(rule, EXCHANGED.format(made=made, moved=moved, size=size)) == []


@pytest.mark.parametrize(
    ("made", "moved"),
    [
        ("self.front(wave)", "h.transpose(1, 2)"),
        ("torch.relu(self.front(wave))", "h.permute(0, 2, 1)"),
        (SPECTRUM, "torch.transpose(h, -1, -2)"),
    ],
)
def test_fires_at_the_exchange_that_takes_the_channels_away(made, moved):
    assert rows(rule, EXCHANGED.format(made=made, moved=moved, size=20)) == [13]


def test_where_the_channels_stood_is_open_for_data_from_outside():
    source = EXCHANGED.format(made="torch.randn(4, 20, 31)", moved="h.transpose(1, 2)", size=20)
    assert rows(rule, source) == [9]


BY_KIND = """
import torch
from torch import nn

class Patches(nn.Module):
    def __init__(self, kind):
        super().__init__()
        if kind == "3d":
            self.projection = nn.Conv3d(3, 8, 16, 16)
        else:
            self.projection = nn.Conv2d(3, 8, 16, 16)

    def forward(self, clip):
        kind = type(self.projection)
        if {test}:
            return self.projection(clip.transpose(1, 2))
        return self.projection(clip.flatten(0, 1))

Patches("3d")(torch.rand(2, 16, 3, 32, 32))
"""


@pytest.mark.parametrize("test", ["kind == nn.Conv3d", "kind is nn.Conv3d", "kind != nn.Conv2d", "kind is not Patches"])
def test_silent_where_a_branch_asks_for_the_kind_of_the_layer(test):
    assert rows(rule, BY_KIND.format(test=test)) == []
    assert rows(rule, BY_KIND.format(test=test.replace("3d", "1d") + " and False")) == [9]


MOCKED = """
import unittest
from unittest import mock
from unittest.mock import patch
import torch
from torch import nn

class Probe(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, 5)

    def forward(self, x):
        return self.linear(x)

class TestProbe(unittest.TestCase):
    {decorator}
    def test_forward(self, stand_in=None):
        Probe(50)(torch.rand(50, 1))

{decorator}
def test_function(stand_in=None):
    Probe(40)(torch.rand(40, 1))
"""


@pytest.mark.parametrize("decorator", ['@patch("torch.nn.Linear")', "@mock.patch.object(nn, 'Linear')"])
def test_silent_in_a_test_with_stand_ins(decorator):
    assert rows(rule, MOCKED.replace("{decorator}", decorator)) == []
    assert rows(rule, MOCKED.replace("{decorator}", "")) != []


TURNED = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, n=784):
        super().__init__()
        self.n, self.conv, self.fc = n, nn.Conv2d(1, 49, 4, 2, 1), nn.Linear(n, 64)

    def forward(self, x):
        {body}
"""


@pytest.mark.parametrize(
    "body",
    [
        "return self.fc(x.view(-1, 784))",
        "return self.fc(x.view(784, -1).t())",
        "return self.fc(x.view(784, 784))",
        "return self.fc(x.view(16, -1))",
        "return self.fc(x.view(x.size(0), -1))",
        "return self.fc(x.view(784, int(x.sum())))",
        "return x.view(784, -1)",
    ],
)
def test_silent_on_features_that_stand_last(body):
    assert rows(rule, TURNED.format(body=body)) == []


@pytest.mark.parametrize(
    "body",
    [
        "return self.fc(x.view(784, -1))",
        "return self.fc(x.reshape(self.n, -1))",
        "x = self.conv(x).view(784, -1); return self.fc(x)",
    ],
)
def test_fires_on_features_that_stand_first(body):
    assert rows(rule, TURNED.format(body=body)) == [11]
