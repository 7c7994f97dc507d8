"""AEL403: loops that never clear gradients, and loops that clear them in their own way."""

import pytest

from aelint.rules.optimization import gradients_accumulate as rule
from tests.rules.harness import rows, run

SETUP = """
import torch
from torch import nn

encoder, decoder = nn.Linear(20, 4), nn.Linear(4, 20)
model = nn.Sequential(encoder, decoder)
critic = nn.Linear(20, 1)
opt = torch.optim.Adam(model.parameters())
opt_critic = torch.optim.Adam(critic.parameters())
"""

HEALTHY = {
    "cleared after the step": """
for _ in range(9):
    x = torch.randn(8, 20)
    loss = (model(x) - x).pow(2).mean()
    loss.backward()
    opt.step()
    opt.zero_grad()
""",
    "the model is cleared": """
for _ in range(9):
    x = torch.randn(8, 20)
    model.zero_grad()
    (model(x) - x).pow(2).mean().backward()
    opt.step()
""",
    "accumulation that is cleared with the step": """
for i in range(90):
    x = torch.randn(8, 20)
    (model(x) - x).pow(2).mean().backward()
    if i % 4 == 0:
        opt.step()
        opt.zero_grad()
""",
    "accumulation in an inner loop": """
for _ in range(9):
    opt.zero_grad()
    for _ in range(4):
        x = torch.randn(8, 20)
        (model(x) - x).pow(2).mean().backward()
    opt.step()
""",
    "gradients are set to None one by one": """
for _ in range(9):
    x = torch.randn(8, 20)
    for p in model.parameters():
        p.grad = None
    (model(x) - x).pow(2).mean().backward()
    opt.step()
""",
    "each of many networks is cleared": """
nets = [nn.Linear(20, 20), nn.Linear(20, 20), nn.Linear(20, 20), encoder, decoder]

def reset():
    for net in nets:
        net.zero_grad()

for _ in range(9):
    x = torch.randn(8, 20)
    (model(x) - x).pow(2).mean().backward()
    opt.step()
    reset()
""",
    "gradients are zeroed one by one": """
for _ in range(9):
    x = torch.randn(8, 20)
    (model(x) - x).pow(2).mean().backward()
    opt.step()
    for p in model.parameters():
        p.grad.data.zero_()
""",
    "a closure clears": """
for _ in range(9):
    x = torch.randn(8, 20)
    def closure():
        opt.zero_grad()
        loss = (model(x) - x).pow(2).mean()
        loss.backward()
        return loss
    opt.step(closure)
""",
    "a method that cannot be read may clear": """
from trainer import reset_grad
for _ in range(9):
    x = torch.randn(8, 20)
    reset_grad()
    (model(x) - x).pow(2).mean().backward()
    opt.step()
""",
    "one step of a training function, whose loop is elsewhere": """
def train_step(x):
    loss = (model(x) - x).pow(2).mean()
    loss.backward()
    opt.step()
""",
    "two players, both cleared by the model that holds them": """
both = nn.ModuleList([model, critic])
for _ in range(9):
    x = torch.randn(8, 20)
    both.zero_grad()
    (model(x) - x).pow(2).mean().backward()
    opt.step()
    both.zero_grad()
    critic(model(x).detach()).mean().backward()
    opt_critic.step()
""",
}


