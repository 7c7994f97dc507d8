import pytest

from aelint.rules.architecture import unregistered_layers as rule
from aelint.semantics import understand
from aelint.semantics.interpreter.machine import Limits
from aelint.sources.unit import SourceUnit
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\n"


def net(*lines: str) -> str:
    body = "\n".join("        " + line for line in lines)
    return (
        HEAD
        + f"class N(nn.Module):\n    def __init__(self, teacher=None):\n        super().__init__()\n{body}\n    def forward(self, x):\n        return x\nN(nn.Linear(2, 2))\n"
    )


def test_silent_on_registered_containers():
    assert (
        rows(rule, net("self.a = nn.ModuleList([nn.Linear(2, 2)])", "self.b = nn.ModuleDict({'x': nn.Linear(2, 2)})"))
        == []
    )


def test_silent_on_a_list_that_is_wrapped_afterwards():
    assert rows(rule, net("self.layers = [nn.Linear(2, 2), nn.ReLU()]", "self.net = nn.Sequential(*self.layers)")) == []
    assert rows(rule, net("layers = []", "layers.append(nn.Linear(2, 2))", "self.net = nn.Sequential(*layers)")) == []


@pytest.mark.parametrize("count", ["3", "len(teacher)"])
@pytest.mark.parametrize(
    "adds",
    ["self.add_module(f'l{i}', layer)", "self.__setattr__('l{}'.format(i), layer)", "setattr(self, f'l{i}', layer)"],
)
def test_silent_when_the_loop_also_adds_the_module(adds, count):
    lines = [
        "self.layers = []",
        f"for i in range({count}):",
        "    layer = nn.Linear(2, 2)",
        f"    {adds}",
        "    self.layers.append(layer)",
    ]
    assert rows(rule, net(*lines)) == []


LISTED = [
    "self.layers, self.kept = [], []",
    "for i in range(3):",
    "    self.layers.append(nn.Linear(2, 2))",
    "    self.kept.extend(self.layers[-1].parameters())",
]


def test_silent_where_a_list_of_parameters_holds_those_of_the_layers():
    assert rows(rule, net(*LISTED, "self.kept = nn.ParameterList(self.kept)")) == []


def test_fires_where_the_list_of_parameters_is_a_plain_one_too():
    assert rows(rule, net(*LISTED)) == [6]


def test_silent_where_an_optimiser_is_given_the_layers_by_hand():
    held = net(
        "self.encoder = {'x': nn.Linear(2, 2)}",
        "given = list(self.parameters())",
        "for name in ['x']:",
        "    given += list(self.encoder[name].parameters())",
        "self.optimizer = torch.optim.Adam(given)",
    )
    assert rows(rule, held) == []
    assert rows(rule, held.replace("given += list(self.encoder[name].parameters())", "pass")) == [6]


def test_silent_on_the_arguments_of_the_constructor():
    source = net("self.head = nn.Linear(2, 2)").replace(
        "super().__init__()", "self.given = locals()\n        super().__init__()"
    )
    source = source.removesuffix("N(nn.Linear(2, 2))\n")
    assert rows(rule, source) == []


def test_silent_on_layers_without_parameters():
    assert rows(rule, net("self.acts = [nn.ReLU(), nn.Tanh()]", "self.sizes = [1, 2]")) == []


def test_silent_on_a_module_that_is_hidden_on_purpose():
    assert rows(rule, net("self._teacher = [teacher]")) == []


def test_fires_on_an_appended_list():
    found = run(
        rule,
        net(
            "self.layers = []",
            "for i in range(3):",
            "    self.layers.append(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))",
        ),
    )
    assert [f.site.row for f in found] == [6]
    assert "plain list with 3 layers" in found[0].message


def test_fires_on_tuples_dicts_and_comprehensions():
    assert rows(rule, net("self.a = (nn.Linear(2, 2), nn.Linear(2, 2))")) == [6]
    found = run(rule, net("self.a = {'x': nn.Linear(2, 2)}"))
    assert "nn.ModuleDict" in found[0].message
    assert rows(rule, net("self.a = [nn.Conv2d(1, 1, 3) for _ in range(4)]")) == [6]


