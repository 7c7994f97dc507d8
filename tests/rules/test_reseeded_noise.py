"""Seeds that are set in each run of a model."""

from __future__ import annotations

import pytest

from aelint.rules.latent import reseeded_noise as rule
from tests.rules.harness import rows

MODEL = """
import random
import numpy as np
import torch
from torch import nn

def draw(m):
    {drawing}
    return torch.randn_like(m)

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        {building}
        self.mean = nn.Linear(30, 4)

    def forward(self, x):
        {running}
        return self.mean(x) + draw(x[:, :4])

    def generate(self, n):
        {generating}
        return torch.randn(n, 4)

torch.manual_seed(1)
"""


def source(*, drawing: str = "pass", building: str = "pass", running: str = "pass", generating: str = "pass") -> str:
    return MODEL.format(drawing=drawing, building=building, running=running, generating=generating)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(source(), id="once-at-the-start"),
        pytest.param(source(building="torch.manual_seed(0)"), id="for-the-weights"),
        pytest.param(source(generating="torch.manual_seed(0)"), id="reproducible-generation"),
        pytest.param(source(running="generator = torch.Generator().manual_seed(0)"), id="own-generator"),
        pytest.param(source(running="torch.manual_seed(x.size(0))"), id="computed"),
        pytest.param(source(running="with torch.random.fork_rng():\n            torch.manual_seed(0)"), id="forked"),
    ],
)
def test_silent(text: str) -> None:
    assert rows(rule, text) == []


@pytest.mark.parametrize(
    ("text", "row"),
    [
        pytest.param(source(running="torch.manual_seed(0)"), 18, id="forward"),
        pytest.param(source(running="np.random.seed(42)"), 18, id="numpy"),
        pytest.param(source(running="random.seed(42); torch.cuda.manual_seed_all(42)"), 18, id="several"),
        pytest.param(source(drawing="torch.manual_seed(0)"), 8, id="in-a-function-that-forward-calls"),
    ],
)
def test_fires(text: str, row: int) -> None:
    assert rows(rule, text) == [row]


LOOP = """
import torch
from torch import nn

def train(batches, folds=3, epochs=9):
    {first}
    for fold in range(folds):
        {run}
        model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.2), nn.Linear(8, 8))
        optimizer = torch.optim.Adam(model.parameters())
        for epoch in range(epochs):
            {epoch}
            for x in batches:
                {step}
                optimizer.zero_grad()
                nn.functional.mse_loss(model(x), x).backward()
                optimizer.step()
            for x in batches:
                {shown}
                print(model(x))

train(torch.rand(10, 4, 8))
"""
NOWHERE = dict.fromkeys(("first", "run", "epoch", "step", "shown"), "pass")


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"first": "torch.manual_seed(0)"}, id="once"),
        pytest.param({"run": "torch.manual_seed(0)"}, id="for each model"),
        pytest.param({"epoch": "torch.manual_seed(0)"}, id="for each epoch"),
        pytest.param({"shown": "torch.manual_seed(0)"}, id="for what is shown"),
        pytest.param({"step": "torch.manual_seed(epoch)"}, id="another one each time"),
        pytest.param({"step": "torch.Generator().manual_seed(0)"}, id="of a generator of its own"),
    ],
)
def test_silent_on_seeds_around_the_steps(parts):
    assert rows(rule, LOOP.format(**{**NOWHERE, **parts})) == []


@pytest.mark.parametrize("seed", ["torch.manual_seed(0)", "torch.cuda.manual_seed_all(1)"])
def test_fires_on_a_seed_in_every_step(seed):
    assert rows(rule, LOOP.format(**{**NOWHERE, "step": seed})) == [14]
