import pytest

from aelint.rules.architecture import missing_return as rule
from tests.rules.harness import rows

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        {body}

{use}
"""
FORGETS = "y = self.layer(x)"


@pytest.mark.parametrize(
    ("body", "use"),
    [
        ("return self.layer(x)", "y = Net()(torch.rand(2, 4))"),
        ("raise NotImplementedError", "y = Net()(torch.rand(2, 4))"),
        ("pass", "y = Net()(torch.rand(2, 4))"),
        ("yield self.layer(x)", "y = Net()(torch.rand(2, 4))"),
        ("self.seen = self.layer(x)", "Net()(torch.rand(2, 4))"),
        (FORGETS, "class Other(Net):\n    def forward(self, x):\n        return x"),
    ],
)
def test_silent_where_a_result_is_given_or_none_is_wanted(body, use):
    assert rows(rule, NET.format(body=body, use=use)) == []


def test_silent_on_an_interface_of_a_data_set():
    assert rows(rule, "class Data:\n    def __getitem__(self, i):\n        raise NotImplementedError\n") == []


def test_fires_on_a_forward_whose_result_is_used():
    assert rows(rule, NET.format(body=FORGETS, use="y = Net()(torch.rand(2, 4))")) == [11]


def test_fires_where_the_result_goes_into_a_loss():
    use = "x = torch.rand(2, 4)\nloss = nn.functional.mse_loss(Net()(x), x)"
    assert rows(rule, NET.format(body=FORGETS, use=use)) == [11]


def test_fires_on_a_data_set():
    source = """
    class Data:
        def __init__(self, inner):
            self.inner = inner

        def __getitem__(self, i):
            image, label = self.inner[i]
    """
    assert rows(rule, source) == [7]
