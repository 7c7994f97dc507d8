"""AEL413: rates that overwrite a network."""

import pytest

from aelint.rules.optimization import extreme_learning_rate as rule
from tests.rules.harness import rows

SETUP = """
import torch
from torch import nn

model = nn.Linear(20, 20)
code = nn.Parameter(torch.zeros(20))
RATE = 1
"""

HEALTHY = {
    "usual": "torch.optim.Adam(model.parameters(), lr=1e-3)",
    "the default": "torch.optim.AdamW(model.parameters())",
    "SGD takes large rates": "torch.optim.SGD(model.parameters(), lr=1.0)",
    "Adadelta's own default": "torch.optim.Adadelta(model.parameters(), lr=1.0)",
    "a free code is fitted": "torch.optim.Adam([code], lr=1.0)",
    "an unknown rate": "torch.optim.Adam(model.parameters(), lr=rate)",
}


@pytest.mark.parametrize("line", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(line):
    assert rows(rule, SETUP + line) == []


@pytest.mark.parametrize(
    "line",
    [
        "torch.optim.Adam(model.parameters(), lr=1.0)",
        "torch.optim.AdamW(list(model.parameters()), 0.5)",
        "torch.optim.RMSprop([{'params': model.parameters()}], lr=RATE)",
    ],
)
def test_fires(line):
    assert rows(rule, SETUP + line) == [8]
