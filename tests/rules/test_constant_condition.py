"""AEL137: conditions that the text decides, and numbers that are compared with `True`."""

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


NOISY = """
import argparse
from dataclasses import dataclass, field

import torch
from torch import nn

@dataclass
class Augmentations:
    noise: {declared}
    center: bool = True

@dataclass
class Settings:
    augmentations: Augmentations = field(default_factory=Augmentations)

class Model(nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.settings = settings

    def forward(self, x):
        strength = self.settings.augmentations.noise
        if {test}:
            x = x + torch.randn_like(x)
        return x

Model({built})(torch.rand(8, 4))
"""


@pytest.mark.parametrize(
    ("declared", "test", "built"),
    [
        pytest.param("bool = True", "strength == True", "Settings()", id="a-flag"),
        pytest.param("int = 1", "strength == True", "Settings()", id="a-flag-written-as-1"),
        pytest.param("float = 0.0", "strength == True", "Settings()", id="off"),
        pytest.param("float = 0.1", "strength == False", "Settings()", id="compared-with-zero"),
        pytest.param("float = 0.1", "strength > 0", "Settings()", id="compared-as-a-number"),
        pytest.param("float = 0.1", "strength == 1", "Settings()", id="compared-with-one"),
        pytest.param("bool | float = 0.1", "strength == True", "Settings()", id="a-flag-or-a-number"),
        pytest.param("object = 0.1", "strength == True", "Settings()", id="anything"),
        pytest.param("float = 0.1", "strength == True", "load()", id="unknown"),
        pytest.param("float = 0.1", "strength == True", "Settings(Augmentations(1.0))", id="set-to-1"),
    ],
)
def test_silent_on_flags(declared: str, test: str, built: str) -> None:
    assert rows(rule, NOISY.format(declared=declared, test=test, built=built)) == []


@pytest.mark.parametrize(
    ("declared", "test"),
    [
        ("float = 0.1", "strength == True"),
        ("float = 0.1", "self.settings.augmentations.noise == True"),
        ("float = 0.1", "self.training and strength is True"),
        ("'float' = 0.1", "strength != True"),
        ("int = 4", "strength == True"),
    ],
)
def test_numbers_as_flags(declared: str, test: str) -> None:
    assert rows(rule, NOISY.format(declared=declared, test=test, built="Settings()")) == [24]


OPTION = """
import argparse
import torch

def run(x{parameter}):
    {before}
    if {name} == True:
        x = x + 1
    return x

def show(noise):
    print(noise)

parser = argparse.ArgumentParser()
parser.add_argument("--noise", default={default})
args = parser.parse_args()
run(torch.rand(3){given})
"""


@pytest.mark.parametrize(
    ("parameter", "before", "name", "default", "given", "found"),
    [
        pytest.param("", "pass", "args.noise", "0.1, type=float", "", [7], id="an-option"),
        pytest.param("", "pass", "args.noise", "1.0, type=float", "", [], id="an-option-of-1"),
        pytest.param("", "pass", "args.noise", "0.1", "", [], id="an-option-of-any-type"),
        pytest.param("", "pass", "args.noise", "0.1, type=read", "", [], id="an-option-of-its-own-type"),
        pytest.param(", noise=0.1", "pass", "noise", "0", "", [], id="a-number-in-the-place-of-a-flag"),
        pytest.param(", noise: float = 0.1", "pass", "noise", "0", "", [7], id="an-annotated-parameter"),
        pytest.param(", noise: float = 0.1", "pass", "noise", "0", ", True", [], id="given-a-flag-all-the-same"),
        pytest.param(
            ", noise: float = 0.1", "pass", "noise", "0", ", 0.3)\nrun(torch.rand(3), True", [], id="a-number-or-a-flag"
        ),
        pytest.param(
            ", noise: float = 0.1",
            "pass",
            "noise",
            "0",
            ", 0.3)\nrun(torch.rand(3), settings",
            [],
            id="a-number-or-anything",
        ),
        pytest.param(", noise: bool = 0.1", "pass", "noise", "0", "", [], id="a-parameter-for-a-flag"),
        pytest.param(", noise: 'Noise' = 0.1", "pass", "noise", "0", "", [], id="a-type-of-its-own"),
        pytest.param("", "settings = argparse.Namespace(level=0.1)", "settings.level", "0", "", [], id="not-declared"),
        pytest.param("", "noise = 0.1", "noise", "0", "", [7], id="a-constant"),
        pytest.param("", "noise = level = 0.1", "noise", "0", "", [7], id="a-constant-of-two-names"),
        pytest.param("", "noise = 0.1; noise = args.noise", "noise", "0.5", "", [], id="two-sources"),
        pytest.param("", "for noise in (0.1, 0.2): pass", "noise", "0", "", [], id="one-of-several"),
    ],
)
def test_options_and_parameters(
    parameter: str, before: str, name: str, default: str, given: str, found: list[int]
) -> None:
    source = OPTION.format(parameter=parameter, before=before, name=name, default=default, given=given)
    assert rows(rule, source) == found


@pytest.mark.parametrize(("noise", "found"), [("0.1", [4]), ("1.0", []), ("read()", [])])
def test_a_constant_of_the_file(noise: str, found: list[int]) -> None:
    assert rows(rule, f"import torch\n\nnoise = {noise}\nif noise == True:\n    x = torch.rand(3)\n") == found


SPLIT = """
import numpy as np
import torch

def split(rows, {parameter}):
    {body}
    return rows[rng.permutation(len(rows))]
"""


@pytest.mark.parametrize(
    ("parameter", "body"),
    [
        ("seed=0", "rng = np.random.default_rng(seed)"),
        ("seed=0", "rng = np.random.default_rng(None if seed is None else seed)"),
        ("seed=None", "rng = np.random.default_rng(seed or 7)"),
        ("seed=1", "rng = np.random.default_rng(seed or None)"),
        ("seed=False", "rng = np.random.default_rng(3 if seed else None)"),
        ("size=0", "rng = np.random.default_rng(size or None)"),
        ("seed=0", "rng = np.random.default_rng(rows or seed)"),
        ("seed=0", "rng = np.random.default_rng(seed if rows else None)"),
        ("seed=0", "rng = np.random.default_rng(seed if seed > 0 else None)"),  # what is negative or zero is meant
    ],
)
def test_silent_on_seeds_that_are_asked_for_as_numbers(parameter, body):
    assert rows(rule, SPLIT.format(parameter=parameter, body=body)) == []


@pytest.mark.parametrize(
    ("parameter", "body"),
    [
        ("seed=0", "rng = np.random.default_rng(seed or None)"),
        ("*, split_seed=0", "rng = np.random.default_rng(split_seed if split_seed else None)"),
        ("seed: int = 0", "if seed: torch.manual_seed(seed)"),
        ("seed=0", "if not seed: seed = torch.seed()"),
    ],
)
def test_a_seed_of_zero_that_counts_as_none(parameter, body):
    assert rows(rule, SPLIT.format(parameter=parameter, body=body)) == [6]
