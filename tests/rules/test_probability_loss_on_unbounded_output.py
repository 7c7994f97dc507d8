import pytest

from aelint.rules.objective import probability_loss_on_unbounded_output as rule
from tests.rules.harness import rows

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"


def test_a_network_elsewhere():
    assert not rows(rule, HEAD + "def loss(y, x):\n    return F.binary_cross_entropy(y, x)\n")


def test_sigmoid_in_the_loss():
    assert not rows(
        rule,
        HEAD + "net = nn.Linear(4, 4)\ndef loss(x):\n    return F.binary_cross_entropy(torch.sigmoid(net(x)), x)\n",
    )


def test_sigmoid_on_one_branch():
    source = "net = nn.Linear(4, 4)\ndef loss(x, last):\n    y = net(x)\n    if last:\n        y = y.sigmoid()\n    return F.binary_cross_entropy(y, x)\n"
    assert not rows(rule, HEAD + source)


def test_clamped_and_shifted_outputs():
    assert not rows(
        rule, HEAD + "net = nn.Linear(4, 4)\ndef loss(x):\n    return F.binary_cross_entropy(net(x).clamp(0, 1), x)\n"
    )
    assert not rows(
        rule,
        HEAD
        + "net = nn.Linear(4, 4)\ndef loss(x):\n    return F.binary_cross_entropy((torch.tanh(net(x)) + 1) / 2, x)\n",
    )


def test_linear_output():
    source = "net = nn.Linear(4, 4)\ncriterion = nn.BCELoss()\ndef loss(x):\n    return criterion(net(x), x)\n"
    assert rows(rule, HEAD + source) == [7]


def test_tanh_output_through_a_reshape():
    source = "net = nn.Sequential(nn.Linear(4, 4), nn.Tanh())\ndef loss(x):\n    return F.binary_cross_entropy(net(x).view(-1, 2, 2), x)\n"
    assert rows(rule, HEAD + source) == [4]


@pytest.mark.parametrize(("name", "row"), [("tanh", 12), ("output_act", 8)])
def test_an_activation_that_is_named_for_itself_is_exchanged_where_it_is_called(name, row):
    source = """
class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.NAME, self.sigmoid = nn.Tanh(), nn.Sigmoid()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return self.NAME(self.fc(x))

def loss(model, x):
    return F.binary_cross_entropy(model(x), x)

loss(AE(), torch.rand(8, 4))
"""
    assert rows(rule, HEAD + source.replace("NAME", name)) == [row]
    assert rows(rule, HEAD + source.replace("return self.NAME", "return self.sigmoid").replace("NAME", name)) == []


def test_decoder_class_that_ends_in_a_convolution():
    source = """
class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.ConvTranspose2d(8, 1, 2, 2)

    def forward(self, z):
        return self.up(F.relu(z))


class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.decoder = Decoder()

    def training_step(self, batch, i):
        x, _ = batch
        return F.binary_cross_entropy(self.decoder(x), x)
"""
    assert rows(rule, HEAD + source) == [21]


def test_logarithms_of_probabilities():
    net = HEAD + "net = nn.Linear(4, 4)\ndef loss(x, p):\n    y = net(x)\n    return "
    for right in (
        "F.nll_loss(F.log_softmax(y, 1), p)",
        "F.nll_loss(torch.log(y.softmax(1)), p)",
        "F.nll_loss(y - y.logsumexp(1, keepdim=True), p)",
        "F.kl_div(y.softmax(1).log(), p)",
        "F.kl_div(F.logsigmoid(y), p)",
        "F.kl_div(y, p)",
    ):
        assert not rows(rule, net + right + "\n"), right


def test_no_logarithms():
    net = HEAD + "net = nn.Linear(4, 4)\ndef loss(x, p):\n    y = net(x)\n    return "
    assert rows(rule, net + "F.nll_loss(y.view(-1, 4), p)\n") == [7]
    assert rows(rule, net + "nn.KLDivLoss(reduction='batchmean')(y.softmax(dim=1), p)\n") == [7]
    assert rows(rule, net + "F.kl_div(torch.sigmoid(y), p, reduction='sum')\n") == [7]


SOFTMAX = """
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 5)
        self.last = nn.{last}(dim=-1)

    def forward(self, x):
        return self.last(self.fc(x))

criterion = nn.NLLLoss()
criterion(Tagger()(torch.rand(4, 8)), torch.randint(5, (4,))).backward()
"""


