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