@pytest.mark.parametrize("loop", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(loop):
    assert rows(rule, SETUP + loop) == []


def test_loop_without_any_clearing():
    loop = """
for _ in range(9):
    x = torch.randn(8, 20)
    loss = (model(x) - x).pow(2).mean()
    loss.backward()
    opt.step()
"""
    assert rows(rule, SETUP + loop) == [14]


def test_clearing_outside_of_the_batch_loop():
    loop = """
def train(loader):
    for epoch in range(9):
        opt.zero_grad()
        for x in loader:
            loss = (model(x) - x).pow(2).mean()
            loss.backward()
            opt.step()
train(torch.utils.data.DataLoader(torch.randn(100, 20), batch_size=10))
"""
    assert rows(rule, SETUP + loop) == [16]


def test_only_the_other_player_is_cleared():
    loop = """
for _ in range(9):
    x = torch.randn(8, 20)
    opt.zero_grad()
    (model(x) - x).pow(2).mean().backward()
    opt.step()
    critic(model(x).detach()).mean().backward()
    opt_critic.step()
"""
    assert rows(rule, SETUP + loop) == [16]


def test_step_through_a_gradient_scaler():
    loop = """
scaler = torch.cuda.amp.GradScaler()
for _ in range(9):
    x = torch.randn(8, 20)
    scaler.scale((model(x) - x).pow(2).mean()).backward()
    scaler.step(opt)
    scaler.update()
"""
    assert rows(rule, SETUP + loop) == [14]


def test_step_function_in_another_file():
    files = {
        "main.py": """
            import torch
            from torch import nn
            from steps import Trainer

            trainer = Trainer(nn.Sequential(nn.Linear(9, 3), nn.Linear(3, 9)))
            for i in range(100):
                trainer.update(torch.randn(4, 9))
            """,
        "steps.py": """
            import torch.nn.functional as F
            from torch import optim


            class Trainer:
                def __init__(self, net):
                    self.net = net
                    self.optimizer = optim.SGD(net.parameters(), lr=0.1)

                def update(self, x):
                    loss = F.mse_loss(self.net(x), x)
                    loss.backward()
                    self.optimizer.step()
            """,
    }
    assert rows(rule, files) == [13]


def test_silent_where_a_setting_chooses_between_accumulating_and_stepping_at_once() -> None:
    source = """
    import torch
    from settings import every

    model = torch.nn.Linear(4, 4)
    optimizer = torch.optim.Adam(model.parameters())
    for index, x in enumerate(loader):
        loss = ((model(x) - x) ** 2).mean()
        if every > 1:
            (loss / every).backward()
            if (index + 1) % every == 0:
                optimizer.step()
                optimizer.zero_grad()
        else:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    """
    assert rows(rule, source) == []


def test_silent_where_the_output_for_random_numbers_is_summed_to_show_the_machinery():
    source = """
import torch
from torch import nn
from parallel import spread

net = spread(nn.Linear(4, 4))
opt = torch.optim.AdamW(net.parameters())
for i in range(10):
    x = torch.rand(8, 4)
    out = net(x)
    {loss}.backward()
    opt.step()
"""
    assert rows(rule, source.format(loss="out.sum()")) == []
    assert rows(rule, source.format(loss="(out - x).pow(2).sum()")) == [11]


PLAYERS = """
import torch
from torch import nn
import torch.nn.functional as F

encoder, decoder, critic = nn.Linear(20, 4), nn.Linear(4, 20), nn.Linear(20, 1)
opt_g = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
opt_d = torch.optim.Adam(critic.parameters())


def judge(values, real):
    return F.binary_cross_entropy_with_logits(values, torch.full_like(values, real))


for x in torch.rand(100, 8, 20):
    y = decoder(encoder(x))
    {first}
    {second}
"""
GENERATOR = "loss_g = F.mse_loss(y, x) + judge(critic(y), 1.0)"
CRITIC = "loss_d = judge(critic(x), 1.0) + judge(critic(y.detach()), 0.0)"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(
            f"opt_g.zero_grad(); {GENERATOR}; loss_g.backward(); opt_g.step()",
            f"opt_d.zero_grad(); {CRITIC}; loss_d.backward(); opt_d.step()",
            id="each clears before its own",
        ),
        pytest.param(
            f"{GENERATOR}; loss_g.backward(); opt_g.step(); opt_g.zero_grad(); opt_d.zero_grad()",
            f"{CRITIC}; loss_d.backward(); opt_d.step(); opt_d.zero_grad()",
            id="both are cleared after the generator",
        ),
        pytest.param(
            f"{CRITIC}; loss_d.backward(); opt_d.step(); opt_d.zero_grad()",
            "loss_g = F.mse_loss(y, x); loss_g.backward(); opt_g.step(); opt_g.zero_grad()",
            id="neither reaches the other",
        ),
        pytest.param(
            f"opt_g.zero_grad(); opt_d.zero_grad(); {GENERATOR}; loss_g.backward()",
            "loss_d = critic(x).mean() ** 2; loss_d.backward(); opt_g.step(); opt_d.step()",
            id="all losses add up, then all step",
        ),
        pytest.param(
            f"opt_g.zero_grad(); opt_d.zero_grad(); {GENERATOR}; loss_g.backward()",
            "loss_d = judge(critic(x.detach()), 1.0); loss_d.backward(); opt_g.step(); opt_d.step()",
            id="detached data that no player made",
        ),
        pytest.param(
            "for p in critic.parameters(): p.requires_grad = False",
            f"{GENERATOR}; loss_g.backward(); opt_g.step(); opt_g.zero_grad(); critic.requires_grad_(True)\n"
            f"    {CRITIC}; loss_d.backward(); opt_d.step(); opt_d.zero_grad()",
            id="the critic is frozen meanwhile",
        ),
        pytest.param(
            "opt_d.zero_grad(); loss_d = judge(critic(x), 1.0) + judge(critic(y), 0.0); loss_d.backward(retain_graph=True)",
            f"opt_d.step(); opt_g.zero_grad(); {GENERATOR}; loss_g.backward(); opt_g.step()",
            id="not detached, but cleared before the own loss",
        ),
        pytest.param(
            f"opt_g.zero_grad(); opt_d.zero_grad(); {CRITIC}; loss_d.backward(retain_graph=True)",
            f"{GENERATOR}; loss_g.backward(inputs=[*encoder.parameters(), *decoder.parameters()]); opt_g.step(); opt_d.step()",
            id="gradients of the generator alone",
        ),
        pytest.param(
            "opt_g.zero_grad(); opt_d.zero_grad(); critic.requires_grad_(False)",
            f"{GENERATOR}; loss_g.backward(); critic.requires_grad_(True); {CRITIC}; loss_d.backward(); opt_g.step(); opt_d.step()",
            id="the critic is frozen, then both step",
        ),
        pytest.param(
            "opt_g.zero_grad(); opt_d.zero_grad()",
            "loss_g = F.mse_loss(y, x); loss_g.backward()\n"
            "    loss_d = judge(critic(y.detach()), 1.0); loss_d.backward(); opt_g.step(); opt_d.step()",
            id="a probe that the other loss does not reach",
        ),
        pytest.param(
            "opt_g.zero_grad(); fake = critic(y); (F.mse_loss(y, x) + judge(fake, 1.0)).backward(retain_graph=True); opt_g.step()",
            "opt_d.zero_grad(); loss_d = judge(critic(x), 1.0) + judge(fake, 0.0); loss_d.backward(); opt_d.step()",
            id="both players share what the critic says, and the generator has stepped before",
        ),
        pytest.param(
            "opt_g.zero_grad(); loss_g = F.mse_loss(y, x) + critic(y).mean() ** 2; loss_g.backward(retain_graph=True)",
            "opt_d.zero_grad(); loss_d = F.l1_loss(critic(y), critic(y.flip(0))); loss_d.backward(); opt_g.step(); opt_d.step()",
            id="a second part that judges no data works for the same end",
        ),
        pytest.param(
            "z = encoder(x); y = decoder(z + (z.round() - z).detach()); opt_g.zero_grad()\n"
            "    loss_g = F.mse_loss(y, x) + critic(y).mean() ** 2; loss_g.backward(retain_graph=True)",
            "opt_d.zero_grad(); loss_d = F.l1_loss(critic(y), critic(y.flip(0))); loss_d.backward(); opt_g.step(); opt_d.step()",
            id="a rounded code that passes its gradient on",
        ),
        pytest.param(
            f"opt_g.zero_grad(); {GENERATOR}; loss_g.backward(retain_graph=True)",
            f"opt_d.zero_grad(); {CRITIC} + y.pow(2).mean(); loss_d.backward(); opt_g.step(); opt_d.step()",
            id="a penalty on what is generated, beside a critic that sees it detached",
        ),
        pytest.param(
            "opt_g.zero_grad(); loss_g = F.mse_loss(y, x); loss_g.backward(retain_graph=True); opt_d.zero_grad()",
            "loss_d = judge(critic(x), 1.0) + judge(critic(y), 1.0); loss_d.backward(); opt_g.step(); opt_d.step()",
            id="a task beside the reconstruction that nothing works against",
        ),
        pytest.param(
            f"opt_g.zero_grad(); opt_d.zero_grad(); {GENERATOR}; loss_g.backward(retain_graph=True)",
            "loss_d = judge(critic(x), 1.0) + judge(critic(y), 1.0); loss_d.backward(); opt_g.step(); opt_d.step()",
            id="two tasks whose losses add up",
        ),
        pytest.param(
            f"opt_g.zero_grad(); {GENERATOR}; loss_g.backward(retain_graph=True); opt_d.zero_grad()",
            "weights = (critic(x) - critic(y)).sigmoid().detach(); (weights * (y - x) ** 2).mean().backward()\n"
            "    opt_g.step(); opt_d.step()",
            id="a second loss that the critic weighs",
        ),
        pytest.param(
            f"opt_g.zero_grad(); {GENERATOR}; loss_g.backward(retain_graph=True); opt_d.zero_grad(); {CRITIC}; loss_d.backward()",
            "opt_d.step(); F.mse_loss(critic(y), critic(x)).backward(); opt_g.step()",
            id="the critic has stepped, and a second loss is the generator's own",
        ),
    ],
)
def test_silent_on_players_that_clear_what_they_use(first, second):
    assert rows(rule, PLAYERS.format(first=first, second=second)) == []


