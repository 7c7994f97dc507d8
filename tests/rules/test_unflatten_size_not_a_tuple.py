from aelint.rules.architecture import unflatten_size_not_a_tuple as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\n"


def test_silent_on_a_tuple_or_list():
    assert (
        rows(rule, HEAD + "a = nn.Unflatten(1, (8, 16, 16))\nb = nn.Unflatten(1, [8, -1])\nc = nn.Unflatten(1, (8,))\n")
        == []
    )


def test_silent_on_a_class_of_the_project_with_the_same_name():
    source = (
        HEAD
        + "class Unflatten(nn.Module):\n    def __init__(self, dim, size):\n        super().__init__()\nu = Unflatten(1, 2048)\n"
    )
    assert rows(rule, source) == []


def test_silent_on_sizes_that_only_a_run_knows():
    assert rows(rule, HEAD + "def f(shape):\n    return nn.Unflatten(1, shape)\n") == []


def test_fires_on_a_product_in_parentheses_and_offers_the_factors():
    found = run(
        rule, HEAD + "net = nn.Sequential(\n    nn.Unflatten(1, (8*16*16)),\n    nn.ConvTranspose2d(1, 16, 3),\n)\n"
    )
    assert [f.site.row for f in found] == [4, 5]
    assert "`8*16*16` is the number 2048" in found[0].message
    assert found[0].rewrite.replacements[0][1] == "8, 16, 16"
    assert "takes 1 channels and cannot follow" in found[1].message


def test_fires_on_bare_numbers_names_and_keywords():
    source = HEAD + "c = 8\na = nn.Unflatten(1, c * 4)\nb = nn.Unflatten(dim=1, unflattened_size=2048)\n"
    found = run(rule, source)
    assert [f.site.row for f in found] == [4, 5]
    assert found[0].rewrite.replacements[0][1] == "(c, 4)"
    assert found[1].rewrite is None


def test_fires_on_the_method_and_the_function():
    source = HEAD + "x = torch.rand(4, 16)\ny = x.unflatten(1, 16)\nz = torch.unflatten(x, 1, 16)\n"
    assert rows(rule, source) == [4, 5]


def test_fires_in_the_imported_file():
    files = {
        "train.py": "from model import Decoder\nd = Decoder()\n",
        "model.py": HEAD
        + "class Decoder(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.u = nn.Unflatten(1, 64)\n",
    }
    assert rows(rule, files) == [6]
