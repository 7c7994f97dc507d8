import pytest

from aelint.rules.objective import swapped_loss_operands as rule
from tests.rules.harness import rows

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nmodel = nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 4))\n"


def test_prediction_first():
    assert not rows(rule, HEAD + "x = torch.rand(3, 4)\nF.binary_cross_entropy_with_logits(model(x), x)\n")


def test_keywords_in_any_order():
    assert not rows(rule, HEAD + "x = torch.rand(3, 4)\nF.binary_cross_entropy_with_logits(target=x, input=model(x))\n")


def test_symmetric_losses():
    assert not rows(rule, HEAD + "x = torch.rand(3, 4)\nF.mse_loss(x, model(x))\nF.l1_loss(x, model(x))\n")


def test_a_teacher_as_target():
    assert not rows(
        rule,
        HEAD + "teacher = nn.Linear(4, 4)\nx = torch.rand(3, 4)\nF.cross_entropy(model(x), teacher(x).softmax(1))\n",
    )


def test_an_input_that_is_optimised():
    source = "x = nn.Parameter(torch.rand(3, 4))\nF.binary_cross_entropy_with_logits(x, model(torch.rand(3, 4)))\n"
    assert not rows(rule, HEAD + source)


def test_names_that_do_not_tell():
    assert not rows(rule, "import torch.nn.functional as F\ndef loss(a, b):\n    return F.binary_cross_entropy(a, b)\n")
    assert not rows(rule, "import torch.nn.functional as F\ndef loss(x, y):\n    return F.binary_cross_entropy(x, y)\n")


def test_functional():
    assert rows(rule, HEAD + "x = torch.rand(3, 4)\nF.binary_cross_entropy_with_logits(x, model(x))\n") == [6]


def test_module_in_a_training_loop():
    source = """
    from torch.utils.data import DataLoader, TensorDataset
    criterion = nn.BCELoss()
    for (x,) in DataLoader(TensorDataset(torch.rand(9, 4)), batch_size=3):
        y = torch.sigmoid(model(x))
        loss = criterion(x, y)
    """
    assert rows(rule, HEAD + "\n".join(line[4:] for line in source.splitlines())) == [10]


def test_names_of_both_arguments():
    source = "import torch.nn.functional as F\ndef loss_function(recon_x, x, mu):\n    return F.binary_cross_entropy(x, recon_x, reduction='sum')\n"
    assert rows(rule, source) == [3]


BY_NAME = "import torch.nn.functional as F\ndef loss(net, data, output, loader):\n    {}\n    return F.binary_cross_entropy({})\n"


@pytest.mark.parametrize(
    ("made", "operands"),
    [
        pytest.param("recon = output['adj_recon']", "recon, data.adj", id="the field of the data last"),
        pytest.param("recon = output['adj_recon']", "data.recon, recon", id="a field that is predicted"),
        pytest.param("recon = output['adj_recon']", "net.adj, recon", id="a field of something else"),
        pytest.param("x = loader.next()\n    x_recon = x + 1", "x, x_recon", id="what is computed from the data"),
        pytest.param("labels = output['labels']", "data.adj, labels", id="two targets"),
        pytest.param(
            "x = loader.next()\n    x_recon = net(x)",
            "x_recon, x",
            id="the prediction of a network that is not in sight",
        ),
        pytest.param(
            "x = loader.next()\n    x_recon = x.sigmoid()", "x, x_recon", id="what is computed from the data alone"
        ),
    ],
)
def test_silent_on_names_in_order_or_of_one_kind(made, operands):
    assert rows(rule, BY_NAME.format(made, operands)) == []


@pytest.mark.parametrize(
    ("made", "operands", "row"),
    [
        pytest.param("recon = output['adj_recon']", "data.adj, recon", 4, id="a field of the data"),
        pytest.param("recon = output['adj_recon']", "data['adj'], recon", 4, id="an entry of the data"),
        pytest.param(
            "x = loader.next()\n    x_recon, mu = net(x)", "x, x_recon", 5, id="a network that is not in sight"
        ),
        pytest.param(
            "x = loader.next()\n    if mu:\n        x = x.float()\n    x_recon = net(x)", "x, x_recon", 7, id="a branch"
        ),
    ],
)
def test_names_in_the_wrong_order(made, operands, row):
    assert rows(
        rule, BY_NAME.format(made, operands).replace("loader)", "loader, mu=0)" if "if mu" in made else "loader)")
    ) == [row]


DIVERGENCE = (
    HEAD
    + """
from torch.distributions import Normal, Independent, kl_divergence
h = model(torch.rand(3, 4))
posterior, prior = Normal(h, h.exp()), Normal(torch.zeros(4), torch.ones(4))
"""
)


def test_posterior_first():
    assert not rows(rule, DIVERGENCE + "kl_divergence(posterior, prior).mean()\n")
    assert not rows(rule, DIVERGENCE + "kl_divergence(posterior, Normal(model(h), 1.0)).mean()\n")


def test_prior_first():
    assert rows(rule, DIVERGENCE + "kl_divergence(prior, posterior).mean()\n") == [9]
    assert rows(
        rule, DIVERGENCE + "kl_divergence(Independent(Normal(0.0, 1.0), 0), Independent(posterior, 1)).mean()\n"
    ) == [9]


def test_kl_div_takes_logarithms_first():
    assert not rows(rule, HEAD + "h = model(torch.rand(3, 4))\nF.kl_div(F.log_softmax(h, 1), F.softmax(h, 1))\n")
    assert rows(rule, HEAD + "h = model(torch.rand(3, 4))\nF.kl_div(F.softmax(h, 1), F.log_softmax(h, 1))\n") == [6]


def test_silent_on_targets_in_an_order_that_something_unknown_gave():
    source = """
import torch
from torch.nn.functional import cross_entropy
from elsewhere import order

def loss(predicted, y):
    return cross_entropy(predicted, y[order(y)])
"""
    assert rows(rule, source) == []


def test_silent_on_labels_that_a_teacher_gives():
    source = """
import torch
from torch import nn
import torch.nn.functional as F

class Distillation(nn.Module):
    def __init__(self, teacher):
        super().__init__()
        self.teacher = teacher

    def forward(self, inputs, outputs):
        _, student = outputs
        return F.cross_entropy(student, self.teacher(inputs){label})
"""
    assert rows(rule, source.format(label=".argmax(dim=1)")) == []


def test_silent_on_halves_of_an_output_beside_targets_that_something_mixed():
    source = """
import torch
import torch.nn.functional as F

def train(model, samples, targets, mix):
    samples, targets = mix(samples, targets)
    outputs = model(samples)
    halves = torch.split(outputs, outputs.shape[0] // 2, dim=0)
    return F.binary_cross_entropy_with_logits(halves[0], targets)
"""
    assert rows(rule, source) == []


def test_fires_on_an_output_that_was_computed_from_thresholded_data():
    source = """
import torch
from torch import nn

net, bce = nn.Linear(49, 49), nn.BCELoss()

def step():
    x = (torch.rand(16, 49) > 0.5).float()
    return bce(x, torch.sigmoid(net(x)))
"""
    assert rows(rule, source) == [9]
