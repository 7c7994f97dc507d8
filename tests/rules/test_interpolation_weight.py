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


NORMED = """
import torch
from torch import nn

critic = nn.Sequential(nn.Conv2d(1, 8, 4, 2, 1), nn.Flatten(), nn.Linear(8 * 64, 1))
x = torch.rand(8, 1, 16, 16).requires_grad_(True)
score = critic(x)
gradients = torch.autograd.grad(score, x, torch.ones_like(score), create_graph=True)[0]
penalty = ({norm} - 1).pow(2).mean()
"""


@pytest.mark.parametrize(
    "norm",
    [
        "gradients.flatten(1).norm(2, dim=1)",
        "gradients.view(8, -1).norm(2, dim=1)",
        "gradients.norm(2, dim=(1, 2, 3))",
        "gradients.pow(2).sum((1, 2, 3)).sqrt()",
        "gradients.norm()",
    ],
)
def test_silent_on_norms_of_whole_samples(norm):
    assert rows(rule, NORMED.format(norm=norm)) == []


def test_silent_on_norms_of_vectors():
    text = NORMED.replace("torch.rand(8, 1, 16, 16)", "torch.rand(8, 20)").replace(
        "nn.Sequential(nn.Conv2d(1, 8, 4, 2, 1), nn.Flatten(), nn.Linear(8 * 64, 1))", "nn.Linear(20, 1)"
    )
    assert rows(rule, text.format(norm="gradients.norm(2, dim=1)")) == []


@pytest.mark.parametrize("norm", ["gradients.norm(2, dim=1)", "gradients.norm(2, 1)", "torch.norm(gradients, dim=-1)"])
def test_norms_over_one_axis(norm):
    assert rows(rule, NORMED.format(norm=norm)) == [9]


WALK = """
import torch

def walk(encoder, decoder, first, second):
    a = encoder(first)
    {end}
    return [decoder({point}) for t in torch.linspace(0, 1, 10)]
"""


@pytest.mark.parametrize(
    ("end", "point"),
    [
        ("b = encoder(second)", "(1 - t) * a + t * b"),
        ("b = a.roll(1, 0)", "(1 - t) * a + t * b"),
        ("b = a", "(1 - t) * a + t * second"),
        ("b = a", "a + t * b"),
        pytest.param("b = a.detach()", "(1 - t) * a + t * b", id="the weight says where gradients pass"),
        pytest.param("c = a.clone(); step(a); b = a.clone()", "(1 - t) * c + t * b", id="copies of two moments"),
    ],
)
def test_silent_on_two_ends(end, point):
    assert rows(rule, WALK.format(end=end, point=point)) == []


@pytest.mark.parametrize("point", ["(1 - t) * a + t * b", "b * t + a * (1 - t)", "t * a + (1.0 - t) * b"])
def test_one_end_twice(point):
    assert rows(rule, WALK.format(end="b = a", point=point)) == [6]


def test_one_copy_twice():
    assert rows(rule, WALK.format(end="b = c = a.clone()", point="(1 - t) * c + t * b")) == [7]


def test_one_end_twice_without_gradients():
    assert rows(rule, WALK.format(end="b = a.detach()", point="(1 - t) * a.detach() + t * b")) == [7]


def test_one_name_twice():
    assert rows(rule, WALK.format(end="b = encoder(second)", point="(1 - t) * a + t * a")) == [7]
