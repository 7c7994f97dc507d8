"""`Variable(x)` of old programs is the tensor itself, and ends a graph that stands behind it."""

import pytest

from aelint.semantics.domain.values import Sym
from tests.semantics.reading import names, read, understood

IMPORT = "from torch.autograd import Variable\n"


def test_a_batch_stays_the_tensor_that_it_is():
    found = names(IMPORT + "x = torch.zeros(4, 8)\ny = Variable(x, volatile=True)")
    assert found["y"] is found["x"]


@pytest.mark.parametrize("written", ["Variable(x, requires_grad=True)", "Variable(x, True)"])
def test_a_leaf_keeps_shape_and_values(written):
    leaf = read(f"{IMPORT}x = torch.zeros(4, 8)\ny = {written}")
    assert isinstance(leaf, Sym)
    assert (leaf.op, leaf.shape) == ("requires_grad", (4, 8))


def test_what_a_network_computed_loses_its_graph():
    source = "import torch\nx = nn.Linear(8, 2)(torch.zeros(4, 8))\ny = torch.autograd.Variable(x)"
    cut = read(source)
    assert (cut.op, cut.shape) == ("detach", (4, 2))


def test_noise_of_the_size_of_a_code_is_no_part_of_its_graph():
    source = f"{IMPORT}std = nn.Linear(8, 2)(torch.zeros(4, 8)).exp()\ny = Variable(std.data.new(std.size()).normal_())"
    assert read(source).op != "detach"


def test_nothing_is_known_of_a_variable_without_data():
    assert understood(f"{IMPORT}y = Variable()").entry.scope.names["y"].op == "call"
