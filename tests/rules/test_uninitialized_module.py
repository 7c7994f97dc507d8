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
        pytest.param({"child": "self.b = nn.Linear(2, 2); super().__init__()"}, 22, id="in a child"),
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
