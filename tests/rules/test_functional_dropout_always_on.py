import pytest

from aelint.rules.architecture import functional_dropout_always_on as rule
from tests.rules.harness import rows, run

TEXT = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class N(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 4)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        h = self.fc(x)
        {line}
        return h
"""


@pytest.mark.parametrize(
    "line",
    [
        "h = F.dropout(h, 0.1, self.training)",
        "h = F.dropout(h, p=0.1, training=self.training)",
        "h = self.drop(h)",
        "h = self.fc(F.dropout(x, 0.1))",
        "h = F.dropout(h, 0.1) if self.training else h",
        "h = F.dropout(h, 0.0)",
    ],
)
def test_silent_on(line):
    assert rows(rule, TEXT.format(line=line)) == []


def test_silent_under_a_condition():
    assert rows(rule, TEXT.format(line="if self.training:\n            h = F.dropout(h, 0.1)")) == []


@pytest.mark.parametrize(
    "line", ["h = F.dropout(h, 0.1)", "h = nn.functional.dropout(h)", "h = F.dropout2d(torch.relu(h), p=0.5)"]
)
def test_fires_on(line):
    assert rows(rule, TEXT.format(line=line)) == [14]


def test_offers_the_mode():
    found = run(rule, TEXT.format(line="h = F.dropout(h, 0.1)"))
    assert found[0].rewrite.replacements[0][1] == "F.dropout(h, 0.1, training=self.training)"
