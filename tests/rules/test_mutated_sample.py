import pytest

from aelint.rules.data import mutated_sample as rule
from tests.rules.harness import rows

DATA = """
import numpy as np
import torch
from torch.utils.data import Dataset
class Data(Dataset):
    def __init__(self, images):
        self.images, self.cache = images, {}
        self.tensors = torch.zeros(10, 3, 8)
        self.list = [np.zeros((8, 8)) for _ in range(5)]
    def __len__(self):
        return len(self.images)
    def hole(self, x):
        y = np.random.randint(9)
        x[y:y + 2] = 0
        return x
    def __getitem__(self, index):
        {body}
"""

SILENT = {
    "a copy": "x = self.images[index].copy()\n        x[np.random.randint(9)] = 0\n        return x",
    "a clone": "x = self.tensors[index].clone()\n        return x.mul_(torch.rand(1))",
    "a new array": "x = self.images[index] / 255\n        x[np.random.randint(9)] = 0\n        return x",
    "a gathered part": "x = self.images[[1, 2]]\n        x[np.random.randint(9)] = 0\n        return x",
    "a constant at a fixed place": "x = self.images[index]\n        x[0] = 0\n        return x",
    "a cache": "if index not in self.cache:\n            self.cache[index] = load(self.images[index])\n        return self.cache[index]",
    "an entry by name": "s = self.images[index]\n        s['x'] = noisy(s['x'])\n        return s",
    "a part of an entry": "x = self.images[index]['x']\n        x[np.random.randint(9)] = 0\n        return x",
    "all samples at once": "self.tensors.mul_(0.9)\n        return self.tensors[index]",
    "an array made on the spot": "x = torch.rand(9, 9)[index]\n        x[np.random.randint(9)] = 0\n        return x",
    "an attribute is set": "self.last = self.tensors[index]\n        return self.last",
    "made from another sample": "self.images[index] = self.images[index - 1] + 1\n        return self.images[index]",
    "a number": "y = self.labels[index]\n        y -= 1\n        return y",
    "filled when it is first read": "if isinstance(self.images[index], str):\n            self.images[index] = load(self.images[index])\n"
    "        return self.images[index]",
    "a buffer of its own": "x = torch.zeros(3)\n        x[index % 3] = torch.rand(1)\n        return x",
}
LOUD = {
    "written": ("x = self.images[index]\n        x[np.random.randint(9)] = 0\n        return x", 18),
    "at a fixed place": ("x = self.images[index]\n        x[0] = np.random.randn()\n        return x", 18),
    "in a helper": ("return self.hole(self.images[index])", 14),
    "in place": ("x = self.tensors[index]\n        return x.mul_(torch.rand(1))", 18),
    "through a view": ("x = self.tensors[index][0].view(-1)\n        x.add_(torch.randn(8))\n        return x", 18),
    "augmented": ("x = self.tensors[index]\n        x += torch.randn(3, 8)\n        return x", 18),
    "item of a list": ("x = self.list[index]\n        x[np.random.randint(8)] = 1\n        return x", 18),
    "replaced": ("self.images[index] = self.images[index] + np.random.randn()\n        return self.images[index]", 17),
}


@pytest.mark.parametrize("body", SILENT.values(), ids=SILENT)
def test_silent(body):
    assert rows(rule, DATA.replace("{body}", body)) == []


@pytest.mark.parametrize(("body", "row"), LOUD.values(), ids=LOUD)
def test_stored_data_changes(body, row):
    assert rows(rule, DATA.replace("{body}", body)) == [row]


def test_silent_where_no_sample_is_read():
    source = DATA.replace("def hole(self, x):", "def warp(self, index):\n        x = self.tensors[index]")
    source = source.replace("{body}", "return self.tensors[index]")
    assert rows(rule, source + "data = Data(1)\ndata.warp(3)\n") == []


