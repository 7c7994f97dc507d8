import pytest

from aelint.rules.objective import loss_on_code as rule
from tests.rules.harness import rows

HEAD = """
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(64, {size}), nn.Linear({size}, 64)


class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, {size}))
        self.decoder = nn.Sequential(nn.Linear({size}, 32), nn.ReLU(), nn.Linear(32, 64))

    def forward(self, x):
        encoded = self.encoder(x)
        return encoded, self.decoder(encoded)


"""
BEGIN = HEAD.count("\n")

HEALTHY = {
    "the reconstruction": "def step(x: torch.Tensor):\n    code = encoder(x)\n    return F.mse_loss(decoder(code), x)\n",
    "a penalty on the code as well": "def step(x: torch.Tensor):\n    code = encoder(x)\n    y = decoder(code)\n    return F.mse_loss(y, x) + F.l1_loss(code, x)\n",
    "a discriminator behind the reconstruction": "judge = nn.Linear(64, 1)\ndef step(x: torch.Tensor):\n    y = decoder(encoder(x))\n    score = judge(y)\n    return F.mse_loss(y, x), score\n",
    "a regression without decoder": "def step(x: torch.Tensor):\n    return F.mse_loss(nn.Linear(64, 64)(x), x)\n",
}


@pytest.mark.parametrize("size", [8, 64])
@pytest.mark.parametrize("body", HEALTHY.values(), ids=HEALTHY.keys())
def test_healthy(body, size):
    assert not rows(rule, HEAD.format(size=size) + body)


@pytest.mark.parametrize("size", [8, 64])
def test_code_in_the_loss(size):
    body = "def step(x: torch.Tensor):\n    code = encoder(x)\n    y = decoder(code)\n    return F.mse_loss(code, x)\n"
    assert rows(rule, HEAD.format(size=size) + body) == [BEGIN + 4]


@pytest.mark.parametrize("size", [8, 64])
def test_wrong_item_of_the_model_output(size):
    body = """model = AE()
criterion = nn.MSELoss()
for x in torch.utils.data.DataLoader(torch.rand(32, 64), batch_size=4):
    encoded, decoded = model(x)
    loss = criterion(encoded, x)
    loss.backward()
"""
    assert rows(rule, HEAD.format(size=size) + body) == [BEGIN + 5]


def test_squared_difference_and_a_model_in_another_file():
    files = {
        "train.py": "import torch\nfrom model import AE\nmodel = AE()\nx = torch.rand(8, 64)\nz, y = model(x)\nloss = ((z - x) ** 2).mean()\n",
        "model.py": HEAD.format(size=64),
    }
    assert rows(rule, files) == [6]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            "    encoded = encoder(x)\n    return F.mse_loss(encoded, x) + F.cross_entropy(nn.Linear(64, 10)(encoded), label)\n",
            id="a network called encoder gives the reconstruction, and a classifier reads it",
        ),
        pytest.param(
            "    encoded = encoder(x)\n    print(encoded * 2 + 1)\n    return F.mse_loss(encoded, x)\n",
            id="nothing but arithmetic stands behind it",
        ),
        pytest.param(
            "    code = encoder(x)\n    again = encoder(decoder(code))\n    return F.mse_loss(again, code.detach())\n",
            id="codes are compared with codes",
        ),
        pytest.param(
            "    code = encoder(label)\n    decoder(code)\n    return F.mse_loss(code, x)\n",
            id="a regression onto other data",
        ),
        pytest.param(
            "    coarse = encoder(x)\n    fine = decoder(coarse)\n    return F.mse_loss(coarse, x), fine\n",
            id="a coarse output that is made finer",
        ),
    ],
)
def test_no_code(body):
    assert not rows(rule, HEAD.format(size=64) + "def step(x: torch.Tensor, label: torch.Tensor):\n" + body)


METRIC = """
import torch
import torch.nn as nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(2, 6), nn.Linear(6, 2)

    def forward(self, z):
        h = torch.relu(self.first(z))
        h = self.last(h)
        return h

encoder, decoder = Net(), Net()

def check(x):
    shown = decoder(encoder(x))
    return {compared}
"""


def test_silent_on_a_reconstruction_that_is_called_as_a_hidden_layer_is():
    assert rows(rule, METRIC.replace("{compared}", "(x - shown).pow(2)")) == []
    wrong = METRIC.replace("{compared}", "(x - encoder(x)).pow(2)").replace(
        "shown = ", "code = encoder(x)\n    shown = "
    )
    assert rows(
        rule, wrong.replace("(x - encoder(x))", "(x - code)").replace("decoder(encoder(x))", "decoder(code)")
    ) == [20]
