"""AEL420: options of the command line that can never be switched off."""

import pytest

from aelint.rules.optimization import boolean_option as rule
from tests.rules.harness import rows

TEXT = """
import argparse
from distutils.util import strtobool

def flag(text):
    return text.lower() == "true"

parser = argparse.ArgumentParser()
parser.add_argument({given})
"""


@pytest.mark.parametrize(
    "given",
    [
        pytest.param('"--kl", type=flag, default=True', id="the text is read"),
        pytest.param('"--kl", type=lambda t: bool(strtobool(t)), default=True', id="the text is read in place"),
        pytest.param('"--kl", type=bool, default=False', id="it can be switched on"),
        pytest.param('"--kl", type=bool', id="no default"),
        pytest.param('"--kl", type=bool, nargs="?", const=False, default=True', id="the bare option switches it off"),
        pytest.param('"--no-kl", dest="kl", action="store_false"', id="an option that switches off"),
        pytest.param('"--use_cuda", type=bool, default=True', id="about the machine"),
        pytest.param('"--save-plots", type=bool, default=True', id="about the log"),
        pytest.param('"--epochs", type=int, default=True', id="another type"),
    ],
)
def test_silent_on(given):
    assert rows(rule, TEXT.format(given=given)) == []


@pytest.mark.parametrize(
    "given",
    [
        '"--kl", type=bool, default=True',
        '"--kl", default=True, type=bool, help="add the KL"',
        '"-k", "--kl", type=bool, default=True',
    ],
)
def test_options_that_stay_on(given):
    assert rows(rule, TEXT.format(given=given)) == [9]


def test_silent_on_a_function_of_the_same_name():
    own = "def bool(text):\n    return text == 'yes'\n"
    assert rows(rule, own + TEXT.format(given='"--kl", type=bool, default=True')) == []


def test_silent_where_the_library_reads_the_text():
    assert rows(rule, 'import click\n\n@click.option("--kl", type=bool, default=True)\ndef main(kl): ...\n') == []
