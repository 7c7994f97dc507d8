"""AEL406: cuts on the only path, and the many cuts that are meant."""

import pytest

from aelint.diagnostics import Severity
from aelint.rules.optimization import severed_gradient as rule
from tests.rules.harness import rows, run

SETUP = """
import torch
from torch import nn
import torch.nn.functional as F

encoder, decoder, critic = nn.Linear(20, 4), nn.Linear(4, 20), nn.Linear(20, 1)
both = [*encoder.parameters(), *decoder.parameters()]
opt = torch.optim.Adam(both)
opt_critic = torch.optim.Adam(critic.parameters())

def update(loss, *optimizers):
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()

for i in range(100):
    x = torch.randn(8, 20)
"""

HEALTHY = {
    "straight through, as a difference from itself": [
        "z = encoder(x)",
        "z = z - z.detach() + z.round().detach()",
        "update(F.mse_loss(decoder(z), x), opt)",
    ],
    "a zero beside a path": [
        "z = encoder(x)",
        "update(F.mse_loss(decoder(z - z + z), x), opt)",
    ],
    "straight through": [
        "z = encoder(x)",
        "z = z + (z.round() - z).detach()",
        "update(F.mse_loss(decoder(z), x), opt)",
    ],
    "the critic sees a detached sample": [
        "fake = decoder(encoder(x))",
        "update(critic(fake.detach()).mean() - critic(x).mean(), opt_critic)",
        "update(F.mse_loss(fake, x) - critic(fake).mean(), opt)",
    ],
    "one backward pass for two players": [
        "fake = decoder(encoder(x))",
        "update(F.mse_loss(fake, x) + critic(fake.detach()).mean(), opt, opt_critic)",
    ],
    "commitment and codebook terms": [
        "z = encoder(x)",
        "q = decoder(z).detach()",
        "update(F.mse_loss(decoder(z), x) + F.mse_loss(decoder(z.detach()), q), opt)",
    ],
    "the first of several results, the rest in a list": [
        "z, *rest = quantise(encoder(x))",
        "update(F.mse_loss(decoder(z), x), opt)",
    ],
    "an earlier loss trains the encoder": [
        "z = encoder(x)",
        "update(z.pow(2).mean(), opt)",
        "update(F.mse_loss(decoder(z.detach()), x), opt)",
    ],
    "frozen on purpose": [
        "for p in encoder.parameters(): p.requires_grad = False",
        "update(F.mse_loss(decoder(encoder(x).detach()), x), opt)",
    ],
    "frozen in evaluation mode": ["encoder.eval()", "update(F.mse_loss(decoder(encoder(x).detach()), x), opt)"],
    "loaded weights": [
        "encoder.load_state_dict(torch.load('encoder.pt'))",
        "update(F.mse_loss(decoder(encoder(x).detach()), x), opt)",
    ],
    "under no_grad, where weights are read": [
        "decoder.load_state_dict(torch.load('decoder.pt'))",
        "with torch.no_grad(): z = encoder(x)",
        "update(F.mse_loss(decoder(z), x), opt)",
    ],
    "units are counted, and the count weighs the loss": [
        "z = encoder(x)",
        "update(F.mse_loss(decoder(z), x) + (z > 0.5).float().mean() * z.abs().mean(), opt)",
    ],
    "targets are chosen": [
        "z = encoder(x)",
        "update(F.mse_loss(decoder(z), x) + F.cross_entropy(z, z.argmax(1)), opt)",
    ],
    "a count is logged": [
        "z = encoder(x)",
        "print((z > 0.5).float().mean())",
        "update(F.mse_loss(decoder(z), x) + z.abs().mean(), opt)",
    ],
    "a value is logged": ["loss = F.mse_loss(decoder(encoder(x)), x)", "print(loss.item())", "update(loss, opt)"],
    "a loss that cannot be read": ["from losses import total", "update(total(encoder, decoder, x), opt)"],
}


def program(lines):
    return SETUP + "\n".join("    " + line for line in lines)


