"""AEL137: conditions that the text alone decides."""

import pytest

from aelint.rules.architecture import constant_condition as rule
from tests.rules.harness import rows

NAMED = """
import torch

def init(model):
    for name, module in model.named_modules():
        if {test}:
            torch.nn.init.zeros_(module.bias)
"""


@pytest.mark.parametrize(
    "test",
    [
        '"conv" in name or "head" in name',
        'name == "conv" or name == "head"',
        'any(word in name for word in ("conv", "head"))',
        '(name or "head") == "head"',
        '"conv" and "head" in name',
    ],
)
def test_silent_on_names_that_are_compared(test):
    assert rows(rule, NAMED.format(test=test)) == []


@pytest.mark.parametrize(
    "test",
    ['"conv" or "head" in name', '"a" or "b" or "c" in name', 'not module.training and ("fc" or "head" == name)'],
)
def test_bare_strings(test):
    assert rows(rule, NAMED.format(test=test)) == [6]


PLAYERS = """
import torch

def training_step(self, batch, batch_idx, optimizer_idx):
    if optimizer_idx == {number}:
        {change}
        if {test}:
            return self.generator_loss(batch)
"""


@pytest.mark.parametrize(
    ("number", "change", "test"),
    [
        (0, "pass", "batch_idx % 5 == 0"),
        (1, "pass", "optimizer_idx % 5 == 0"),
        (0, "optimizer_idx = batch_idx", "optimizer_idx % 5 == 0"),
    ],
)
def test_silent_on_tests_that_can_differ(number, change, test):
    assert rows(rule, PLAYERS.format(number=number, change=change, test=test)) == []


@pytest.mark.parametrize(
    "test", ["optimizer_idx % 5 == 0", "optimizer_idx % self.n == 0", "not optimizer_idx % self.n"]
)
def test_multiples_of_zero(test):
    assert rows(rule, PLAYERS.format(number=0, change="pass", test=test)) == [7]