def test_fires_on_blocks_of_the_project():
    source = HEAD + (
        "class B(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.f = nn.Linear(2, 2)\n"
        "    def forward(self, x):\n        return self.f(x)\n"
        "class N(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.blocks = [B(), B()]\n"
        "    def forward(self, x):\n        for b in self.blocks:\n            x = b(x)\n        return x\n"
    )
    assert rows(rule, source) == [12]


TENSOR = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.code = {value}

    def forward(self, x):
        return {use}

net = Net()
optimizer = torch.optim.Adam({given})
net(torch.rand(2, 4))
"""
TRAINED = "torch.randn(4, 8, requires_grad=True)"


@pytest.mark.parametrize(
    ("value", "use", "given"),
    [
        ("nn.Parameter(torch.randn(4, 8))", "x @ self.code", "net.parameters()"),
        ("torch.randn(4, 8)", "x @ self.code", "net.parameters()"),
        (TRAINED, "x @ self.code", "[net.code]"),
        (TRAINED, "x", "net.parameters()"),
        (f"nn.Parameter({TRAINED})", "x @ self.code", "net.parameters()"),
    ],
)
def test_silent_on_tensors_that_are_registered_optimised_or_constant(value, use, given):
    assert rows(rule, TENSOR.format(value=value, use=use, given=given)) == []


def test_fires_on_a_tensor_that_no_optimiser_receives():
    assert rows(rule, TENSOR.format(value=TRAINED, use="x @ self.code", given="net.parameters()")) == [8]


def test_silent_where_a_base_of_another_package_may_register_them():
    source = net("self.layers = [nn.Linear(2, 2)]")
    assert rows(rule, source) == [6]
    framework = source.replace("nn.Module)", "Registering)").replace(
        "import torch\n", "import torch\nfrom framework import Registering\n"
    )
    assert rows(rule, framework) == []


def test_silent_on_a_tensor_of_something_that_is_no_network():
    source = TENSOR.format(value=TRAINED, use="x @ self.code", given="net.parameters()")
    assert rows(rule, source) == [8]
    assert (
        rows(rule, source.replace("class Net(nn.Module)", "class Net").replace("net(torch", "net.forward(torch")) == []
    )


def test_reported_once_where_two_networks_are_built():
    assert rows(rule, net("self.layers = [nn.Linear(2, 2)]") + "N()\n") == [6]
    source = TENSOR.format(value=TRAINED, use="x @ self.code", given="net.parameters()")
    assert rows(rule, source + "other = Net()\nother(torch.rand(2, 4))\n") == [8]


def test_silent_on_a_tuple_of_one_that_keeps_a_module_out_on_purpose():
    assert rows(rule, net("inner = nn.Linear(2, 2)", "self.proxy = (inner,)")) == []
    assert rows(rule, net("inner = nn.Linear(2, 2)", "self.proxy = [inner]")) == [7]


def test_silent_on_a_dict_from_which_the_network_itself_was_taken():
    source = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.given = locals()
        {take}
        self.fc = nn.Linear(width, width)

    def forward(self, x):
        return self.fc(x)

Net()(torch.rand(2, 4))
"""
    assert rows(rule, source.format(take="self.given.pop('self', None)")) == []


def test_silent_where_the_constructor_was_not_read_to_its_end():
    lines = [
        "self.layers = [nn.Linear(2, 2)]",
        *("x = 1 + 1" for _ in range(40)),
        "self.layers = nn.ModuleList(self.layers)",
    ]
    unit = SourceUnit("main.py", net(*lines))
    short = understand(unit, limits=Limits(steps=120, steps_per_root=60))
    assert short.machine.stopped
    assert list(rule.check(short)) == []