def test_a_softmax_before_the_log_likelihood_is_reported_where_it_is_made():
    assert rows(rule, HEAD + SOFTMAX.format(last="LogSoftmax")) == []
    row = HEAD.count("\n") + 6
    assert rows(rule, HEAD + SOFTMAX.format(last="Softmax")) == [row]
    functional = "def loss(x, y):\n    p = F.softmax(x, dim=1)\n    return F.nll_loss(p, y)\n"
    assert rows(rule, HEAD + functional) == [HEAD.count("\n") + 2]


TARGETS = """import torch
from torch import nn
import torch.nn.functional as F

net = nn.Linear(30, 30)
x = torch.rand(16, 30)
"""


@pytest.mark.parametrize(
    "line",
    [
        "F.binary_cross_entropy_with_logits(net(x), x)",
        "F.binary_cross_entropy(torch.sigmoid(net(x)), (x > 0.5).float())",
        "F.binary_cross_entropy_with_logits(net(x), torch.randn(16, 30))",
        "F.binary_cross_entropy_with_logits(net(x), unknown)",
        "F.binary_cross_entropy_with_logits(net(x), x * 1.05)",
    ],
)
def test_targets_that_may_be_probabilities(line):
    assert not rows(rule, TARGETS + line + "\n")


@pytest.mark.parametrize(
    "line",
    [
        "F.binary_cross_entropy_with_logits(net(x), x * 2 - 1)",
        "F.binary_cross_entropy(torch.sigmoid(net(x)), (x - 0.5) / 0.5)",
        "nn.BCEWithLogitsLoss(reduction='sum')(net(x), 255 * x)",
    ],
)
def test_targets_that_are_no_probabilities(line):
    assert rows(rule, TARGETS + line + "\n") == [7]


NORMALISED = """
import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(0)
pictures = rng.integers(0, 256, size=(64, 3, 4, 4)).astype("uint8"){enlarged}
mean, std = torch.tensor([0.49, 0.48, 0.45]).view(3, 1, 1), torch.tensor([0.25, 0.24, 0.26]).view(3, 1, 1)
x = {made}
net = nn.Sequential(nn.Flatten(), nn.Linear(48, 8), nn.ReLU(), nn.Linear(8, 48), nn.Sigmoid())
nn.functional.binary_cross_entropy(net(x), x.flatten(1)).backward()
"""


@pytest.mark.parametrize("enlarged", ["", ".repeat(2, axis=2)"], ids=["plain", "repeated"])
def test_targets_normalised_by_channels(enlarged):
    unit = NORMALISED.format(enlarged=enlarged, made="torch.from_numpy(pictures).float() / 255")
    assert rows(rule, unit) == []
    made = "(torch.from_numpy(pictures.copy()).float() / 255 - mean) / std"
    assert rows(rule, NORMALISED.format(enlarged=enlarged, made=made)) == [11]


WRITTEN_OUT = """
class Layer(nn.Module):
    def __init__(self, inputs, outputs, activation=lambda x: x):
        super().__init__()
        self.W, self.b = nn.Parameter(torch.randn(inputs, outputs)), nn.Parameter(torch.zeros(outputs))
        self.activation = activation

    def forward(self, x):
        return self.activation(x @ self.W + self.b)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Layer(4, 3, F.relu)
        self.last = {last}

    def forward(self, x):
        return self.last(self.first(x))

net = Net()
for x in torch.rand(9, 8, 4):
    y = net(x)
    loss = {loss}
    loss.backward()
"""
BERNOULLI = "-(x * torch.log({y} + 1e-8) + (1 - x) * torch.log(1 - {y} + 1e-8)).sum(1).mean()"


@pytest.mark.parametrize(
    ("last", "loss"),
    [
        pytest.param("Layer(3, 4, torch.sigmoid)", BERNOULLI.format(y="y"), id="sigmoid"),
        pytest.param(
            "Layer(3, 4, torch.tanh)", BERNOULLI.format(y="(y * 0.5 + 0.5)"), id="moved-into-the-unit-interval"
        ),
        pytest.param("Layer(3, 4, torch.tanh)", BERNOULLI.format(y="y.clamp(1e-6, 1 - 1e-6)"), id="clamped"),
        pytest.param("Layer(3, 4, torch.tanh)", "-torch.log(1 - y).mean()", id="never-negative"),
        pytest.param("Layer(3, 4, F.elu)", "torch.log(y + 1 + 1e-6).mean()", id="an-activation-above-minus-one"),
        pytest.param("nn.Linear(3, 4)", "torch.log(y + 1e-8).mean()", id="a-layer-whose-weights-may-be-positive"),
        pytest.param(
            "Layer(3, 4, torch.tanh)", "torch.where(y > 0, torch.log(y), torch.zeros_like(y)).mean()", id="where"
        ),
    ],
)
def test_logarithms_of_what_may_be_a_probability(last, loss):
    assert rows(rule, HEAD + WRITTEN_OUT.format(last=last, loss=loss)) == []


