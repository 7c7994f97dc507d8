import pytest

from aelint.rules.objective import output_range_cannot_express_data as rule
from tests.rules.harness import rows, run

HEAD = """
import math
import torch
import torch.nn as nn
import torch.nn.functional as F

model = nn.Sequential(
    nn.Linear(4, 2),
    nn.{}(),
    nn.Linear(2, 4),
    nn.{}(),
)
x = {}
loss = F.mse_loss(model(x), x)
loss.backward()
"""


def program(activation, data):
    return HEAD.format("LeakyReLU", activation, data)


COVERED = [
    ("Sigmoid", "torch.rand(8, 4)"),
    ("Tanh", "torch.rand(8, 4)"),
    ("Tanh", "(torch.rand(8, 4) - 0.5) / 0.5"),
    ("Identity", "torch.randn(8, 4)"),
    ("ReLU", "torch.rand(8, 4) * 255"),
    ("Sigmoid", "torch.load('data.pt')"),
    ("Sigmoid", "unknown(torch.rand(8, 4) - 0.5)"),
    ("Sigmoid", "torch.rand(8, 4) * 1.001"),
    ("Sigmoid", "((torch.rand(8, 4) > 0.3) & (torch.rand(8, 4) < 0.7)).float()"),
    ("Sigmoid", "torch.randn(8, 4).clamp(0, 1)"),
    ("Sigmoid", "torch.randn(8, 4).clamp(unknown, 1)"),
    ("Tanh", "torch.where(torch.rand(8, 4) > 0.5, 1.0, -1.0)"),
    ("ReLU", "torch.where(torch.rand(8, 4) > 2, -1.0, 1.0)"),
    ("Sigmoid", "nn.functional.interpolate(torch.rand(8, 1, 16) * 255, size=4, mode='linear').flatten(1)"),
    ("Sigmoid", "nn.functional.interpolate(torch.rand(8, 1, 2, 2) * 2, size=(2, 2), mode='bicubic').flatten(1)"),
]


@pytest.mark.parametrize(("activation", "data"), COVERED)
def test_data_inside_or_not_known(activation, data):
    assert not rows(rule, program(activation, data))


def test_output_that_is_rescaled_afterwards():
    source = program("Sigmoid", "torch.rand(8, 4) * 2 - 1").replace("model(x)", "model(x) * 2 - 1")
    assert not rows(rule, source)


def test_output_that_is_cut_off_on_purpose():
    source = program("Identity", "torch.randn(8, 4)").replace("model(x)", "model(x).clamp(-1, 1)")
    assert not rows(rule, source)


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("model(x) * 4 - 2", "torch.tanh", []),
        ("model(x)", "torch.tanh", [16]),
        ("model(x)", "torch.sigmoid", [16]),
        ("model(x)", "torch.relu", []),
        ("scale * (model(x) - 0.5)", "torch.sigmoid", []),
    ],
)
def test_an_activation_behind_another(first, second, found):
    source = program("Sigmoid", "torch.rand(8, 4)").replace("loss =", "scale = nn.Parameter(torch.ones(1))\n\nloss =")
    assert rows(rule, source.replace("model(x)", f"{second}({first})")) == found


def test_normalised_input_with_a_plain_target():
    source = program("Sigmoid", "torch.rand(8, 4)").replace("model(x)", "model((x - 0.5) / 0.5)")
    assert not rows(rule, source)


MISSED = [
    ("Sigmoid", "(torch.rand(8, 4) - 0.5) / 0.5"),
    ("Sigmoid", "torch.rand(8, 4) * 255"),
    ("Sigmoid", "torch.rand(8, 4) * 255 - 128"),
    ("Sigmoid", "torch.randn(8, 4)"),
    ("ReLU", "torch.cos(torch.rand(8, 4) * 6)"),
    ("Tanh", "torch.randn(8, 4)"),
    ("ReLU", "((torch.arange(4) > 0) & (torch.arange(4) < torch.randint(2, 4, (8, 1)))).float() * 2 - 1"),
    ("ReLU", "torch.where(torch.rand(8, 4) > 0.5, 1.0, -1.0)"),
    ("Sigmoid", "torch.randn(8, 4).clamp(min=-1, max=1)"),
    ("Sigmoid", "nn.functional.interpolate(torch.rand(8, 1, 2) * 255, size=4, mode='linear').flatten(1)"),
    ("Sigmoid", "nn.functional.interpolate(torch.rand(8, 1, 2) * 255, scale_factor=2).to(torch.uint8).flatten(1)"),
    ("Sigmoid", "torch.maximum(torch.rand(8, 4) * 2, torch.rand(8, 4)) * 255"),
]


