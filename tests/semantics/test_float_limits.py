"""The limits of floating-point types are those of torch itself."""

from __future__ import annotations

import pytest
import torch

from aelint.semantics.domain.values import Sym
from tests.semantics.reading import read


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ("torch.finfo().eps", torch.finfo().eps),
        ("torch.finfo(torch.float16).max", 65504.0),
        ("torch.finfo(torch.bfloat16).eps", torch.finfo(torch.bfloat16).eps),
        ("torch.finfo(torch.float).tiny", torch.finfo(torch.float).tiny),
        ("torch.finfo(torch.float64).smallest_normal", torch.finfo(torch.float64).smallest_normal),
        ("np.finfo(float).min", -1.7976931348623157e308),
        ("torch.finfo(torch.float32).max", torch.finfo(torch.float32).max),
        ("torch.finfo(torch.bfloat16).min", torch.finfo(torch.bfloat16).min),
    ],
)
def test_limits_of_types_are_known(asked, number):
    assert read(f"import numpy as np\ny = {asked}\n") == number


def test_limits_of_unknown_types_are_not():
    assert isinstance(read("y = torch.finfo(torch.rand(3).dtype).eps\n"), Sym)
    assert isinstance(read("y = torch.finfo(torch.float32).bits\n"), Sym)
