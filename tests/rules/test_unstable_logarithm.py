"""AEL334: logarithms of probabilities that single precision rounds to zero."""

import pytest

from aelint.rules.objective import unstable_logarithm as rule
from tests.rules.harness import rows, run

PROGRAM = """
import torch
from torch import nn
import torch.nn.functional as F

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 6)
        self.act = nn.{layer}

    def forward(self, x):
        return self.act(self.fc(x))

model, mixture, x, target = Net(), nn.Parameter(torch.zeros(6)), torch.randn(4, 8), torch.rand(4, 6)
p = model(x)
loss = -(target * {log}).sum(1).mean()
{end}
"""

SOFTMAX = "Softmax(dim=1)"
HEALTHY = {
    "a small number is added": (SOFTMAX, "torch.log(p + 1e-9)", "loss.backward()"),
    "clamped": (SOFTMAX, "p.clamp(min=1e-8).log()", "loss.backward()"),
    "on the logits": ("Identity()", "F.log_softmax(p, dim=1)", "loss.backward()"),
    "one plus": (SOFTMAX, "torch.log1p(p)", "loss.backward()"),
    "logits that are bounded": (SOFTMAX, "torch.log(F.softmax(torch.tanh(p), dim=1))", "loss.backward()"),
    "the rest of a sigmoid of few logits": ("Tanh()", "torch.log(1 - torch.sigmoid(5 * p))", "loss.backward()"),
    "two less": ("Sigmoid()", "torch.log(2 - p)", "loss.backward()"),
    "an output that is made positive": ("Softplus()", "torch.log(p)", "loss.backward()"),
    "the exponential of an output": ("Identity()", "torch.log(p.exp())", "loss.backward()"),
    "a square": ("Identity()", "torch.log(p.pow(2))", "loss.backward()"),
    "a bare output, for a report": ("Identity()", "torch.log(p)", "print(loss)"),
    "no gradient": (SOFTMAX, "torch.log(p).detach()", "loss.backward()"),
    "for a report": (SOFTMAX, "torch.log(p)", "print(loss)"),
    "an action that was drawn": (SOFTMAX, "torch.log(p.gather(1, p.multinomial(1)))", "loss.backward()"),
    "the chance of one choice": (SOFTMAX, "torch.log(p[range(4), p.argmax(1)]).unsqueeze(1)", "loss.backward()"),
    "weights of a mixture, which are learned": (
        "Softplus()",
        "torch.log(F.softmax(mixture.view(1, 6), dim=1))",
        "(loss - p.mean()).backward()",
    ),
    "a positive output": ("Softplus()", "torch.log(p)", "loss.backward()"),
}


@pytest.mark.parametrize(("layer", "log", "end"), HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(layer, log, end):
    assert rows(rule, PROGRAM.format(layer=layer, log=log, end=end)) == []


@pytest.mark.parametrize(
    ("layer", "log"),
    [
        (SOFTMAX, "torch.log(p)"),
        (SOFTMAX, "p.log()"),
        (SOFTMAX, "p[:, :6].log()"),
        ("Identity()", "F.softmax(p, -1).unsqueeze(1).squeeze(1).log()"),
        ("Sigmoid()", "torch.log(p)"),
        ("Sigmoid()", "torch.log(1 - p)"),
        ("Sigmoid()", "(1.0 - p).log()"),
        ("Identity()", "torch.log(torch.sigmoid(p))"),
    ],
)
def test_a_loss_of_vanishing_probabilities(layer, log):
    assert rows(rule, PROGRAM.format(layer=layer, log=log, end="loss.backward()")) == [17]


def test_two_files_and_a_loop():
    files = {
        "main.py": "import torch\nfrom net import Net, entropy\nmodel = Net()\nfor x in range(3):\n"
        "    entropy(model(torch.randn(4, 8))).backward()\n",
        "net.py": "import torch\nfrom torch import nn\ndef entropy(p):\n    return -(p * p.log()).sum()\n"
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(8, 6)\n"
        "    def forward(self, x):\n        return self.fc(x).softmax(dim=1)\n",
    }
    assert rows(rule, files) == [4]


@pytest.mark.parametrize(
    "log",
    [
        "torch.log(p)",
        "p.log()",
        "torch.log(p[:, 2:]).sum(1, keepdim=True)",
        "torch.log(p.chunk(2, 1)[1]).sum(1, keepdim=True)",
    ],
)
def test_the_logarithm_of_a_bare_output(log):
    (finding,) = run(rule, PROGRAM.format(layer="Identity()", log=log, end="loss.backward()"))
    assert "NaN" in finding.message


def test_the_logarithm_of_what_a_convolution_gives():
    source = """
    import torch
    from torch import nn

    heads = nn.Conv2d(3, 8, 3)
    logvar = torch.log(heads(torch.rand(4, 3, 9, 9))[:, 4:])
    logvar.exp().mean().backward()
    """
    assert rows(rule, source) == [6]


PAIRS = """
import torch
from torch import nn

encoder, x = nn.Linear(8, 4), torch.rand(16, 8)
i, j = torch.randint(0, 16, (2, 30))
z, other = encoder(x), torch.rand(16, 4)
affinity = {log}
affinity.mean().backward()
"""


@pytest.mark.parametrize(
    "log",
    [
        "torch.log((z[i] - z[j]).pow(2).sum(1) + 1e-2)",
        "torch.log((z[i] - z[j]).pow(2).sum(1).clamp(min=1e-6))",
        "torch.log1p((z[i] - z[j]).pow(2).sum(1))",
        "torch.log((z - other).pow(2).sum(1))",
        "torch.log((z[i] - other[j]).pow(2).sum(1))",
        "torch.log((z[:, :2] - z[:, 2:]).pow(2).sum(1))",
        "torch.log((z[i] + z[j]).pow(2).sum(1))",
        "torch.log(torch.cdist(z, other)) * z.mean()",
        "torch.log((other[i] - other[j]).pow(2).sum(1)) * z.mean()",
        "torch.log(torch.cdist(other, other)) * z.mean()",
        "torch.log((z[i] - z[j]).pow(2).sum(1).exp())",
        "torch.log((z[i] - z[j]).pow(2).sum(1)).detach() * z.mean()",
    ],
)
def test_silent_on_distances_that_are_kept_from_zero_or_are_none_of_equal_rows(log):
    assert rows(rule, PAIRS.format(log=log)) == []


@pytest.mark.parametrize(
    "log",
    [
        "torch.log((z[i] - z[j]).pow(2).sum(1))",
        "torch.log(((z[i] - z[j]) ** 2).sum(-1))",
        "(z[i] - z[j]).norm(dim=1).log()",
        "torch.cdist(z, z).log()",
        "torch.log((z[:, None] - z[None]).pow(2).sum(-1))",
        "torch.log((z.unsqueeze(1) - z.unsqueeze(0)).square().sum(-1))",
    ],
)
def test_the_logarithm_of_a_distance_between_rows_of_one_tensor(log):
    (finding,) = run(rule, PAIRS.format(log=log))
    assert "itself" in finding.message