@pytest.mark.parametrize(("activation", "data"), MISSED)
def test_data_outside(activation, data):
    assert rows(rule, program(activation, data)) == [11]


@pytest.mark.parametrize(
    ("activation", "data"), [("Sigmoid", "torch.rand(8, 4) - 0.5"), ("Tanh", "1 + (torch.rand(8, 4) * 2 - 1)")]
)
def test_data_that_filled_the_range_is_reported_where_it_is_shifted_out(activation, data):
    assert rows(rule, program(activation, data)) == [13]


def test_the_message_names_the_activation_and_what_to_do():
    (finding,) = run(rule, program("Sigmoid", "torch.randn(8, 4)"))
    assert "the output ends in sigmoid, with values in [0, 1]" in finding.message
    assert "or drop the activation" in finding.message


def test_functional_sigmoid_of_a_method():
    source = """
    import torch
    import torch.nn as nn
    class AE(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)
        def forward(self, x):
            return torch.sigmoid(self.fc(x))
    ae = AE()
    for step in range(9):
        x = torch.rand(8, 4) * 2 - 1
        loss = ((ae(x) - x) ** 2).mean()
    """
    assert rows(rule, source) == [9]


def test_silent_where_a_loss_is_tried_on_noise_and_nothing_is_fitted():
    source = """
    import torch
    from torch import nn
    from torch.nn import functional as F

    model = nn.Sequential(nn.Linear(8, 2), nn.Linear(2, 8), nn.Tanh())
    x = torch.randn(16, 8)
    loss = F.mse_loss(model(x), x)
    """
    assert rows(rule, source) == []
    assert rows(rule, source + "loss.backward()\n") != []


TABLE = """
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from torch.utils.data import DataLoader, TensorDataset

model = nn.Sequential(nn.Linear(4, 2), nn.Tanh(), nn.Linear(2, 4), nn.{activation}())
table = pd.read_csv("table.csv").values
{scaled}
for (x,) in DataLoader(TensorDataset(torch.tensor(data, dtype=torch.float32)), batch_size=8):
    nn.functional.mse_loss(model(x), x).backward()
"""


@pytest.mark.parametrize(
    ("activation", "scaled"),
    [
        pytest.param("Identity", "data = StandardScaler().fit_transform(table)", id="no-activation"),
        pytest.param("Sigmoid", "data = MinMaxScaler().fit_transform(table)", id="scaled-to-the-unit-interval"),
        pytest.param("ReLU", "data = StandardScaler(with_mean=False).fit_transform(table)", id="not-centred"),
        pytest.param("ReLU", "data = table / table.std(0)", id="scale-alone"),
        pytest.param("ReLU", "data = (table - table.min(0)) / table.std(0)", id="from-the-smallest-value"),
        pytest.param(
            "ReLU",
            "s = StandardScaler().fit(table); data = s.inverse_transform(s.transform(table))",
            id="scaled-back",
        ),
        pytest.param(
            "ReLU", "low, high = table.mean(0), table.std(0); data = (abs(table) - low) / high", id="other-data"
        ),
    ],
)
def test_tables_within_reach_or_not_known(activation, scaled):
    assert not rows(rule, TABLE.format(activation=activation, scaled=scaled))


