import pytest

from aelint.rules.objective import sigmoid_before_logits_loss as rule
from tests.rules.harness import rows, run

HEAD = """
import torch
import torch.nn as nn
import torch.nn.functional as F
"""


def test_logits_are_what_the_loss_wants():
    assert not rows(
        rule, HEAD + "def loss(h, x):\n    return F.binary_cross_entropy_with_logits(nn.Linear(4, 4)(h), x)\n"
    )


def test_probabilities_with_the_plain_loss():
    assert not rows(rule, HEAD + "def loss(h, x):\n    return F.binary_cross_entropy(torch.sigmoid(h), x)\n")


def test_log_softmax_before_cross_entropy_changes_nothing():
    assert not rows(rule, HEAD + "def loss(h, y):\n    return F.cross_entropy(F.log_softmax(h, 1), y)\n")


def test_sigmoid_on_one_branch_only():
    source = "def loss(h, x, last):\n    if last:\n        h = torch.sigmoid(h)\n    return F.binary_cross_entropy_with_logits(h, x)\n"
    assert not rows(rule, HEAD + source)


def test_sigmoid_of_the_target():
    assert not rows(
        rule, HEAD + "def loss(h, t):\n    return F.binary_cross_entropy_with_logits(h, torch.sigmoid(t))\n"
    )


def test_sigmoid_layer_and_loss_module():
    source = """
    net = nn.Sequential(nn.Linear(4, 4), nn.Sigmoid())
    criterion = nn.BCEWithLogitsLoss()
    x = torch.rand(3, 4)
    loss = criterion(net(x), x)
    """
    found = run(rule, "import torch\nfrom torch import nn\n" + "\n".join(s[4:] for s in source.splitlines()))
    assert [f.site.row for f in found] == [7]
    assert "line 4" in found[0].message or found[0].notes


def test_flattened_output_of_a_sigmoid():
    source = "def loss(h, x):\n    y = torch.sigmoid(h).view(-1, 784)\n    return F.binary_cross_entropy_with_logits(y, x.view(-1, 784))\n"
    assert rows(rule, HEAD + source) == [7]


def test_softmax_before_cross_entropy_in_another_file():
    files = {
        "train.py": "import torch\nimport torch.nn.functional as F\nfrom model import Net\nx = torch.rand(2, 4)\nF.cross_entropy(Net()(x), x.argmax(1))\n",
        "model.py": "import torch.nn as nn\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.f = nn.Linear(4, 4)\n    def forward(self, x):\n        return self.f(x).softmax(-1)\n",
    }
    assert rows(rule, files) == [5]


def test_a_softmax_in_one_file_with_its_loss_is_told_where_it_is():
    source = """
import torch
import torch.nn as nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.f, self.end = nn.Linear(4, 4), nn.Softmax(dim=1)

    def forward(self, x):
        return {output}

model, x = Net(), torch.rand(2, 4)
nn.CrossEntropyLoss()(model(x), x.argmax(1))
"""
    assert rows(rule, source.format(output="self.f(x)")) == []
    assert rows(rule, source.format(output="self.f(x).softmax(1)")) == [11]
    (found,) = run(rule, source.format(output="self.end(self.f(x))"))
    assert found.site.row == 8
    assert "`cross_entropy` (line 14)" in found.message


HINGE = (
    HEAD
    + """
critic = nn.Sequential(nn.Linear(4, 1), {last})
def hinge(real, fake):
    return F.relu(1.0 - real).mean() + {fake}
for x in torch.rand(9, 3, 4):
    hinge(critic(x), critic(x + 1))
"""
)


@pytest.mark.parametrize(
    ("reason", "last", "fake"),
    [
        ("scores of any size", "nn.Identity()", "F.relu(1.0 + fake).mean()"),
        ("scores of both signs", "nn.Tanh()", "F.relu(1.0 + fake).mean()"),
        ("a margin between probabilities", "nn.Sigmoid()", "F.relu(0.2 + fake - real).mean()"),
        ("no margin of one", "nn.Sigmoid()", "F.relu(real + fake).mean()"),
        ("a logit again", "nn.Sigmoid()", "F.relu(1.0 + torch.logit(fake)).mean()"),
        ("probabilities with their own loss", "nn.Sigmoid()", "-torch.log(1.0 - fake).mean()"),
    ],
)
def test_silent_hinges(reason, last, fake):
    assert rows(rule, HINGE.format(last=last, fake=fake)) == [], reason


@pytest.mark.parametrize(
    ("last", "fake"),
    [
        ("nn.Sigmoid()", "F.relu(1.0 + fake).mean()"),
        ("nn.Sigmoid()", "nn.ReLU()(fake + 1).mean()"),
        ("nn.Softmax(dim=1)", "torch.relu(1 + fake.view(-1)).mean()"),
    ],
)
def test_fires_on_the_hinge_of_a_probability(last, fake):
    assert rows(rule, HINGE.format(last=last, fake=fake)) == [8]


CRITIC = """
import torch
import torch.nn as nn
import torch.nn.functional as F

def layers(sizes, dropout=0.0, last=False):
    found = []
    for a, b in zip(sizes, sizes[1:]):
        found.append(nn.Linear(a, b))
        if last or b != sizes[-1]:
            found.append(nn.ReLU())
        if dropout > 0:
            found.append(nn.Dropout(dropout))
    return nn.Sequential(*found)

critic = {critic}
x = torch.rand(32, 8)
loss = {loss}
loss.backward()
"""
WITH_LOGITS = "F.binary_cross_entropy_with_logits(critic(x).squeeze(1), torch.ones(32))"


@pytest.mark.parametrize(
    ("critic", "loss"),
    [
        ("layers([8, 16, 1])", WITH_LOGITS),
        ("layers([8, 16, 1], 0.2)", WITH_LOGITS),
        ("nn.Sequential(nn.Linear(8, 1), nn.LeakyReLU())", WITH_LOGITS),
        ("layers([8, 16, 1], last=True)", "F.mse_loss(critic(x).squeeze(1), torch.ones(32))"),
        ("layers([8, 16, 4], last=True)", "F.cross_entropy(critic(x), torch.arange(32) % 4)"),
    ],
)
def test_silent_where_logits_may_be_negative_or_the_loss_wants_none(critic, loss):
    assert rows(rule, CRITIC.format(critic=critic, loss=loss)) == []


@pytest.mark.parametrize(
    ("critic", "loss", "row"),
    [
        ("layers([8, 16, 1], last=True)", WITH_LOGITS, 11),
        ("layers([8, 16, 1], 0.2, last=True)", WITH_LOGITS, 11),
        (
            "nn.Sequential(nn.Linear(8, 1), nn.ReLU())",
            "nn.BCEWithLogitsLoss()(critic(x).view(-1), torch.zeros(32))",
            16,
        ),
        ("lambda x: F.relu(layers([8, 1])(x))", WITH_LOGITS, 16),
    ],
)
def test_fires_where_no_logit_is_negative(critic, loss, row):
    assert rows(rule, CRITIC.format(critic=critic, loss=loss)) == [row]
