import pytest

from aelint.rules.architecture import reconstruction_shape_mismatch as rule
from aelint.rules.objective import broadcasting_loss
from tests.rules.harness import rows, run

TEXT = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1))
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(16, 8, 3, 2, 1, {first}),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 3, 2, 1, {second}),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x)){end}

def train():
    model = AE()
    for _ in range(3):
        x = torch.rand(16, 1, 28, 28)
        loss = {loss}
        loss.backward()
"""


def ae(first=1, second=1, end="", loss="F.mse_loss(model(x), x)"):
    return TEXT.format(first=first, second=second, end=end, loss=loss)


@pytest.mark.parametrize(
    ("reason", "source"),
    [
        ("equal sizes", ae()),
        ("a crop of the output", ae(second=0, end="", loss="F.mse_loss(F.pad(model(x), (0, 1, 0, 1)), x)")),
        ("a crop of the target", ae(second=0, loss="F.mse_loss(model(x), x[:, :, :27, :27])")),
        ("another rank is another rule's", ae(end=".flatten(1)")),
        (
            "a target that the prediction does not come from",
            ae(second=0, loss="F.mse_loss(model(x), torch.rand(16, 1, 30, 30))"),
        ),
    ],
)
def test_silent_on(reason, source):
    assert rows(rule, source) == [], reason


def test_fires_at_the_last_layer():
    found = run(rule, ae(second=0))
    assert [f.site.row for f in found] == [13]
    assert "has 27 and not 28 elements" in found[0].message


def test_fires_at_the_first_layer_that_leaves_the_sizes_of_the_encoder():
    assert rows(rule, ae(first=0)) == [11]


def test_fires_on_a_difference():
    assert rows(rule, ae(second=0, loss="((model(x) - x) ** 2).mean()")) == [13]


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("def f(x, y):\n    return F.mse_loss(nn.Linear(4, 4)(x), x)", id="nothing is known of the target"),
        pytest.param(
            "def f(x):\n    return F.mse_loss(load()(x), torch.rand(3, 4))", id="nothing is known of the output"
        ),
        pytest.param(
            "x = torch.rand(3, 4)\nloss = F.mse_loss(nn.Linear(4, 1)(x), torch.rand(3, 1))", id="a regression"
        ),
        pytest.param("x = torch.rand(3, 4)\nloss = F.mse_loss(nn.Linear(4, 2)(x), x[:, :2])", id="a part of the input"),
    ],
)
def test_silent_where_no_reconstruction_has_another_size(source):
    assert rows(rule, "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n" + source + "\n") == []


def test_silent_on_a_stretched_axis_which_has_its_own_rule():
    source = """
import torch
from torch import nn
conv = nn.Conv2d(3, 1, 3, padding=1)
x = torch.rand(1, 3, 8, 8)
loss = (conv(x) - x).pow(2).mean()
"""
    assert rows(rule, source) == []
    assert rows(broadcasting_loss, source) == [4]


def test_silent_on_defaults_that_a_factory_completes():
    source = """
import torch
import torch.nn as nn

class AE(nn.Module):
    def __init__(self, channels=3, out=5, width=8):
        super().__init__()
        self.channels = channels
        self.encoder, self.decoder = nn.Conv2d(channels, width, 1), nn.Conv2d(width, out, 1)

    def forward(self, images):
        x = images.view(-1, self.channels, 16, 16)
        return ((self.decoder(self.encoder(x)) - x) ** 2).mean()
"""
    assert rows(rule, source) == [9]
    assert rows(rule, source + "def wide(**kwargs):\n    return AE(width=32, **kwargs)\n") == []
    assert rows(rule, source + "def wide():\n    return AE(width=32)\n") == [9]


PASSED_ON = """
import torch
import torch.nn as nn
from torch.nn.utils import weight_norm

{helper}

