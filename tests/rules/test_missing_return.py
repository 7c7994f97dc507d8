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
        ("y = self.layer(x)\n        return y", "y = Net()(torch.rand(2, 4))"),
        ("y = self.layer(x)\n        raise NotImplementedError", "y = Net()(torch.rand(2, 4))"),
        ("y = self.layer(x)\n        yield y", "y = Net()(torch.rand(2, 4))"),
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


def test_fires_where_the_only_return_has_no_value():
    body = "if x is None:\n            return\n        y = self.layer(x)"
    assert rows(rule, NET.format(body=body, use="y = Net()(torch.rand(2, 4))")) == [13]


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


def test_silent_where_a_decorator_gives_the_result():
    decorator = "def remembers(method):\n    def run(self, x):\n        method(self, x)\n        return self.seen\n    return run\n"
    source = NET.format(body="y = self.seen = self.layer(x)", use="y = Net()(torch.rand(2, 4))")
    assert rows(rule, decorator + source.replace("    def forward", "    @remembers\n    def forward")) == []


def test_silent_where_a_child_finishes_the_work_of_its_base():
    source = """
    class Base:
        def __getitem__(self, i):
            self.index = i

    class Child(Base):
        def __getitem__(self, i):
            super().__getitem__(i)
            return self.index
    """
    assert rows(rule, source) == []


def test_silent_where_only_another_network_is_asked_for_a_result():
    other = "class Other(nn.Module):\n    def forward(self, x):\n        return x\n"
    use = other + "Net()(torch.rand(2, 4))\ny = Other()(torch.rand(2, 4))"
    assert rows(rule, NET.format(body="self.seen = self.layer(x)\n        kept = self.seen", use=use)) == []


@pytest.mark.parametrize(
    "body",
    [
        "self.layer(x)",
        "self.seen = self.layer(x)",
        "self.seen = x\n        y = self.layer(x)",
        "x[0] = 0\n        y = self.layer(x)",
        "self.hooks.append(x)\n        y = self.layer(x)",
        "y = x",
        "if x is None:\n            return x\n        y = self.layer(x)",
        '"""What it does."""',
        "...",
    ],
)
def test_silent_on_a_network_that_nobody_calls_here_and_that_may_be_run_for_what_it_keeps(body):
    assert rows(rule, NET.format(body=body, use="")) == []


@pytest.mark.parametrize(
    "body",
    [FORGETS, "y = self.layer(x)\n        y", "y = self.layer(x)\n        y, x", "y = self.layer(x)\n        y + x"],
    ids=["local", "name", "tuple", "sum"],
)
def test_fires_on_a_network_that_nobody_calls_here_where_the_last_value_is_lost(body):
    assert rows(rule, NET.format(body=body, use="")) == [11 + body.count("\n")]


def test_fires_on_a_bare_result_in_a_class_that_others_inherit_from():
    use = "class Other(Net):\n    def encode(self, x):\n        return x"
    assert rows(rule, NET.format(body="y = self.layer(x)\n        y, x", use=use)) == [12]
