"""AEL402: who trains which layers."""

import textwrap

import pytest

from aelint.rules.optimization import optimizer_misses_parameters as rule
from tests.rules.harness import rows, run

PARTS = """
import itertools
import torch
from torch import nn

encoder, decoder = nn.Linear(20, 4), nn.Linear(4, 20)
{optimizers}
for i in range(99):
    x = torch.randn(8, 20)
    loss = nn.functional.mse_loss(decoder(encoder(x)), x)
    opt.zero_grad()
    loss.backward()
    opt.step()
"""

HEALTHY = {
    "chained": "opt = torch.optim.Adam(itertools.chain(encoder.parameters(), decoder.parameters()))",
    "added lists": "opt = torch.optim.Adam(list(encoder.parameters()) + list(decoder.parameters()))",
    "groups": "opt = torch.optim.Adam([{'params': encoder.parameters()}, {'params': decoder.parameters(), 'lr': 1e-4}])",
    "filtered": (
        "both = nn.ModuleList([encoder, decoder])\n"
        "opt = torch.optim.Adam(filter(lambda p: p.requires_grad, both.parameters()))"
    ),
    "extended": "both = list(encoder.parameters())\nboth += decoder.parameters()\nopt = torch.optim.Adam(both)",
    "a second optimiser": "opt = torch.optim.Adam(encoder.parameters())\nopt2 = torch.optim.Adam(decoder.parameters())",
    "a group is added": "opt = torch.optim.Adam(encoder.parameters())\nopt.add_param_group({'params': decoder.weight})",
    "frozen": "decoder.requires_grad_(False)\nopt = torch.optim.Adam(encoder.parameters())",
    "a fixed filter": (
        "decoder.weight = nn.Parameter(torch.ones(20, 4), requires_grad=False)\n"
        "opt = torch.optim.Adam(encoder.parameters())"
    ),
    "loaded": "decoder.load_state_dict(torch.load('d.pt'))\nopt = torch.optim.Adam(encoder.parameters())",
    "in evaluation mode": "decoder.eval()\nopt = torch.optim.Adam(encoder.parameters())",
    "unknown parameters": "from setup import parameters\nopt = torch.optim.Adam(parameters())",
    "parameters that are chosen elsewhere": "from setup import chosen\nopt = torch.optim.Adam(chosen)",
    "an optimiser from elsewhere": "from setup import optimizer_for\nopt = optimizer_for(encoder)",
}


