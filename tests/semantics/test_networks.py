"""Layers are found however they are registered, and forwards are followed through them."""

import pytest

from aelint.semantics.domain.values import Instance, Sym
from tests.semantics.reading import names, read, shape, understood

REGISTRATIONS = {
    "attributes": """
        self.a = nn.Linear(8, 4)
        self.b = nn.Linear(4, 2)
    def forward(self, x):
        return self.b(torch.relu(self.a(x)))
    """,
    "sequential": """
        self.net = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    def forward(self, x):
        return self.net(x)
    """,
    "ordered dict": """
        from collections import OrderedDict
        self.net = nn.Sequential(OrderedDict([("a", nn.Linear(8, 4)), ("b", nn.Linear(4, 2))]))
    def forward(self, x):
        return self.net(x)
    """,
    "unpacked list": """
        layers = []
        sizes = [8, 4, 2]
        for i in range(len(sizes) - 1):
            layers += [nn.Linear(sizes[i], sizes[i + 1]), nn.ReLU()]
        self.net = nn.Sequential(*layers[:-1])
    def forward(self, x):
        return self.net(x)
    """,
    "add_module": """
        self.net = nn.Sequential()
        for i, (a, b) in enumerate(zip([8, 4], [4, 2])):
            self.net.add_module(f"l{i}", nn.Linear(a, b))
    def forward(self, x):
        return self.net(x)
    """,
    "module list": """
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in [(8, 4), (4, 2)]])
    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
    """,
    "module dict": """
        self.layers = nn.ModuleDict({"a": nn.Linear(8, 4), "b": nn.Linear(4, 2)})
    def forward(self, x):
        return self.layers["b"](self.layers["a"](x))
    """,
    "setattr": """
        for i, (a, b) in enumerate([(8, 4), (4, 2)]):
            setattr(self, f"fc{i}", nn.Linear(a, b))
    def forward(self, x):
        return self.fc1(getattr(self, "fc0")(x))
    """,
    "helper function": """
        def block(a, b):
            return nn.Sequential(nn.Linear(a, b), nn.BatchNorm1d(b))
        self.net = nn.Sequential(block(8, 4), block(4, 2))
    def forward(self, x):
        return self.net(x)
    """,
    "nested class": """
        class Block(nn.Module):
            def __init__(self, a, b):
                super().__init__()
                self.fc = nn.Linear(a, b)
            def forward(self, x):
                return self.fc(x)
        self.net = nn.Sequential(Block(8, 4), Block(4, 2))
    def forward(self, x):
        return self.net(x)
    """,
    "functional": """
        self.w = nn.Parameter(torch.randn(2, 8))
    def forward(self, x):
        return F.linear(x, self.w)
    """,
}


@pytest.mark.parametrize("body", REGISTRATIONS.values(), ids=list(REGISTRATIONS))
def test_forward_is_followed(body):
    source = f"class Net(nn.Module):\n    def __init__(self):\n        super().__init__(){body}\ny = Net()(torch.rand(5, 8))\n"
    assert shape(source.replace("\n    def forward", "\n    def forward")) == (5, 2)


def test_arguments_travel_through_super_and_inheritance():
    source = """
    class Base(nn.Module):
        def __init__(self, a, b):
            super().__init__()
            self.fc = nn.Linear(a, b)
        def forward(self, x):
            return self.head(self.fc(x))
    class Child(Base):
        def __init__(self, b):
            super().__init__(8, b)
            self.head = nn.Linear(b, 3)
    y = Child(6)(torch.rand(2, 8))
    """
    assert shape(source) == (2, 3)


def test_a_class_is_interpreted_under_the_sizes_it_is_built_with():
    source = """
    class Net(nn.Module):
        def __init__(self, width=16):
            super().__init__()
            self.fc = nn.Linear(width, 2)
    net = Net(32)
    """
    networks = understood(source).networks
    assert [n.attrs["fc"].bound["in_features"] for n in networks] == [32]


def test_a_class_that_nobody_builds_is_built_with_its_defaults():
    networks = understood(
        """
        class Net(nn.Module):
            def __init__(self, width, depth=3):
                super().__init__()
                self.fc = nn.Linear(width, depth)
        """
    ).networks
    assert networks[0].symbolic
    assert networks[0].attrs["fc"].bound["out_features"] == 3
    assert isinstance(networks[0].attrs["fc"].bound["in_features"], Sym)


