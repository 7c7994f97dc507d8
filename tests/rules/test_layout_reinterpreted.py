import pytest

from aelint.rules.architecture import layout_reinterpreted as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\nx = torch.rand(16, 28, 32, 3)\n"


@pytest.mark.parametrize(
    "line",
    [
        "y = x.permute(0, 3, 1, 2)",
        "y = x.permute(0, 3, 1, 2).reshape(16, -1)",
        "y = x.view(16, 28 * 32, 3)",
        "y = torch.rand(16, 1, 28, 28).view(16, 28, 28)",
        "y = torch.rand(16, 1, 28, 28).view(16, 28, 28, 1)",
        "y = torch.rand(16, 64).view(16, 4, 4, 4)",
        "patches = torch.rand(16, 256, 16).reshape(16, 16, 16, 16, 1, 1)",
        "patches = torch.rand(16, 36, 24).reshape(16, 6, 6, 6, 2, 2)",
        "places = torch.rand(1, 4096, 64).reshape(1, 64, 64, -1).permute(0, 3, 1, 2)",
    ],
)
def test_silent_on_reshapes_that_keep_the_order(line):
    assert rows(rule, HEAD + line + "\n") == []


HEADS = (
    HEAD
    + "qkv = nn.Linear(8, 8)\ndef f(x: torch.Tensor, t: int):\n    b = 4\n    h = qkv(torch.rand(b, t, 8))\n    return h.{view}\n"
)


def test_silent_on_heads_that_are_split_and_moved():
    assert rows(rule, HEADS.format(view="view(b, t, 2, 4).transpose(1, 2)")) == []
    assert rows(rule, HEADS.format(view="view(b * t, 8)")) == []


def test_fires_on_channels_last_read_as_channels_first():
    found = run(rule, HEAD + "y = x.view(16, 3, 28, 32)\nz = torch.reshape(x, (16, 3, 28, 32))\n")
    assert [f.site.row for f in found] == [4, 5]
    assert "permute" in found[0].message


def test_fires_on_heads_in_front_of_the_sequence():
    assert rows(rule, HEADS.format(view="view(b, 2, t, 4)")) == [8]


STATES = """
import torch
import torch.nn as nn

class Decoder(nn.Module):
    def __init__(self, layers={layers}):
        super().__init__()
        self.layers, self.to_hidden, self.rnn = layers, nn.Linear(8, 24 * layers), nn.GRU(4, 24, layers, batch_first=True)

    def forward(self, z, x):
        h = self.to_hidden(z){given}
        return self.rnn(x, {state})[0]

{rest}
"""


def states(state, given="", layers="2", rest=""):
    return STATES.format(state=state, given=given, layers=layers, rest=rest)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(states("h.view(z.size(0), self.layers, 24).transpose(0, 1)"), id="layers split off, then moved"),
        pytest.param(states("h.view(self.layers, z.size(0), 24)", layers="1"), id="one layer"),
        pytest.param(states("h.view(-1, self.layers, 24).permute(1, 0, 2)"), id="any number of samples"),
        pytest.param(
            states("h.view(self.layers, z.size(0), 24).view(z.size(0), 48).view(-1, 2, 24).transpose(0, 1)"),
            id="undone",
        ),
        pytest.param(states("torch.rand(8, 48).view(2, 8, 24)"), id="no layer computed it: any layout may be meant"),
        pytest.param(states("h.view(2, 2, 24)", given="[:2]"), id="as many samples as layers"),
    ],
)
def test_silent_on_states_of_recurrent_layers(source):
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(states("h.view(self.layers, z.size(0), 24)"), id="a code of any shape"),
        pytest.param(states("h.reshape(self.layers, len(z), 24)"), id="reshape"),
        pytest.param(states("h.view(self.layers, 16, 24)", rest="Decoder()(torch.rand(16, 8), 0)"), id="numbers"),
        pytest.param(
            states(
                "h.view(self.layers, z.size(0), 24)",
                layers="1",
                rest="for n in (1, 3):\n    Decoder(n)(torch.rand(4, 8), 0)",
            ),
            id="the network is built with more layers elsewhere",
        ),
        pytest.param(states("h.view(self.layers, z.size(0), 24)", rest="Decoder()(torch.rand(16, 8), 0)"), id="known"),
    ],
)
def test_layers_are_put_in_front_of_the_samples(source):
    assert rows(rule, source) == [12]