@pytest.mark.parametrize("optimizers", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(optimizers):
    assert rows(rule, PARTS.format(optimizers=optimizers)) == []


def test_decoder_is_missing():
    assert rows(rule, PARTS.format(optimizers="opt = torch.optim.Adam(encoder.parameters())")) == [7]


LOOKS = {
    "clipped": "for m in (encoder, decoder): nn.utils.clip_grad_norm_(m.parameters(), 1.0)",
    "counted": "print(sum(p.numel() for p in decoder.parameters() if p.requires_grad))",
    "saved": "torch.save({'model': decoder.state_dict()}, 'd.pt')",
    "scored in between": "decoder.eval(); decoder.train()",
}


@pytest.mark.parametrize("line", LOOKS.values(), ids=LOOKS.keys())
def test_a_part_that_is_only_looked_at_is_missed(line):
    source = PARTS.format(optimizers="opt = torch.optim.Adam(encoder.parameters())") + "    " + line + "\n"
    assert rows(rule, source) == [7]


CARED_FOR = {
    "an average follows it": "for p, q in zip(decoder.parameters(), encoder.parameters()): p.data.lerp_(q.data, 0.1)",
    "a copy takes its weights": "held = decoder.state_dict(); held['weight'] = held['weight'] * 0.9",
    "only the rest is set to training": "encoder.train(); decoder.eval()",
    "switched off in passing": "decoder.train(False); decoder.eval()",
    "moved by hand": "for p in decoder.parameters(): p.data -= 0.1 * p.grad",
}


@pytest.mark.parametrize("line", CARED_FOR.values(), ids=CARED_FOR.keys())
def test_silent_where_a_part_is_dealt_with_in_another_way(line):
    source = PARTS.format(optimizers="opt = torch.optim.Adam(encoder.parameters())") + "    " + line + "\n"
    assert rows(rule, source) == []


def test_the_optimiser_is_given_the_network_that_a_part_was_taken_from():
    source = """
    import torch
    from torch import nn

    class Model(nn.Module):
        def __init__(self, body):
            super().__init__()
            self.body, self.head = body, nn.Linear(4, 20)

        def forward(self, x):
            return self.head(self.body(x))

    def fit(body, model):
        opt = torch.optim.AdamW({}.parameters())
        model.train()
        for i in range(9):
            x = torch.rand(8, 20)
            opt.zero_grad()
            (model(x) - x).pow(2).mean().backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()

    body = nn.Linear(20, 4)
    fit(body, Model(body))
    """
    assert rows(rule, source.format("body")) == [14]
    assert rows(rule, source.format("model")) == []


def test_weights_that_are_set_and_stay_trainable_are_missed():
    given = "decoder.weight = nn.Parameter(torch.randn(20, 4))\nopt = torch.optim.Adam(encoder.parameters())"
    assert rows(rule, PARTS.format(optimizers=given)) == [8]


def test_one_part_of_a_list():
    assert rows(rule, PARTS.format(optimizers="opt = torch.optim.SGD([{'params': decoder.parameters()}], lr=0.1)")) == [
        7
    ]


def test_a_model_made_anew_in_another_file():
    files = {
        "main.py": """
            import torch
            from model import AE

            model = AE()
            opt = torch.optim.Adam(model.encoder.parameters())
            for i in range(9):
                x = torch.randn(8, 20)
                opt.zero_grad()
                (model(x) - x).pow(2).mean().backward()
                opt.step()
            """,
        "model.py": """
            from torch import nn


            class AE(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.encoder = nn.Sequential(nn.Linear(20, 5), nn.Tanh())
                    self.decoder = nn.Sequential(nn.Linear(5, 20))

                def forward(self, x):
                    return self.decoder(self.encoder(x))
            """,
    }
    assert rows(rule, files) == [6]


def test_everything_is_frozen():
    source = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder, self.features = nn.Linear(9, 3), nn.Linear(3, 9), nn.Linear(9, 4)
            for p in {}.parameters():
                p.requires_grad = False

        def forward(self, x):
            y = self.decoder(self.encoder(x))
            return (self.features(y) - self.features(x)).pow(2).mean()

    net = Net()
    opt = torch.optim.Adam(net.parameters())
    for i in range(10):
        opt.zero_grad()
        net(torch.rand(4, 9)).backward()
        opt.step()
    """
    assert rows(rule, source.format("self")) == [10]
    assert not rows(rule, source.format("self.features"))


TRAINED = """
opt = torch.optim.Adam(model.parameters())
x = torch.randn(8, 20)
loss = model(x).pow(2).mean()
loss.backward()
opt.step()
"""

STORED = {
    "a part that some settings build": """
        import torch
        from settings import wide
        from torch import nn

        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = nn.Linear(20, 20)
                if wide:
                    self.skip = nn.Linear(20, 20)
                else:
                    self.skip = None

            def forward(self, x):
                return self.inner(x) + (x if self.skip is None else self.skip(x))

        model = nn.Sequential(Block())
        """,
    "a layer of the project's own that is a linear layer": """
        import torch
        from torch import nn

        class Layer(nn.Linear):
            def forward(self, x):
                return super().forward(x).relu()

        model = nn.Sequential(Layer(20, 20))
        """,
    "a layer that a decorator stores": """
        import torch
        from torch import nn

        def stored(name):
            def decorate(make):
                def wrapper(self, x):
                    if getattr(self, name) is None:
                        setattr(self, name, make(self, x))
                    return getattr(self, name)
                return wrapper
            return decorate

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.head = None
                self.forward(torch.randn(2, 20))

            @stored("head")
            def made(self, x):
                return nn.Linear(x.shape[1], 20)

            def forward(self, x):
                return self.made(x)(x)

        model = Net()
        """,
}


@pytest.mark.parametrize("source", STORED.values(), ids=STORED.keys())
def test_silent_on_layers_that_the_model_holds_in_another_way(source):
    assert rows(rule, textwrap.dedent(source) + TRAINED) == []


def test_a_target_network_with_optional_parts_is_cared_for():
    source = textwrap.dedent(STORED["a part that some settings build"]) + textwrap.dedent("""
        target = Block()
        target.load_state_dict(model[0].state_dict())
        opt = torch.optim.Adam(model.parameters())
        x = torch.randn(8, 20)
        loss = (model(x) - target(x)).pow(2).mean()
        loss.backward()
        opt.step()
        """)
    assert rows(rule, source) == []


FROZEN = {
    "thawed again": (
        "for p in encoder.parameters():\n    p.requires_grad = False\nfor p in encoder.parameters():\n    p.requires_grad = True\n"
        "opt = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])"
    ),
    "one of two parts": (
        "for p in encoder.parameters():\n    p.requires_grad = False\n"
        "opt = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])"
    ),
    "if the user asks for it": (
        "both = nn.Sequential(encoder, decoder)\nif input():\n    for p in both.parameters():\n        p.requires_grad = False\n"
        "opt = torch.optim.Adam(both.parameters())"
    ),
    "unknown parameters": (
        "from setup import chosen\nboth = nn.Sequential(encoder, decoder)\nfor p in both.parameters():\n    p.requires_grad = False\n"
        "opt = torch.optim.Adam(chosen(both))"
    ),
    "frozen, the rest is trained": (
        "for p in decoder.parameters():\n    p.requires_grad = False\nopt = torch.optim.Adam(encoder.parameters())"
    ),
}


@pytest.mark.parametrize("optimizers", FROZEN.values(), ids=FROZEN.keys())
def test_silent_on_parts_that_are_frozen_on_purpose(optimizers):
    assert rows(rule, PARTS.format(optimizers=optimizers)) == []


def test_silent_where_everything_is_frozen_after_training():
    optimizers = "both = nn.Sequential(encoder, decoder)\nopt = torch.optim.Adam(both.parameters())"
    end = "for p in both.parameters():\n    p.requires_grad = False\n"
    assert rows(rule, PARTS.format(optimizers=optimizers) + end) == []


def test_silent_on_parts_of_an_empty_module_and_on_a_choice_of_blocks():
    source = """
        import torch
        from torch import nn

        class A(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = nn.Linear(8, 8)

            def forward(self, x):
                return self.fc(x)

        class B(A):
            def forward(self, x):
                return self.fc(x).relu()

        class Net(nn.Module):
            def __init__(self, kind):
                super().__init__()
                self.level = nn.Module()
                self.level.block = A()
                self.blocks = nn.ModuleList([])
                self.blocks.append((A if kind == "a" else B)())

            def forward(self, x):
                return self.blocks[0](self.level.block(x))

        def train(kind, loader):
            net = Net(kind)
            optimizer = torch.optim.Adam(net.parameters())
            for x in loader:
                optimizer.zero_grad()
                net(x).pow(2).mean().backward()
                optimizer.step()
        """
    assert rows(rule, source) == []
    assert rows(rule, source.replace("net.parameters()", "net.blocks.parameters()")) == [30]


def test_silent_on_layers_in_a_class_of_another_library_that_may_be_a_module():
    source = """
import torch
from torch import nn
from graphs.nn import MessagePassing

class Layer(MessagePassing):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 8)
    def forward(self, x):
        return self.fc(x)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = Layer(), nn.Linear(8, 8)
    def forward(self, x):
        return self.last(self.first.forward(x))

net = Net()
opt = torch.optim.Adam(net.parameters())
for x in loader:
    loss = nn.functional.mse_loss(net(x), x)
    opt.zero_grad()
    loss.backward()
    opt.step()
"""
    assert rows(rule, source) == []
    assert rows(rule, source.replace("(MessagePassing)", "")) != []


def test_silent_on_target_networks_that_run_without_gradients():
    source = """
import copy
import torch
from torch import nn

class Agent:
    def __init__(self):
        self.critic = nn.Linear(4, 1)
        self.target = copy.deepcopy(self.critic)
        self.opt = torch.optim.Adam(self.critic.parameters())

    def train(self, x, y):
        {guard}
            wanted = y + self.target(x)
        loss = nn.functional.mse_loss(self.critic(x), wanted)
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()

agent = Agent()
agent.train(torch.rand(2, 4), torch.rand(2, 1))
"""
    assert rows(rule, source.format(guard="with torch.no_grad():")) == []
    assert rows(rule, source.format(guard="if True:")) == [10]


def test_silent_on_a_head_that_is_made_anew_for_each_evaluation():
    source = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(8, 8), nn.Identity()
    def reset(self, classes):
        self.head = nn.Linear(8, classes)
    def forward(self, x):
        return self.head(self.body(x))

net = Net()

def evaluate(x, y):
    net.reset(3)
    opt = torch.optim.Adam({given})
    opt.zero_grad()
    nn.functional.cross_entropy(net(x), y).backward()
    opt.step()

for _ in range(3):
    evaluate(torch.rand(4, 8), torch.randint(3, (4,)))
"""
    assert rows(rule, source.format(given="net.parameters()")) == []


OWN_STEP = """
import torch
from torch import nn

class Codebook(nn.Module):
    def __init__(self):
        super().__init__()
        self.codes, self.mixing = nn.Linear(4, 16), nn.Linear(16, 4)
        self.optimizer = torch.optim.SGD(self.{held}.parameters(), lr=1.0)

    def forward(self, z):
        vectors = self.mixing(self.codes(z).softmax(-1))
        nn.functional.mse_loss(vectors, z.detach()).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return vectors

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.codebook, self.decoder = nn.Linear(20, 4), Codebook(), nn.Linear(4, 20)

    def forward(self, x):
        return self.decoder(self.codebook(self.encoder(x)))

Model()(torch.rand(8, 20))
"""


def test_silent_on_layers_around_a_codebook_that_takes_its_own_steps():
    both = OWN_STEP.replace("self.{held}.parameters()", "[*self.codes.parameters(), *self.mixing.parameters()]")
    assert rows(rule, both) == []


def test_fires_on_a_layer_of_a_codebook_that_takes_its_own_steps():
    assert rows(rule, OWN_STEP.format(held="codes")) == [9]


HANDED = """
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

model = nn.Linear(4, 4)
x = torch.rand(8, 4)
{made}
opt = torch.optim.SGD({given}, lr=0.1)
for i in range(99):
    opt.zero_grad()
    loss = nn.functional.mse_loss({of}, x)
    loss.backward(){then}
    opt.step()
"""
DATA = "[x[:, 0], x[:, 1]]"

OPTIMISED = {
    "a tensor that asks for a gradient": ("z = torch.randn(8, 4, requires_grad=True)", "[z]", ""),
    "a tensor that is told to": ("z = torch.zeros(8, 4)\nz.requires_grad_()", "[z]", ""),
    "a tensor that is told to by an attribute": ("z = torch.zeros(8, 4)\nz.requires_grad = True", "[z]", ""),
    "a parameter": ("z = nn.Parameter(torch.zeros(8, 4))", "[z]", ""),
    "codes of an embedding": ("z = nn.Embedding(8, 4)", "[z.weight]", ""),
    "a variable": ("z = torch.autograd.Variable(torch.zeros(4), requires_grad=True)", "[{'params': [z]}]", ""),
    "the layers beside data": ("", "[x, *model.parameters()]", ""),
    "a code beside data": ("z = torch.randn(8, 4, requires_grad=True)", "[x, z]", ""),
    "further tensors": ("from setup import more\nz = [x]\nz += more", "z", ""),
    "what an unknown function makes of data": ("from setup import prepare\nz = prepare(x)", "[z]", ""),
    "a share of what is stored": ("z = torch.as_tensor(torch.load('z.pt'))", "[z]", ""),
    "what a layer gave, which torch refuses": ("", "[model(x)]", ""),
    "an unknown start": ("from setup import start\nz = start + 0", "[z]", ""),
    "an unknown start as a tensor": ("from setup import start\nz = torch.as_tensor(start)", "[z]", ""),
    "a stored start": ("z = torch.load('z.pt')", "[z]", ""),
    "a part of what is stored": ("z = torch.load('z.pt')[0]", "[z]", ""),
    "told to later": ("", DATA + ")\nfor p in parts(x): p.requires_grad_(True)\nprint(1", ""),
    "a gradient that is set": ("", "[x]", "\n    x.grad = x - model(x).detach()"),
    "one of two starts": ("z = torch.zeros(8, 4) if i else nn.Parameter(torch.zeros(8, 4))", "[z]", ""),
}


@pytest.mark.parametrize(("made", "given", "then"), OPTIMISED.values(), ids=OPTIMISED.keys())
def test_silent_on_inputs_that_are_optimised(made, given, then):
    made = "model.requires_grad_(False)\n" + made
    assert rows(rule, HANDED.format(made=made, given=given, of="model(x)", then=then)) == []


def test_silent_on_an_optimiser_that_no_backward_pass_belongs_to():
    source = HANDED.format(made="", given="[torch.zeros(1)]", of="model(x)", then="")
    assert rows(rule, source.replace("loss.backward()", "print(loss)")) == []
    assert rows(rule, HANDED.format(made="", given="[x]", of="x * 2", then="")) == []


@pytest.mark.parametrize(
    ("made", "given"),
    [
        ("", DATA),
        ("", "[x]"),
        ("", "(x, x * 2)"),
        ("x.grad = None", "[x]"),
        ("model.weight.requires_grad = False", "[x]"),
        ("", "params=[{'params': [x]}, {'params': x}]"),
        ("z = torch.tensor([[0.1, 0.2, 0.3, 0.4]])", "[z]"),
        ("z = torch.tensor(0.1)", "[z]"),
        ("z = torch.as_tensor(x)", "[z]"),
        ("z = torch.from_numpy(np.load('z.npy'))", "[z.float()]"),
        ("mixed = torch.empty_like(x)\nmixed[:, 0] = x[:, 0] + x[:, 1]", "[mixed[:, 0], mixed[:, 1]]"),
        ("z = next(iter(DataLoader(torch.rand(9, 4), 8)))", "[z]"),
        ("model.requires_grad_(False)", "[torch.randn(8, 4)]"),
    ],
)
def test_data_in_the_place_of_parameters(made, given):
    source = HANDED.format(made=made, given=given, of="model(x)", then="")
    assert rows(rule, source) == [source.splitlines().index(f"opt = torch.optim.SGD({given}, lr=0.1)") + 1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param("[x]", "is given a tensor of data that asks for no gradient", id="one"),
        pytest.param(DATA, "is given 2 tensors of data that ask for no gradient", id="two"),
    ],
)
def test_the_message_counts_the_tensors_of_data(given, said):
    (finding,) = run(rule, HANDED.format(made="", given=given, of="model(x)", then=""))
    assert said in finding.message


