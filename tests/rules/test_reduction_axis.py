import pytest

from aelint.rules.objective import reduction_axis as rule
from tests.rules.harness import rows

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nx = torch.rand(8, 1, 4, 4)\nnet = nn.Conv2d(1, 1, 3, padding=1)\nweight = torch.where(x > 0.5, 9.0, 1.0)\n"

HEALTHY = {
    "weighted elements": "(F.mse_loss(net(x), x, reduction='none') * weight).mean()",
    "a number as weight": "(F.mse_loss(net(x), x) * 0.5).mean()",
    "a scalar tensor as weight": "(F.mse_loss(net(x), x) * weight.mean()).mean()",
    "weights of unknown shape": "(F.mse_loss(net(x), x) * unknown).mean()",
    "axes by number": "x.sum(dim=[1, 2, 3]).mean()",
    "axes counted from the shape": "x.sum(dim=tuple(range(1, len(x.shape)))).mean()",
    "the number of axes": "x.flatten(1).sum(dim=len(x.shape[1:2]))",
    "a sum of sizes": "sum(x.shape[1:])",
}


@pytest.mark.parametrize("body", HEALTHY.values(), ids=HEALTHY.keys())
def test_healthy(body):
    assert not rows(rule, HEAD + body + "\n")


def test_weights_on_an_averaged_loss():
    assert rows(rule, HEAD + "(F.mse_loss(net(x), x) * weight).mean()\n") == [7]


def test_mask_on_a_summed_loss_module():
    source = "criterion = nn.L1Loss(reduction='sum')\nerror = criterion(net(x), x)\nloss = ((x > 0).float() * error).sum() / 9\n"
    assert rows(rule, HEAD + source) == [8]


def test_decorator_that_applies_weights():
    source = """
def weighted(fn):
    def wrapper(pred, target, weight=None):
        loss = fn(pred, target)
        if weight is not None:
            loss = loss * weight
        return loss.mean()
    return wrapper

@weighted
def weighted_l1(pred, target):
    return F.l1_loss(pred, target)

weighted_l1(net(x), x, weight)
"""
    assert rows(rule, HEAD + source) == [18]


def test_silent_on_sizes_for_axes_which_have_a_rule_of_their_own():
    assert rows(rule, HEAD + "torch.sum(x, dim=x.shape[1:])\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("beta = torch.tensor([0.5])\n(F.mse_loss(net(x), x) * beta).mean()", id="one number in a vector"),
        pytest.param("(F.mse_loss(net(x), x) * net(x).exp()).mean()", id="learned weights"),
        pytest.param("loss = F.mse_loss(net(x), x) * weight", id="nothing is reduced"),
        pytest.param("(F.mse_loss(net(x), x, reduction=how) * weight).mean()", id="a reduction that nobody knows"),
        pytest.param("(x.mean() * weight).mean()", id="no loss"),
    ],
)
def test_weights_that_are_sound(body):
    assert not rows(rule, HEAD + body + "\n")


FOCAL = """import torch
import torch.nn.functional as F

def focal(values, gamma=2.0):
    p = torch.exp(-values)
    return ((1 - p) ** gamma * values).mean()

def loss(logits=torch.rand(8, 4), target=torch.rand(8, 4)):
    return {call}

loss()
"""


@pytest.mark.parametrize(
    "call",
    [
        'focal(F.binary_cross_entropy_with_logits(logits, target, reduction="none"))',
        "F.binary_cross_entropy_with_logits(logits, target) ** 2 * 0.5",
        "torch.exp(-F.mse_loss(logits, target)) * 0.1 + F.mse_loss(logits, target)",
    ],
    ids=["per-element", "no-focal-weight", "a-term-of-its-own"],
)
def test_silent_on_focal_weights(call):
    assert rows(rule, FOCAL.format(call=call)) == []


@pytest.mark.parametrize(
    "call",
    [
        "focal(F.binary_cross_entropy_with_logits(logits, target))",
        "focal(torch.nn.BCEWithLogitsLoss()(logits, target), gamma=1.5)",
        "(lambda ce: (1 - torch.exp(-ce)).pow(2) * ce)(F.cross_entropy(logits, target))",
    ],
)
def test_fires_on_the_focal_weight_of_a_mean(call):
    assert rows(rule, FOCAL.format(call=call)) == [9]


STEPS = """
import torch
import torch.nn as nn

head, given = nn.Linear(8, 4), torch.rand(16, 10, 8)

def loss(x, mask, weight):
    mean, logvar = head(x).chunk(2, dim=-1)
    error = (x - mean.mean()).pow(2).sum(-1) * mask
    kl = {kl}
    return (error + kl).sum() / {count}
"""
KL = "-0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp(){dim}) * {mask}"


@pytest.mark.parametrize(
    ("kl", "count"),
    [
        (KL.format(dim=", dim=-1", mask="mask"), "mask.sum()"),  # a number for each step
        (KL.format(dim="", mask="weight"), "mask.sum()"),  # a weight of the term
        (KL.format(dim="", mask="mask"), "len(x)"),  # nothing says that it is a mask
        (KL.format(dim="", mask="mask"), "mask.sum(1).mean()"),
        (KL.format(dim="", mask="mask"), "2 ** mask.sum()"),
        (KL.format(dim="", mask="mask"), "(mask.sum() / 4)"),  # how much of what is not said
        ("(1 + logvar).max() * mask", "mask.sum()"),
        ("x.sum() * mask", "mask.sum()"),  # no layer computed it
        ("(logvar.sum() * error) * mask", "mask.sum()"),  # no longer one number
        ("logvar.sum() + mask", "mask.sum()"),
        (KL.format(dim="", mask="mask"), "mask.max()"),
        ("mask.sum() * error", "mask.sum()"),
    ],
)
def test_silent_where_each_step_keeps_its_term_or_nothing_is_a_mask(kl, count):
    assert rows(rule, STEPS.format(kl=kl, count=count)) == []


@pytest.mark.parametrize("count", ["mask.sum()", "mask.sum().clamp(min=1)", "(mask.sum() + 1e-8)"])
@pytest.mark.parametrize(
    "kl",
    [
        KL.format(dim="", mask="mask"),
        "mask * (-0.5 * (1 + logvar - mean.pow(2) - logvar.exp()).sum())",
        "(1 + logvar - mean.pow(2) - logvar.exp()).mean() / -2 * mask",
    ],
)
def test_a_sum_over_the_batch_under_a_mask_that_is_counted(kl, count):
    assert rows(rule, STEPS.format(kl=kl, count=count)) == [10]
