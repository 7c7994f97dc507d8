import pytest

from aelint.rules.architecture import batch_mixing_reshape as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\nconv = nn.Conv2d(3, 10, 3, padding=1)\n"


def test_silent_on_flattened_samples_and_folded_sequences():
    source = (
        HEAD
        + "def f(x):\n    h = conv(x)\n    a = h.view(h.size(0), -1)\n    b = h.flatten(1)\n    c = h.view(-1, 10, h.size(2) * h.size(3))\n    return a, b, c\n"
    )
    assert rows(rule, source) == []
    folded = (
        HEAD
        + "def f(x):\n    b, t, c, h, w = x.shape\n    y = conv(x.view(b * t, c, h, w))\n    return y.view(b, t, 10, h, w)\n"
    )
    assert rows(rule, folded) == []


def test_silent_on_one_sample():
    assert rows(rule, HEAD + "y = torch.rand(28, 28).view(1, -1)\n") == []


def test_silent_on_vectors_that_are_listed_over_all_samples():
    several_codebooks = """
        import torch

        def flat(x: torch.Tensor, books: torch.Tensor):
            b, c, h, w = x.shape
            x = x.view(b, 8, 32, h, w).permute(1, 0, 3, 4, 2)
            return torch.baddbmm(books, x.reshape(8, -1, 32), books)

        conv = torch.nn.Conv2d(3, 256, 3)
        flat(conv(unknown), torch.rand(8, 512, 32))
        """
    assert rows(rule, several_codebooks) == []
    sums_over_samples = "def f(x, codes):\n    z = conv(x)\n    return z.permute(1, 0, 2, 3).flatten(1) @ codes\n"
    assert rows(rule, HEAD + sums_over_samples) == []
    pairs = "def f(batch):\n    m = conv(batch).flatten(1).sum(1)\n    return m.reshape(-1, 1) * m.reshape(1, -1)\n"
    assert rows(rule, HEAD + pairs) == []


def test_silent_on_offsets_that_are_written_out():
    source = """
        import torch

        def grid(height: int, width: int):
            offsets = torch.tensor([-width - 1, -1, width - 1, -width, 0, width])
            place = torch.arange(height * width).view(-1, 1).repeat(1, offsets.size(0))
            return (place + offsets.view(1, -1)).view(height, -1)
        """
    assert rows(rule, source) == []


def test_silent_on_a_step_of_one_sample_through_a_recurrent_network():
    source = """
        from torch import nn

        embed, gru = nn.Embedding(100, 32), nn.GRU(32, 64)

        def step(character, hidden):
            embedded = embed(character.view(1, -1))
            return gru(embedded.view(1, 1, -1), hidden)
        """
    assert rows(rule, source) == []


POSITIONS = """
import torch
import torch.nn as nn

class Positions(nn.Module):
    def __init__(self, dim, longest=50):
        super().__init__()
        self.register_buffer("table", torch.zeros(longest, 1, dim))

    def forward(self, x):
        return x + self.table[: x.size({axis})]{moved}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.positions = Positions(16)
        self.attention = nn.TransformerEncoderLayer(16, 2, batch_first={batch_first})

    def forward(self, x):
        return self.attention(self.positions(x))

Net()(torch.rand(8, 12, 16))
"""


def test_silent_on_positions_of_a_sequence_first_model():
    assert rows(rule, POSITIONS.format(axis=0, moved="", batch_first=False)) == []


def test_silent_on_positions_along_the_sequence():
    assert rows(rule, POSITIONS.format(axis=1, moved=".transpose(0, 1)", batch_first=True)) == []


def test_fires_on_positions_along_the_batch():
    found = run(rule, POSITIONS.format(axis=0, moved="", batch_first=True))
    assert [f.site.row for f in found] == [11]
    assert "number of samples" in found[0].message


FLAT = POSITIONS.replace("torch.zeros(longest, 1, dim)", "torch.zeros(longest, dim)")


def test_silent_on_a_flat_table_along_the_sequence():
    assert rows(rule, FLAT.format(axis=1, moved=".unsqueeze(0)", batch_first=True)) == []
    assert rows(rule, FLAT.format(axis=0, moved=".unsqueeze(1)", batch_first=False)) == []


def test_fires_on_a_flat_table_that_is_lifted_along_the_batch():
    assert rows(rule, FLAT.format(axis=0, moved=".unsqueeze(1)", batch_first=True)) == [11]


def test_fires_on_a_constant_in_the_place_of_the_batch():
    found = run(rule, HEAD + "def f(x):\n    h = conv(x)\n    return h.reshape(10, -1)\n")
    assert [f.site.row for f in found] == [6]
    assert "different samples" in found[0].message


def test_silent_on_an_image_without_a_batch_whose_channels_moved_to_the_end():
    source = """
    import torch
    def patches(image, size):
        channels, height, width = image.shape
        rows, columns = height // size, width // size
        image = image.reshape(channels, rows, size, columns, size).permute(1, 3, 2, 4, 0)
        return image.flatten(0, 1)
    """
    assert rows(rule, source) == []


def test_silent_on_a_table_of_pairs():
    grid = """
        import torch

        def edges(height, width, kernel: torch.Tensor):
            row = torch.arange(height * width).view(-1, 1).repeat(1, kernel.size(0))
            return row.view(height, -1)
        """
    assert rows(rule, grid) == []