SLOTS = """
import torch
from torch import nn

class Slots(nn.Module):
    def __init__(self):
        super().__init__()
        self.mu = nn.Parameter(torch.zeros(1, 1, 8))
        {keep}
        self.decoder = nn.Linear(8, 16)

    def forward(self, x):
        {more}
        slots = self.mu + self.log_sigma.exp() * torch.randn(x.shape[0], 4, 8)
        return self.decoder(slots)

model = Slots()
model(torch.rand(3, 16)).sum().backward()
"""


@pytest.mark.parametrize(
    ("keep", "more", "found"),
    [
        ("self.log_sigma = nn.Parameter(torch.randn(1, 1, 8))", "pass", []),
        ("self.register_buffer('log_sigma', torch.zeros(1, 1, 8))", "pass", []),
        ("self.register_buffer('log_sigma', torch.randn(1, 1, 8))", "self.log_sigma.mul_(0.9)", []),
        ("self.register_buffer('log_sigma', torch.randn(1, 1, 8))", "self.log_sigma = self.log_sigma * 0.9", []),
        ("self.register_buffer('log_sigma', torch.randn(1, 1, 8))", "pass", [9]),
        ("self.register_buffer('log_sigma', nn.init.xavier_uniform_(torch.empty(1, 1, 8)))", "pass", [9]),
        ("self.register_buffer('log_sigma', torch.rand(1, 1, 8), persistent=True)", "pass", [9]),
    ],
)
def test_a_random_scale_that_lies_in_a_buffer(keep, more, found):
    assert rows(rule, SLOTS.format(keep=keep, more=more)) == found


PRIOR = """
import torch
from torch import nn

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.decoder = nn.Linear(16, 8), nn.Linear(4, 16)
        {keep}

    def forward(self, x):
        mu, logvar = self.head(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        near = {distance}
        return self.decoder(z), near + (logvar.exp() - logvar).sum()

model = VAE()
{more}
(sum(part.mean() for part in model(torch.rand(3, 16)))).backward()
"""
RANDOM = "self.means = torch.randn(5, 1, 4)"
SQUARED = "(mu - self.means).pow(2).mean()"


@pytest.mark.parametrize(
    ("keep", "distance", "more"),
    [
        pytest.param("self.means = nn.Parameter(torch.randn(5, 1, 4))", SQUARED, "", id="learned"),
        pytest.param("self.register_buffer('means', torch.randn(5, 1, 4))", SQUARED, "", id="a buffer, to stay"),
        pytest.param("self.means = torch.zeros(5, 1, 4)", SQUARED, "", id="a standard normal prior"),
        pytest.param(RANDOM, SQUARED, "model.means = torch.load('means.pt')", id="set later"),
        pytest.param(RANDOM, SQUARED, "model.means.copy_(fitted())", id="filled later"),
        pytest.param(RANDOM, "self.decoder(self.means).pow(2).mean()", "", id="noise that is shown"),
        pytest.param(RANDOM, "(z - self.means).pow(2).mean()", "", id="compared with samples"),
        pytest.param(RANDOM, "self.decoder(mu - self.means).mean()", "", id="a random shift, no distance"),
    ],
)
def test_silent_on_priors_that_are_learned_or_meant_to_stay(keep, distance, more):
    assert rows(rule, PRIOR.format(keep=keep, distance=distance, more=more)) == []


@pytest.mark.parametrize(
    ("keep", "distance"),
    [
        pytest.param(RANDOM, SQUARED, id="mean minus prior"),
        pytest.param(RANDOM, "((self.means - mu) ** 2).mean()", id="prior minus mean"),
        pytest.param(
            "self.means = torch.rand(5, 4)", "torch.square(mu - self.means.unsqueeze(1)).mean()", id="reshaped"
        ),
    ],
)
def test_a_prior_of_random_numbers_in_a_plain_tensor(keep, distance):
    assert rows(rule, PRIOR.format(keep=keep, distance=distance, more="")) == [9]


