"""Along which axis attention is normalised."""

import pytest
import torch
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import mse, series


class Attending(nn.Module):
    """Sequences of 12 steps whose queries attend to keys: as a scored product, and in a few other ways."""

    def __init__(self, attend):
        super().__init__()
        self.queries, self.keys, self.values = (nn.Linear(2, 8) for _ in range(3))
        self.decoder, self.attend = nn.Linear(8, 2), attend

    def forward(self, x):
        return self.decoder(self.attend(self.queries(x), self.keys(x), self.values(x)))


def over(axis):
    return lambda q, k, v: (q @ k.mT / 8**0.5).softmax(axis) @ v


def dropped(q, k, v):
    weights = torch.dropout(torch.softmax(torch.bmm(q, k.transpose(1, 2)) * 0.3, dim=1), 0.1, train=False)
    return torch.bmm(weights, v)


def transposed(q, k, v):
    return (k @ q.mT).softmax(1).transpose(1, 2) @ v


def mirrored(q, k, v):
    return (k @ q.mT).softmax(-2).mT @ v


def linear(q, k, v):
    return q.softmax(-1) @ (k.softmax(1).mT @ v)


def slots(q, k, v):
    weights = (q @ k.mT).softmax(1)
    return (weights / weights.sum(-1, keepdim=True)) @ v


def verdict(attend):
    return run_checks(AESpec(lambda: Attending(attend), series, loss=mse), only=["AEC311"])["AEC311"]


@pytest.mark.parametrize(
    "attend",
    [over(-1), over(2), transposed, mirrored, linear, slots],
    ids=[
        "over the keys",
        "by its number",
        "transposed afterwards",
        "and by its attribute",
        "linear attention",
        "slots that compete",
    ],
)
def test_healthy_attention_passes(attend):
    assert verdict(attend).status == "passed"


@pytest.mark.parametrize(
    "attend",
    [over(1), over(-2), over(0), dropped],
    ids=["over the queries", "from the end", "over the batch", "with dropout"],
)
def test_attention_that_is_normalised_along_another_axis_fails(attend):
    found = verdict(attend)
    assert found.status == "failed"
    assert "sum to 1 along axis" in found.message
