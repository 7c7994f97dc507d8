"""Options that build something else than they are called."""

from __future__ import annotations

import pytest

from aelint.rules.architecture import mismatched_choice as rule
from tests.rules.harness import rows

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("ACTS = {'relu': nn.ReLU, 'tanh': torch.tanh, 'leaky_relu': nn.LeakyReLU(0.2)}", id="as-named"),
        pytest.param("ACTS = {'default': nn.ReLU, 'none': nn.Sigmoid}", id="names-of-nothing"),
        pytest.param("act = nn.SiLU() if name == 'swish' else nn.ReLU()", id="another-name-for-it"),
        pytest.param("LOSS = {'bce': nn.BCEWithLogitsLoss(), 'mse': F.mse_loss, 'l1': nn.L1Loss}", id="losses"),
        pytest.param("OPT = {'adam': torch.optim.AdamW, 'sgd': torch.optim.SGD}", id="optimisers"),
        pytest.param("GAIN = {'relu': nn.init.calculate_gain('relu'), 'tanh': 5 / 3}", id="numbers"),
        pytest.param(
            "if name == 'relu':\n    act = nn.Sequential(nn.BatchNorm1d(3), nn.ReLU(), nn.Tanh())", id="several"
        ),
        pytest.param("if name != 'relu':\n    act = nn.Tanh()", id="another-than-this"),
        pytest.param("if name == 'relu':\n    print('no relu')\n    act = nn.Tanh()", id="two-statements"),
        pytest.param("if name == 'relu':\n    if deep:\n        act = nn.Tanh()", id="under-another-condition"),
        pytest.param("if name in ('relu', 'none'):\n    act = nn.Tanh()", id="also-for-a-name-of-nothing"),
        pytest.param("ACTS = {'relu': ours.Tanh}", id="another-library"),
        pytest.param("PAIR = {'sigmoid': nn.BCELoss(), 'softmax': nn.CrossEntropyLoss()}", id="loss-for-an-output"),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == []


@pytest.mark.parametrize(
    ("body", "row"),
    [
        pytest.param("if name == 'relu':\n    act = nn.Sigmoid()", 5, id="branch"),
        pytest.param("ACTS = {'relu': nn.ReLU,\n 'elu': nn.SELU}", 5, id="table"),
        pytest.param("act = nn.ReLU() if name == 'tanh' else nn.Tanh()", 4, id="expression"),
        pytest.param("def make(name):\n    if name in ('mse', 'l2'):\n        return nn.L1Loss()", 6, id="loss"),
        pytest.param("match name:\n    case 'sgd':\n        opt = torch.optim.Adam([w])", 6, id="optimiser"),
        pytest.param("ACTS = {'leaky_relu': lambda x: F.relu(x)}", 4, id="functional"),
    ],
)
def test_fires(body: str, row: int) -> None:
    assert rows(rule, HEAD + body + "\n") == [row]


def test_silent_on_a_formula_that_approximates_what_the_option_is_called():
    source = """
        import torch

        def activate(x, activation):
            if activation == "gelu":
                x = x * torch.sigmoid(1.702 * x)
            else:
                x = torch.relu(x)
            return x
        """
    assert rows(rule, source) == []
    assert rows(rule, source.replace("x * torch.sigmoid(1.702 * x)", "torch.sigmoid(x)")) == [6]


NAMESAKES = """import torch.nn as nn

class EdgeLoss(nn.Module):
    pass

class DiceLoss(nn.Module):
    pass

class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.edge = EdgeLoss()
        self.{name} = {built}()
"""


@pytest.mark.parametrize(
    ("name", "built", "rest"),
    [
        ("dice", "DiceLoss", ""),
        ("other", "EdgeLoss", ""),
        ("dice", "EdgeLoss", "DiceLoss()"),
        ("dice", "EdgeLoss", "losses = {'dice': 'DiceLoss'}"),
        ("dice", "nn.MSELoss", ""),
    ],
    ids=["what-it-is-called", "no-namesake", "built-elsewhere", "found-by-name", "of-torch"],
)
def test_silent_on_parts_with_other_names(name, built, rest):
    assert rows(rule, NAMESAKES.format(name=name, built=built) + rest + "\n") == []


def test_silent_on_a_part_that_is_called_like_the_class_around_it():
    text = NAMESAKES.replace("class DiceLoss(nn.Module):\n    pass\n\n", "").replace("class Both", "class EdgeDiceBoth")
    assert rows(rule, text.format(name="dice", built="EdgeLoss")) == []


@pytest.mark.parametrize("name", ["dice", "dice_loss", "DiceLoss"])
def test_fires_on_a_part_whose_namesake_is_never_built(name):
    assert rows(rule, NAMESAKES.format(name=name, built="EdgeLoss")) == [13]