def test_fires_on_a_part_of_a_network_that_is_taken_out_of_a_wrapper_for_several_devices():
    source = """
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel as DDP


class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(40, 4)
        self.decoder = nn.Linear(4, 40)

    def forward(self, x):
        return self.decoder(torch.relu(self.encoder(x)))


def main(device, loader):
    model = DDP(AE().to(device), device_ids=[0])
    optimizer = torch.optim.Adam(model.module{part}.parameters())
    for x in loader:
        optimizer.zero_grad()
        F.mse_loss(model(x), x).backward()
        optimizer.step()
"""
    assert rows(rule, source.format(part="")) == []
    assert rows(rule, source.format(part=".encoder")) == [20]


LISTED = """
import torch
import torch.nn as nn
import torch.nn.functional as F


class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.middle, self.decoder = nn.Linear(40, 4), nn.Linear(4, 4), nn.Linear(4, 40)

    def trained(self):
        return [*self.encoder.parameters(), {middle}*self.decoder.parameters()]

    def forward(self, x):
        return self.decoder(torch.relu(self.middle(self.encoder(x))))


def main(loader):
    model = AE()
    optimizer = torch.optim.Adam({given})
    for x in loader:
        optimizer.zero_grad()
        F.mse_loss(model(x), x).backward()
        optimizer.step()
"""