@pytest.mark.parametrize(
    ("last", "loss", "row"),
    [
        pytest.param("Layer(3, 4, torch.tanh)", BERNOULLI.format(y="y"), 18, id="handed-to-a-layer"),
        pytest.param("nn.Sequential(nn.Linear(3, 4), nn.Tanh())", "-(x * (y + 1e-9).log()).sum()", 18, id="sequential"),
        pytest.param("Layer(3, 4, F.relu)", BERNOULLI.format(y="y"), 18, id="too-large"),
        pytest.param("nn.Linear(3, 4)", BERNOULLI.format(y="y"), 26, id="no-activation"),
    ],
)
def test_logarithms_of_what_is_no_probability(last, loss, row):
    assert set(rows(rule, HEAD + WRITTEN_OUT.format(last=last, loss=loss))) == {row}


COIN = """
import torch
import torch.nn.functional as F
from torch import distributions as D
from torch import nn
from torchvision import datasets, transforms

decoder = nn.Linear(784, 784)
data = datasets.{data}
for x, _ in torch.utils.data.DataLoader(data, batch_size=64):
    x = x.flatten(1)
    logits = decoder(x)
    loss = -{likelihood}.sum()
"""
GREY = "MNIST('.', transform=transforms.ToTensor())"
ASKED = "D.Bernoulli(logits=logits).log_prob(x)"


@pytest.mark.parametrize(
    ("data", "likelihood"),
    [
        pytest.param(GREY, "D.Bernoulli(logits=logits).log_prob((x > 0.5).float())", id="rounded"),
        pytest.param(GREY, "D.Bernoulli(logits=logits).log_prob(torch.bernoulli(x))", id="drawn"),
        pytest.param(GREY, "D.Bernoulli(logits=logits, validate_args=False).log_prob(x)", id="told-not-to-check"),
        pytest.param(GREY, "D.ContinuousBernoulli(logits=logits).log_prob(x)", id="made-for-fractions"),
        pytest.param(GREY, "D.Independent(D.Bernoulli(logits=logits), 1, validate_args=False).log_prob(x)", id="outer"),
        pytest.param("Omniglot('.', transform=transforms.ToTensor())", ASKED, id="black-and-white"),
        pytest.param("ImageFolder('.', transform=transforms.ToTensor())", ASKED, id="pictures-that-nobody-knows"),
        pytest.param(
            "MNIST('.', transform=transforms.Compose([transforms.ToTensor(), lambda t: (t > 0.5).float()]))",
            ASKED,
            id="rounded-by-the-data",
        ),
        pytest.param(GREY, "D.Normal(logits, 1.0).log_prob(x)", id="another-law"),
    ],
)
def test_silent_on_likelihoods_of_what_has_one(data: str, likelihood: str) -> None:
    assert rows(rule, COIN.format(data=data, likelihood=likelihood)) == []


@pytest.mark.parametrize(
    ("data", "likelihood"),
    [
        pytest.param(GREY, ASKED, id="pictures"),
        pytest.param(GREY, "D.Independent(D.Bernoulli(logits.sigmoid()), 1).log_prob(value=x)", id="independent"),
        pytest.param("FakeData()", "D.Bernoulli(logits=logits).log_prob(torch.rand(64, 784))", id="drawn-uniformly"),
        pytest.param(
            "CIFAR10('.', transform=transforms.ToTensor())",
            "D.Bernoulli(torch.sigmoid(logits)).log_prob(F.interpolate(x, size=14, mode='bilinear'))",
            id="resized",
        ),
    ],
)
def test_grey_levels_have_no_probability_under_a_coin(data: str, likelihood: str) -> None:
    assert rows(rule, COIN.format(data=data, likelihood=likelihood)) == [13]