@pytest.mark.parametrize(
    ("activation", "scaled"),
    [
        pytest.param("Sigmoid", "data = StandardScaler().fit_transform(table)", id="scaler"),
        pytest.param("Tanh", "data = StandardScaler().fit_transform(table)", id="a-third-is-out-of-reach"),
        pytest.param("ReLU", "data, rest = train_test_split(StandardScaler().fit_transform(table))", id="split-after"),
        pytest.param(
            "Softplus",
            "data, rest = train_test_split(table); s = StandardScaler(); s.fit(data); data = s.transform(data)",
            id="split-before",
        ),
        pytest.param("Sigmoid", "data = MinMaxScaler(feature_range=(-1, 1)).fit_transform(table)", id="feature-range"),
        pytest.param("ReLU", "data = (table - table.mean(axis=0)) / table.std(axis=0)", id="by-hand"),
        pytest.param("ReLU", "m, s = table.mean(0), table.std(0); data = (table - m) / (s + 1e-8)", id="guarded"),
        pytest.param("ReLU", "data = (table - np.mean(table, 0)) / np.sqrt(np.var(table, 0) + 1e-6)", id="variance"),
    ],
)
def test_standardised_tables(activation, scaled):
    assert rows(rule, TABLE.format(activation=activation, scaled=scaled)) == [10]


IMAGES = """
import torch
import torch.nn as nn
from torchvision import datasets, transforms

images = {images}
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1),
    nn.{activation}(),
)
for x, _ in torch.utils.data.DataLoader(images, batch_size=8):
    nn.functional.mse_loss({output}, x).backward()
"""
DIGITS = "datasets.MNIST('.', transform=transforms.{})"
NORMALISED = DIGITS.format("Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])")
PLAIN = DIGITS.format("ToTensor()")


@pytest.mark.parametrize(
    ("images", "activation", "output"),
    [
        pytest.param(NORMALISED, "Tanh", "model(x)", id="normalised"),
        pytest.param(PLAIN, "Sigmoid", "model(x)", id="sigmoid"),
        pytest.param(PLAIN, "Tanh", "(model(x) + 1) / 2", id="output-brought-back"),
        pytest.param("torch.load('images.pt')", "Tanh", "model(x)", id="not-known"),
    ],
)
def test_silent_on_images_that_use_the_range(images, activation, output):
    assert not rows(rule, IMAGES.format(images=images, activation=activation, output=output))


@pytest.mark.parametrize(
    "images",
    [
        pytest.param(PLAIN, id="to-tensor"),
        pytest.param("[(torch.randint(0, 256, (1, 8, 8)).float() / 255, 0) for _ in range(64)]", id="divided"),
        pytest.param("[(torch.rand(1, 8, 8), 0) for _ in range(64)]", id="drawn"),
    ],
)
def test_tanh_for_images_between_zero_and_one(images):
    assert rows(rule, IMAGES.format(images=images, activation="Tanh", output="model(x)")) == [9]


CHOSEN = """
import torch
from torch import nn
import torch.nn.functional as F

KINDS = {{"relu": nn.ReLU, "none": nn.Identity}}
def activation(name):
    return {{"relu": nn.ReLU(), "none": nn.Identity()}}[name]


class Detector(nn.Module):
    def __init__(self, features, last="{default}"):
        super().__init__()
        self.network = nn.Sequential(nn.Linear(features, 4), nn.ReLU(), nn.Linear(4, features))
        self.network.add_module("last", {made})

    def forward(self, x):
        return self.network(x)


model = {model}
x = torch.randn(64, 12)
loss = F.mse_loss(model(x), x)
loss.backward()
"""


@pytest.mark.parametrize(
    ("made", "default", "model", "row"),
    [
        pytest.param("activation(last)", "relu", "Detector(12)", 12, id="a default"),
        pytest.param("activation(last)", "none", "Detector(12, 'relu')", 21, id="an argument"),
        pytest.param("activation(last)", "none", "Detector(features=12, last='relu')", 21, id="a keyword"),
        pytest.param("KINDS[last]()", "relu", "Detector(12)", 12, id="a default, by a table of classes"),
        pytest.param("KINDS[last]()", "none", "Detector(12, 'relu')", 21, id="an argument, by a table of classes"),
        pytest.param("getattr(nn, last)()", "ReLU", "Detector(12)", 12, id="a default, by the name of the class"),
        pytest.param("KINDS['relu']()", "none", "Detector(12)", 15, id="a literal in a table of classes"),
        pytest.param("activation('relu')", "none", "Detector(12)", 15, id="a literal"),
        pytest.param("nn.ReLU()", "none", "Detector(12)", 15, id="a layer"),
    ],
)
def test_at_the_choice_of_the_activation(made, default, model, row):
    assert rows(rule, CHOSEN.format(made=made, default=default, model=model)) == [row]