def test_a_list_of_parameters_that_another_function_makes_is_told_there():
    assert rows(rule, LISTED.format(middle="*self.middle.parameters(), ", given="model.trained()")) == []
    (found,) = run(rule, LISTED.format(middle="", given="model.trained()"))
    assert found.site.row == 13
    assert "add them to this list" in found.message
    here = "[*model.encoder.parameters(), *model.decoder.parameters()]"
    assert rows(rule, LISTED.format(middle="", given=here)) == [21]


def test_silent_on_what_only_makes_samples_for_a_critic_without_a_graph():
    source = """
import torch
import torch.nn as nn
import torch.nn.functional as F

maker, critic = nn.Linear(4, 40), nn.Linear(40, 1)
optimizer = torch.optim.Adam(critic.parameters())
for x in loader:
    with torch.no_grad():
        wrong = maker(torch.randn(8, 4))
    maker(torch.randn(8, 4))
    optimizer.zero_grad()
    (critic(wrong).mean() - critic(x).mean()).backward()
    optimizer.step()
"""
    assert rows(rule, source) == []
    assert rows(rule, source.replace("with torch.no_grad():", "if True:")) == [7]


TRAINER = """
import torch
from torch import nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleDict({{"a": nn.Linear(20, 8), "b": nn.Linear(30, 8)}})
        self.encoder, self.decoder = nn.Linear(8, 4), nn.Linear(4, 20)

    def forward(self, x, kind):
        return self.decoder(torch.relu(self.encoder(self.parts[kind](x))))


class Trainer:
    def __init__(self, net):
        self.net = net
        self.optimizers = {{name: torch.optim.Adam(part.parameters()) for name, part in net.parts.items()}}
        self.optimizers["shared"] = torch.optim.Adam({held})

    def step(self, x, kind):
        used = (self.optimizers[kind], self.optimizers["shared"])
        for opt in used:
            opt.zero_grad()
        loss = F.mse_loss(self.net(x, kind), x)
        loss.backward()
        for opt in used:
            opt.step()


def train_step(net, x):
    Trainer(net).step(x, "a")


trainer = Trainer(Net())
for kind in kinds():
    trainer.step(torch.rand(8, 20), kind)
"""


def test_optimizers_of_each_part_in_a_trainer_that_unknown_callers_use_too():
    everything = "[*net.encoder.parameters(), *net.decoder.parameters()]"
    assert rows(rule, TRAINER.format(held=everything)) == []
    assert rows(rule, TRAINER.format(held="net.encoder.parameters()")) == [21]


def test_silent_where_only_unknown_callers_use_the_optimizer():
    alone = TRAINER.partition("trainer = Trainer(Net())")[0]
    assert rows(rule, alone.format(held="net.encoder.parameters()")) == []
