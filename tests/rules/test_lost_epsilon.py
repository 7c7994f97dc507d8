import math

import pytest
import torch

from aelint.rules.objective import lost_epsilon as rule
from tests.rules.harness import rows

HEAD = "import torch\nimport numpy as np\nfrom torch import nn\nimport torch.nn.functional as F\n\n\ndef loss(p, x, eps=1e-8):\n    "

SILENT = {
    "added last": "return torch.log(1 - p + 1e-8)",
    "added to a probability": "return torch.log(p + 1e-8) + torch.log((1 - p) + 1e-8)",
    "large enough": "return torch.log(1e-6 + 1 - p)",
    "bounds that single precision holds": "q = p.clamp(1e-7, 1 - 1e-7)\n    return torch.log(1 - q)",
    "numpy computes in double precision": "return np.log(1e-8 + 1 - p)",
    "in double precision": "return torch.log(1e-8 + 1 - p.double())",
    "a loss of torch cuts the logarithm": "return F.binary_cross_entropy(p.clamp(1e-8, 1 - 1e-8), x)",
    "cut back afterwards": "return torch.log(1e-8 + 1 - p).clamp(min=-100)",
    "only the lower bound counts": "return torch.log(p.clamp(1e-8, 1 - 1e-8))",
    "uniform numbers are below one": "u = torch.rand(3)\n    return -torch.log(-torch.log(u.clamp(1e-20, 1 - 1e-20)))",
    "a guard that nobody knows": "return torch.log(tiny + 1 - p)",
    "no guard": "return torch.log(1 - p)",
    "two tensors": "return torch.log(1 + 1e-8 - p - x)",
    "a probability that stays below one": "return torch.log(1 + 1e-8 - 0.9 * torch.sigmoid(p))",
    "a divisor of data": "return x / (1 + 1e-8 - p)",
    "a size": "return torch.log(torch.tensor(1 + 1e-8 - len(x)))",
}
LOUD = {
    "added first": "return torch.log(1e-8 + 1 - p)",
    "added to the one": "return (1 + eps - p).log().mean()",
    "subtracted from the probability": "return torch.log(1 - (p - 1e-8))",
    "the upper bound": "return torch.log(1 - p.clamp(1e-8, 1 - 1e-8))",
    "torch.clamp by name": "return torch.log(1.0 - torch.clamp(p, min=1e-8, max=1.0 - 1e-8))",
    "an inverse hyperbolic tangent": "return torch.atanh(p.clamp(-1 + 1e-8, 1 - 1e-8))",
    "smaller than any number": "return torch.log(p + 1e-50)",
    "reshaped in between": "return torch.log(1 + 1e-8 - p.view(-1))",
    "a divisor that a network gives": "return x / (1 + 1e-8 - nn.Linear(4, 4)(p).sigmoid())",
    "a softmax": "return torch.log(1 + 1e-10 - torch.softmax(p, 1))",
}


@pytest.mark.parametrize("body", SILENT.values(), ids=SILENT)
def test_silent(body):
    assert rows(rule, HEAD + body + "\n") == []


@pytest.mark.parametrize("body", LOUD.values(), ids=LOUD)
def test_lost(body):
    assert rows(rule, HEAD + body + "\n") == [8]


def test_at_the_bound_where_it_is_written():
    assert rows(
        rule, HEAD + "q = p.clamp(eps, 1 - eps)\n    return x * torch.log(q) + (1 - x) * torch.log(1 - q)\n"
    ) == [7]


@pytest.mark.parametrize(
    ("clamped", "caller", "found"),
    [
        ("p.clamp(eps, 1 - eps)", "", [7]),
        ("torch.clamp(p, eps, 1.0 - eps)", "", [7]),
        ("p.clamp(eps, 1 - eps)", "def train(p, x):\n    return loss(p, x, 1e-9)\n", [7, 13]),
        ("p.clamp(max=1 - eps)", "def train(p, x):\n    return loss(p, x)\n", [7]),
        ("p.clamp(1e-8, 1 - 1e-8)", "", [8]),
    ],
    ids=["the default", "by name", "the argument", "a default that a call leaves", "written at the bound"],
)
def test_at_the_number_that_is_to_be_larger(clamped, caller, found):
    assert rows(rule, HEAD + f"q = {clamped}\n    return torch.log(1 - q)\n\n\n{caller}") == found


def test_across_two_files():
    files = {
        "main.py": "import torch\nfrom losses import loss\n\nloss(torch.sigmoid(torch.randn(4, 4)), torch.rand(4, 4))\n",
        "losses.py": HEAD + "return torch.log(1e-8 + 1 - p)\n",
    }
    assert rows(rule, dict(reversed(files.items()))) == [8]


@pytest.mark.parametrize("body", [b for b in LOUD.values() if "nn." not in b and "softmax" not in b])
def test_torch_gives_infinity_there(body):
    space: dict[str, object] = {}
    exec(HEAD + body + "\n", space)
    result = space["loss"](torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 1.0]]))
    assert math.isinf(result) if result.ndim == 0 else bool(result.isinf().any())


WRONG_SIGN = {
    "of the rest": ("torch.log(1 - y - 1e-8)", True),
    "by name": ("torch.log(1 - y - eps)", True),
    "from one at first": ("torch.log(1 - eps - y)", True),
    "from the value": ("(y - 1e-6).log()", True),
    "the limit of the type": ("torch.log(1 - y - torch.finfo(torch.float32).eps)", True),
    "the limit of numpy's type": ("torch.log(1 - y - np.finfo(np.float32).eps)", True),
    "added": ("torch.log(1 - y + eps)", False),
    "cut before": ("torch.log(1 - y.clamp(max=0.999) - eps)", False),
    "cut afterwards": ("torch.log(1 - y - eps).clamp(min=-100)", False),
    "values of any size": ("torch.log(1 - p - eps)", False),
    "an offset of another size": ("torch.log(1 - y - 0.5)", False),
    "uniform numbers are below one": ("torch.log(1 - torch.rand(3) - eps)", False),
}


@pytest.mark.parametrize(("term", "found"), WRONG_SIGN.values(), ids=WRONG_SIGN)
def test_a_small_number_that_is_taken_away(term, found):
    source = f"{HEAD}y = torch.sigmoid(nn.Linear(4, 4)(p))\n    return {term}\n"
    assert rows(rule, source) == ([9] if found else [])