@pytest.mark.parametrize("lines", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(lines):
    assert rows(rule, program(lines)) == []


FAULTS = {
    "round": (["z = torch.round(encoder(x))", "update(F.mse_loss(decoder(z), x), opt)"], 20, Severity.ERROR),
    "sign as a method": (["z = encoder(x).sign()", "update(F.mse_loss(decoder(z), x), opt)"], 20, Severity.ERROR),
    "detach": (["z = encoder(x).detach()", "update(F.mse_loss(decoder(z), x), opt)"], 20, Severity.WARNING),
    "data": (["z = encoder(x).data", "update(F.mse_loss(decoder(z), x), opt)"], 20, Severity.WARNING),
    "a new tensor": (["z = torch.tensor(encoder(x))", "update(F.mse_loss(decoder(z), x), opt)"], 20, Severity.WARNING),
    "a penalty on the number of active units": (
        [
            "z = encoder(x)",
            "active = (z > 0.5).float().mean(0)",
            "update(F.mse_loss(decoder(z), x) + 0.1 * (active - 0.05).pow(2).sum(), opt)",
        ],
        21,
        Severity.ERROR,
    ),
    "the entropy of the chosen entries": (
        [
            "z = encoder(x)",
            "use = F.one_hot(z.argmax(1), 4).float().mean(0)",
            "update(F.mse_loss(decoder(z), x) + 0.1 * (use * torch.log(use + 1e-8)).sum(), opt)",
        ],
        21,
        Severity.ERROR,
    ),
    "a term of the generator": (
        [
            "fake = decoder(encoder(x))",
            "adversarial = -critic(fake.detach()).mean()",
            "update(F.mse_loss(fake, x) + 0.1 * adversarial, opt)",
        ],
        21,
        Severity.WARNING,
    ),
}


@pytest.mark.parametrize(("lines", "row", "severity"), FAULTS.values(), ids=FAULTS.keys())
def test_fires(lines, row, severity):
    found = run(rule, program(lines))
    assert [(f.site.row, f.severity) for f in found] == [(row, severity)]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param("round", "has a derivative of zero and stands on every path", id="a part behind a step function"),
        pytest.param("detach", "takes the tensor out of the graph", id="a part behind a detached tensor"),
        pytest.param(
            "a penalty on the number of active units", "has a derivative of zero, and a term", id="a flat term"
        ),
        pytest.param("a term of the generator", "keeps one term of the loss", id="a detached term"),
    ],
)
def test_the_message_says_how_the_gradient_ends(fault, said):
    (finding,) = run(rule, program(FAULTS[fault][0]))
    assert said in finding.message


def test_features_taken_by_a_hook_in_another_file():
    files = {
        "train.py": """
            import torch
            from model import Net

            net = Net()
            opt = torch.optim.AdamW(net.parameters())
            for i in range(10):
                x = torch.randn(4, 16)
                opt.zero_grad()
                (net(x) - x).pow(2).mean().backward()
                opt.step()
            """,
        "model.py": """
            from torch import nn


            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.encoder = nn.Sequential(nn.Linear(16, 8), nn.LayerNorm(8))
                    self.decoder = nn.Linear(8, 16)
                    self.encoder[1].register_forward_hook(self.keep)

                def keep(self, module, inputs, output):
                    self.features = output.detach()

                def forward(self, x):
                    self.encoder(x)
                    return self.decoder(self.features)
            """,
    }
    found = run(rule, files)
    assert [(f.site.unit.path, f.site.row) for f in found] == [("model.py", 13)]


def test_a_term_of_which_both_sides_are_detached():
    head = SETUP + "    y = decoder(encoder(x))\n    a, b = critic(y), critic(x)\n    update(F.mse_loss(y, x) + "
    assert rows(rule, head + "F.mse_loss(a.detach(), b.detach()), opt)\n")
    assert not rows(rule, head + "F.mse_loss(a, b.detach()), opt)\n")
    assert not rows(rule, head + "(F.mse_loss(a, b) - F.mse_loss(a, b)).detach(), opt)\n")


