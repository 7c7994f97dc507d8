"""The weights of the points at which a critic's gradient is penalised."""

import pytest

from aelint.rules.objective import interpolation_weight as rule
from tests.rules.harness import rows

PENALTY = """
import torch
from torch.autograd import Variable, grad

def penalty(critic, real, fake):
    {alpha}
    x = {point}
    out = critic(x)
    g = grad(outputs=out, inputs=x, grad_outputs=torch.ones_like(out), create_graph=True)[0]
    return ((g.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
"""
MIX = "(alpha * real + (1 - alpha) * fake).requires_grad_(True)"
SHAPED = "\npenalty(lambda x: x.sum(1), torch.rand(8, 3, 16, 16), torch.rand(8, 3, 16, 16))\n"
FLAT = "\npenalty(lambda x: x.sum(1), torch.rand(8, 20), torch.rand(8, 20))\n"
SERIES = "\npenalty(lambda x: x, torch.rand(8), torch.rand(8))\n"


@pytest.mark.parametrize(
    ("reason", "alpha", "point", "call"),
    [
        ("one per picture", "alpha = torch.rand(real.size(0), 1, 1, 1)", MIX, SHAPED),
        ("one per picture, nothing known", "alpha = torch.rand(real.size(0), 1, 1, 1)", MIX, ""),
        ("expanded", "alpha = torch.rand(real.size(0), 1, 1, 1).expand(real.size())", MIX, SHAPED),
        ("expanded as", "alpha = torch.rand(len(real), 1, 1, 1).expand_as(real)", MIX, ""),
        ("one per channel", "alpha = torch.rand(*real.shape[:2], 1, 1)", MIX, SHAPED),
        ("one per row", "alpha = torch.rand(real.size(0), 1)", MIX, FLAT),
        ("samples of one number", "alpha = torch.rand_like(real)", MIX, SERIES),
        ("noise on one sample", "alpha = torch.rand_like(real)", "(real + 0.1 * alpha).requires_grad_(True)", SHAPED),
        ("two kinds of noise", "alpha, beta = torch.rand_like(real), torch.rand_like(real)",
         "(alpha * real + (1 - beta) * fake).requires_grad_(True)", SHAPED),
        ("a mask of pixels", "alpha = (torch.rand_like(real) > 0.5).float()", MIX, SHAPED),
    ],
)  # fmt: skip
def test_silent(reason, alpha, point, call):
    assert rows(rule, PENALTY.format(alpha=alpha, point=point) + call) == [], reason


def test_silent_where_mixed_pictures_are_trained_on():
    source = PENALTY.format(alpha="alpha = torch.rand_like(real)", point=MIX)
    assert rows(rule, source.replace(", create_graph=True", "")) == []
    assert rows(rule, source.replace("inputs=x", "inputs=critic.weight")) == []


@pytest.mark.parametrize("call", ["", SHAPED, FLAT])
@pytest.mark.parametrize(
    ("alpha", "point"),
    [
        ("alpha = torch.rand_like(real)", MIX),
        ("alpha = torch.rand(real.size(), device=real.device)", MIX),
        (
            "alpha = torch.rand(real.shape).to(real.device)",
            "Variable(real + alpha * (fake - real), requires_grad=True)",
        ),
        ("alpha = torch.rand_like(fake)", "(fake * (1 - alpha) + real.detach() * alpha).clone().requires_grad_()"),
    ],
)
def test_one_weight_per_element(alpha, point, call):
    assert rows(rule, PENALTY.format(alpha=alpha, point=point) + call) == [6]