def test_only_data_sets():
    source = DATA.replace("(Dataset)", "").replace("def __len__", "def size").replace("{body}", LOUD["written"][0])
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("self.visits[index] += 1\n        return self.tensors[index]", id="visits are counted"),
        pytest.param("x = self.tensors[index]\n        return x.clamp_(0, 1)", id="once more changes nothing"),
        pytest.param(
            "x = self.tensors[index]\n        x = x + torch.randn(3, 8)\n        return x", id="a sum of its own"
        ),
        pytest.param("n = self.list[index].shape[0]\n        n += 1\n        return n", id="a size"),
    ],
)
def test_silent_where_the_samples_stay(body):
    source = DATA.replace("self.list =", "self.visits = torch.zeros(10)\n        self.list =")
    assert rows(rule, source.replace("{body}", body)) == []


def test_silent_on_what_is_no_data_set():
    body = "x = self.tensors[index]\n        x += torch.randn(3, 8)\n        return x"
    source = DATA.replace("(Dataset)", "").replace("__len__", "count")
    assert rows(rule, source.replace("{body}", body)) == []


@pytest.mark.parametrize(
    ("body", "row"),
    [
        pytest.param("image = self.tensors[index]\n        return normalized(image)", 21, id="a function"),
        pytest.param(
            "image = self.tensors[index]\n        image = self.hide(image)\n        return image",
            21,
            id="by way of a method",
        ),
        pytest.param("return normalized(self.tensors[index].clone())", None, id="a copy is handed on"),
    ],
)
def test_a_function_outside_the_class_changes_what_it_is_given(body, row):
    helper = "def normalized(x):\n    for c in range(3):\n        x[c] -= x[c].mean()\n    return x\nclass Data("
    method = "    def hide(self, x):\n        return normalized(x)\n    def __getitem__"
    source = DATA.replace("class Data(", helper).replace("    def __getitem__", method).replace("{body}", body)
    assert rows(rule, source) == ([row + 2] if row else [])


RECORDS = """
import torch
from torch.utils.data import Dataset

def relative(boxes, size):
    boxes[:, 0] /= size
    return boxes

class Pages(Dataset):
    def __init__(self):
        self.pages = [("page", {"boxes": 9 * torch.rand(5, 4), "size": 9.0}) for _ in range(12)]

    def __len__(self):
        return len(self.pages)

    def read(self, index):
        name, record = self.pages[index]
        return name, record

    def __getitem__(self, index):
        name, record = self.{read}
        {change}
        return record

dataset = Pages()
for record in torch.utils.data.DataLoader(dataset): pass
"""


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("record = {**record}; record['boxes'] = record['boxes'] / 9", id="an entry of a copy"),
        pytest.param(
            "record['boxes'] = record['boxes'].clone(); record['boxes'][:, 0] /= 9", id="a new entry is changed"
        ),
        pytest.param("boxes = relative(record['boxes'].clone(), 9)", id="a copy is changed"),
        pytest.param("record['name'] = name", id="an entry is added"),
    ],
)
@pytest.mark.parametrize("read", ["pages[index]", "read(index)"])
def test_silent_on_dictionaries_that_stay(change, read):
    assert rows(rule, RECORDS.replace("{read}", read).replace("{change}", change)) == []


@pytest.mark.parametrize(
    ("change", "read", "row"),
    [
        pytest.param("record['boxes'][:, 0] /= record['size']", "pages[index]", 22, id="in place"),
        pytest.param("relative(record['boxes'], record['size'])", "pages[index]", 21, id="by a function"),
        pytest.param("relative(record['boxes'], record['size'])", "read(index)", 18, id="handed on by a reader"),
        pytest.param("record['boxes'].div_(record['size'])", "read(index)", 22, id="by a method of the tensor"),
    ],
)
def test_an_entry_of_a_stored_dictionary_is_changed(change, read, row):
    assert rows(rule, RECORDS.replace("{read}", read).replace("{change}", change)) == [row]