def test_silent_where_other_code_is_given_a_function_that_calls_the_network():
    source = """
        import torch
        from torch import nn
        import envs

        policy = nn.Linear(8, 2)
        optimizer = torch.optim.Adam(policy.parameters())
        env = envs.make()
        for _ in range(100):
            replay = env.run(lambda state: policy(state), steps=5)
            returns = policy(replay.state()).detach()
            loss = -(replay.log_prob() * returns).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        """
    assert rows(rule, source) == []
    assert rows(rule, source.replace("lambda state: policy(state), steps", "steps")) == [11]


def test_silent_on_gradients_that_are_handed_to_backward():
    source = """
import torch
from torch import nn

made, critic = nn.Linear(8, 4), nn.Linear(4, 1)
opt_made = torch.optim.Adam(made.parameters())
opt_critic = torch.optim.Adam(critic.parameters())
one = torch.ones(1)
for noise in loader:
    opt_critic.zero_grad()
    critic(made(noise).data).mean().backward(one)
    opt_critic.step()
    opt_made.zero_grad()
    {loss}.mean().backward(-one)
    opt_made.step()
"""
    assert rows(rule, source.format(loss="critic(made(noise))")) == []
    assert rows(rule, source.format(loss="critic(made(noise).data)")) != []


def test_silent_where_only_the_type_of_a_cut_tensor_is_taken():
    source = """
import torch
from torch import nn

encoder, decoder = nn.Linear(8, 4), nn.Linear(4, 8)
opt = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
for x in loader:
    z = encoder(x)
    start = torch.zeros(1, 4).type_as(z.data)
    loss = nn.functional.mse_loss(decoder({code}), x)
    opt.zero_grad()
    loss.backward()
    opt.step()
"""
    assert rows(rule, source.format(code="z + start")) == []
    assert rows(rule, source.format(code="z.data + start")) == [10]


def test_numbers_that_are_counted_for_the_loss_are_not_where_the_gradient_ends():
    source = """
import torch
import torch.nn as nn
import torch.nn.functional as F

def power_law(size, device):
    k = torch.arange(1, size + 1, device=device)
    return torch.tensor(k ** -0.25)

net, prototypes = nn.Linear(8, 16), nn.Linear(16, 32, bias=False)
optimizer = torch.optim.Adam([*net.parameters(), prototypes.weight])
for x in torch.utils.data.DataLoader(torch.rand(64, 8), 8):
    mean = F.softmax(net(x) @ prototypes.weight{data}.T, dim=-1).mean(0)
    loss = F.kl_div(mean.log(), power_law(mean.shape[0], mean.device), reduction="sum")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
    assert rows(rule, source.format(data="")) == []
    assert rows(rule, source.format(data=".data")) == [13]


FEATURES = """
import torch
from torch import nn
import torch.nn.functional as F


class Features(nn.Module):
    def __init__(self):
        super().__init__()
        self.spectrum, self.head = nn.Linear(20, 16), nn.Linear(16, 8)

    def forward(self, x):
        {inner}


encoder, decoder, features = nn.Linear(20, 4), nn.Linear(4, 20), Features()
{frozen}
optimizer = torch.optim.Adam({held})
for x in torch.rand(100, 32, 20):
    y = decoder(torch.tanh(encoder(x)))
    {loss}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
PLAIN = "return self.head(torch.log1p(self.spectrum(x).abs()))"
CUT = "with torch.no_grad():\n            x = torch.log1p(self.spectrum(x).abs())\n        return self.head(x)"
MINE = "[*encoder.parameters(), *decoder.parameters()]"
BOTH = "loss = F.mse_loss(y, x) + 0.1 * F.mse_loss(features(y), features(x))"