def test_silent_where_another_activation_is_chosen():
    assert rows(rule, CHOSEN.format(made="activation(last)", default="none", model="Detector(12)")) == []
    assert rows(rule, CHOSEN.format(made="activation(last)", default="relu", model="Detector(12, 'none')")) == []


READ = """
import numpy as np
import torch
import torch.nn as nn
from PIL import Image

{data}

class Coder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(16, 3), nn.Linear(3, 16)

    def forward(self, x):
        return {activation}(self.decoder(self.encoder(x)))

net = Coder()
for epoch in range(3):
    x = torch.as_tensor(images.reshape(-1, 16))
    nn.functional.mse_loss(net(x), x).backward()
"""
DRAWN = """
images = torch.zeros(50, 4, 4, dtype=torch.uint8)
for i in range(50):
    images[i, i % 3, 1:] = {level}
"""


@pytest.mark.parametrize(
    ("activation", "data"),
    [
        pytest.param("torch.sigmoid", DRAWN.format(level="255") + "images = images.float() / 255", id="drawn"),
        pytest.param("torch.relu", DRAWN.format(level="int(torch.randint(60, 256, (1,)))"), id="bytes-into-relu"),
        pytest.param(
            "torch.tanh", DRAWN.format(level="read(i)") + "images = images / 255", id="drawn-with-the-unknown"
        ),
        pytest.param("torch.tanh", "images = torch.rand(9, 4, 4)", id="features-that-are-no-pictures"),
        pytest.param("torch.tanh", "images = np.array(Image.open('a.png')) / 127.5 - 1", id="read-and-centred"),
        pytest.param("torch.tanh", "images = (np.array(Image.open('a.png')) - mean) / 255", id="shifted-before"),
        pytest.param(
            "torch.sigmoid", "images = torch.randn(9, 16)\nimages[images < 0] = 0\nimages[images > 1] = 1", id="cut-off"
        ),
        pytest.param(
            "torch.sigmoid",
            "images = torch.ones(9, 4, 4)\nfor i in range(9):\n    images[i] = 0.25\nimages = images * 1.5",
            id="every-one-overwritten",
        ),
        pytest.param(
            "torch.sigmoid",
            "images = torch.full((9, 16), 1.5)\nimages[images > 1] = 1",
            id="a-filling-that-is-cut-off",
        ),
        pytest.param(
            "torch.sigmoid",
            "images = torch.randn(9, 4, 4).clone()\nfor i in range(9):\n    images[i] = 0.5",
            id="a-ground-that-is-overwritten",
        ),
        pytest.param("torch.sigmoid", "images = np.random.uniform(high=2, size=(9, 16)) / 2", id="law-by-keywords"),
        pytest.param("torch.relu", "images = np.load('a.npy')\nimages = images / np.std(images)", id="only-scaled"),
    ],
)
def test_data_that_is_read_or_written_piece_by_piece_within_reach(activation, data):
    assert rows(rule, READ.format(activation=activation, data=data)) == []


@pytest.mark.parametrize(
    ("activation", "data"),
    [
        ("torch.tanh", DRAWN.format(level="int(torch.randint(60, 256, (1,)))") + "images = images.flatten(1) / 255"),
        ("torch.tanh", "images = np.load('images.npy').astype(np.float32) / 255"),
        ("torch.tanh", "images = torch.from_numpy(np.array(Image.open('a.png'))).float().div(255)"),
        ("torch.sigmoid", "images = (np.array(Image.open('a.png')) / 255.0 - 0.5) / 0.5"),
        ("torch.sigmoid", "images = np.random.normal(0, 1, (9, 16))"),
        ("torch.sigmoid", DRAWN.format(level="np.random.randint(100, 256)")),
        ("torch.relu", "t = np.load('a.npy')\nimages = (t - np.mean(t.flatten())) / np.std(t.reshape(-1))"),
    ],
)
def test_data_that_is_read_or_written_piece_by_piece_beyond_reach(activation, data):
    found = rows(rule, READ.format(activation=activation, data=data))
    assert len(found) == 1
    assert found == [
        READ.format(activation=activation, data=data)
        .split("\n")
        .index(f"        return {activation}(self.decoder(self.encoder(x)))")
        + 1
    ]


