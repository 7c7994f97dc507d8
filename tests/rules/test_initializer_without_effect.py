"""AEL407: initialisers that never reach the weights."""

import pytest

from aelint.rules.optimization import initializer_without_effect as rule
from tests.rules.harness import rows

SETUP = """
import torch
from torch import nn
from torch.nn import init

class AE(nn.Module):
    def __init__(self, bias={bias}):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 8, 3, bias=bias), nn.BatchNorm2d(8), nn.ConvTranspose2d(8, 1, 3))

    def forward(self, x):
        return self.net(x)

model = AE()
"""

HEALTHY = {
    "some layers have a bias": (
        True,
        """
def start(m):
    if isinstance(m, nn.Conv2d) and m.bias is not None:
        init.xavier_normal_(m.weight)
model.apply(start)
""",
    ),
    "only the bias needs a bias": (
        False,
        """
def start(m):
    if isinstance(m, nn.Conv2d):
        init.xavier_normal_(m.weight)
    if isinstance(m, nn.Conv2d) and m.bias is not None:
        init.zeros_(m.bias)
model.apply(start)
""",
    ),
    "another branch sets the weight": (
        False,
        """
def start(m):
    if isinstance(m, nn.Conv2d) and m.bias is not None:
        init.xavier_normal_(m.weight)
        init.zeros_(m.bias)
    elif isinstance(m, nn.Conv2d):
        init.xavier_normal_(m.weight)
model.apply(start)
""",
    ),
    "a branch for layers that this model lacks": (
        False,
        """
def start(m):
    if isinstance(m, nn.Linear):
        init.xavier_normal_(m.weight)
    elif isinstance(m, nn.ConvTranspose2d):
        init.xavier_normal_(m.weight)
model.apply(start)
""",
    ),
    "kinds are told apart by name": (
        False,
        """
def start(m):
    name = m.__class__.__name__
    if name.find('Conv') != -1:
        m.weight.data.normal_(0.0, 0.02)
model.apply(start)
""",
    ),
    "a loop with a branch for layers that this model lacks": (
        False,
        """
for m in model.modules():
    if isinstance(m, nn.Linear):
        init.xavier_normal_(m.weight)
    elif isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
        init.xavier_normal_(m.weight)
""",
    ),
    "a loop that tells kinds apart by name": (
        False,
        """
for m in model.modules():
    if 'Conv' in type(m).__name__:
        m.weight.data.normal_(0.0, 0.02)
""",
    ),
    "a loop for the other layers leaves these to themselves": (
        False,
        """
for m in model.modules():
    if isinstance(m, nn.Linear):
        init.xavier_normal_(m.weight)
    elif hasattr(m, 'reset_parameters'):
        m.reset_parameters()
""",
    ),
    "a loop that sets what only some networks of the program have": (
        False,
        """
def start(net):
    for m in net.modules():
        if isinstance(m, nn.Linear):
            init.xavier_normal_(m.weight)
start(model)
start(nn.Sequential(nn.Linear(3, 3)))
""",
    ),
    "a library offers its initialiser": (False, "def init_weights(m):\n    init.normal_(m.weight)\n"),
    "parameters are changed in place": (False, "for p in model.parameters():\n    init.normal_(p)\n"),
    "the new tensor is used": (False, "for p in model.parameters():\n    p = p.detach()\n    print(p.norm())\n"),
}