@pytest.mark.parametrize(
    ("first", "second", "row"),
    [
        pytest.param(
            f"{CRITIC}; loss_d.backward(); opt_d.step(); opt_d.zero_grad()",
            f"{GENERATOR}; loss_g.backward(); opt_g.step(); opt_g.zero_grad()",
            17,
            id="the critic keeps what the generator left in the round before",
        ),
        pytest.param(
            f"{GENERATOR}; loss_g.backward(); opt_g.step(); opt_g.zero_grad()",
            f"{CRITIC}; loss_d.backward(); opt_d.step(); opt_d.zero_grad()",
            18,
            id="the critic keeps what the generator just left",
        ),
        pytest.param(
            "wrong = y.flip(0).detach(); opt_g.zero_grad(); loss_g = F.mse_loss(y, x); loss_g.backward(retain_graph=True)",
            "opt_d.zero_grad(); loss_d = judge(critic(wrong), 1.0) + judge(critic(y), 0.0); loss_d.backward(); opt_g.step(); opt_d.step()",
            18,
            id="one of two inputs is detached",
        ),
        pytest.param(
            "opt_g.zero_grad(); fake = critic(y); loss_g = F.mse_loss(y, x) + judge(fake, 1.0); loss_g.backward(retain_graph=True)",
            "opt_d.zero_grad(); loss_d = judge(critic(x), 1.0) + judge(fake, 0.0); loss_d.backward(); opt_g.step(); opt_d.step()",
            18,
            id="both players share what the critic says, and the generator steps last",
        ),
        pytest.param(
            "opt_g.zero_grad(); opt_d.zero_grad()",
            f"{GENERATOR}; loss_g.backward(); {CRITIC}; loss_d.backward(); opt_g.step(); opt_d.step()",
            17,
            id="both are cleared once, and both step at the end",
        ),
        pytest.param(
            "opt_g.zero_grad(); opt_d.zero_grad()",
            "with torch.no_grad(): fake = decoder(encoder(x))\n"
            "    loss_d = judge(critic(x), 1.0) + judge(critic(fake), 0.0); loss_d.backward()\n"
            f"    {GENERATOR}; loss_g.backward(); opt_g.step(); opt_d.step()",
            20,
            id="the critic first, on samples without a gradient",
        ),
        pytest.param(
            "opt_g.zero_grad(); opt_d.zero_grad()",
            "with torch.no_grad(): fake = decoder(torch.randn(8, 4))\n"
            "    loss_d = judge(critic(x), 1.0) + judge(critic(fake), 0.0); loss_d.backward()\n"
            f"    {GENERATOR}; loss_g.backward(); opt_g.step(); opt_d.step()",
            20,
            id="the critic first, on decoded noise",
        ),
    ],
)
def test_players_that_use_what_the_other_left(first, second, row):
    assert rows(rule, PLAYERS.format(first=first, second=second)) == [row]


