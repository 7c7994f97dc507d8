"""AEL427: optimisers that are built anew in every round."""

import pytest

from aelint.rules.optimization import restarted_optimizer as rule
from tests.rules.harness import rows

LOOP = """
import copy
import torch
from torch import nn
from torch.optim import Adam, SGD

def build():
    return nn.Linear(8, 8)

model, start, lr, params = build(), build().state_dict(), 1e-3, None
{before}
for {target} in {rounds}:
    {here}
    for x in torch.rand(9, 4, 8):
        {inner}
        optimizer.zero_grad()
        loss = (model(x) - x).pow(2).mean()
        loss.backward()
        optimizer.step()
    {then}
"""
PARTS = {"before": "pass", "target": "epoch", "rounds": "range(20)", "here": "pass", "inner": "pass", "then": "pass"}
ADAM = "optimizer = Adam(model.parameters(), lr=lr)"
HEALTHY = {
    "built once": {"before": ADAM},
    "a model of its own": {"here": f"model = build(); {ADAM}"},
    "weights set back": {"here": f"model.load_state_dict(start); {ADAM}"},
    "a rate of its own": {"here": ADAM, "then": "lr *= 0.9"},
    "a rate that the round gives": {"here": "optimizer = Adam(model.parameters(), lr=1e-3 / (epoch + 1))"},
    "one for each task": {"target": "task", "rounds": "[1, 2]", "here": ADAM},
    "one for each fold": {"target": "fold", "here": ADAM},
    "nothing to forget": {"here": "optimizer = SGD(model.parameters(), lr=lr)"},
    "on a condition": {"before": ADAM, "here": f"if epoch == 10: {ADAM}"},
    "a model that is pruned": {"here": f"model.prune(); {ADAM}"},
    "a fit of so many steps": {"here": f"{ADAM}\n    for _ in range(99): model(x).sum().backward(); optimizer.step()"},
    "several sets of data in each round": {
        "here": f"{ADAM}\n    for data in (first, second):\n        for x in data: model(x).sum().backward(); optimizer.step()"
    },
    "layers that are freed": {"here": f"model.requires_grad_(True); {ADAM}"},
}


@pytest.mark.parametrize("parts", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent(parts):
    assert rows(rule, LOOP.format(**{**PARTS, **parts})) == []


def test_silent_where_epochs_lie_within_the_rounds():
    source = """
    import torch
    from torch import nn
    model = nn.Linear(8, 8)
    for i in range(3):
        optimizer = torch.optim.Adam(model.parameters())
        for epoch in range(20):
            for x in torch.rand(9, 4, 8):
                optimizer.zero_grad()
                model(x).pow(2).mean().backward()
                optimizer.step()
    """
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    ("parts", "row"),
    [
        ({"here": ADAM}, 13),
        ({"here": ADAM, "then": "for i in range(3): print(model(torch.rand(4, 8)))"}, 13),
        ({"inner": ADAM}, 15),
        ({"here": f"model.train(); {ADAM}"}, 13),
        ({"inner": "optimizer = torch.optim.RMSprop(model.parameters())"}, 15),
        ({"here": "optimizer = SGD(model.parameters(), lr=lr, momentum=0.9)"}, 13),
        ({"target": "_", "here": ADAM}, 13),
    ],
)
def test_fires(parts, row):
    assert rows(rule, LOOP.format(**{**PARTS, **parts})) == [row]


def test_an_optimizer_that_is_kept_as_an_attribute():
    source = """
    import torch
    from torch import nn

    class Trainer:
        def __init__(self, model):
            self.model = model

        def fit(self, loader):
            for epoch in range(9):
                self.optimizer = torch.optim.Adam(self.model.parameters())
                for x in loader:
                    self.optimizer.zero_grad()
                    self.model(x).pow(2).mean().backward()
                    self.optimizer.step()

    Trainer(nn.Linear(8, 8)).fit(torch.rand(9, 4, 8))
    """
    assert rows(rule, source) == [11]
