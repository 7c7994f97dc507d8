"""AEL603: states and the modules that they fit."""

import pytest

from aelint.rules.inference import lenient_loading as rule
from tests.rules.harness import rows

SETUP = """
import torch
from torch import nn
from zoo import Backbone

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)

class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.decoder = nn.Linear(2, 4)

ae, enc = AE(), Encoder()
def transfer(net, state):
    own = net.state_dict()
    kept = {k: v for k, v in state.items() if k in own}
    own.update(kept)
    net.load_state_dict(own)
"""

HEALTHY = {
    "the part that fits": "enc.load_state_dict(ae.encoder.state_dict())",
    "the same class": "AE().load_state_dict(ae.state_dict())",
    "filtered, and something is kept": "transfer(AE(), ae.state_dict())",
    "a part of a larger model": "class Big(AE):\n    pass\nBig().load_state_dict(ae.state_dict(), strict=False)",
    "an unknown file": "enc.load_state_dict(torch.load('other.pt'), strict=False)",
    "unwrapped": "torch.save({'net': ae.state_dict()}, 'a.pt')\nae.load_state_dict(torch.load('a.pt')['net'])",
    "a module that cannot be read": "Backbone().load_state_dict(ae.state_dict(), strict=False)",
    "a copy of the part that fits": "enc.load_state_dict({k: v.cpu() for k, v in ae.encoder.state_dict().items()})",
    "a copy of some entries": "enc.load_state_dict({k: v for k, v in ae.state_dict().items() if 'fc' in k}, strict=False)",
    "keys are renamed": "enc.load_state_dict({k[8:]: v for k, v in ae.state_dict().items()}, strict=False)",
}


