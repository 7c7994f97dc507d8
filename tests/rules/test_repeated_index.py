"""AEL142: sizes of which one is taken twice."""

import pytest

from aelint.rules.architecture import repeated_index as rule
from tests.rules.harness import rows, run

BLOCK = """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width, dim=(16, 16, 16), pad=(1, 2)):
        super().__init__()
        self.sides = tuple(dim)
        shape = {shape}
        self.unfold = nn.Unflatten(1, (width, *shape))
"""


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param("(dim[0] // 4, dim[1] // 4, dim[2] // 4)", id="each of the sides"),
        pytest.param("(dim[2], dim[1], dim[0])", id="turned round"),
        pytest.param("(dim[0], dim[0], dim[0])", id="a cube"),
        pytest.param("(dim[0], dim[0])", id="a square"),
        pytest.param("(pad[0], pad[1], pad[0], pad[1])", id="both ends of two axes"),
        pytest.param("(pad[0], pad[1], pad[0])", id="the sequence is no longer than that"),
        pytest.param("(dim[0] // 4, dim[1] // 4, dim[0] // 2)", id="another expression"),
        pytest.param("(dim[0], dim[1], width)", id="something else at the end"),
        pytest.param("(dim[0], width, dim[0])", id="something else in the middle"),
        pytest.param("(dim[2], dim[0], dim[2])", id="no order in which one is wrong"),
        pytest.param("(dim[0], dim[1], dim[3])", id="one is left out, and none is taken twice"),
        pytest.param("(dim[0], dim[1], pad[0])", id="another sequence"),
        pytest.param("(dim[-1], dim[1], dim[-1])", id="counted from the end"),
        pytest.param("(other[0], other[1], other[0])", id="nobody knows how long it is"),
        pytest.param("(dim[0] * dim[1], dim[1] * dim[2], dim[0] * dim[1])", id="several entries in each"),
        pytest.param("(dim[0] * dim[0] * dim[0],)", id="a volume of a cube"),
    ],
)
def test_silent(shape):
    assert rows(rule, BLOCK.format(shape=shape)) == []


@pytest.mark.parametrize(
    ("shape", "missing"),
    [
        pytest.param("(dim[0] // 4, dim[1] // 4, dim[0] // 4)", 2, id="the last one"),
        pytest.param("[int(dim[0] >> 2), int(dim[0] >> 2), int(dim[2] >> 2)]", 1, id="the one in the middle"),
        pytest.param("torch.Size((dim[1], dim[1], dim[2]))", 0, id="the first one"),
        pytest.param("fold(dim[0] // 2, dim[1] // 2, dim[1] // 2)", 2, id="arguments of a call"),
        pytest.param("(width, dim[0] * dim[1] * dim[1])", 2, id="a product"),
        pytest.param("(width, dim[2] * dim[0] * dim[2])", 1, id="a product in any order"),
    ],
)
def test_fires(shape, missing):
    (finding,) = run(rule, BLOCK.format(shape=shape))
    assert finding.site.row == 10
    assert f"`dim[{missing}]` is left out" in finding.message


def test_the_entry_is_known_from_another_read_or_from_an_assignment():
    source = """
import torch

def fold(x, sides):
    {known}
    return x.view(-1, *(sides[0], sides[1], sides[0]))
"""
    assert rows(rule, source.format(known="print(sides[2])")) == [6]
    assert rows(rule, source.format(known="sides = [4, 4, 8]")) == [6]
    assert rows(rule, source.format(known="sides = [4, 8]")) == []
    assert rows(rule, source.format(known="print(len(sides))")) == []
    assert rows(rule, source.format(known="print(pads[2])")) == []


def test_entries_in_the_file_itself():
    assert rows(rule, "import torch\nsides = [4, 4, 8]\nx = torch.zeros(sides[0], sides[1], sides[0])\n") == [3]
    assert rows(rule, "import torch\nx = torch.zeros(sides[0], sides[1], sides[0])\n") == []