@pytest.mark.parametrize(
    ("inner", "frozen", "held", "loss"),
    [
        pytest.param(PLAIN, "features.requires_grad_(False)", MINE, BOTH, id="frozen, with its gradient"),
        pytest.param(
            PLAIN,
            "",
            MINE,
            "with torch.no_grad():\n        wanted = features(x)\n    loss = F.mse_loss(y, x) + F.mse_loss(features(y), wanted)",
            id="only the target without a gradient",
        ),
        pytest.param(
            CUT,
            "features.load_state_dict(torch.load('features.pt'))",
            "[*encoder.parameters(), *features.parameters()]",
            BOTH,
            id="read, and its head is trained",
        ),
        pytest.param(
            PLAIN,
            "",
            MINE,
            "with torch.no_grad():\n        shown = F.mse_loss(features(y), features(x))\n    loss = F.mse_loss(y, x)",
            id="only shown",
        ),
    ],
)
def test_silent_on_features_of_a_reconstruction(inner, frozen, held, loss):
    assert rows(rule, FEATURES.format(inner=inner, frozen=frozen, held=held, loss=loss)) == []


@pytest.mark.parametrize(
    ("inner", "frozen", "held", "loss", "row"),
    [
        pytest.param(CUT, "", MINE, BOTH, 13, id="in the features, which nothing trains"),
        pytest.param(
            CUT,
            "for p in features.parameters():\n    p.requires_grad_(False)",
            "[p for m in (encoder, decoder, features) for p in m.parameters() if p.requires_grad]",
            BOTH,
            13,
            id="in the features, which are frozen",
        ),
        pytest.param(
            PLAIN,
            "",
            MINE,
            "with torch.no_grad():\n        a, b = features(y), features(x)\n    loss = F.mse_loss(y, x) + F.mse_loss(a, b)",
            21,
            id="around both sides",
        ),
        pytest.param(
            CUT,
            "",
            MINE,
            "loss = F.l1_loss(y, x) - 0.5 * F.cosine_similarity(features(y), features(x)).mean()",
            13,
            id="a similarity",
        ),
    ],
)
def test_features_of_a_reconstruction_without_a_gradient(inner, frozen, held, loss, row):
    assert rows(rule, FEATURES.format(inner=inner, frozen=frozen, held=held, loss=loss)) == [row]


ONE_HALF = """
def critic_step(x):
    fake = decoder(encoder(x)).detach()
    {half}
    update({loss}, opt_critic)

for x in loader:
    critic_step(x)
    update(F.mse_loss(decoder(encoder(x)), x), opt)
"""


@pytest.mark.parametrize(
    ("half", "loss"),
    [
        ("judged = critic(fake).detach()", "-F.logsigmoid(critic(x)).mean() - F.logsigmoid(-judged).mean()"),
        ("judged = critic(fake).data", "F.relu(1 - critic(x)).mean() + F.relu(1 + judged).mean()"),
        (
            "with torch.no_grad(): judged = critic(fake)",
            "F.mse_loss(critic(x), torch.ones(8, 1)) + F.mse_loss(judged, torch.zeros(8, 1))",
        ),
    ],
)
def test_an_error_that_is_measured_on_what_left_the_graph(half, loss):
    program = SETUP.partition("for i")[0] + ONE_HALF
    assert rows(rule, program.format(half=half, loss=loss)) == [21]
    assert rows(rule, program.format(half="judged = critic(fake)", loss=loss)) == []


@pytest.mark.parametrize("number", ["sharp.item()", "float(sharp)", "0.5 * sharp.item()"])
def test_an_error_that_is_added_as_a_number(number):
    lines = [
        "y = decoder(encoder(x))",
        "sharp = F.l1_loss(y.abs(), x.abs())",
        "update(F.mse_loss(y, x) + {number}, opt)",
    ]
    source = program(lines)
    assert rows(rule, source.format(number=number)) == [22]
    assert rows(rule, source.format(number="sharp")) == []
    assert rows(rule, source.format(number="sharp - sharp.item() + 1")) == []


def test_silent_on_a_loss_that_only_takes_the_size_of_another_value():
    program = SETUP.partition("for i")[0] + ONE_HALF
    trick = "(wanted := F.mse_loss(critic(x), critic(fake))) - wanted.detach() + critic(fake).detach().mean()"
    assert rows(rule, program.format(half="pass", loss=trick)) == []