def test_other_files_of_the_project_are_read():
    files = {
        "train.py": "import torch\nfrom models.vae import VAE as Model\nfrom config import SIZE\nimport models.vae as m\n"
        "y = Model(SIZE)(torch.rand(2, SIZE))\nz = m.VAE(4)",
        "models/vae.py": "from torch.nn import *\nclass VAE(Module):\n    def __init__(self, n):\n        super(VAE, self).__init__()\n"
        "        self.fc = Linear(n, 3)\n    def forward(self, x):\n        return self.fc(x)\n",
        "config.py": "SIZE = 4 * 2\n",
    }
    assert shape(files) == (2, 3)
    assert isinstance(read(files, "z"), Instance)


IMPORTS = [
    "from torch import nn as n\nlayer = n.Linear(2, 3)",
    "import torch.nn\nlayer = torch.nn.Linear(2, 3)",
    "from torch.nn import Linear as L\nlayer = L(2, 3)",
    "from torch.nn import *\nlayer = Linear(2, 3)",
    "import torch as t\nnn = t.nn\nlayer = nn.Linear(2, 3)",
    "try:\n    import torch.nn as nn\nexcept ImportError:\n    nn = None\nlayer = nn.Linear(2, 3)",
    "from torch.nn.modules.linear import Linear\nlayer = Linear(2, 3)",
]


@pytest.mark.parametrize("source", IMPORTS)
def test_every_form_of_import(source):
    from tests.rules.harness import program

    assert program(source).entry.scope.names["layer"].name == "torch.nn.Linear"


def test_a_name_of_the_project_shadows_torch():
    found = names("class Linear:\n    pass\nlayer = Linear()\n")
    assert isinstance(found["layer"], Instance)


def test_spellings_of_one_operation_have_one_name():
    found = names(
        "x = torch.rand(2)\na = F.relu(x)\nb = torch.relu(x)\nc = x.relu()\nd = nn.ReLU()(x)\ne = x.clone().relu_()"
    )
    assert {found[n].op for n in "abcde"} == {"relu"}


def test_in_place_operations_change_what_the_name_stands_for():
    found = names("x = torch.rand(2, 3)\nx.mul_(2).sub_(1)\n")
    assert found["x"].op in {"mul", "sub"}


def test_batch_axis_is_followed():
    source = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3, 2, 1)
        def forward(self, x):
            h = self.conv(x)
            return h.view(h.size(0), -1), h.flatten(1), h.reshape(x.shape[0], 8, -1)
    """
    returned = understood(source).returns[-1].value
    assert all(tensor.shape[0].has_batch for tensor in returned)


def test_same_input_gives_the_same_size_expressions():
    source = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.Conv2d(3, 8, 4, 2, 1)
            self.up = nn.ConvTranspose2d(8, 3, 4, 2, 1)
        def forward(self, x):
            return self.up(self.down(x))
    y = Net()(torch.rand(2, 3, 32, 32))
    """
    assert shape(source) == (2, 3, 32, 32)


BESIDE = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 3)
    def forward(self, x):
        return self.fc(x)
"""


def test_a_function_beside_the_only_model_is_called_with_it():
    returned = understood(BESIDE + "def loss(model, x):\n    return model(x)\n").returns[-1].value
    assert returned.last == (3,)


def test_what_the_only_model_does_not_fit_speaks_against_the_assumption():
    other = understood(BESIDE + "def features(model):\n    return model(torch.rand(4, 7))\n")
    assert list(other.conflicts("features")) == []
    own = understood(BESIDE + "def features():\n    return Net()(torch.rand(4, 7))\n")
    assert len(list(own.conflicts("features"))) == 1


def test_no_model_is_assumed_where_there_are_several():
    other = BESIDE.replace("Net", "Other").replace("8, 3", "8, 5")
    returned = understood(BESIDE + other + "def loss(model, x):\n    return model(x)\n").returns[-1].value
    assert returned.op == "call"


def test_no_model_is_assumed_for_an_argument_that_is_not_called():
    source = BESIDE + "def count(model):\n    return model\n"
    assert understood(source).returns[-1].value.op == "param"


def test_what_a_comprehension_of_unknown_length_appends_stands_for_more():
    source = (
        BESIDE
        + """
def parts(blocks):
    found, known = [], []
    [found.append(b) for b in blocks]
    [known.append(b) for b in (1, 2)]
    return found, known
"""
    )
    found, known = understood(source).returns[-1].value
    assert (found.complete, known.complete) == (False, True)
    assert known.items == [1, 2]


def test_the_layers_of_a_list_may_be_given_by_name():
    source = """
    x = torch.zeros(2, 8)
    for layer in nn.ModuleList(modules=[nn.Linear(8, 6), nn.Linear(6, 3)]):
        x = layer(x)
    y = x
    """
    assert shape(source) == (2, 3)