@pytest.mark.parametrize(
    "made",
    [
        "torch.ones(50, 4, 4)",
        "torch.full((50, 4, 4), 1.0)",
        "torch.ones_like(torch.rand(50, 4, 4))",
        "torch.rand(50, 1, 1).expand(50, 4, 4).clone()",
    ],
)
def test_a_drawing_on_a_light_ground_that_is_moved_to_both_sides_of_zero(made):
    data = f"images = {made}\nfor i in range(50):\n    images[i, 1:3, 1:3] = 0.0\nimages = images - 0.5"
    source = READ.format(activation="torch.sigmoid", data=data)
    assert rows(rule, source) == [source.split("\n").index("images = images - 0.5") + 1]


BLOCKS = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class Layer(nn.Module):
    def __init__(self, inputs, outputs, activation=None):
        super().__init__()
        self.linear, self.activation = nn.Linear(inputs, outputs), activation

    def forward(self, x):
        h = self.linear(x)
        return h if self.activation is None else self.activation(h)

class Coder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Layer(16, 3)
        self.decoder = Layer(3, 16, {activation})

    def forward(self, x):
        return self.decoder(self.encoder(x))

net, best = Coder(), None
best = Coder()
for epoch in range(3):
    x = torch.rand(8, 16) * 2 - 1
    F.mse_loss(net(x), x).backward()
"""


@pytest.mark.parametrize("activation", ["torch.sigmoid", "F.relu", "nn.Sigmoid()"])
def test_an_activation_that_a_block_is_given_is_reported_where_the_block_is_built(activation):
    assert rows(rule, BLOCKS.format(activation="torch.tanh")) == []
    assert rows(rule, BLOCKS.format(activation=activation)) == [19]


def test_a_model_that_is_built_twice_is_no_block():
    inside = (
        BLOCKS.format(activation="None")
        .replace("self.decoder(self", "torch.sigmoid(self.decoder(self")
        .replace("(x))", "(x)))")
    )
    assert rows(rule, inside) == [22]


def test_blocks_that_are_all_built_in_one_place_are_changed_in_their_class():
    one_place = (
        BLOCKS.format(activation="None")
        .replace(
            "self.encoder = Layer(16, 3)", "self.encoder, self.decoder = (Layer(a, b) for a, b in ((16, 3), (3, 16)))"
        )
        .replace("        self.decoder = Layer(3, 16, None)\n", "")
        .replace("return h if self.activation is None else self.activation(h)", "return torch.sigmoid(h)")
    )
    assert rows(rule, one_place) == [13]


def test_a_block_beside_parts_of_other_classes_is_changed_in_its_class():
    other = (
        BLOCKS.format(activation="None")
        .replace("self.encoder = Layer(16, 3)", "self.encoder = Other(16, 3)")
        .replace(
            "class Coder",
            "class Other(Layer):\n    def forward(self, x):\n        return self.linear(x)\n\nclass Coder",
        )
        .replace("return h if self.activation is None else self.activation(h)", "return torch.sigmoid(h)")
    )
    assert rows(rule, other) == [13]


RECURRENT = """
import torch
from torch import nn