def test_the_loss_is_told_where_nothing_is_detached():
    source = PLAYERS.format(
        first=f"opt_g.zero_grad(); {GENERATOR}; loss_g.backward(retain_graph=True); opt_d.zero_grad()",
        second="loss_d = judge(critic(x), 1.0) + judge(critic(y), 0.0)\n    loss_d.backward(); opt_g.step(); opt_d.step()",
    )
    assert rows(rule, source) == [18]


def test_an_encoder_of_the_players_gives_two_tensors():
    encoder = """
class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.scale = nn.Linear(20, 4), nn.Linear(20, 4)

    def forward(self, x):
        return self.mean(x), self.scale(x).exp()

encoder, decoder"""
    source = PLAYERS.replace("\nencoder, decoder", encoder).replace(
        "= nn.Linear(20, 4), nn.Linear(4", "= Encoder(), nn.Linear(4"
    )
    source = source.replace("decoder(encoder(x))", "decoder(encoder(x)[0])")
    loss = "loss_d = judge(critic(x), 1.0) + judge(critic({}), 0.0); loss_d.backward(); opt_g.step(); opt_d.step()"
    first = f"opt_g.zero_grad(); {GENERATOR}; loss_g.backward(retain_graph=True); opt_d.zero_grad()"
    assert rows(rule, source.format(first=first, second=loss.format("y"))) == [26]
    assert rows(rule, source.format(first=first, second=loss.format("y.detach()"))) == []


