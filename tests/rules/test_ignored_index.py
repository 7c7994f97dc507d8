import pytest

from aelint.rules.data import ignored_index as rule
from tests.rules.harness import rows, run

DATA = """
class Data(Dataset):
    def __init__(self, images, labels=None):
        self.images, self.labels, self.cache = images, labels, None
    def __len__(self):
        return {length}
    def __getitem__(self, index):
        {body}
"""


def source(body, length="len(self.images)"):
    return DATA.format(body=body, length=length)


SILENT = {
    "the index is used": source("return self.images[index]"),
    "the index goes to a helper": source("return self.load(index)"),
    "abstract": source("raise NotImplementedError"),
    "random synthetic data": source("return torch.rand(self.images.shape[1:])"),
    "a random sample": source("return self.images[torch.randint(0, 9, (1,)).item()]"),
    "a fixed picture is corrupted at random": source("return self.images[0] + torch.randn(3)"),
    "one sample only": source("return self.images[0], self.labels", "1"),
    "a set of one fitted picture": source("return self.coordinates, self.pixels", "1"),
    "a wrapper around a stream": source("return next(self.stream)"),
    "the next one of a cursor": source("self.at += 1\n        return self.images[self.at]"),
    "the next rows of a cursor in a fixed part": source(
        "rows = self.images[0][self.at : self.at + 8, :]\n        self.at += 8\n        return rows"
    ),
    "rows between ends that a fixed width gives": source(
        "rows = self.images[0][self.at * self.width[0] :, :]\n        self.at += 1\n        return rows"
    ),
    "an entry by key, as it is": source("return self.images['size']", "self.count"),
    "an entry by key": source("return torch.zeros(self.images['size'])", "self.count"),
    "nothing is known of the data": source("return self.images", "self.count"),
    "a fixed template beside the sample": source("return self.images[index], self.labels[0]"),
    "the first picture as an anchor": source("return self.images[index], self.images[0]"),
    "the size of the first picture": source("return self.images[0].shape, self.load(index)"),
    "a list of two columns": source("return self.images[0][index], self.labels[index]"),
    "the first where there is no other": source("return self.images[0] if index > 9 else self.load(index)"),
    "two of the pictures": source("return self.images[0] + self.images[1], self.labels[index]"),
}


@pytest.mark.parametrize("text", SILENT.values(), ids=SILENT)
def test_silent(text):
    assert rows(rule, text) == []


@pytest.mark.parametrize(
    ("text", "row"),
    [
        (source("return self.images[0]"), 8),
        (source("x = self.images[0]\n        return self.transform(x), self.labels[0]"), 8),
        (source("if index >= len(self):\n            raise IndexError\n        return self.images[-1]"), 10),
        (source("return self.images[:32].float()"), 8),
        (source("return self.images, self.labels", "self.images.shape[0]"), 8),
        (source("return self.images[0], self.labels[index]"), 8),
        (source("x = self.transform(self.images[0])\n        return x, self.labels[index]", "self.images.shape[0]"), 8),
    ],
    ids=[
        "first",
        "transformed",
        "bounds check",
        "slice",
        "whole set",
        "beside its label",
        "transformed beside its label",
    ],
)
def test_fixed_sample(text, row):
    assert rows(rule, text) == [row]


def test_fix_takes_the_index():
    (found,) = run(rule, source("return self.images[0]"))
    assert found.rewrite.replacements[0][1] == "self.images[index]"


@pytest.mark.parametrize(
    "text",
    [
        source("return self.images[0]").replace("self, index)", "self, index, second=0)"),
        source("return self.images[0]").replace(
            "    def __getitem__", "    @property\n    def images(self):\n        return load()\n    def __getitem__"
        ),
        source("if index is None:\n            image = self.images[0]\n        return image"),
        source("return self.transform(self.images[0])").replace(
            "def __len__", "def turn(self):\n        self.images = self.images[1:]\n    def __len__"
        ),
        source("yield self.images[0]"),
    ],
    ids=[
        "two arguments tell it apart",
        "a property gives another picture each time",
        "the index decides whether there is one",
        "another method moves on",
        "a stream",
    ],
)
def test_silent_where_something_else_moves(text):
    assert rows(rule, text) == []


def test_a_length_of_another_list():
    assert rows(rule, source("return self.labels", "len(self.images)")) == []
    assert rows(rule, source("return self.labels.float()", "self.images.size(0)")) == []
