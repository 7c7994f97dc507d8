"""Functions of other files are left alone once they can tell nothing more, and only then."""

from textwrap import dedent

from aelint.semantics import understand
from aelint.sources.unit import SourceUnit


class Files:
    """A project of two files."""

    def __init__(self, other):
        self.other = SourceUnit("other.py", dedent(other))

    def find(self, module, origin, level=0):
        return self.other if module == "other" else None


def visits(other, entry, name):
    """How often the body of the function `name` of the other file was run."""
    program = understand(SourceUnit("main.py", dedent(entry)), Files(other))
    return sum(1 for event in program.returns if event.function.name == name)


ENTRY = """
from other import help

class Box:
    pass

box = Box()
""" + "\n".join(f"a{i} = help(box, {i})" for i in range(60))


def test_what_gives_sizes_is_followed_each_time():
    assert visits("def help(box, k):\n    return 2 * k + 1\n", ENTRY, "help") == 60


def test_what_stores_something_is_followed_each_time():
    assert visits("def help(box, k):\n    box.last = k\n", ENTRY, "help") == 60


def test_what_builds_layers_is_followed_each_time():
    other = "import torch.nn as nn\ndef help(box, k):\n    return nn.Linear(k, k)\n"
    assert visits(other, ENTRY, "help") == 60


def test_what_takes_part_in_training_is_followed_each_time():
    assert visits("def help(box, k):\n    box.optimizer.step()\n", ENTRY, "help") == 60


def test_a_function_of_the_file_itself_is_followed_each_time():
    own = ENTRY.replace("from other import help", "def help(box, k):\n    return read(k)")
    assert visits("", own, "help") == 60


def test_what_gives_nothing_known_is_left_alone_after_some_visits():
    assert visits("def help(box, k):\n    return open(k).read()\n", ENTRY, "help") == 4