class Sequences(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.LSTM(2, 16, batch_first=True), {decoder}
        self.out = nn.Linear(2, 2)

    def forward(self, x):
        code = self.encoder(x)[0][:, -1:].expand(-1, x.size(1), -1)
        decoded, _ = self.decoder(code{state})
        return {result}

readings = torch.rand(64, 12, 2)
x = {data}
nn.functional.mse_loss(Sequences()(x), x).backward()
"""
BARE = {
    "decoder": "nn.LSTM(16, 2, batch_first=True)",
    "result": "decoded",
    "state": "",
    "data": "(readings - readings.mean()) / readings.std()",
}


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"result": "self.out(decoded)"}, id="a-linear-layer-behind-it"),
        pytest.param({"data": "2 * readings - 1"}, id="data-within-reach"),
        pytest.param({"decoder": "nn.LSTM(16, 8, proj_size=2, batch_first=True)"}, id="a-projection"),
        pytest.param(
            {"decoder": "nn.RNN(16, 2, nonlinearity='relu', batch_first=True)", "data": "readings"}, id="a-relu"
        ),
        pytest.param(
            {"decoder": "nn.GRU(16, 2, batch_first=True)", "state": ", 3 * torch.randn(1, 64, 2)"},
            id="a-state-from-outside",
        ),
    ],
)
def test_hidden_states_that_reach_the_data(parts):
    assert not rows(rule, RECURRENT.format(**{**BARE, **parts}))


@pytest.mark.parametrize(
    ("decoder", "called"),
    [
        ("nn.LSTM(16, 2, batch_first=True)", "the hidden state of an LSTM"),
        ("nn.GRU(16, 2, batch_first=True)", "the hidden state of a GRU"),
        ("nn.RNN(16, 2, batch_first=True)", "the hidden state of a recurrent layer"),
        ("nn.RNN(16, 2, nonlinearity='relu', batch_first=True)", "the hidden state of a recurrent layer"),
    ],
)
def test_a_bare_hidden_state_for_standardised_data(decoder, called):
    (finding,) = run(rule, RECURRENT.format(**{**BARE, "decoder": decoder}))
    assert called in finding.message
    assert "linear layer" in finding.message


SHARES = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

digits = datasets.MNIST(".", transform=transforms.ToTensor())
decode = nn.Sequential(nn.Linear(784, 20), nn.Linear(20, 784))
for x, y in DataLoader(digits, 32):
    x = x.flatten(1)
    out = {out}
    loss = {loss}
"""


@pytest.mark.parametrize(
    ("out", "loss"),
    [
        ("torch.sigmoid(decode(x))", "F.binary_cross_entropy(out, x)"),
        ("decode(x)[:, :10].softmax(1)", "F.mse_loss(out, F.one_hot(y, 10).float())"),
        ("decode(x).softmax(1)", "F.mse_loss(out, torch.rand(32, 784).softmax(1))"),
        ("decode(decode(x).softmax(1))", "F.mse_loss(out, x)"),
    ],
)
def test_silent_on_a_softmax_for_classes(out, loss):
    assert rows(rule, SHARES.format(out=out, loss=loss)) == []


@pytest.mark.parametrize("loss", ["F.binary_cross_entropy(out, x)", "F.mse_loss(out, x)", "((out - x) ** 2).mean()"])
@pytest.mark.parametrize(
    "out", ["F.softmax(decode(x), dim=1)", "decode(x).softmax(-1)", "nn.Softmax(dim=1)(decode(x))"]
)
def test_a_softmax_for_pictures(out, loss):
    (finding,) = run(rule, SHARES.format(out=out, loss=loss))
    assert "add up to 1" in finding.message
    assert finding.site.row == 12


HANDED_ON = """
import torch
from torch import nn
import torch.nn.functional as F

ACTIVATIONS = {{"relu": nn.ReLU, "none": nn.Identity}}


class Net(nn.Module):
    def __init__(
        self,
        width,
        activation="relu",
    ):
        super().__init__()
        self.body, self.end = nn.Linear(width, width), ACTIVATIONS[activation]()

    def forward(self, x):
        return self.end(self.body(x))


class Detector:
    def __init__(self, epochs=9, **settings):
        self.net = Net(20, **settings)


detector = Detector({given})
data = torch.randn(100, 20)
F.mse_loss(detector.net(data), data).backward()
"""


@pytest.mark.parametrize(
    ("given", "found"),
    [
        pytest.param("", [13], id="nothing is handed on: the default"),
        pytest.param("epochs=3", [13], id="something else is given"),
        pytest.param('activation="none"', [], id="another one is handed on"),
        pytest.param('activation="relu"', [16], id="written in settings, which are taken apart on the way"),
        pytest.param("**settings", [], id="settings that are not in sight"),
    ],
)
def test_a_default_behind_settings_that_are_handed_on(given, found):
    assert rows(rule, HANDED_ON.format(given=given)) == found
