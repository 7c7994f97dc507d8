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
