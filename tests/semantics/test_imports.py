"""What an imported file gives: its names, with what its statements at module level put into them."""

import pytest

from tests.semantics.reading import PRELUDE, read, understood

OPTIONS = {
    "a parser": (
        (
            "import argparse\n"
            "parser = argparse.ArgumentParser()\n"
            "parser.add_argument('--width', type=int, default=8)\n"
            "parser.set_defaults(width=8)\n"
            "options = parser.parse_args()\n"
        ),
        "options.width",
    ),
    "items of a dictionary": ("options = {}\noptions['width'] = 8\n", "options['width']"),
    "an updated dictionary": ("options = {'width': 3}\noptions.update({'width': 8})\n", "options['width']"),
    "attributes of a namespace": (
        "from types import SimpleNamespace\noptions = SimpleNamespace()\noptions.width = 8\n",
        "options.width",
    ),
    "a list that is appended to": ("options = [4]\noptions.append(8)\n", "options[1]"),
}


@pytest.mark.parametrize(("options", "width"), OPTIONS.values(), ids=OPTIONS)
def test_a_configuration_of_another_file_is_known_as_that_file_fills_it(options, width):
    main = PRELUDE + f"from options import options\ny = torch.zeros(2, {width})\n"
    assert read({"main.py": main, "options.py": options}).shape == (2, 8)


def test_other_calls_of_an_imported_file_are_left_to_the_look_at_that_file():
    other = PRELUDE + "x = torch.zeros(3)\nx.copy_(torch.exp(x))\n"
    program = understood({"main.py": PRELUDE + "from other import x\ny = x\n", "other.py": other})
    assert not list(program.calls_to("exp"))
