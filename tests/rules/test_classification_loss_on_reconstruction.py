import pytest

from aelint.rules.objective import classification_loss_on_reconstruction as rule
from tests.rules.harness import rows

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nnet = nn.Conv2d({0}, {0}, 3, padding=1)\nx = torch.rand(8, {0}, 16, 16)\n"

HEALTHY = {
    "class indices": "F.cross_entropy(net(x), torch.randint(0, 3, (8, 16, 16)))",
    "another loss": "F.mse_loss(net(x), x)",
    "labels as maps": "x = (x > 0.5).float()\nF.cross_entropy(net(x), x)",
    "the labels of something else": "F.cross_entropy(net(x), torch.rand(8, 3, 16, 16))",
    "many channels": "y = torch.rand(8, 32, 4, 4)\nF.cross_entropy(nn.Conv2d(32, 32, 1)(y), y)",
}


@pytest.mark.parametrize("body", HEALTHY.values(), ids=HEALTHY.keys())
def test_healthy(body):
    assert not rows(rule, HEAD.format(3) + body + "\n")


@pytest.mark.parametrize("channels", [1, 3])
def test_picture_as_target(channels):
    assert rows(rule, HEAD.format(channels) + "loss = F.cross_entropy(net(x), x)\n") == [6]


def test_loss_module_in_a_loop_over_a_loader():
    source = "criterion = nn.CrossEntropyLoss()\nfor (b,) in torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x), batch_size=4):\n    loss = criterion(net(b), b)\n"
    assert rows(rule, HEAD.format(1) + source) == [8]


def test_normalised_pictures_of_a_data_set():
    source = """
    import torch
    import torch.nn as nn
    from torchvision import datasets, transforms
    data = datasets.MNIST(".", transform=transforms.ToTensor())
    net = nn.Conv2d(1, 1, 3, padding=1)
    for x, _ in torch.utils.data.DataLoader(data, batch_size=4):
        loss = nn.functional.cross_entropy(net(x), x)
    """
    assert rows(rule, source) == [8]


CLASSES = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class Letters(nn.Module):
    def __init__(self, count):
        super().__init__()
        self.out, self.last = nn.Linear(8, count), {last}

    def forward(self, z):
        return self.last(self.out(z))

net, index = Letters({count}), torch.randint(0, {count}, (16, 5))
target = {target}
loss = {loss}
total = {total}
"""
ONE_HOT = "F.one_hot(index, {count}).float()"


def letters(
    count=35,
    last="nn.Softmax(dim=-1)",
    target=ONE_HOT,
    loss="F.binary_cross_entropy(net(torch.randn(16, 5, 8)), target)",
    total="loss + net.out.weight.pow(2).mean()",
):
    return CLASSES.format(count=count, last=last, target=target.format(count=count), loss=loss, total=total)


@pytest.mark.parametrize(
    "changes",
    [
        {"last": "nn.Sigmoid()"},
        {"count": 2},
        {"target": "torch.rand(16, 5, 35)"},
        {"target": "(torch.rand(16, 5, 35) > 0.9).float()"},
        {"last": "nn.Identity()", "loss": "F.cross_entropy(net(torch.randn(80, 8)), target.view(80, 35))"},
        {"loss": "F.mse_loss(net(torch.randn(16, 5, 8)), target)"},
        {"loss": "F.binary_cross_entropy(net(torch.randn(16, 5, 8)), target, reduction='sum')"},
        {"total": "loss"},
        {"total": "5 * 35 * loss + net.out.weight.pow(2).mean()"},
    ],
    ids=[
        "independent",
        "two classes",
        "shares",
        "several labels",
        "its own loss",
        "another error",
        "summed",
        "alone",
        "as much as the sum",
    ],
)
def test_silent_on_classes_that_are_scored_as_they_are(changes):
    assert rows(rule, letters(**changes)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss": "nn.BCELoss()(net(torch.randn(16, 5, 8)), target)"},
        {"loss": "5 * F.binary_cross_entropy(net(torch.randn(16, 5, 8)), target)"},
        {"target": "torch.eye({count})[index]"},
        {"target": "torch.zeros(16, 5, {count}).scatter_(-1, index.unsqueeze(-1), 1.0)"},
    ],
)
def test_exclusive_classes_as_questions_of_their_own(changes):
    assert rows(rule, letters(**changes)) == [16]