def test_gradients_are_switched_off_in_between():
    source = PLAYERS.format(
        first=f"{CRITIC}; loss_d.backward(); opt_d.step()\n    with torch.no_grad(): critic(x)", second="opt_d.step()"
    )
    assert rows(rule, source) == [17]


@pytest.mark.parametrize("call", ["np.gradient([1.0, 2.0])", "bar.reset()", "torch.cuda.reset_peak_memory_stats()"])
def test_a_call_of_a_library_clears_no_gradients(call):
    source = f"""
import numpy as np
import torch
from torch import nn
from tqdm import tqdm

bar = tqdm(total=9, desc="rounds")
model = nn.Linear(20, 20)
opt = torch.optim.Adam(model.parameters())
for _ in range(9):
    x = torch.randn(8, 20)
    {call}
    (model(x) - x).pow(2).mean().backward()
    opt.step()
"""
    assert rows(rule, source) == [13]


def test_a_critic_that_is_cleared_before_the_other_players_loss_in_place_of_behind_it():
    first = f"{CRITIC}; loss_d.backward(); opt_d.step()\n    {{early}}"
    second = f"{GENERATOR}\n    {{late}}; opt_g.zero_grad(); loss_g.backward(); opt_g.step()"
    source = PLAYERS.format(first=first, second=second)
    found = run(rule, source.format(early="opt_d.zero_grad()", late="pass"))
    assert [f.site.row for f in found] == [18]
    assert "clear them behind that `backward`" in found[0].message
    last = source.format(early="pass", late="pass") + "    opt_d.zero_grad()\n"
    assert rows(rule, last) == []


UNREAD = """
import torch
from torch import nn
from tools import build, watch

class Trainer:
    def __init__(self, model, loader, scaler):
        self.model, self.loader, self.scaler = model, loader, scaler
        self.critic = nn.Linear(20, 1)
        self.optimizer = {made}
        self.opt_d = torch.optim.Adam(self.critic.parameters())
        {kept}

    def fit(self, epochs):
        for epoch in range(epochs):
            {first}
            for x in self.loader:
                loss = watch(self.model, self.critic, x).mean()
                {body}
        {behind}

{other}
"""
WHOLE = {
    "made": "torch.optim.Adam(model.parameters())",
    "kept": "pass",
    "first": "pass",
    "body": "pass",
    "behind": "pass",
    "other": "",
}
_GO = "loss.backward(); self.optimizer.step()"
_OWN = "class Clearing:\n    def __init__(self, *given): pass\n    def step(self): pass"
CLEARED = {
    "cleared in the round": {"body": f"self.optimizer.zero_grad(); {_GO}"},
    "cleared behind the step": {"body": f"{_GO}; self.optimizer.zero_grad()"},
    "the network is cleared": {"body": f"self.model.zero_grad(); {_GO}"},
    "cleared by hand": {"body": f"self.model.weight.grad = None; {_GO}"},
    "cleared in a function": {
        "body": f"self.forget(); {_GO}",
        "other": "class Rest(Trainer):\n    def forget(self): self.optimizer.zero_grad()",
    },
    "what is out of sight clears": {"body": f"self.reset_grads(); {_GO}"},
    "a hook may clear": {"body": f"self.call_hook('before'); {_GO}"},
    "the optimiser is given away": {"body": _GO, "behind": "watch(self.optimizer)"},
    "an optimiser of each round": {"body": f"self.optimizer = build(x); {_GO}"},
    "an optimiser that clears by itself": {"made": "Clearing(model)", "body": _GO, "other": _OWN},
    "only one round": {"body": f"{_GO}; break"},
    "the step asks a closure": {"body": "loss.backward(); self.optimizer.step(lambda: watch(x))"},
    "the other player clears and never steps": {"body": f"self.opt_d.zero_grad(); {_GO}"},
}


