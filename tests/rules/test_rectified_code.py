"""A ReLU on a code that is small enough to die."""

from __future__ import annotations

import pytest

from aelint.rules.latent import rectified_code as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n\n"


def autoencoder(encoder: str, decoder: str = "nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 784)") -> str:
    return (
        HEAD + "class Model(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"        self.encoder = nn.Sequential({encoder})\n        self.decoder = nn.Sequential({decoder})\n\n"
        "    def forward(self, x):\n        return self.decoder(self.encoder(x))\n"
    )


def convolutional(channels: int) -> str:
    """A model of images, of unknown size, that gives `channels` for the three it takes."""
    return autoencoder(
        "nn.Conv2d(3, 8, 3, 2, 1), nn.Flatten(), nn.Linear(8 * 14 * 14, 2), nn.ReLU()",
        "nn.Linear(2, 8 * 14 * 14), nn.Unflatten(1, (8, 14, 14)), "
        f"nn.ConvTranspose2d(8, {channels}, 4, 2, 1), nn.Sigmoid()",
    )


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(convolutional(10), id="maps-of-classes"),
        pytest.param(autoencoder("nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 2)"), id="linear-code"),
        pytest.param(autoencoder("nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 2), nn.LeakyReLU()"), id="leaky"),
        pytest.param(
            autoencoder("nn.Linear(784, 32), nn.ReLU()", "nn.Linear(32, 784), nn.Sigmoid()"), id="code-of-many-units"
        ),
        pytest.param(
            autoencoder(
                "nn.Linear(784, 12), nn.ReLU(), nn.Linear(12, 3), nn.ReLU()", "nn.Linear(3, 784), nn.Sigmoid()"
            ),
            id="three-units-that-hardly-all-die",
        ),
        pytest.param(
            autoencoder(
                "nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 2), nn.ReLU()", "nn.Linear(2, 16), nn.Linear(16, 10)"
            ),
            id="classifier",
        ),
        pytest.param(
            HEAD + "class Gate(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
            "        self.down, self.up = nn.Linear(16, 2), nn.Linear(2, 16)\n\n"
            "    def forward(self, x):\n        return x * torch.sigmoid(self.up(F.relu(self.down(x))))\n",
            id="squeeze-and-excitation",
        ),
        pytest.param(
            HEAD + "class Adapter(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
            "        self.down, self.up = nn.Linear(16, 2), nn.Linear(2, 16)\n\n"
            "    def forward(self, x):\n        return x + self.up(F.relu(self.down(x)))\n",
            id="residual-adapter",
        ),
    ],
)
def test_silent(source: str) -> None:
    assert rows(rule, source) == []


def test_two_units_in_a_sequential() -> None:
    assert rows(rule, autoencoder("nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 2), nn.ReLU()")) == [8]


def test_convolutions_that_give_the_channels_they_take() -> None:
    assert rows(rule, convolutional(3)) == [8]


def test_functional_spelling_with_a_loss() -> None:
    source = (
        HEAD + "enc, mid, code = nn.Linear(20, 9), nn.Linear(9, 2), None\nd1, d2 = nn.Linear(2, 9), nn.Linear(9, 20)\n"
        "x = torch.rand(64, 20)\n"
        "code = mid(enc(x).tanh()).relu()\n"
        "out = d2(torch.tanh(d1(code)))\nloss = F.mse_loss(out, x)\n"
    )
    assert rows(rule, source) == [8]


def test_images_through_convolutions() -> None:
    encoder = "nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16 * 16, 2), nn.ReLU()"
    decoder = "nn.Linear(2, 8 * 16 * 16), nn.ReLU(), nn.Unflatten(1, (8, 16, 16)), nn.ConvTranspose2d(8, 3, 3, 2, 1, 1), nn.Sigmoid()"
    source = (
        autoencoder(encoder, decoder)
        + "\nmodel = Model()\nx = torch.rand(4, 3, 32, 32)\nF.mse_loss(model(x), x).backward()\n"
    )
    (finding,) = run(rule, source)
    assert finding.site.row == 8
    assert "2 units" in finding.message


def test_the_limit_is_a_setting() -> None:
    source = autoencoder("nn.Linear(784, 5), nn.ReLU()", "nn.Linear(5, 784), nn.Sigmoid()")
    assert rows(rule, source) == []
    assert rows(rule, source, {"units": 5}) == [8]