@pytest.mark.parametrize(("bias", "lines"), HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(bias, lines):
    assert rows(rule, SETUP.format(bias=bias) + lines) == []


FAULTS = {
    "bias asked for in apply": (
        """
def start(m):
    if isinstance(m, nn.Conv2d) and m.bias is not None:
        init.xavier_normal_(m.weight)
model.apply(start)
""",
        17,
    ),
    "bias asked for in a loop": (
        """
for m in model.modules():
    if isinstance(m, nn.Conv2d) and m.bias is not None:
        m.weight.data.normal_(0, 0.02)
""",
        17,
    ),
    "wrong kinds": (
        """
def start(m):
    if isinstance(m, nn.Linear):
        init.xavier_normal_(m.weight)
model.apply(start)
""",
        17,
    ),
    "wrong kinds in a loop": (
        """
for m in model.modules():
    if isinstance(m, (nn.Linear, nn.Embedding)):
        init.xavier_normal_(m.weight)
        init.zeros_(m.bias)
""",
        17,
    ),
    "wrong kinds in two branches": (
        """
for name, m in model.named_modules():
    if isinstance(m, nn.Linear):
        init.xavier_normal_(m.weight)
    elif isinstance(m, nn.Conv1d):
        m.weight.data.normal_(0.0, 0.02)
""",
        16,
    ),
    "wrong kinds in a function that a loop calls": (
        """
def start(m):
    if isinstance(m, nn.Linear):
        init.xavier_normal_(m.weight)
for m in model.modules():
    start(m)
""",
        17,
    ),
    "the loop's name": (
        """
for name, p in model.named_parameters():
    p = torch.randn_like(p)
""",
        17,
    ),
}


@pytest.mark.parametrize(("lines", "row"), FAULTS.values(), ids=FAULTS.keys())
def test_fires(lines, row):
    assert rows(rule, SETUP.format(bias=False) + lines) == [row]


TRAINING = """
opt = torch.optim.Adam(model.parameters())
for i in range(9):
    x = torch.randn(2, 1, 8, 8)
    opt.zero_grad()
    (model(x) - x).pow(2).mean().backward()
    opt.step()

def weights_init(m):
    if isinstance(m, nn.Conv2d):
        init.xavier_normal_(m.weight)
"""


def test_initialiser_of_a_training_script_that_nothing_calls():
    assert rows(rule, SETUP.format(bias=True) + TRAINING) == [23]


METHODS = {
    "self.init_weights()": """
    def init_weights(self):
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                m.weight.data.normal_(0.0, 0.02)
""",
    "self.apply(self._init_layer)": """
    def _init_layer(self, m):
        if isinstance(m, nn.Conv2d):
            init.xavier_normal_(m.weight)
""",
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
def test_method_that_nothing_calls_is_reported_where_the_network_is_complete(method):
    network = SETUP.format(bias=True).replace("\nmodel = ", f"{method}\nmodel = ")
    assert rows(rule, network + TRAINING.replace("def weights_init", "def weights")) == [9]


@pytest.mark.parametrize(("call", "method"), METHODS.items(), ids=METHODS.keys())
def test_silent_on_a_method_that_the_constructor_calls(call, method):
    network = SETUP.format(bias=True).replace("\nmodel = ", f"{method}\nmodel = ")
    network = network.replace("\n    def forward", f"        {call}\n\n    def forward", 1)
    assert rows(rule, network + TRAINING.replace("def weights_init", "def weights")) == []


def test_initialiser_of_another_file():
    files = {
        "main.py": "from torch import nn\nfrom start import start\n\nnet = nn.Sequential(nn.Linear(3, 3, bias=False))\nnet.apply(start)\n",
        "start.py": (
            "import torch.nn as nn\n\n\ndef start(m):\n    if isinstance(m, nn.Linear) and m.bias is not None:\n"
            "        nn.init.orthogonal_(m.weight)\n"
        ),
    }
    assert rows(rule, files) == [5]


def test_the_first_layer_is_set_twice():
    source = """
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = torch.nn.Linear(9, 3)
            self.a.weight.detach().normal_(0.0, 0.1)
            self.b = torch.nn.Linear(3, 9)
            self.{}.weight.detach().normal_(0.0, {})

    net = Net()
    """
    assert rows(rule, source.format("a", 0.1)) == [10]
    assert not rows(rule, source.format("b", 0.1))
    assert not rows(rule, source.format("a", 0.2))


FILLED = """import torch.nn as nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(8, 2), nn.Linear(2, 8)
{body}
"""


@pytest.mark.parametrize(
    "lines",
    [
        ["nn.init.zeros_(self.dec.bias)", "nn.init.uniform_(self.dec.weight, -0.1, 0.1)"],
        ["nn.init.normal_(self.enc.weight)", "nn.init.normal_(self.dec.weight)"],
        ["nn.init.zeros_(self.dec.weight)", "nn.init.eye_(self.dec.weight[:2])"],
        ["nn.init.zeros_(self.dec.weight)", "nn.init.normal_(self.dec.weight)", "nn.init.zeros_(self.dec.bias)"],
        ["nn.init.zeros_(self.dec.weight)", "if self.training:", "    nn.init.normal_(self.dec.weight)"],
    ],
    ids=["bias-and-weight", "two-layers", "a-part", "bias-is-filled", "a-branch"],
)
def test_silent_on_weights_that_are_filled_once(lines):
    assert rows(rule, FILLED.format(body="\n".join("        " + line for line in lines))) == []


@pytest.mark.parametrize(
    "lines",
    [
        ["nn.init.zeros_(self.dec.weight)", "nn.init.uniform_(self.dec.weight, -0.1, 0.1)"],
        ["self.dec.weight.data.zero_()", "self.dec.weight.data.uniform_(-0.1, 0.1)"],
        [
            "nn.init.constant_(self.dec.weight, 0)",
            "nn.init.zeros_(self.enc.bias)",
            "nn.init.xavier_uniform_(self.dec.weight)",
        ],
    ],
)
def test_fires_on_a_weight_that_is_filled_twice(lines):
    assert rows(rule, FILLED.format(body="\n".join("        " + line for line in lines))) == [7]


def test_silent_on_an_initialiser_in_a_file_of_parts_for_other_programs():
    source = """
import torch
from torch import nn

def weight_init(m):
    if isinstance(m, nn.Linear):
        nn.init.trunc_normal_(m.weight.data)

def fit(net, x):
    opt = torch.optim.Adam(net.parameters())
    opt.zero_grad()
    nn.functional.mse_loss(net(x), x).backward()
    opt.step()
"""
    assert rows(rule, source) == []
    assert rows(rule, source + "\nfit(nn.Linear(4, 4), torch.rand(2, 4))\n") == [5]


NETWORK = """
import torch
from torch import nn

def reset(m):
    if isinstance(m, {kind}):
        m.weight.data.normal_(0.0, 0.01)

class Net(nn.Module):
    def __init__(self, width=4, wanted={wanted}):
        super().__init__()
        self.head = nn.Linear(4, 4)
        {assertion}
        self.blocks = nn.ModuleList()
        for i in range(2):
            self.blocks += [nn.Conv1d(4, 4, 3)]
        self.apply(reset)
"""


def test_silent_on_layers_that_are_added_to_a_container():
    assert rows(rule, NETWORK.format(wanted=4, assertion="pass", kind="nn.Conv1d")) == []
    assert rows(rule, NETWORK.format(wanted=4, assertion="pass", kind="nn.Conv2d")) == [6]


def test_silent_where_the_constructor_forbids_its_own_defaults():
    source = NETWORK.format(wanted=8, assertion="assert width == wanted", kind="nn.Conv1d")
    child = "class Child(Net):\n    def __init__(self):\n        super().__init__()\n        self.tail = nn.Linear(4, 4)\n        self.apply(reset)\n"
    assert rows(rule, source + child) == []


PARTLY_KNOWN = """
import torch
from torch import nn
from elsewhere import conv3x3

class Block(nn.Module):
    def __init__(self, more):
        super().__init__()
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.last = {last}

    def forward(self, x):
        return self.last(self.up(x))

class Model(nn.Module):
    def __init__(self, more=None):
        super().__init__()
        self.block = Block(more)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight)

    def forward(self, x):
        return self.block(x)

Model()
"""


@pytest.mark.parametrize(
    "last", ["conv3x3(8, 8)", "nn.Sequential(*more)", "nn.Conv2d(8, 8, 3) if conv3x3.on else None"]
)
def test_silent_where_some_layer_is_out_of_sight(last):
    assert rows(rule, PARTLY_KNOWN.format(last=last)) == []


def test_fires_where_every_layer_is_known():
    assert rows(rule, PARTLY_KNOWN.format(last="nn.ConvTranspose2d(8, 8, 2)")) == [20]