encoder = nn.Conv1d(1, 8, 4, stride=2, padding=1)
decoder = up(
    8, 1, kernel_size={size}, stride=2, padding=1
)
x = torch.rand(16, 1, 64)
loss = (decoder(encoder(x)) - x).abs().mean()
"""


@pytest.mark.parametrize(
    ("helper", "row"),
    [
        ("def up(*args, **kwargs): return weight_norm(nn.ConvTranspose1d(*args, **kwargs))", 9),
        ("up = lambda *args, **options: nn.ConvTranspose1d(*args, **options)", 9),
        ("def up(*a, **k): return plain(*a, **k)\ndef plain(*a, **k): return nn.ConvTranspose1d(*a, **k)", 10),
        ("def up(a, b, **kwargs): return nn.ConvTranspose1d(a, b, **kwargs)", 6),
        ("def up(*args, **kwargs): return nn.ConvTranspose1d(*args, dilation=1, **kwargs)", 6),
    ],
)
def test_a_layer_is_named_where_its_arguments_are_written(helper, row):
    assert rows(rule, PASSED_ON.format(helper=helper, size=4)) == []
    assert rows(rule, PASSED_ON.format(helper=helper, size=3)) == [row]


SIDEWAYS = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

model = nn.Sequential(nn.Linear(784, 20), nn.ReLU(), nn.Linear(20, 784), nn.Sigmoid())
for x, _ in DataLoader(datasets.MNIST(".", transform=transforms.ToTensor()), batch_size={size}):
    r = model(x.view(-1, 784))
    {loss}
"""


@pytest.mark.parametrize(
    ("loss", "size"),
    [
        pytest.param("F.mse_loss(r, x.view(-1, 784))", 32, id="upright"),
        pytest.param("F.mse_loss(r.t(), x.view(-1, 784).t())", 32, id="both turned"),
    ],
)
def test_silent_on_targets_that_stand_upright(loss: str, size: int) -> None:
    assert rows(rule, SIDEWAYS.format(loss=loss, size=size)) == []


@pytest.mark.parametrize(
    "loss",
    [
        "F.mse_loss(r, x.view(784, -1))",
        "F.binary_cross_entropy(r, x.reshape(784, -1))",
        "((r.t() - x.view(-1, 784)) ** 2).mean()",
    ],
)
def test_fires_on_targets_that_lie_on_their_side(loss: str) -> None:
    assert rows(rule, SIDEWAYS.format(loss=loss, size=32)) == [11]
    assert rows(rule, SIDEWAYS.format(loss=loss, size="n")) == [11]


FLATTENED = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

class View(nn.Module):
    def __init__(self, *size):
        super().__init__()
        self.size = size

    def forward(self, x):
        return x.view(self.size)

conv, back = nn.Conv2d(1, 8, 4, 2, 1), nn.ConvTranspose2d(8, 1, 4, 2, 1)
for (x,) in DataLoader(TensorDataset(torch.rand(64, 1, 16, 16)), batch_size=8):
    h = conv(x)
    {flat}
    {decode}
    loss = F.mse_loss(back(h), x)
"""


@pytest.mark.parametrize(
    ("flat", "decode"),
    [
        ("z = h.view(-1, 8 * 8 * 8)", "h = nn.Linear(512, 512)(z).view(-1, 8, 8, 8)"),
        ("z = h.flatten(1)", "h = nn.Linear(512, 512)(z).view(-1, 8, 8, 8)"),
        (
            "z = h.view(-1, 128)",
            "h = nn.Linear(128, 128)(z).view(len(x), 8, 8, 8)",
        ),  # parts of samples, put together again
        ("z = View(-1, 512)(h)", "h = View(-1, 8, 8, 8)(nn.Linear(512, 512)(z))"),
    ],
)
def test_silent_where_rows_are_samples(flat, decode):
    assert rows(rule, FLATTENED.format(flat=flat, decode=decode)) == []


@pytest.mark.parametrize(
    ("flat", "decode"),
    [
        ("z = h.view(-1, 8 * 4 * 4)", "h = nn.Linear(128, 512)(z).view(-1, 8, 8, 8)"),
        ("z = h.reshape(-1, 128)", "h = nn.Linear(128, 512)(torch.relu(z)).reshape(-1, 8, 8, 8)"),
        ("z = View(-1, 128)(h)", "h = View(-1, 8, 8, 8)(nn.Linear(128, 512)(z))"),
        ("z = torch.flatten(h.permute(0, 2, 3, 1), 0, 1)", "h = nn.Linear(64, 512)(z.flatten(1)).view(-1, 8, 8, 8)"),
    ],
)
def test_several_rows_of_each_sample_are_told_where_they_are_made(flat, decode):
    (finding,) = run(rule, FLATTENED.format(flat=flat, decode=decode))
    assert finding.site.row == 18
    assert "Use `flatten(1)`" in finding.message
    assert finding.notes[0].site.row == 20


def test_more_samples_that_no_reshape_has_made():
    (finding,) = run(rule, FLATTENED.format(flat="z = h.flatten(1)", decode="h = torch.cat([z, z]).view(-1, 8, 8, 8)"))
    assert "flatten(1)" not in finding.message


UNSIZED = """
import torch
from torch import nn