@pytest.mark.parametrize("parts", CLEARED.values(), ids=CLEARED.keys())
def test_silent_on_rounds_beside_unread_code_that_clear_or_may_clear(parts):
    assert rows(rule, UNREAD.format(**{**WHOLE, **parts})) == []


@pytest.mark.parametrize(
    "parts",
    [
        {"body": _GO},
        {"body": "self.scaler.scale(loss).backward(); self.scaler.step(self.optimizer); self.scaler.update()"},
        {"body": f"{_GO}; print(torch.zeros(3))"},
        {"body": f"{_GO}; seen = torch.autograd.grad(x.sum(), x)"},
        {"body": f"{_GO}; self.reset_sum()", "other": "class Rest(Trainer):\n    def reset_sum(self): self.sum = 0"},
        {"body": _GO, "kept": "self.plan = torch.optim.lr_scheduler.StepLR(self.optimizer, 5)"},
        {"body": f"{_GO}; self.opt_d.zero_grad(); self.critic(x).mean().backward(); self.opt_d.step()"},
    ],
    ids=[
        "plain",
        "a scaler",
        "zeros of another kind",
        "gradients of something else",
        "something else is reset",
        "a schedule knows the optimiser",
        "only the other player clears",
    ],
)
def test_rounds_beside_unread_code_that_never_clear(parts):
    assert rows(rule, UNREAD.format(**{**WHOLE, **parts})) == [19]


ONE_ROUND = """
import torch
import lightning as L
from tools import criterion

def one(model, optimizer, x):
    {body}
    return criterion(model, x)

{other}
"""
_LOOP = "def fit(model, optimizer, loader):\n    for x in loader:\n        {before}\n        one(model, optimizer, x)"
_ROUND = "criterion(model, x).backward(); optimizer.step()"
_MANUAL = """class Net(L.LightningModule):
    def training_step(self, x, i):
        opt = self.optimizers()
        self.manual_backward(self(x))
        opt.step()"""
_AGENT = """class Agent:
    def train_batch(self, x):
        self.net(x).mean().backward()
        self.opt.step()"""


@pytest.mark.parametrize(
    ("body", "other"),
    [
        (f"optimizer.zero_grad(); {_ROUND}", _LOOP.format(before="pass")),
        (_ROUND, _LOOP.format(before="optimizer.zero_grad()")),
        (_ROUND, _LOOP.format(before="model.zero_grad()")),
        (_ROUND, "def fit(m, o, x):\n    one(m, o, x)"),
        ("pass", f"{_AGENT}\n\ndef fit(agent, x):\n    agent.train_batch(x)"),
        (
            "pass",
            "def fit(net, parts, x):\n    for optimizer in parts:\n        net(x).backward()\n        optimizer.step()",
        ),
        ("pass", f"{_AGENT}\n\n    def start(self):\n        self.opt.zero_grad()"),
        (_ROUND, ""),
        ("pass", _MANUAL.replace("training_step", "update")),
        ("pass", _AGENT.replace("train_batch", "show")),
    ],
    ids=[
        "clears",
        "whoever calls clears",
        "whoever calls clears the network",
        "called once",
        "a method called once",
        "a round for each optimiser",
        "another function clears",
        "nobody in sight calls",
        "a part of a round",
        "no training",
    ],
)
def test_silent_on_functions_of_one_round_that_clear_or_run_once(body, other):
    assert rows(rule, ONE_ROUND.format(body=body.replace("; ", "\n    "), other=other)) == []


@pytest.mark.parametrize(
    ("body", "other", "row"),
    [
        (_ROUND, _LOOP.format(before="pass"), 7),
        ("pass", _MANUAL, 13),
        ("pass", _AGENT, 12),
    ],
    ids=["a loop runs it", "a framework runs it", "a method trains what its object keeps"],
)
def test_functions_of_one_round_that_never_clear(body, other, row):
    assert rows(rule, ONE_ROUND.format(body=body.replace("; ", "\n    "), other=other)) == [row]
