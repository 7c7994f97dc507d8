"""What rests on a default of the command line says so; what does not, does not."""

from textwrap import dedent

import pytest

from aelint.rule import Finding, Site
from aelint.semantics import understand
from aelint.semantics.explanation.assumptions import with_assumptions
from aelint.sources.unit import SourceUnit

MODEL = """
import argparse
import torch.nn as nn

parser = argparse.ArgumentParser()
parser.add_argument("--latent-dim", type=int, default=20)
parser.add_argument("--epochs", type=int, default=20)
args = parser.parse_args()


class Decoder(nn.Module):
    def __init__(self, {parameter}):
        super().__init__()
        self.fc = nn.Linear({size}, 784)


decoder = Decoder({argument})
"""


def finding_at_layer(message, **parts):
    program = understand(SourceUnit("main.py", dedent(MODEL.format(**parts))))
    (layer,) = program.layers
    return with_assumptions(program, Finding(Site(program.unit, layer.site.node), message))


def test_a_number_that_is_written_out_assumes_nothing():
    found = finding_at_layer("the layer takes 20 features", parameter="width=3", size="20", argument="")
    assert "by default" not in found.message
    assert found.notes == ()


def test_another_number_than_the_default_assumes_nothing():
    found = finding_at_layer("the layer takes 32 features", parameter="z", size="z", argument="args.latent_dim")
    assert "by default" not in found.message


def test_a_longer_number_that_contains_the_default_assumes_nothing():
    found = finding_at_layer("the layer takes 1209 features", parameter="z", size="z", argument="args.latent_dim")
    assert "by default" not in found.message


@pytest.mark.parametrize(
    "parts",
    [
        {"parameter": "unused=0", "size": "args.latent_dim", "argument": ""},
        {"parameter": "z", "size": "z", "argument": "args.latent_dim"},
        {"parameter": "z", "size": "z", "argument": "z=args.latent_dim"},
    ],
    ids=["read in place", "passed on", "passed on by keyword"],
)
def test_a_default_is_named_where_it_is_declared(parts):
    found = finding_at_layer("the layer takes 20 features", **parts)
    assert found.message.endswith("Here `latent_dim` is 20, by default of the command line")
    (note,) = found.notes
    assert note.site.row == 6
    assert "`latent_dim` is 20 unless the command line says otherwise" in note.message