@pytest.mark.parametrize("lines", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(lines):
    assert rows(rule, SETUP + lines) == []


FAULTS = {
    "whole into part": ("enc.load_state_dict(ae.state_dict(), strict=False)", 23),
    "a copy of the whole into a part": (
        "enc.load_state_dict({k: v.clone() for k, v in ae.state_dict().items()}, strict=False)",
        23,
    ),
    "a copy out of a function": (
        "def fit(net):\n    return {name: w for name, w in net.state_dict().items()}\nstate = fit(ae)\nenc.load_state_dict(state, strict=False)",
        26,
    ),
    "filtered to nothing": ("transfer(enc, ae.state_dict())", 20),
    "through a file": (
        "torch.save(ae.state_dict(), 'a.pt')\nenc.load_state_dict(torch.load('a.pt'), strict=False)",
        24,
    ),
    "wrapped": (
        "torch.save({'net': ae.state_dict(), 'epoch': 3}, 'a.pt')\nae.load_state_dict(torch.load('a.pt'), strict=False)",
        24,
    ),
}


@pytest.mark.parametrize(("lines", "row"), FAULTS.values(), ids=FAULTS.keys())
def test_fires(lines, row):
    assert rows(rule, SETUP + lines) == [row]


def test_models_of_another_file():
    files = {
        "main.py": "from models import AE, Encoder\n\nnet = Encoder()\nnet.load_state_dict(AE().state_dict(), strict=False)\n",
        "models.py": SETUP.split("ae, enc", maxsplit=1)[0],
    }
    assert rows(rule, files) == [4]


MORE = {
    "another function of that name": "class Store:\n    def load_state_dict(self, state):\n        pass\nStore().load_state_dict(ae.state_dict())",
    "strict, which says so itself": "AE().load_state_dict(ae.state_dict(), strict=True)",
    "a network that makes layers later": (
        "class Lazy(nn.Module):\n    def __init__(self, n):\n        super().__init__()\n        for i in range(n):\n"
        "            setattr(self, f'l{i}', nn.Linear(4, 2))\nLazy(int(input())).load_state_dict(ae.state_dict(), strict=False)"
    ),
    "an empty dict by purpose": "enc.load_state_dict({}, strict=False)",
    "a layer without numbers": "nn.ReLU().load_state_dict(ae.state_dict(), strict=False)",
}


@pytest.mark.parametrize("lines", MORE.values(), ids=MORE.keys())
def test_silent_where_nothing_is_lost(lines):
    assert rows(rule, SETUP + lines) == []


def test_silent_on_a_module_that_renames_the_keys_itself():
    source = """
        import torch
        from torch import nn

        class Attention(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = nn.Linear(8, 8)

            def _load_from_state_dict(self, state_dict, prefix, *args):
                for key in list(state_dict):
                    state_dict[prefix + "inner." + key] = state_dict.pop(key)
                super()._load_from_state_dict(state_dict, prefix, *args)

        Attention().load_state_dict(nn.Linear(8, 8).state_dict())
        """
    assert rows(rule, source) == []
    assert rows(rule, source.replace("_load_from_state_dict(self", "rename(self")) == [15]


REBUILT = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def forward(self, x):
        return self.fc(x)

class Trainer:
    def __init__(self):
        self.net = None

    def load(self, path):
        self.net = Net()
        self.net.load_state_dict(torch.load(path))

    def train(self, x):
        {start}
        self.net(x).mean().backward()

trainer = Trainer()
trainer.load("net.pt")
{between}
trainer.train(torch.randn(4, 8))
"""


@pytest.mark.parametrize(
    ("start", "between"),
    [
        pytest.param("pass", "pass", id="trained on"),
        pytest.param("if self.net is None: self.net = Net()", "pass", id="built where none was loaded"),
        pytest.param("self.net = Net()", "print(trainer.net(torch.randn(2, 8)))", id="used in between"),
        pytest.param("self.other = Net()", "pass", id="another name"),
    ],
)
def test_silent_on_states_that_stay(start, between):
    assert rows(rule, REBUILT.format(start=start, between=between)) == []


def test_a_network_that_is_built_anew_behind_the_load():
    assert rows(rule, REBUILT.format(start="self.net = Net()", between="pass")) == [22]


@pytest.mark.parametrize(
    ("again", "expected"), [("model = nn.Linear(4, 4)", []), ("model = Net()", [12]), ("pass", [])]
)
def test_a_name_that_is_given_a_new_network(again, expected):
    text = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

model = Net()
model.load_state_dict(torch.load("net.pt"))
{again}
optimizer = torch.optim.Adam(model.parameters())
"""
    assert rows(rule, text.format(again=again)) == expected


NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
    def forward(self, x):
        return self.fc(x)
"""


def test_silent_on_a_loop_that_loads_several_networks_of_one_class():
    source = (
        NET
        + """
def restart(path, **parts):
    state = torch.load(path)
    for key, value in parts.items():
        value.load_state_dict(state[key])

student, teacher = Net(), Net()
restart("last.pt", student=student, teacher=teacher)
y = student(torch.rand(2, 4)) - teacher(torch.rand(2, 4))
"""
    )
    assert rows(rule, source) == []


def test_silent_where_each_round_builds_a_network_and_loads_it():
    source = (
        NET
        + """
for path in ("a.pt", "b.pt"):
    net = Net()
    net.load_state_dict(torch.load(path))
    later = lambda x: net(x)
"""
    )
    assert rows(rule, source) == []


RESUMED = """
import torch
from torch import nn

model, critic = nn.Linear(4, 4), nn.Linear(4, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
state = torch.load("last.pt")
optimizer.load_state_dict(state["optimizer"])
{again}
for x in torch.rand(9, 3, 4):
    optimizer.zero_grad()
    (model(x) - x).pow(2).mean().backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("reason", "again"),
    [
        ("goes on with what was loaded", "pass"),
        ("a name of its own", "other = torch.optim.Adam(critic.parameters())"),
        ("other parameters", "optimizer = torch.optim.Adam(critic.parameters())"),
        ("used before", "optimizer.step(); optimizer = torch.optim.Adam(model.parameters())"),
        ("on a condition", "if state['fresh']: optimizer = torch.optim.Adam(model.parameters())"),
        (
            "loaded as well",
            "optimizer = torch.optim.SGD(model.parameters(), lr=0.1); optimizer.load_state_dict(state['sgd'])",
        ),
    ],
)
def test_silent_on_a_resumed_optimiser(reason, again):
    assert rows(rule, RESUMED.format(again=again)) == [], reason


@pytest.mark.parametrize(
    "again",
    [
        "optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)",
        "optimizer = torch.optim.AdamW(list(model.parameters()))",
        "optimizer = torch.optim.SGD([{'params': model.parameters()}], lr=0.1)",
    ],
)
def test_fires_on_an_optimiser_that_is_built_anew(again):
    assert rows(rule, RESUMED.format(again=again)) == [9]


def test_fires_where_a_checkpoint_may_be_missing():
    source = RESUMED.replace("optimizer.load", 'import os\nif os.path.exists("last.pt"):\n    optimizer.load')
    assert rows(rule, source.format(again="optimizer = torch.optim.Adam(model.parameters())")) == [11]