JOINED = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.parts, self.others = [], []
        for a, b in zip(sizes[:-1], sizes[1:]):
            self.parts.append(nn.Linear(a, b))
            self.others.append(nn.Linear(b, a))
        layers = []
        {join}
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        {run}
        return self.net(x)
"""


@pytest.mark.parametrize(
    "join",
    [
        "for p in self.parts: layers.append(p)\n        for p in self.others: layers.append(p)",
        "[layers.append(p) for p in self.parts]\n        [layers.append(p) for p in self.others]",
        "layers.extend(p for p in self.parts)\n        layers.extend(p for p in self.others)",
    ],
    ids=["in loops", "in comprehensions", "by extend"],
)
def test_silent_on_lists_of_unknown_length_that_are_handed_on(join):
    assert rows(rule, JOINED.format(join=join, run="pass")) == []


def test_a_list_that_is_run_and_not_handed_on():
    run = "for part in self.parts: x = part(x)"
    assert rows(rule, JOINED.format(join="for p in self.others: layers.append(p)", run=run)) == [8]


METHODS = (
    HEAD
    + """
import torch.nn.functional as F

def project(x, width):
    return nn.Linear(8, width)(x)

class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.late = None
        {start}

    def block(self):
        return nn.Linear(8, 8)

    def encode(self, x):
        {body}

    def forward(self, x):
        return self.encode(self.fc(x))

AE()(torch.load("x.pt").view(-1, 8))
"""
)


def method(body: str, start: str = "pass") -> str:
    return METHODS.format(body=body.replace("\n", "\n        "), start=start)


@pytest.mark.parametrize(
    ("body", "start"),
    [
        ("return nn.ReLU()(nn.LayerNorm(8)(x))", "pass"),
        ("if self.late is None:\n    self.late = nn.Linear(8, 8)\nreturn self.late(x)", "pass"),
        ("layer = nn.Linear(8, 8)\nself.late = layer\nreturn layer(x)", "pass"),
        ("layer = nn.Linear(8, 8)\nlayer.weight.data.fill_(0.1)\nreturn layer(x)", "pass"),
        ("layer = nn.Linear(8, 8)\nnn.init.eye_(layer.weight)\nreturn layer(x)", "pass"),
        ("return nn.Sequential(self.fc, nn.ReLU())(x)", "pass"),
        ("return x", "self.width = nn.Conv1d(1, 4, 3)(torch.zeros(1, 1, 8)).shape[-1]"),
        ("return x", "self.late = self.block()"),
        ("width = nn.Linear(8, 3)(torch.zeros(1, 8)).shape[1]\nreturn x * width", "pass"),
        ("with torch.no_grad():\n    return nn.Linear(8, 8)(x)", "pass"),
    ],
    ids=[
        "no random weights",
        "made at the first call",
        "kept",
        "weights are set",
        "weights are drawn by a rule",
        "layers of the constructor",
        "to learn a size in the constructor",
        "a builder",
        "to learn a size",
        "random features",
    ],
)
def test_silent_on_layers_that_live_on_or_have_no_random_weights(body, start):
    assert rows(rule, method(body, start)) == []


@pytest.mark.parametrize(
    ("body", "row"),
    [
        ("return nn.Linear(8, 4)(x)", 20),
        ("layer = nn.Linear(8, 4).to(x.device)\nreturn F.relu(layer(x))", 20),
        ("layer = nn.Linear(8, 4)\nlayer = layer.cuda()\nreturn layer(x)", 20),
        ("net = nn.Sequential(nn.Linear(8, 4), nn.ReLU())\nreturn net(x)", 20),
        ("layers = [nn.Linear(8, 4), nn.ReLU()]\nreturn nn.Sequential(*layers)(x)", 21),
        ("h, _ = nn.GRU(8, 4)(x)\nreturn h", 20),
        ("return project(x, 4)", 7),
    ],
    ids=["at once", "moved", "moved under its name", "a container", "of a list", "recurrent", "in a function"],
)
def test_layers_that_each_call_makes_anew(body, row):
    assert rows(rule, method(body)) == [row]
