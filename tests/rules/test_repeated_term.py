"""AEL417: terms that are added twice."""

import pytest

from aelint.rules.optimization import repeated_term as rule
from tests.rules.harness import rows

LOSS = """
import torch.nn.functional as F

def loss_of(out, comp, x, model, criterion):
    {}
    return loss
"""

HEALTHY = {
    "two outputs": "loss = F.mse_loss(out, x)\n    loss += F.mse_loss(comp, x)",
    "the argument changes": "loss = F.mse_loss(out, x)\n    out = comp\n    loss += F.mse_loss(out, x)",
    "the argument is unpacked anew": "loss = F.mse_loss(out, x)\n    out, _ = comp\n    loss += F.mse_loss(out, x)",
    "the argument is scaled": "loss = F.mse_loss(out, x)\n    out *= 2\n    loss += F.mse_loss(out, x)",
    "computed anew": "loss = F.mse_loss(model(x), x)\n    loss = loss + F.mse_loss(model(x), x)",
    "another sum": "loss = F.mse_loss(out, x)\n    metric = F.mse_loss(out, x)",
    "the sum starts anew": "loss = F.mse_loss(out, x)\n    loss = F.mse_loss(out, x)",
    "weighed": "loss = F.mse_loss(out, x)\n    loss = loss + 0.1 * F.mse_loss(out, x)",
    "a step in between": "loss = F.mse_loss(out, x)\n    model.step(out)\n    loss += F.mse_loss(out, x)",
    "two directions": "loss = F.kl_div(out, x) + F.kl_div(x, out)",
}


@pytest.mark.parametrize("body", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(body):
    assert rows(rule, LOSS.format(body)) == []


@pytest.mark.parametrize(
    ("body", "row"),
    [
        ("loss = F.mse_loss(out, x)\n    loss = loss + F.mse_loss(out, x)", 6),
        ("loss = 0.0\n    loss += criterion(out, x)\n    loss += criterion(comp, x)\n    loss += criterion(out, x)", 8),
        ("loss = F.l1_loss(out, x) + F.mse_loss(out, x) + F.l1_loss(out, x)", 5),
        (
            "loss = 0.0\n    for k in out:\n        loss += F.l1_loss(out[k], x[k])\n        loss += F.l1_loss(out[k], x[k])",
            8,
        ),
    ],
)
def test_fires(body, row):
    assert rows(rule, LOSS.format(body)) == [row]
