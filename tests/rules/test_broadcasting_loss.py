import pytest

from aelint.rules.objective import broadcasting_loss as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nx = torch.rand(32, 16)\nnet, score = nn.Linear(16, 16), nn.Linear(16, 1)\ny = torch.rand(32)\n"

HEALTHY = {
    "same shapes": "F.mse_loss(net(x), x)",
    "squeezed": "F.mse_loss(score(x).squeeze(-1), y)",
    "reshaped": "F.mse_loss(score(x), y.view(-1, 1))",
    "unknown shapes": "F.mse_loss(score(x), unknown)",
    "an axis inserted on purpose": "((score(x).unsqueeze(0) - y.unsqueeze(1)) ** 2).mean()",
    "an axis inserted by indexing": "((score(x) - y[None, :]) ** 2).mean()",
    "a constant target": "F.mse_loss(score(x), torch.zeros(1))",
    "distances to a codebook": "((net(x).unsqueeze(1) - nn.Parameter(torch.rand(64, 16))) ** 2).sum(-1)",
    "distances of every place to every code": "class Codes(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.codes = nn.Embedding(64, 16)\n    def forward(self, z):\n        b, h, w, c = z.shape\n        return ((self.codes.weight.data.view(1, 64, 16, 1, 1) - z.view(b, 1, c, h, w)) ** 2).sum(2)\n",
    "class labels": "F.cross_entropy(net(x), y.long())",
    "sizes that raise": "F.mse_loss(net(x), y)",
    "sizes that raise beside an axis of one": "F.mse_loss(net(x), torch.rand(1, 7))",
    "a batch of one": "F.mse_loss(score(x[:1]), y[:1])",
    "an axis of one in front": "F.mse_loss(net(x).view(1, 32, 16), x)",
    "an axis of a target added on purpose": "F.mse_loss(score(x), y.unsqueeze(0))",
    "an axis of a prediction added on purpose": "F.mse_loss(score(x).squeeze(1).unsqueeze(1), y)",
    "a residual that is no loss": "((net(x) - y.mean()) ** 2)",
}


@pytest.mark.parametrize("body", HEALTHY.values(), ids=HEALTHY.keys())
def test_healthy(body):
    assert not rows(rule, HEAD + body + "\n")


def test_column_against_vector():
    assert rows(rule, HEAD + "F.mse_loss(score(x), y)\n") == [7]


def test_vector_against_column_in_a_written_out_loss():
    assert rows(rule, HEAD + "loss = ((score(x).squeeze(1) - y.view(-1, 1)) ** 2).mean()\n") == [7]


@pytest.mark.parametrize(
    ("body", "row"),
    [
        pytest.param("F.mse_loss(net(x), torch.rand(16))", 7, id="one target for all samples"),
        pytest.param("F.mse_loss(score(x)[:, :], y)", 7, id="a slice is no new axis"),
        pytest.param("z = x.unsqueeze(1)\nF.mse_loss(score(z).squeeze(1), y)", 8, id="an axis that a network saw"),
    ],
)
def test_stretched_by_mistake(body, row):
    assert rows(rule, HEAD + body + "\n") == [row]


def test_one_value_per_sequence_against_the_sequence():
    source = "rnn = nn.LSTM(1, 1, batch_first=True)\ns = torch.rand(8, 12, 1)\nout, _ = rnn(s)\ncriterion = nn.L1Loss()\nloss = criterion(out, torch.rand(8, 1, 1))\n"
    assert rows(rule, HEAD + source) == [11]


def test_model_in_another_file():
    files = {
        "train.py": "import torch\nfrom model import Net\nx = torch.rand(8, 4)\nloss = torch.nn.functional.l1_loss(Net()(x), x.sum(1))\n",
        "model.py": "import torch.nn as nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.f = nn.Linear(4, 1)\n    def forward(self, x):\n        return self.f(x)\n",
    }
    assert rows(rule, files) == [4]


def test_several_samples_against_one_target():
    source = (
        "import torch\nimport torch.nn as nn\nnet = nn.Linear(4, 9)\nx = torch.randn(8, 9)\nz = torch.randn(5, 8, 4)\n"
        "loss = ((net(z) - {}) ** 2).mean()\n"
    )
    assert not rows(rule, source.format("x"))
    assert rows(rule, source.format("x[:, :1]"))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            "centre = torch.zeros(16)\nloss = ((net(x) - centre) ** 2).sum(1).mean()", id="distance to a centre"
        ),
        pytest.param(
            "centre = net(x).mean(0).detach()\nloss = ((net(x) - centre) ** 2).sum(1).mean()",
            id="distance to the centre of the batch",
        ),
        pytest.param(
            "square = torch.rand(16, 16)\nloss = ((net(square) - square.mean(0)) ** 2).mean()",
            id="as many samples as features",
        ),
        pytest.param("loss = ((net(x) - x.mean(1, keepdim=True)) ** 2).mean()", id="deviation from the sample's mean"),
        pytest.param("loss = F.mse_loss(net(x), x.mean(0, keepdim=True).expand(32, 16))", id="expanded on purpose"),
        pytest.param("loss = F.mse_loss(net(x), x[:1].repeat(32, 1))", id="repeated on purpose"),
        pytest.param("w = (net(x) - y.view(-1, 1)) ** 2", id="nothing is summed up"),
    ],
)
def test_stretched_on_purpose(body):
    assert not rows(rule, HEAD + body + "\n")


