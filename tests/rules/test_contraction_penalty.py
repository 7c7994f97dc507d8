"""AEL335: the squared norm of the Jacobian, written out."""

import pytest

from aelint.rules.objective import contraction_penalty as rule
from tests.rules.harness import rows, run

PENALTY = """
import torch
from torch import nn

encoder, decoder, free = nn.Linear(16, 6), nn.Linear(6, 16), nn.Parameter(torch.randn(6, 16))
x = torch.rand(8, 16)
h = {code}
slope = h * (1 - h)
w = {weights}
penalty = ({product}).sum()
"""
SIGMOID = "torch.sigmoid(encoder(x))"
SQUARES = "(encoder.weight ** 2).sum(dim=1)"
PRODUCT = "slope ** 2 * w"


def penalty(code=SIGMOID, weights=SQUARES, product=PRODUCT):
    return PENALTY.format(code=code, weights=weights, product=product)


@pytest.mark.parametrize(
    "source",
    [
        penalty(),
        penalty(weights="free.pow(2).sum(1, keepdim=True)", product="torch.mm(slope ** 2, w)"),
        penalty(
            weights="torch.sum(torch.square(encoder.weight), dim=1).unsqueeze(1)", product="torch.mm(slope.square(), w)"
        ),
        penalty(weights="(encoder.weight * encoder.weight).sum(1)", product="(slope * slope) * w"),
        penalty(weights="encoder.weight.detach().pow(2).sum(1)"),
        penalty(weights="encoder.weight", product="slope.unsqueeze(2) * w"),  # the Jacobian itself
        penalty(product="slope"),  # the variance of a coin
        penalty(weights="torch.rand(6, 16).sum(1) ** 2"),  # no weights of the model
        penalty(code="encoder(x).softmax(1)", product="h * w"),
        penalty(code="unknown(x)"),
        penalty(weights="encoder.bias.sum() ** 2"),
        penalty(weights="encoder.weight.mean(dim=1) ** 2"),
        penalty(weights="encoder.weight.sum(dim=1) ** 2", product="slope ** 2 + w"),
        penalty(weights="encoder.weight.sum(dim=1) ** 2", product="(h * (2 - h)) ** 2 * w"),
        penalty(weights="encoder.weight.sum(dim=1) ** 2", product="(h * (1 - h.flip(0))) ** 2 * w"),
        penalty(product="w * (1 - h)"),
    ],
)
def test_silent_on_the_norm_of_the_jacobian_and_on_other_products(source):
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    ("source", "row", "said"),
    [
        (penalty(weights="encoder.weight.sum(dim=1) ** 2"), 9, "before they are squared"),
        (
            penalty(weights="free.sum(1, keepdim=True).pow(2)", product="torch.mm(slope ** 2, w)"),
            9,
            "before they are squared",
        ),
        (
            penalty(weights="torch.sum(encoder.weight, dim=1).unsqueeze(1)", product="torch.mm(slope ** 2, w)"),
            9,
            "below zero",
        ),
        (penalty(product="slope * w"), 8, "counts once"),
        (penalty(code="torch.relu(encoder(x))"), 8, "`(h > 0).float()`"),
        (penalty(code="encoder(x).tanh()"), 8, "`1 - h ** 2`"),
        (penalty(code="encoder(x)"), 8, "without an activation"),
        (penalty(code="nn.functional.elu(encoder(x))"), 8, "`elu`: take its own slope"),
    ],
)
def test_what_is_not_the_norm_of_the_jacobian(source, row, said):
    (finding,) = run(rule, source)
    assert finding.site.row == row
    assert said in finding.message


def test_in_a_method_and_with_the_parts_the_other_way_round():
    source = """
    import torch
    from torch import nn

    class CAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(16, 6), nn.Linear(6, 16)

        def forward(self, x):
            h = torch.sigmoid(self.fc1(x))
            return self.fc2(h), h

        def penalty(self, h):
            dh = (1 - h) * h
            return torch.sum(self.fc1.weight.sum(1) ** 2 * dh ** 2)

    model = CAE()
    recon, h = model(torch.rand(4, 16))
    loss = (recon ** 2).mean() + model.penalty(h)
    """
    assert rows(rule, source) == [16]
