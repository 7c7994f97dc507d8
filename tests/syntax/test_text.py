"""What is read off the text alone: options, signatures, blocks, and what the files of a program mention."""

import ast

import pytest

from aelint.semantics.dataflow.mentions import attributes_read, strings
from aelint.syntax.blocks import blocks
from aelint.syntax.names import uses
from aelint.syntax.options import destination, flags
from aelint.syntax.signatures import default_numbers, parameters
from tests.rules.harness import program


def expression(text):
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("call", "attribute"),
    [
        ("parser.add_argument('-b', '--kl-weight', '--beta', type=float)", "kl_weight"),
        ("parser.add_argument('--beta', dest='weight')", "weight"),
        ("parser.add_argument('--beta', dest=name)", ""),
        ("parser.add_argument('path')", ""),
        ("parser.parse_args('--beta')", ""),
    ],
)
def test_an_option_is_held_under_its_dest_or_its_first_long_flag(call, attribute):
    assert destination(expression(call)) == attribute


def test_flags_are_the_texts_of_add_argument_alone():
    assert flags(expression("group.add_argument('-b', '--beta')")) == ["-b", "--beta"]
    assert flags(expression("print('--beta')")) == []


def test_defaults_belong_to_the_last_positional_parameters():
    function = ast.parse("def f(a, b, /, c=1, d=True, *rest, e, g=0.5, **more): ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    assert [a.arg for a in parameters(function)] == ["a", "b", "c", "d", "e", "g"]
    assert default_numbers(function) == {"c": 1, "g": 0.5}


def test_defaults_reach_back_to_positional_only_parameters():
    assert default_numbers(expression("lambda a, b=2, /, c=3: a")) == {"b": 2, "c": 3}


def test_both_branches_of_a_condition_are_blocks():
    tree = ast.parse("if a:\n    b\nelse:\n    c\n    d\n")
    assert [ast.unparse(s) for block in blocks(tree.body[0]) for s in block] == ["b", "c", "d"]


def test_uses_are_reads_and_writes_of_the_variable_not_of_an_attribute():
    assert len(uses(ast.parse("a = a + b.a"), "a")) == 2


def test_every_file_of_the_program_counts_as_a_reader():
    files = {"main.py": "import other\nother.beta = 1\n", "other.py": "def f(x):\n    return x.gamma, 'delta'\n"}
    assert "gamma" in attributes_read(program(files))
    assert "beta" not in attributes_read(program(files))
    assert "delta" in strings(program(files))
