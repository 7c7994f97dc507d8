"""Variables that nothing binds."""

from __future__ import annotations

import pytest

from aelint.rules.architecture import undefined_name as rule
from tests.rules.harness import rows

MODEL = """import torch
from torch import nn

SIZE = 3

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 6)

    def forward(self, z):
        {body}
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("return self.fc(z).view(z.shape[0], SIZE, 2)", id="argument-and-global"),
        pytest.param("return [n for n in z.shape]", id="comprehension"),
        pytest.param("return plt.imshow(z)", id="missing-import"),
        pytest.param("return rearrange(z, 'a b -> b a')", id="missing-function"),
        pytest.param("return isinstance(z, Posterior)", id="missing-class"),
        pytest.param("global count; count = 1; return z + count", id="declared-global"),
        pytest.param("return self.fc(z); return self.fc(missing)", id="behind-a-return"),
        pytest.param("h: Tensor = self.fc(z); return h", id="annotation"),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, MODEL.format(body=body.replace("; ", "\n        "))) == []


def test_silent_where_names_come_from_elsewhere() -> None:
    source = MODEL.format(body="return z + x")
    assert rows(rule, source) == [12]
    assert rows(rule, "from settings import *\n" + source) == []
    assert rows(rule, source + "exec(open('settings.py').read())\n") == []


def test_silent_outside_of_networks_and_where_it_is_caught() -> None:
    assert rows(rule, "import torch\ndef show(z):\n    return z + x\n") == []
    assert (
        rows(rule, MODEL.format(body="try:\n            return z + x\n        except NameError:\n            return z"))
        == []
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("return self.fc(z).view(x.shape[0], 3, 2)", id="shape-of-another"),
        pytest.param("return self.fc(z) * scale", id="operand"),
        pytest.param("return self.fc(x)", id="handed-on"),
        pytest.param("return self.fc(z).view(batch_size, -1)", id="size"),
    ],
)
def test_fires(body: str) -> None:
    assert rows(rule, MODEL.format(body=body)) == [12]


LOOP = """import torch

def fit(model, loader):
    history = []
    for x in loader:
        history.append(model(x).mean().item())
    return {result}

def report(model):
    print(fit(model, [torch.randn(2, 3)]))
"""


@pytest.mark.parametrize(
    ("reason", "ending"),
    [
        ("nothing runs the function: the file may be a fragment", ""),
        ("what calls it is run by nothing", "def main():\n    report(torch.nn.Linear(3, 3))\n"),
    ],
)
def test_silent_on_functions_that_the_program_does_not_run(reason: str, ending: str) -> None:
    assert rows(rule, LOOP.format(result="losses") + ending) == [], reason


@pytest.mark.parametrize(
    "ending",
    [
        "report(torch.nn.Linear(3, 3))\n",
        "if __name__ == '__main__':\n    report(torch.nn.Linear(3, 3))\n",
    ],
)
def test_fires_in_functions_that_the_program_runs(ending: str) -> None:
    assert rows(rule, LOOP.format(result="losses") + ending) == [7]
    assert rows(rule, LOOP.format(result="history") + ending) == []


def test_fires_in_a_method_of_a_trainer() -> None:
    source = """import torch

class Session:
    def __init__(self, model):
        self.model = model

    def train(self, loader):
        history = [self.model(x).sum() for x in loader]
        return losses

Session(torch.nn.Linear(2, 2)).train([torch.randn(1, 2)])
"""
    assert rows(rule, source) == [9]


CELL = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x, {default}):
        return self.layer(x) if kind == "vae" else x * kind.shape[0]
"""


@pytest.mark.parametrize(
    ("imports", "default"),
    [("# torch is imported by another cell\n", "scale=1"), ("import torch\nfrom torch import nn\n", "scale=SCALE")],
)
def test_silent_on_a_cell_that_cannot_run_without_the_others(imports: str, default: str) -> None:
    assert rows(rule, imports + CELL.format(default=default)) == []


def test_fires_on_the_same_class_in_a_file_that_can_be_imported() -> None:
    assert rows(rule, "import torch\nfrom torch import nn\n" + CELL.format(default="scale=1")) == [9]