class AE(nn.Module):
    def __init__(self, wide):
        super().__init__()
        self.encoder = {encoder}
        self.decoder = {decoder}

    def forward(self, x):
        return self.decoder(self.encoder(x))

def train(loader, model):
    loss_of = nn.MSELoss()
    for images, _ in loader:
        {prepare}
        loss = loss_of(model(images), {target})
        loss.backward()

def run(loader):
    train(loader, AE(loader.width))
"""
UNSIZED_PARTS = {
    "encoder": "nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))",
    "decoder": "nn.Sequential(nn.ConvTranspose2d(16, 8, 2, stride=2), nn.ReLU(), nn.Conv2d(8, 3, 1))",
    "prepare": "images = images.cuda()",
    "target": "images",
}
VECTORS = {"encoder": "nn.Sequential(nn.Linear(20, 8), nn.ReLU())", "decoder": "nn.Linear(8, 20)"}


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="as many channels as went in"),
        pytest.param(
            {"target": "images[:, :1]", "decoder": "nn.ConvTranspose2d(16, 1, 2, stride=2)"}, id="one of the channels"
        ),
        pytest.param(
            {
                "prepare": "images, masks = images",
                "target": "masks",
                "decoder": "nn.ConvTranspose2d(16, 1, 2, stride=2)",
            },
            id="something else",
        ),
        pytest.param(
            {"encoder": "nn.Conv2d(wide, 16, 1)", "decoder": "nn.Conv2d(16, 8, 1)"}, id="an option that may agree"
        ),
        pytest.param(VECTORS, id="as many features as went in"),
        pytest.param(
            {**VECTORS, "decoder": "nn.Sequential(nn.Linear(8, 60), nn.Unflatten(-1, (20, 3)))"}, id="unfolded again"
        ),
        pytest.param({**VECTORS, "decoder": "nn.Linear(8, wide)"}, id="an option that may agree, too"),
        pytest.param({**VECTORS, "decoder": "nn.Linear(8, 1)", "target": "images.mean(-1, True)"}, id="a part of it"),
    ],
)
def test_silent_on_data_of_unknown_size_that_may_be_what_comes_out(parts):
    assert rows(rule, UNSIZED.format(**{**UNSIZED_PARTS, **parts})) == []


@pytest.mark.parametrize(
    ("parts", "row"),
    [
        pytest.param({"decoder": "nn.ConvTranspose2d(16, 1, 2, stride=2)"}, 9, id="one channel of three"),
        pytest.param(
            {"decoder": "nn.Sequential(nn.ConvTranspose2d(16, 4, 2, stride=2), nn.Conv2d(4, 6, 1))"},
            9,
            id="six of three",
        ),
        pytest.param({**VECTORS, "decoder": "nn.Linear(8, 21)"}, 9, id="one feature more"),
        pytest.param(
            {**VECTORS, "decoder": "nn.Sequential(nn.Linear(8, 21), nn.Sigmoid())"}, 9, id="behind an activation"
        ),
    ],
)
def test_fires_where_the_first_layer_tells_the_size_of_the_data(parts, row):
    assert rows(rule, UNSIZED.format(**{**UNSIZED_PARTS, **parts})) == [row]


def test_names_the_channels_that_are_wanted():
    (finding,) = run(rule, UNSIZED.format(**{**UNSIZED_PARTS, "decoder": "nn.ConvTranspose2d(16, 1, 2, stride=2)"}))
    assert finding.message.endswith("Give it 3 output channels")


CLOUDS = """
import torch
from torch import nn
from torch.utils.data import DataLoader

class Autoencoder(nn.Module):
    def __init__(self, points):
        super().__init__()
        self.points = points
        self.encoder, self.decoder = nn.Linear(3, 16), nn.Linear(16, 3 * points)

    def forward(self, cloud):
        return self.decoder(self.encoder(cloud).amax(1)).view(-1, self.points, 3)

model = Autoencoder({points})
for cloud in DataLoader(torch.rand(320, 48, 3), batch_size=32):
    made = model(cloud)
    loss = {loss}
    loss.backward()
"""


@pytest.mark.parametrize("points", [48, 60])
def test_silent_on_the_distances_of_each_point_to_each_other(points):
    table = "(made.unsqueeze(2) - cloud.unsqueeze(1)).pow(2).sum(-1)"
    loss = f"{table}.min(2).values.mean() + {table}.min(1).values.mean()"
    assert rows(rule, CLOUDS.format(points=points, loss=loss)) == []
    one_by_one = "(made - cloud).pow(2).sum(-1).mean()"
    assert rows(rule, CLOUDS.format(points=points, loss=one_by_one)) == ([] if points == 48 else [18])