OWN_OPTIMIZER = """
import torch
from torch import nn
import torch.nn.functional as F

class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.head = nn.Sequential(nn.Linear(20, 8), nn.ReLU()), nn.Linear(8, 20)

    {decorator}
    def encode(self, x):
        return self.encoder(x)

agent = Agent()
of_encoder = torch.optim.Adam(agent.{held}.parameters())
of_head = torch.optim.Adam(agent.head.parameters())
for x in loader:
    {block}
        z = agent.encode(x)
    loss = F.mse_loss(agent.head(z), x)
    of_encoder.zero_grad(), of_head.zero_grad()
    loss.backward()
    of_encoder.step(), of_head.step()
"""


def test_an_optimizer_of_its_own_for_what_runs_without_a_graph():
    def found(decorator="", block="if True:", held="encoder"):
        return rows(rule, OWN_OPTIMIZER.format(decorator=decorator, block=block, held=held))

    assert found(block="with torch.no_grad():") == [19]
    assert found(decorator="@torch.no_grad()") == [11]
    assert found(block="with torch.inference_mode():") == [19]
    assert found() == []


def test_silent_where_recording_is_switched_on_again_or_another_loss_trains_the_part():
    off = OWN_OPTIMIZER.format(decorator="", block="with torch.no_grad():", held="encoder")
    assert rows(rule, off.replace("z = agent", "with torch.enable_grad(): z = agent")) == []
    assert rows(rule, off.replace("loss =", "loss = agent.encode(x).pow(2).mean() +")) == []
    assert (
        rows(rule, off.replace("agent = Agent()", "agent = Agent()\nagent.encoder.load_state_dict(torch.load('e'))"))
        == []
    )


def test_silent_where_a_function_that_trains_a_part_also_has_a_call_without_a_graph():
    source = """import torch
from pathlib import Path
from torch import nn
import torch.nn.functional as F

def fit(x, y):
    probe = nn.Linear(20, 4)
    optimizer = torch.optim.Adam(probe.parameters())
    for _ in range(9):
        optimizer.zero_grad()
        F.cross_entropy(probe(x), y).backward()
        optimizer.step()
    torch.save(probe.state_dict(), "probe.pth")

def load(x, y):
    if not Path("probe.pth").exists():
        fit(x, y)
    return torch.load("probe.pth")

{first}
with torch.no_grad():
    probe = load(torch.rand(8, 20), torch.arange(8) % 4)
"""
    assert rows(rule, source.format(first="load(torch.rand(8, 20), torch.arange(8) % 4)")) == []
    assert rows(rule, source.format(first="torch.manual_seed(0)")) == [21]


def test_silent_on_an_optimizer_of_the_whole_model_of_which_a_part_is_kept_as_it_is():
    off = OWN_OPTIMIZER.format(decorator="", block="with torch.no_grad():", held="encoder")
    off = off.replace("agent.encoder.parameters()", "agent.parameters()")
    for kept in (
        "agent.load_state_dict(torch.load('agent.pt'))",
        "agent.encoder = load_encoder()",
        "# of a pretrained encoder",
    ):
        assert rows(rule, off.replace("agent = Agent()", f"agent = Agent()\n{kept}")) == []
    assert rows(rule, off.replace("loss =", "loss = agent.encode(x).pow(2).mean() +")) == []


def test_silent_where_gradients_are_written_by_hand():
    off = OWN_OPTIMIZER.format(decorator="", block="with torch.no_grad():", held="encoder")
    by_hand = """    wanted, heads = list(agent.encoder.parameters()), list(agent.head.parameters())
    found = torch.autograd.grad(agent.encode(x).pow(2).mean(), wanted)
    others = torch.autograd.grad(agent.head(agent.encode(x)).pow(2).mean(), heads)
    for parameter, gradient in zip({all}):
        parameter.grad = gradient
    of_encoder.step()"""
    for several in ("wanted, found", "heads + wanted, others + found"):
        assert rows(rule, off.replace("    of_encoder.step()", by_hand.format(all=several))) == []