CHANNELS = """
import torch
import torch.nn as nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Conv1d(24, 4, 1)
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.tokens = nn.Linear(24, 8)

    def forward(self, x, image, rows):
        out, maps, rows = self.head(x), self.stem(image), self.tokens(rows)
        return {}

Net()(torch.rand(16, 24, 32), torch.rand(16, 3, 12, 12), torch.rand(16, 4, 24))
"""


@pytest.mark.parametrize(
    ("view", "found"),
    [
        pytest.param("out.transpose(1, 2).reshape(-1, 4)", [], id="moved before"),
        pytest.param("out.reshape(16 * 4, 32)", [], id="a row for each channel"),
        pytest.param("out.reshape(16, -1)", [], id="flattened"),
        pytest.param("out.mean(2, keepdim=True).view(-1, 4)", [], id="one position"),
        pytest.param("rows.reshape(-1, 4)", [], id="pieces of rows that are no channels"),
        pytest.param("out.view(-1, out.shape[1])", [14], id="rows by the size of the channels"),
        pytest.param("out.relu().reshape((-1, 4))", [14], id="behind an activation"),
        pytest.param("maps.contiguous().view(-1, 6)", [14], id="a map"),
        pytest.param("torch.rand(8, 5, 12).view(-1, 5)", [14], id="rows across the runs of two channels"),
    ],
)
def test_channels_that_are_laid_out_as_rows(view, found):
    assert rows(rule, CHANNELS.format(view)) == found


SIZES_NOT_KNOWN = """
import torch
import torch.nn as nn

class Encoder(nn.Module):
    def __init__(self, kernel=7):
        super().__init__()
        self.body = nn.Conv2d(3, 16, {})

    def forward(self, image):
        return self.body(image).view(-1, 16)
"""


def test_a_layer_may_leave_one_position_of_sizes_that_are_not_known():
    assert rows(rule, SIZES_NOT_KNOWN.format("kernel, 2")) == []
    assert rows(rule, SIZES_NOT_KNOWN.format("3, padding=1")) == [11]


PATCHES = """
import torch
import torch.nn as nn

class Patches(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(48, 48)

    def cut(self, x):
        return x.view(-1, 3, 4, 4, 4, 4).permute(0, 2, 4, 1, 3, 5).flatten(-3).flatten(1, 2)

    def join(self, x):
        x = x.reshape(x.shape[0], 4, 4, {parts})
        return x.permute(0, {order}).reshape(x.shape[0], 3, 16, 16)

    def forward(self, x):
        return self.net(self.cut(x))

def train(batches):
    model = Patches()
    for _ in range(3):
        x = torch.rand(8, 3, 16, 16)
        nn.functional.mse_loss(model(x), model.cut(x)).backward()
    return model.join(model(x))
"""


def test_silent_on_patches_that_are_split_as_they_were_joined():
    assert rows(rule, PATCHES.format(parts="3, 4, 4", order="3, 1, 4, 2, 5")) == []


def test_fires_on_patches_that_are_split_in_another_order():
    assert rows(rule, PATCHES.format(parts="4, 4, 3", order="5, 1, 3, 2, 4")) == [14]


@pytest.mark.parametrize(
    "line",
    [
        "y = torch.rand(16, 32, 4, 4).flatten(2).transpose(1, 2).reshape(16, 4, 4, 32)",
        "y = torch.rand(16, 16, 4, 4).view(16, 16, 16)",
        "y = torch.rand(16, 32, 4, 4).view(16, 32, 16)",
        "y = torch.rand(16, 64, 16).view(16, 8, 8, 16)",
        "y = torch.rand(8, 8, 3).view(8, 8, 3)",
        "y = torch.rand(12, 5).view(5, 12)",
    ],
)
def test_silent_on_positions_that_stay_where_they_are(line):
    assert rows(rule, HEAD + line + "\n") == []


