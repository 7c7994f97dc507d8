"""AEL336: losses and layers that are built with tensors."""

import pytest

from aelint.rules.objective import uncalled_module as rule
from tests.rules.harness import rows, run

PROGRAM = """
import torch
from torch import nn
import torch.nn.functional as F

net, x = nn.Linear(8, 8), torch.rand(4, 8)
criterion, classes = nn.MSELoss(reduction="sum"), torch.ones(8)
loss = {loss}
"""


@pytest.mark.parametrize(
    "loss",
    [
        "nn.MSELoss()(net(x), x)",
        "criterion(net(x), x)",
        "F.mse_loss(net(x), x)",
        "nn.CrossEntropyLoss(classes)(net(x), x.argmax(1))",
        "nn.BCEWithLogitsLoss(None, None, None, 'mean', classes)(net(x), x)",
        "nn.SmoothL1Loss(None, None, 'mean', 0.5)(net(x), x)",
        "nn.GaussianNLLLoss(full=True)",
        "nn.MSELoss(unknown(), unknown())",
        "nn.Linear(net, x)",
        "nn.ReLU()(net(x))",
        "nn.ReLU(True)(net(x))",
        "nn.Dropout(torch.tensor(0.1))(net(x))",
        "nn.Softmax(x.dim() - 1)(net(x))",
        "nn.Sigmoid(unknown())",
        "F.relu(net(x))",
    ],
)
def test_silent_on_losses_that_get_settings(loss):
    assert rows(rule, PROGRAM.format(loss=loss)) == []


@pytest.mark.parametrize(
    "loss",
    [
        "nn.MSELoss(net(x), x)",
        "torch.nn.L1Loss(net(x), x) + net(x).mean()",
        "nn.BCELoss(net(x).sigmoid(), x)",
        "nn.CrossEntropyLoss(net(x), x.argmax(1))",
    ],
)
def test_tensors_in_the_place_of_settings(loss):
    (finding,) = run(rule, PROGRAM.format(loss=loss))
    assert finding.site.row == 8
    assert "builds a loss" in finding.message
    assert "call it with the tensors" in finding.message
    assert "()(net(x)" in finding.message


@pytest.mark.parametrize(
    "layer", ["nn.ReLU", "torch.nn.Sigmoid", "nn.Softmax", "nn.Dropout", "nn.Flatten", "nn.MaxPool1d"]
)
def test_a_tensor_in_the_place_of_settings(layer):
    (finding,) = run(rule, PROGRAM.format(loss=f"{layer}(net(x)).mean()"))
    assert finding.site.row == 8
    assert (
        f"builds a layer, and takes its settings; it computes nothing yet. Build it, and then call it with the tensor: `{layer}()(net(x))`"
        in finding.message
    )


def test_in_a_forward():
    source = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(8, 4), nn.Linear(4, 8)

        def forward(self, x):
            h = nn.Tanh(self.first(x))
            return self.second(h)
    """
    assert rows(rule, source) == [11]


def test_in_a_method():
    source = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def training_loss(self, x):
            recon = self.layer(x)
            return nn.MSELoss(recon, x)

    Net().training_loss(torch.rand(4, 8))
    """
    assert rows(rule, source) == [12]