def test_silent_on_a_batch_of_one_beside_a_number_of_samples_that_is_not_known():
    source = """
import torch
from torch import nn
import torch.nn.functional as F

net = nn.Linear(7, 7)

def compare(x):
    out = net(x)
    made = torch.zeros({count}, 5, 7)
    made[:, 0] = out
    return F.mse_loss(torch.randn(1, 5, 7), made)
"""
    assert rows(rule, source.format(count="x.shape[0]")) == []
    assert rows(rule, source.format(count="3")) == [12]


def test_silent_on_an_axis_that_was_added_before_the_gradient_was_cut():
    source = """
import torch
from torch import nn
import torch.nn.functional as F

net = nn.Linear(7, 16)

def size_loss(x, n: torch.Tensor):
    return F.mse_loss(net(x), torch.arange(8.0){axis}.detach().float())
"""
    assert rows(rule, source.format(axis=".unsqueeze(-1)")) == []


CHANNELS = """
import torch
from torch import nn
import torch.nn.functional as F


def block(c_in, c_out, kernel=3):
    return nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(c_in, c_out, kernel))


class Generator(nn.Module):
    def __init__(self, channels, width, out=3):
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.last = {last}

    def forward(self, x):
        return torch.tanh(self.last(torch.relu(self.first(x))))


def distance(x, y):
    return {loss}


x = torch.rand(8, 1, 16, 16)
print(distance(Generator(1, 8)(x), x))
"""


@pytest.mark.parametrize(
    ("last", "row"),
    [
        ("nn.Conv2d(width, 3, 3, padding=1)", 15),
        ("nn.Conv2d(width, out_channels=3, kernel_size=3, padding=1)", 15),
        ("block(width, 3)", 15),
        ("block(width, c_out=out)", 12),
        ("nn.ConvTranspose2d(width, out, 3, padding=1)", 12),
    ],
)
@pytest.mark.parametrize("loss", ["torch.mean(torch.abs(x - y))", "F.mse_loss(x, y)"])
def test_at_the_number_of_channels_that_the_data_has_not(last, row, loss):
    assert rows(rule, CHANNELS.format(last=last, loss=loss)) == [row]


@pytest.mark.parametrize("last", ["nn.Conv2d(width, channels, 3, padding=1)", "block(width, channels)"])
def test_silent_on_as_many_channels_as_the_data_has(last):
    assert rows(rule, CHANNELS.format(last=last, loss="F.mse_loss(x, y)")) == []


def test_at_the_loss_where_the_number_of_channels_is_computed():
    assert rows(rule, CHANNELS.format(last="nn.Conv2d(width, width - 5, 3, padding=1)", loss="F.mse_loss(x, y)")) == [
        22
    ]


IMAGES = """import torch
import torch.nn as nn
import torch.nn.functional as F

def settings():
    return read("settings.json")

class Net(nn.Module):
    def __init__(self, channels=settings()["channels"], size=settings()["size"]):
        super().__init__()
        self.channels, self.size = channels, size
        self.layer = nn.Linear(16, channels * size * size)

    def forward(self, z):
        return self.layer(z).view(z.size(0), {axes})

F.mse_loss(Net()(torch.rand(8, 16)), torch.rand(8, 1, 28, 28))
"""


def test_silent_on_a_number_of_channels_that_a_setting_gives_with_the_other_sizes():
    assert rows(rule, IMAGES.format(axes="self.channels, self.size, self.size")) == []


def test_fires_on_a_number_of_channels_beside_sizes_that_are_known():
    assert rows(rule, IMAGES.format(axes="3, 28, 28")) == [17]


SPECTRA = """
import torch

def spectrum(x):
    return torch.stft(x, 512, hop_length=256, return_complex=False).norm(dim=-1)

def loss(x, y):
    return (spectrum(x) - spectrum(y)).pow(2).mean()

net = torch.nn.Conv1d(1, 1, 3, padding=1)

def train(signal):
    loss(torch.rand(4, {samples}), net(signal).squeeze(1)).backward()

train(torch.rand(4, 1, 8192))
"""


def test_silent_on_the_spectrum_of_a_placeholder_that_is_shorter_than_a_step():
    assert rows(rule, SPECTRA.format(samples=1)) == []


TERMS = """
import torch
from torch import nn

head, width = nn.Linear(12, 6), nn.Linear(12, 1)
for x in torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(64, 12)), batch_size=8):
    x = x[0]
    score, scale = head(x).pow(2).sum(-1), width(x)
    {line}
"""


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("loss = (score + scale.squeeze(-1)).mean()", id="squeezed"),
        pytest.param("loss = (score.unsqueeze(1) + scale).mean()", id="both columns"),
        pytest.param("loss = (score + scale.mean()).mean()", id="an average"),
        pytest.param("loss = (score[:, None] - score).abs().mean()", id="every one with every other on purpose"),
        pytest.param("near = head(x).pow(2).sum(1, keepdim=True) + score - 2 * head(x) @ head(x).t()", id="distances"),
        pytest.param(
            "near = scale + score - 2 * head(x) @ head(x).t(); near.mean()", id="a column of a matrix of distances"
        ),
        pytest.param("near = (score - 2 * head(x) @ head(x).t()) + scale", id="a matrix of distances first"),
        pytest.param("first = x[:, 0] + x[:, :1]", id="data alone"),
    ],
)
def test_silent_on_terms_of_samples_that_fit_or_make_pairs(line):
    assert rows(rule, TERMS.format(line=line)) == []


@pytest.mark.parametrize(
    "line",
    [
        "loss = (score + scale).mean()",
        "loss = torch.mean(scale - score)",
        "loss = (torch.log(score) + 3 * scale.log()).sum()",
    ],
)
def test_fires_on_terms_of_samples_that_make_a_square(line):
    (found,) = run(rule, TERMS.format(line=line))
    assert found.site.row == 9
    assert "(N, 1)" in found.message