@pytest.mark.parametrize(
    "line",
    [
        "y = torch.rand(16, 32, 4, 4).view(16, 16, 32)",
        "y = torch.rand(16, 64, 32).reshape(16, 32, 8, 8)",
        "y = torch.rand(4, 8, 2, 3, 3).view(4, 18, 8)",
        "s = torch.rand(16, 10, 6)\nn, t, f = s.shape\ny = s.view(t, n, f)",
    ],
)
def test_fires_on_axes_that_change_places(line):
    assert rows(rule, HEAD + line + "\n") == [4 + line.count("\n")]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("y = torch.rand(4, 8, 8).view(4, 64)", id="flattened"),
        pytest.param("y = torch.rand(4, 8, 6).view(2, 2, 8, 6)", id="groups of samples"),
        pytest.param("y = torch.rand(4, 6, 8).view(24, 8).view(4, 6, 8)", id="steps folded and undone"),
        pytest.param("y = torch.rand(4, 64, 7).view(4, 8, 8, 7)", id="a grid of positions"),
        pytest.param("y = torch.rand(4, 12).view(4, 3, 4)", id="features in groups"),
        pytest.param("y = torch.rand(5, 5, 3).view(5, 5, 3)", id="nothing changes"),
        pytest.param("y = torch.rand(6, 4).view(4, 6)", id="no batch of maps"),
    ],
)
def test_silent_on_other_reshapes(line):
    assert rows(rule, HEAD + line + "\n") == []


@pytest.mark.parametrize(
    ("shape", "target", "found"),
    [
        ("3, 4, 30, 20", "3, -1, 30", [2]),
        ("3, 4, 12, 18", "3, 72, 12", [2]),
        ("3, 4, 30, 20", "3, 30, -1", []),
        ("3, 4, 30, 20", "3, 120, 20", []),
        ("3, 4, 10, 20", "3, -1, 10", []),
        ("3, 4, 30, 20", "3, -1, 30, 1", [2]),
        ("3, 4, 30, 20", "3, -1, 20, 1", []),
        ("3, 5, 2, 7", "3, -1, 2", []),
    ],
    ids=[
        "rows are broken",
        "whole numbers",
        "another order",
        "merged in order",
        "rows in halves",
        "with one more axis",
        "merged, with one more axis",
        "pairs",
    ],
)
def test_inner_axis_that_becomes_the_last(shape, target, found):
    assert rows(rule, f"import torch\ntorch.rand({shape}).view({target})\n") == found


def test_silent_where_an_axis_of_one_element_is_left_out():
    assert rows(rule, "import torch\ny = torch.rand(196, 6, 263, 1).reshape(196, 6, 263)\n") == []
    assert rows(rule, "import torch\ny = torch.rand(196, 6, 263, 4).reshape(196, 24, 263)\n") == [2]


SHIFT = """
import torch
import torch.nn.functional as F
def scores(q, k):
    x = torch.matmul(q.view(2, 4, 7, 16), k.view(2, 4, 16, 9))
    {lines}
"""


def test_silent_on_rows_that_are_shifted_by_their_number():
    cut = "x = x.view(2, 4, 9, 7)\n    x = x[:, :, 1:]\n    return x.reshape(2, 4, 7, 8)"
    assert rows(rule, SHIFT.format(lines=cut)) == []
    padded = "x = F.pad(x, (0, 0, 0, 1))\n    return x.view(2, 4, 9, 8)"
    assert rows(rule, SHIFT.format(lines=padded)) == []
    assert rows(rule, SHIFT.format(lines="return x.view(2, 4, 9, 7)")) == [6]


VECTORS = "import torch\nimport torch.nn as nn\nx = torch.rand(16, 12, 4, 8)\ncodes = nn.Linear(12, 12)(x.permute(0, 2, 3, 1).reshape(-1, 12))\n"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("y = codes.view(16, 4, 8, 12).permute(0, 3, 1, 2)", id="channels-last-first"),
        pytest.param("y = codes.view(16, 32, 12).transpose(1, 2)", id="sequence-first"),
        pytest.param("y = torch.relu(x.view(-1, 12)).view(16, 12, 4, 8)", id="the-cut-is-undone"),
        pytest.param("y = torch.rand(16, 12).view(16, 12, 1, 1)", id="one-position"),
        pytest.param("y = torch.rand(16 * 12, 12).view(16, 12, 12)", id="as-many-positions-as-channels"),
        pytest.param("y = torch.rand(16 * 24, 12).view(16, 12, 2, 12)", id="whole-vectors-at-the-end"),
        pytest.param("y = torch.rand(16 * 36, 12).view(16, 12, 3, 4, 3)", id="vectors-cut-into-a-grid"),
        pytest.param("y = torch.rand(8, 12, 4).view(16, 12, 2)", id="three-axes"),
    ],
)
def test_silent_on_vectors_that_stay_whole(line):
    assert rows(rule, VECTORS + line + "\n") == []


