"""AEL140: layers that are set before the `__init__` of `nn.Module`."""

import pytest

from aelint.rules.architecture import uninitialized_module as rule
from tests.rules.harness import rows, run

NETWORK = """
import torch
from torch import nn
from elsewhere import Base, prepare

class Box:
    pass

class Net({base}):
    {fields}
    def __init__(self, n=4):
        {body}

    def build(self):
        nn.Module.__init__(self)

    def block(self, n):
        return self.block(n - 1) if n > 4 else nn.Linear(n, 4)

    def handed(self):
        prepare(self)

    def forward(self, x):
        return self.a(x)

class Child(Net):
    def __init__(self):
        {child}

Child()(torch.rand(2, 4))
"""
PARTS = {
    "base": "nn.Module",
    "fields": "",
    "body": "super().__init__(); self.a = nn.Linear(n, 4)",
    "child": "super().__init__()",
}
HEALTHY = {
    "called first": {},
    "called by the class": {"body": "nn.Module.__init__(self); self.a = nn.Linear(n, 4)"},
    "in the old way": {"body": "super(Net, self).__init__(); self.a = nn.Linear(n, 4)"},
    "numbers may come before": {"body": "self.n = n; super().__init__(); self.a = nn.Linear(n, 4)"},
    "a layer of another object": {"body": "box = Box(); box.a = nn.Linear(n, 4); super().__init__(); self.a = box.a"},
    "a layer that is no attribute": {"body": "a = nn.Linear(n, 4); super().__init__(); self.a = a"},
    "called by a method": {"body": "self.build(); self.a = nn.Linear(n, 4)"},
    "a method hands self to a function": {"body": "self.handed(); self.a = nn.Linear(n, 4)"},
    "a method that cannot be read": {"body": "self.register(); self.a = nn.Linear(n, 4)"},
    "self is handed to a function": {"body": "prepare(self); self.a = nn.Linear(n, 4)"},
    "no module": {"base": "object", "body": "self.a = nn.Linear(n, 4)"},
    "two bases": {"base": "nn.Module, Base", "body": "self.a = nn.Linear(n, 4)"},
    "a base that cannot be read": {"base": "Base", "body": "self.a = nn.Linear(n, 4)"},
    "in a branch of which both call": {
        "body": "\n        if n: super().__init__()\n        else: nn.Module.__init__(self)\n        self.a = nn.Linear(n, 4)"
    },
    "a child whose parent calls": {"child": "super().__init__(); self.b = nn.Linear(2, 2)"},
}


@pytest.mark.parametrize("parts", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent(parts):
    assert rows(rule, NETWORK.format(**{**PARTS, **parts})) == []


@pytest.mark.parametrize(
    ("parts", "row"),
    [
        pytest.param({"body": "self.a = nn.Linear(n, 4)"}, 12, id="never"),
        pytest.param({"body": "self.a = nn.Linear(n, 4); super().__init__()"}, 12, id="too late"),
        pytest.param({"body": "self.a = nn.Parameter(torch.rand(n)); super().__init__()"}, 12, id="a parameter"),
        pytest.param({"body": "self.n = n; self.a = nn.Sequential(nn.Linear(n, 4))"}, 12, id="behind a number"),
        pytest.param({"child": "self.b = nn.Linear(2, 2); super().__init__()"}, 28, id="in a child"),
        pytest.param({"body": "self.a = self.block(n)"}, 12, id="a method builds the layer"),
        pytest.param({"body": "if n:\n            self.a = nn.Linear(n, 4)"}, 13, id="in a branch"),
    ],
)
def test_fires(parts, row):
    assert rows(rule, NETWORK.format(**{**PARTS, **parts})) == [row]


def test_the_fix_calls_first():
    (finding,) = run(rule, NETWORK.format(**{**PARTS, "body": "self.a = nn.Linear(n, 4)"}))
    assert finding.rewrite is not None
    assert [t for _, t in finding.rewrite.replacements] == ["super().__init__()\n        self.a = nn.Linear(n, 4)"]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"body": "self.a = nn.Linear(n, 4); super().__init__()"}, id="through super"),
        pytest.param({"body": "self.a = nn.Linear(n, 4); nn.Module.__init__(self)"}, id="through the class"),
        pytest.param({"child": "self.b = nn.Linear(2, 2); super().build()"}, id="in a method of the parent"),
    ],
)
def test_no_fix_where_the_call_only_has_to_move(parts):
    (finding,) = run(rule, NETWORK.format(**{**PARTS, **parts}))
    assert finding.rewrite is None


BARE = """
import torch
from torch import nn
from elsewhere import Base

class Signature(nn.Module):
    def __init__(self, power=2):
        {body}

    {forward}

class Child(Signature):
    def __init__(self):
        {child}
        self.net = nn.Linear(4, 4)

    def forward(self, x):
        return self.net(x)
"""
SCALED = "def forward(self, x):\n        return x**self.power"


@pytest.mark.parametrize(
    ("body", "forward", "child"),
    [
        pytest.param("super().__init__(); self.power = power", SCALED, "super().__init__()", id="called"),
        pytest.param(
            "self.power = power; super().__init__()", SCALED, "super().__init__()", id="called last: no layer was set"
        ),
        pytest.param(
            "self.power = power",
            SCALED,
            "nn.Module.__init__(self); super().__init__()",
            id="a child calls in its place",
        ),
        pytest.param("self.power = power; prepare(self)", SCALED, "super().__init__()", id="self is handed on"),
    ],
)
def test_silent_on_networks_without_layers(body, forward, child):
    assert rows(rule, BARE.format(body=body, forward=forward, child=child)) == []


@pytest.mark.parametrize(
    ("body", "forward", "row"),
    [
        pytest.param("self.power = power", SCALED, 8, id="a network without layers"),
        pytest.param('"""Raise to a power."""\n        self.power = power', SCALED, 9, id="behind a docstring"),
        pytest.param("self.power = power", "", 8, id="a base without a forward"),
        pytest.param("self.root = 1\n        self.power = power", SCALED, 8, id="two statements"),
        pytest.param('"""Do nothing."""', "def forward(self, x):\n        return x", 8, id="a docstring alone"),
    ],
)
def test_a_network_without_layers_that_is_never_initialized(body, forward, row):
    assert rows(rule, BARE.format(body=body, forward=forward, child="super().__init__()")) == [row]


def test_silent_on_a_network_that_is_no_network_of_its_own():
    lone = BARE[: BARE.index("class Child")]
    assert rows(rule, lone.format(body="self.power = power", forward="")) == []
    assert rows(rule, lone.format(body="self.power = power", forward=SCALED).replace("nn.Module", "Base")) == []
