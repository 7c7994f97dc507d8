"""Interpolations whose ways through the function begin at different ends."""

import pytest

from aelint.semantics.latent.exchanged_ends import exchanged_ends
from tests.rules.harness import program

SLERP = """
import numpy as np
import torch

def slerp(val, low, high):
    low_norm, high_norm = low / torch.norm(low, dim=1), high / torch.norm(high, dim=1)
    omega = torch.acos((low_norm * high_norm).sum(1).clamp(-1, 1))
    so = torch.sin(omega)
    if so.mean() < 1e-4:
        return {near}
    return {far}
"""
FAR = "(torch.sin((1.0 - val) * omega) / so).unsqueeze(1) * low + (torch.sin(val * omega) / so).unsqueeze(1) * high"
NUMPY = "np.sin((1.0 - val) * omega) / so * low + np.sin(val * omega) / so * high"


@pytest.mark.parametrize(
    ("near", "far"),
    [
        ("(1.0 - val) * low + val * high", FAR),
        ("low + val * (high - low)", NUMPY),
        ("low", FAR),  # one end alone
        ("unknown(low, high, val)", FAR),
        ("val * low + (1 - val) * high", "unknown(low, high, val)"),
        ("(1 - val) * low + val * high", "torch.lerp(low, high, val)"),
        ("low * high", NUMPY),
    ],
)
def test_silent_where_both_begin_at_one_end_or_one_is_not_known(near, far):
    assert list(exchanged_ends(program(SLERP.format(near=near, far=far)))) == []


@pytest.mark.parametrize(
    "near", ["low * val + high * (1 - val)", "val * low + (1.0 - val) * high", "high + val * (low - high)"]
)
@pytest.mark.parametrize("far", [FAR, NUMPY, "(1 - val) * low + val * high"])
def test_the_short_way_begins_at_the_other_end(near, far):
    (found,) = exchanged_ends(program(SLERP.format(near=near, far=far)))
    assert (found.site.row, found.other.row) == (10, 11)
    assert (found.weight, found.first, found.second) == ("val", "low", "high")


def test_the_long_way_may_be_the_one_that_is_turned():
    (found,) = exchanged_ends(
        program(
            SLERP.format(
                near="low + val * (high - low)",
                far=NUMPY.replace("low", "x").replace("high", "low").replace("x", "high"),
            )
        )
    )
    assert (found.site.row, found.other.row) == (10, 11)


def test_one_return_tells_nothing():
    source = "def mix(a, b, t):\n    return t * a + (1 - t) * b\n"
    assert list(exchanged_ends(program(source))) == []
