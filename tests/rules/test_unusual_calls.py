"""No rule fails on calls that torch would refuse: functions and layers without arguments, or with too many."""

import pytest

from aelint.semantics.operators import REGISTRY
from tests.rules.harness import findings, program, rule_modules

RULES = rule_modules()
FUNCTIONS = sorted(name for name in REGISTRY.functions if name.startswith("torch."))
METHODS = sorted(REGISTRY.methods)
LAYERS = sorted(REGISTRY.layers)
DISTRIBUTIONS = (
    "Normal LogNormal Laplace Cauchy StudentT Bernoulli Categorical OneHotCategorical RelaxedBernoulli Gamma Beta Poisson "
    "NegativeBinomial Dirichlet MultivariateNormal LowRankMultivariateNormal Independent Uniform VonMises"
).split()
ARGUMENTS = {
    "none": "",
    "unknown": "*given, **named",
    "too many": "x, x, x, x, x, x, x, x, x",
    "one": "x",
    "two": "x, 2",
}


def source(arguments: str) -> str:
    functions = "\n    ".join(f"y = y - {name}({arguments})" for name in FUNCTIONS)
    methods = "\n    ".join(f"y = y * x.{name}({arguments})" for name in METHODS)
    layers = "\n        ".join(f"x = x * {name}({arguments})({arguments})" for name in LAYERS)
    distributions = "\n    ".join(f"y = y + kind.{name}({arguments}).log_prob({arguments})" for name in DISTRIBUTIONS)
    return f"""
import torch
import torch.distributions as kind
from torch import nn

def functions(x, given, named):
    y = x
    {functions}
    return y

def methods(x, given, named):
    y = x
    {methods}
    return y

def distributions(x, given, named):
    y = x
    {distributions}
    return y

class Model(nn.Module):
    def forward(self, x, *given, **named):
        {layers}
        return x

x = torch.rand(4, 3)
loss = functions(x, x, x).mean() + methods(x, x, x).sum() + distributions(x, x, x).sum() + Model()(x)
loss.backward()
"""


@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS.keys())
def test_no_rule_fails(arguments):
    understood = program(source(arguments))
    for rule in RULES:
        findings(rule, understood)