def test_a_part_of_the_model_that_nothing_has_trained_before():
    off = OWN_OPTIMIZER.format(decorator="", block="with torch.no_grad():", held="encoder")
    assert rows(rule, off.replace("agent.encoder.parameters()", "agent.parameters()")) == [19]
    inside = off.replace("with torch.no_grad():", "if True:").replace(
        "        return self.encoder(x)", "        with torch.no_grad():\n            return self.encoder(x)"
    )
    assert rows(rule, inside.replace("agent.encoder.parameters()", "agent.parameters()")) == [13]


@pytest.mark.parametrize("code", ["z - z + x[:, :4]", "x[:, :4] + z.sub(z)", "torch.sub(z, z) + 1.0"])
def test_fires_on_a_difference_of_a_tensor_and_itself(code):
    lines = ["z = encoder(x)", f"y = decoder({code})", "update(F.mse_loss(y, x), opt)"]
    assert rows(rule, program(lines)) == [21]


PLAYED = """
from collections import namedtuple
import torch
from torch import nn

Step = namedtuple("Step", ["probability", "value"])
policy = nn.Linear(6, 4)
optimizer = torch.optim.Adam(policy.parameters())
steps, rewards = [], []

for episode in range(9):
    state = environment.reset()
    while not environment.done:
        first, value = policy(state).split([3, 1], 1)
        steps.append(Step(first.log_softmax(1), value))
        state, reward = environment.step(first.argmax())
        rewards.append(reward)
    returns = torch.Tensor(rewards[::-1])
    {batch}
    loss = ((returns - torch.cat(values)) * torch.cat(probabilities)).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    del steps[:], rewards[:]
"""


@pytest.mark.parametrize(
    "batch",
    [
        "batch = Step(*zip(*steps)); probabilities, values = batch.probability, batch.value",
        "probabilities, values = zip(*steps)",
        "batch = list(zip(*steps)); probabilities, values = batch[0], batch[1]",
    ],
)
def test_silent_where_kept_steps_are_turned_over_into_a_batch(batch):
    assert rows(rule, PLAYED.format(batch=batch)) == []


RECORDED = """
import torch
from torch import nn
import torch.nn.functional as F

class Recorder:
    def __init__(self):
        self.features = {{}}

    def __call__(self, name):
        def hook(module, given, out):
            self.features[name] = {kept}
        return hook

judge, probe = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 4)).requires_grad_(False), Recorder()
for name, layer in judge.named_children():
    layer.register_forward_hook(probe(name))

def features(x):
    probe.features = {{}}
    judge(x)
    return probe.features

model = nn.Sequential(nn.Linear(8, 2), nn.ReLU(), nn.Linear(2, 8))
opt = torch.optim.Adam(model.parameters())
for i in range(9):
    x = torch.rand(4, 8)
    y = model(x)
    mine, real = features(y), features(x)
    errors = [F.l1_loss(mine[k], real[k]) for k in ("0", "2")]
    loss = F.mse_loss(y, x) + {combined}
    opt.zero_grad()
    loss.backward()
    opt.step()
"""


@pytest.mark.parametrize(
    "combined", ["0.1 * torch.stack(errors).mean()", "sum(errors)", "torch.stack([e.mean() for e in errors]).sum() / 2"]
)
def test_errors_of_features_that_a_hook_takes_out_of_the_graph(combined):
    assert rows(rule, RECORDED.format(kept="out.detach()", combined=combined)) == [12]
    assert rows(rule, RECORDED.format(kept="out", combined=combined)) == []


def test_silent_on_numbers_beside_errors_that_are_stacked():
    number = "torch.stack([torch.norm(mine['0'], p=2), torch.rand(())]).sum()"
    assert rows(rule, RECORDED.format(kept="out.detach()", combined=number)) == []
