"""AEL513: inputs and targets that are moved apart at random."""

import pytest

from aelint.rules.data import unaligned_pair as rule
from tests.rules.harness import rows

TEXT = """
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

class Pairs(Dataset):
    def __init__(self):
        self.noisy, self.clean = torch.rand(64, 3, 32, 32), torch.rand(64, 3, 32, 32)
        self.step = {step}

    def __len__(self):
        return 64

    def __getitem__(self, i):
        a, b = self.noisy[i], self.clean[i]
        {first}
        {second}
        return a, b

net = nn.Conv2d(3, 3, 3, padding=1)
for x, y in DataLoader(Pairs(), batch_size=8):
    {loss}.backward()
"""

MOVED = {
    "step": "transforms.RandomHorizontalFlip()",
    "first": "a = self.step(a)",
    "second": "b = self.step(b)",
    "loss": "nn.functional.mse_loss(net(x), y)",
}


@pytest.mark.parametrize(
    "changes",
    [
        {"step": "transforms.Resize(16)"},
        {"step": "transforms.ColorJitter(0.5)"},
        {"step": "transforms.Compose(steps)"},
        {"first": "b = a; a = self.step(a)"},
        {"second": "pass"},
        {"loss": "nn.functional.mse_loss(net(x), x)"},
        {"loss": "(net(x).mean() - net(y).mean())"},
        {"first": "torch.manual_seed(i); a = self.step(a)", "second": "torch.manual_seed(i); b = self.step(b)"},
        {"first": "a, b = self.step(torch.stack([a, b]))", "second": "pass"},
    ],
    ids=[
        "no chance",
        "only colours",
        "unknown steps",
        "two views",
        "one part",
        "another target",
        "not compared",
        "one draw",
        "both at once",
    ],
)
def test_silent_on(changes):
    assert rows(rule, TEXT.format(**{**MOVED, **changes})) == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"step": "transforms.Compose([transforms.Resize(40), transforms.RandomCrop(32)])"},
        {"loss": "nn.functional.l1_loss(y, net(x))"},
        {"step": "transforms.RandomRotation(10)", "loss": "nn.L1Loss()(net(y), x)"},
    ],
)
def test_pairs_with_two_draws(changes):
    assert rows(rule, TEXT.format(**{**MOVED, **changes})) == [18]


OWN = """
import random

class Turn:
    def __init__(self, chance=True):
        self.chance = chance

    def __call__(self, {given}):
        {draw}
        return {result}
"""
OWN_STEP = {"step": "Turn()", "first": "a = self.step(a)", "second": "b = self.step(b)", "loss": MOVED["loss"]}


@pytest.mark.parametrize(
    ("given", "draw", "result"),
    [
        pytest.param("x", "pass", "x.flip(-1)", id="no chance"),
        pytest.param("x", "k = random.random()", "x + k", id="nothing moves"),
        pytest.param(
            "x, k=1", "k = random.randrange(4) if k is None else k", "torch.rot90(x, k, (-2, -1))", id="may be told how"
        ),
    ],
)
def test_silent_on_transforms_of_the_program(given, draw, result):
    own = OWN.format(given=given, draw=draw, result=result)
    assert rows(rule, own + TEXT.format(**OWN_STEP)) == []


@pytest.mark.parametrize(
    ("draw", "result"),
    [
        ("k = random.randrange(4)", "torch.rot90(x, k, (-2, -1))"),
        ("k = torch.randint(4, ())", "torch.rot90(x, k, (-2, -1))"),
        ("k = random.random() < self.chance", "x.flip(-1) if k else x"),
    ],
)
def test_a_transform_of_the_program_draws_a_turn_for_each_part(draw, result):
    own = OWN.format(given="x", draw=draw, result=result)
    assert rows(rule, own + TEXT.format(**OWN_STEP)) == [28]


def test_silent_on_a_transform_that_its_library_calls():
    own = """
import random
from monai.transforms import Transform

class Turn(Transform):
    def apply(self, x):
        return torch.rot90(x, random.randrange(4), (-2, -1))
"""
    assert rows(rule, own + TEXT.format(**OWN_STEP)) == []


FUNCTION = """
import random

def turned(x):
    return torch.rot90(x, {quarters}, (-2, -1))
"""


def test_a_function_that_turns_its_image():
    changes = {**OWN_STEP, "step": "turned"}
    assert rows(rule, FUNCTION.format(quarters="1") + TEXT.format(**changes)) == []
    assert rows(rule, FUNCTION.format(quarters="random.randrange(4)") + TEXT.format(**changes)) == [23]


def test_a_network_that_turns_its_image():
    own = """
import random
from torch import nn

class Turn(nn.Module):
    def forward(self, x):
        return torch.rot90(x, {quarters}, (-2, -1))
"""
    assert rows(rule, own.format(quarters="1") + TEXT.format(**OWN_STEP)) == []
    assert rows(rule, own.format(quarters="random.randrange(4)") + TEXT.format(**OWN_STEP)) == [25]
