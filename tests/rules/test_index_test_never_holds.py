"""Tests on the counter of a loop that have one outcome."""

from __future__ import annotations

import pytest

from aelint.rules.architecture import index_test_never_holds as rule
from tests.rules.harness import rows, run

LOOP = "def decode(layers, sizes, skips, n, z):\n    for {loop}:\n        if {test}:\n            z = z.relu()\n    return z\n"


@pytest.mark.parametrize(
    ("loop", "test"),
    [
        pytest.param("i, f in enumerate(layers)", "i < len(layers) - 1", id="last-left-out"),
        pytest.param("i, f in enumerate(layers)", "i != len(layers) - 1", id="not-the-last"),
        pytest.param("i, f in enumerate(layers)", "i < len(skips)", id="another-list"),
        pytest.param("i, f in enumerate(layers, 1)", "i == len(layers)", id="counted-from-one"),
        pytest.param("i in range(1, n + 1)", "i == n", id="range-from-one"),
        pytest.param("i in range(n + 1)", "i == n", id="one-more-round"),
        pytest.param("i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:]))", "i == len(sizes) - 2", id="last-pair"),
        pytest.param("i, (a, b) in enumerate(zip(layers, skips))", "i == len(layers)", id="shorter-of-two"),
        pytest.param("i in range(n)", "i + 1 == n", id="shifted"),
        pytest.param("i in range(n)", "i > n // 2", id="half"),
        pytest.param("i in range(n)", "z == n", id="something-else-than-the-counter"),
        pytest.param("i, f in enumerate(sizes[:4])", "i == len(sizes) - 1", id="the-first-few"),
        pytest.param("i, f in enumerate(sizes[0:])", "i == len(sizes) - 1", id="from-the-first"),
        pytest.param("i in range(len(layers))", "layers.append(z) or i == len(layers)", id="growing"),
    ],
)
def test_silent(loop: str, test: str) -> None:
    assert rows(rule, LOOP.format(loop=loop, test=test)) == []


@pytest.mark.parametrize(
    ("loop", "test"),
    [
        pytest.param("i, f in enumerate(layers)", "i != len(layers)", id="enumerate"),
        pytest.param("i, f in enumerate(layers)", "i < len(layers)", id="less"),
        pytest.param("i in range(n)", "i == n", id="range"),
        pytest.param("i in range(len(layers))", "skips.append(z) or i == len(layers)", id="another-list-grows"),
        pytest.param("i in range(len(layers))", "layers.count(z) or i == len(layers)", id="looked-at-in-the-loop"),
        pytest.param("i in range(len(sizes) - 1)", "i != len(sizes) - 1", id="pairs"),
        pytest.param("i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:]))", "i == len(sizes) - 1", id="zipped-pairs"),
        pytest.param("i, f in enumerate(self.layers)", "z.dim() == 2 and i == len(self.layers)", id="attribute"),
    ],
)
def test_fires(loop: str, test: str) -> None:
    assert rows(rule, LOOP.format(loop=loop, test=test)) == [3]


MODEL = """
import torch
from torch import nn

class Decoder(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.last = {last}
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])])

    def forward(self, z):
        for i, layer in enumerate(self.layers):
            z = layer(z)
            if i != self.last:
                z = torch.relu(z)
        return z

decoder = Decoder([4, 8, 16])
"""


def test_an_attribute_that_is_called_the_last_index() -> None:
    assert rows(rule, MODEL.format(last="len(sizes) - 2")) == []
    (found,) = run(rule, MODEL.format(last="len(sizes) - 1"))
    assert found.site.row == 8
    assert found.message.endswith("has the index `self.last - 1`, so store one less here")


def test_the_test_is_told_where_others_read_the_attribute_too() -> None:
    source = MODEL.format(last="len(sizes) - 1") + "print(decoder.last)\n"
    assert rows(rule, source) == [14]


CHOSEN = """
import torch
from torch import nn
from settings import tied

class Decoder(nn.Module):
    def __init__(self, sizes, own=True):
        super().__init__()
        self.last_index, self.own = {last}, own
        self.first = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])])
        self.second = nn.ModuleList([nn.Linear(b, a) for a, b in zip(sizes[:-1], sizes[1:])])

    def forward(self, z):
        layers = self.first if {choice} else [*reversed(self.second)]
        {more}
        for i, layer in enumerate(layers):
            z = layer(z) if i == self.last_index else torch.relu(layer(z))
        return z

decoder = Decoder([4, 8, 16])
decoder(torch.rand(2, 4))
"""


def test_layers_that_are_chosen_first() -> None:
    fault = CHOSEN.format(last="len(sizes) - 1", choice="self.own", more="pass")
    assert rows(rule, fault) == [9]
    assert rows(rule, fault.replace("len(sizes) - 1", "len(sizes) - 2")) == []


@pytest.mark.parametrize(
    ("choice", "more"),
    [
        pytest.param("self.own", "layers = [*layers, torch.tanh]", id="one-more-in-the-end"),
        pytest.param("tied(z)", "pass", id="which-ones-is-unknown"),
    ],
)
def test_silent_where_the_number_of_layers_is_unknown(choice: str, more: str) -> None:
    assert rows(rule, CHOSEN.format(last="len(sizes) - 1", choice=choice, more=more)) == []


@pytest.mark.parametrize("other", ["self.depth", "sizes.last"])
def test_silent_on_an_attribute_that_may_be_another_number(other: str) -> None:
    source = MODEL.format(last="len(sizes) - 1")
    assert rows(rule, source.replace("self.last", other)) == []


def test_names_the_last_index() -> None:
    (found,) = run(rule, LOOP.format(loop="i in range(len(sizes) - 1)", test="i != len(sizes) - 1"))
    assert found.message.endswith("has the index `len(sizes) - 2`")


def test_silent_on_one_bound_for_several_indices():
    source = """
        import torch

        def place(delays, steps):
            out = torch.zeros(9, 9)
            for t in range(steps):
                for q, delay in enumerate(delays):
                    if t + delay < steps and t < steps:
                        out[t + delay, q] = t
            return out
        """
    assert rows(rule, source) == []
    assert rows(rule, source.replace("t + delay < steps and ", "")) == [8]