def test_silent_on_a_row_of_single_numbers_and_on_a_batch_size_that_is_written_out():
    row = "critic = nn.Linear(8, 1)\ndef f(x):\n    return critic(x).reshape(1, -1)\n"
    assert rows(rule, HEAD + row) == []
    assert rows(rule, HEAD + "def f(x):\n    return conv(x).view(4, -1)\n") == []
    probe = "def size(shape):\n    return conv(torch.zeros(1, *shape)).view(1, -1).size(1)\n"
    assert rows(rule, HEAD + probe) == []


TILED = """
import torch
from torch import nn

class Decoder(nn.Module):
    def __init__(self, steps, width):
        super().__init__()
        self.steps, self.width = steps, width
        self.encoder, self.rnn = nn.Linear(12, width), nn.LSTM(width, 8, batch_first=True)

    def forward(self, x):
        z = self.encoder(x)
        batch, _ = z.shape
        {lay}
        return self.rnn(h)[0]

Decoder(5, 3)(torch.rand(7, 12))
"""


@pytest.mark.parametrize(
    "lay",
    [
        "h = z.unsqueeze(1).repeat(1, self.steps, 1)",
        "h = z.repeat(1, self.steps).view(batch, self.steps, self.width)",
        "h = z.repeat(self.steps, 1).view(self.steps, batch, self.width).transpose(0, 1)",
        "h = z.repeat_interleave(self.steps, 0).view(batch, self.steps, self.width)",
        "h = z.repeat(1, batch, 1).view(batch, batch, self.width)",
        "h = z[:1].repeat(self.steps, 1).view(1, self.steps, self.width)",
    ],
    ids=["an axis of its own", "along the features", "copies first", "interleaved", "as often as rows", "one row"],
)
def test_silent_on_repeated_rows(lay):
    assert rows(rule, TILED.format(lay=lay)) == []


@pytest.mark.parametrize(
    "lay",
    [
        "h = z.repeat(1, self.steps, 1).view(batch, self.steps, self.width)",
        "h = z.repeat(self.steps, 1).reshape(batch, self.steps, -1)",
        "h = z.repeat((self.steps, 1)).contiguous().view(z.size(0), self.steps, self.width)",
    ],
    ids=["with an axis in front", "and reshaped", "in a tuple"],
)
def test_rows_whose_copies_are_taken_from_each_other(lay):
    assert rows(rule, TILED.format(lay=lay)) == [14]


FEATURES = """
import torch
from torch.utils.data import DataLoader

for x in DataLoader(torch.rand(96, 1, 28, 28), batch_size=32):
    columns = {columns}
    print(columns.norm(dim=1))
"""


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param("x.flatten(1).t()", id="turned round"),
        pytest.param("x.permute(1, 2, 3, 0).reshape(784, -1)", id="samples last before"),
        pytest.param("x.view(-1, 784)", id="rows"),
        pytest.param("torch.rand(784, 32).view(784, -1)", id="no samples"),
    ],
)
def test_silent_on_features_that_come_first(columns):
    assert rows(rule, FEATURES.format(columns=columns)) == []


@pytest.mark.parametrize("columns", ["x.view(784, -1)", "x.reshape(28 * 28, x.size(0))", "x.flatten(1).view(784, -1)"])
def test_features_first_by_a_reshape(columns):
    assert rows(rule, FEATURES.format(columns=columns)) == [6]


JOINED = """
import torch
from torch import nn
from torch.utils.data import DataLoader

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 8, 4, 2, 1), nn.Linear({features}, 16)

    def forward(self, x):
        h = torch.relu(self.conv(x))
        h = {flat}
        return self.fc(h)

encoder = Encoder()
for x in {data}:
    print(encoder(x))
"""
LOADER = "DataLoader(torch.rand(96, 1, 28, 28), batch_size=32)"


@pytest.mark.parametrize(
    ("features", "flat", "data"),
    [
        pytest.param(1568, "h.flatten(1)", LOADER, id="rows"),
        pytest.param(1568, "h.flatten()", "torch.rand(96, 1, 28, 28)", id="one picture after the other"),
        pytest.param(1568, "h.flatten()", "unknown", id="data that are not in sight"),
        pytest.param(
            1568, "h.flatten()", "[torch.rand(int(input()), 1, 28, 28)]", id="as many pictures as somebody says"
        ),
        pytest.param(50176, "h.flatten()", LOADER, id="a layer for the whole batch"),
        pytest.param(1568, "h.mean(0).flatten()", LOADER, id="the mean of the batch"),
        pytest.param(1568, "h[0].flatten()", LOADER, id="the first picture"),
        pytest.param(14, "h", LOADER, id="a layer for the last axis"),
    ],
)
def test_silent_on_rows_of_one_sample(features, flat, data):
    assert rows(rule, JOINED.format(features=features, flat=flat, data=data)) == []


@pytest.mark.parametrize(
    "flat", ["h.flatten()", "torch.flatten(h)", "h.view(-1)", "h.reshape(-1)", "torch.tanh(h.flatten())"]
)
def test_a_whole_batch_in_one_row(flat):
    assert rows(rule, JOINED.format(features=1568, flat=flat, data=LOADER)) == [13]