@pytest.mark.parametrize(
    "line",
    [
        "y = codes.view(16, 12, 4, 8)",
        "y = torch.reshape(codes, (16, 12, -1))",
        "y = nn.Embedding(99, 12)(codes.argmin(1)).view(-1, 12, 4, 8).contiguous()",
        "y = codes.unflatten(0, (16, 32)).flatten(0, 1).view(x.shape)",
    ],
)
def test_fires_on_vectors_that_are_spread_over_positions(line):
    assert rows(rule, VECTORS + line + "\n") == [5]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        pytest.param("torch.rand(9, 40, 16)[0].t()", [], id="transposed"),
        pytest.param("torch.rand(64, 16).reshape(16, 64)", [], id="whole rows are joined"),
        pytest.param("torch.rand(3, 4).view(4, 3)", [], id="shown with few numbers"),
        pytest.param("torch.arange(640).reshape(16, 40)", [], id="no table before"),
        pytest.param("torch.rand(9, 40, 16)[0].reshape(16, -1)", [4], id="columns first"),
        pytest.param("torch.reshape(torch.rand(40, 16), (16, 40))", [4], id="function"),
        pytest.param("torch.rand(100, 12).contiguous().view(-1, 100)", [4], id="counted from the end"),
    ],
)
def test_a_table_whose_rows_become_columns(line, found):
    assert rows(rule, HEAD + f"y = {line}\n") == found


IMAGES_IN_RUNS = """
import torch
import torch.nn as nn

class Tokens(nn.Module):
    def __init__(self, size=28, channels=1, patch=7, width=48):
        super().__init__()
        self.number, self.length = (size // patch) ** 2, channels * patch**2
        self.embed, self.stem = nn.Linear(self.length, width), nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        b = x.size(0)
        tokens = {tokens}
        return self.embed(tokens)

Tokens({sizes})(torch.rand(8, {image}))
"""


@pytest.mark.parametrize(
    ("tokens", "sizes", "image", "found"),
    [
        pytest.param(
            "x.unfold(2, 7, 7).unfold(3, 7, 7).reshape(b, self.number, self.length)", "", "1, 28, 28", [], id="windows"
        ),
        pytest.param("x.view(b, 4, 28 * 7)", "28, 1, 14", "1, 28, 28", [], id="strips of whole rows"),
        pytest.param("self.stem(x).view(b, self.number, -1)", "", "1, 28, 28", [], id="what a layer computed"),
        pytest.param("x.view(b, 28, 28)", "28, 28, 1", "1, 28, 28", [], id="rows as steps"),
        pytest.param("x.reshape(b, self.number, self.length)", "", "1, 28, 28", [13], id="one channel"),
        pytest.param("x.view(b, -1, self.length)", "32, 3, 8, 16", "3, 32, 32", [13], id="three channels"),
        pytest.param("torch.reshape(x, (b, self.number, -1))", "32, 3, 4, 16", "3, 32, 32", [13], id="function"),
    ],
)
def test_images_that_are_cut_into_runs_for_patches(tokens, sizes, image, found):
    program = IMAGES_IN_RUNS.replace("{tokens}", tokens).replace("{sizes}", sizes).replace("{image}", image)
    assert rows(rule, program) == found


OF_ANY_SIZE = """
import torch
from torch import nn


class Tokens(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, dim, 4, 2, 1), nn.LayerNorm(dim)

    def forward(self, x):
        x = self.conv(x)
        b, c, h, w = x.shape
        return self.norm({tokens})
"""


@pytest.mark.parametrize(
    ("tokens", "found"),
    [
        pytest.param("x.permute(0, 2, 3, 1).reshape(b, -1, c)", [], id="permuted"),
        pytest.param("x.flatten(2).transpose(1, 2)", [], id="flattened and exchanged"),
        pytest.param("x.permute(0, 2, 3, 1).reshape(b, h * w, c).view(b, h, w, c)", [], id="there and back"),
        pytest.param("x.view(b, c, h * w).mean(2)", [], id="channels stay where they are"),
        pytest.param("x.view(b, -1, c)", [14], id="viewed, by what is left"),
        pytest.param("x.reshape(b, h * w, c)", [14], id="viewed, by the positions"),
    ],
)
def test_a_map_of_any_size_as_tokens(tokens, found):
    assert rows(rule, OF_ANY_SIZE.format(tokens=tokens)) == found
