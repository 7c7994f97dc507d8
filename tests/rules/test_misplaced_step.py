"""AEL405: steps, clipping and schedules, each at its right and its wrong place."""

import textwrap

import pytest

from aelint.diagnostics import Severity
from aelint.rules.optimization import gradients_accumulate
from aelint.rules.optimization import misplaced_step as rule
from aelint.semantics import understand
from aelint.semantics.interpreter.machine import Limits
from aelint.semantics.optimization.schedules import unused_schedules
from aelint.sources.unit import SourceUnit
from tests.rules.harness import rows, run

SETUP = """
import torch
from torch import nn
from torch.optim import lr_scheduler as schedules

model = nn.Sequential(nn.Linear(20, 4), nn.Linear(4, 20))
critic = nn.Linear(20, 1)
opt = torch.optim.Adam(model.parameters())
opt_critic = torch.optim.Adam(critic.parameters())
loader = torch.utils.data.DataLoader(torch.randn(100, 20), batch_size=10)

def clip(limit=1.0):
    nn.utils.clip_grad_norm_(model.parameters(), limit)

def loss_of(x):
    return (model(x) - x).pow(2).mean()
"""

HEALTHY = {
    "clipped before the step": """
for x in loader:
    opt.zero_grad()
    loss_of(x).backward()
    clip()
    opt.step()
""",
    "the second player is clipped after the first one's step": """
for x in loader:
    opt.zero_grad()
    opt_critic.zero_grad()
    (loss_of(x) + critic(model(x)).mean()).backward()
    nn.utils.clip_grad_norm_(critic.parameters(), 1.0)
    opt_critic.step()
    clip()
    opt.step()
""",
    "accumulation over the loop": """
opt.zero_grad()
for x in loader:
    loss_of(x).backward()
opt.step()
""",
    "a diagonal of squared gradients is collected before training": """
fisher = 0
for x in loader:
    opt.zero_grad()
    loss_of(x).backward()
    fisher = fisher + model[0].weight.grad.pow(2)
for x in loader:
    opt.zero_grad()
    loss_of(x).backward()
    opt.step()
""",
    "cleared behind the step, for the next round": """
for x in loader:
    loss_of(x).backward()
    opt.step()
    opt.zero_grad()
""",
    "the critic's gradients from the generator's loss are thrown away": """
for x in loader:
    opt_critic.zero_grad()
    critic(model(x).detach()).mean().backward()
    opt_critic.step()
    opt.zero_grad()
    critic(model(x)).mean().backward()
    opt.step()
""",
    "a schedule per epoch": """
s = schedules.ExponentialLR(opt, 0.9)
for epoch in range(9):
    for x in loader:
        opt.zero_grad()
        loss_of(x).backward()
        opt.step()
    s.step()
""",
    "a slow decay per batch": """
s = schedules.ExponentialLR(opt, 0.9999)
for epoch in range(9):
    for x in loader:
        opt.zero_grad()
        loss_of(x).backward()
        opt.step()
        s.step()
""",
    "a schedule in a loop of single steps": """
s = schedules.StepLR(opt, step_size=100, gamma=0.5)
for step in range(10000):
    opt.zero_grad()
    loss_of(torch.randn(9, 20)).backward()
    opt.step()
    s.step()
""",
    "a schedule for batches": """
s = schedules.OneCycleLR(opt, max_lr=0.1, total_steps=1000)
for epoch in range(9):
    for x in loader:
        opt.zero_grad()
        loss_of(x).backward()
        opt.step()
        s.step()
""",
}

HEALTHY["losses of all rounds are added up"] = """
for epoch in range(9):
    total = 0
    for x in loader:
        opt.zero_grad()
        total = total + loss_of(x)
    total.backward()
    opt.step()
"""
HEALTHY["the mean of kept losses"] = """
for epoch in range(9):
    kept = []
    for x in loader:
        opt.zero_grad()
        kept.append(loss_of(x))
    torch.stack(kept).mean().backward()
    opt.step()
"""
HEALTHY["the last loss is differentiated again after a loop that trains"] = """
for x in loader:
    opt.zero_grad()
    loss = loss_of(x)
    loss.backward(retain_graph=True)
    opt.step()
opt.zero_grad()
loss.backward()
opt.step()
"""
HEALTHY["some batches are passed over, once gradients are cleared"] = """
for x in loader:
    opt.zero_grad()
    if is_empty(x):
        continue
    loss = loss_of(x)
    loss.backward()
    opt.step()
"""
HEALTHY["several tries, of which the last is differentiated in the same round"] = """
for x in loader:
    for _ in range(3):
        opt.zero_grad()
    loss = loss_of(x)
    loss.backward()
    opt.step()
"""
HEALTHY["an attack is found in a loop, and trained on after it"] = """
for x in loader:
    opt.zero_grad()
    for _ in range(5):
        x = x + 0.1 * torch.randn_like(x)
        loss = loss_of(x)
    loss.backward()
    opt.step()
"""
HEALTHY["a schedule is handed to code that cannot be read"] = """
from frame import fit
s = schedules.StepLR(opt, 10)
fit(model, [opt], [s])
for x in loader:
    opt.zero_grad()
    loss_of(x).backward()
    opt.step()
"""
HEALTHY["a schedule inside of another"] = """
s = schedules.SequentialLR(opt, [schedules.LinearLR(opt), schedules.ExponentialLR(opt, 0.9)], milestones=[5])
for epoch in range(9):
    for x in loader:
        opt.zero_grad()
        loss_of(x).backward()
        opt.step()
    s.step()
"""
HEALTHY["one of several schedules, chosen by name, inside of another"] = """
from settings import kind

def main_schedule():
    if kind == "constant":
        return schedules.LambdaLR(opt, lambda step: 1.0)
    return schedules.CosineAnnealingLR(opt, 100)

s = schedules.SequentialLR(opt, [schedules.LinearLR(opt), main_schedule()], milestones=[5])
for epoch in range(9):
    for x in loader:
        opt.zero_grad()
        loss_of(x).backward()
        opt.step()
    s.step()
"""


@pytest.mark.parametrize("loop", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(loop):
    assert rows(rule, SETUP + loop) == []


FAULTS = {
    "step behind the loop": (
        """
for epoch in range(9):
    for x in loader:
        opt.zero_grad()
        loss_of(x).backward()
    opt.step()
""",
        22,
    ),
    "backward and step behind the loop": (
        """
for epoch in range(9):
    for x in loader:
        opt.zero_grad()
        loss = loss_of(x)
    loss.backward()
    opt.step()
""",
        22,
    ),
    "step before backward": (
        """
for x in loader:
    opt.zero_grad()
    loss = loss_of(x)
    opt.step()
    loss.backward()
""",
        21,
    ),
    "clipped after the step": (
        """
for x in loader:
    opt.zero_grad()
    loss_of(x).backward()
    opt.step()
    nn.utils.clip_grad_value_(model.parameters(), 1.0)
""",
        22,
    ),
    "decay per batch": (
        """
s = schedules.ExponentialLR(opt, gamma=0.95)
for epoch in range(9):
    for x in loader:
        opt.zero_grad()
        loss_of(x).backward()
        opt.step()
        s.step()
""",
        24,
    ),
    "steps of the decay counted in batches": (
        """
s = schedules.StepLR(opt, 10, gamma=0.1)
for epoch in range(9):
    for i, x in enumerate(loader):
        opt.zero_grad()
        loss_of(x).backward()
        opt.step()
        s.step()
""",
        24,
    ),
    "schedule without a step": (
        """
s = schedules.StepLR(opt, 10)
for x in loader:
    opt.zero_grad()
    loss_of(x).backward()
    opt.step()
""",
        18,
    ),
    "schedule first": (
        """
s = schedules.StepLR(opt, 10)
for epoch in range(9):
    s.step()
    for x in loader:
        opt.zero_grad()
        loss_of(x).backward()
        opt.step()
""",
        20,
    ),
}


@pytest.mark.parametrize(("loop", "row"), FAULTS.values(), ids=FAULTS.keys())
def test_fires(loop, row):
    assert rows(rule, SETUP + loop) == [row]


def test_clipping_in_a_method_of_another_file():
    files = {
        "main.py": """
            import torch
            from torch import nn
            from fit import Fitter

            fitter = Fitter(nn.Linear(5, 5))
            for i in range(10):
                fitter.step(torch.randn(3, 5))
            """,
        "fit.py": """
            import torch


            class Fitter:
                def __init__(self, net):
                    self.net = net
                    self.opt = torch.optim.SGD(net.parameters(), lr=1.0)

                def step(self, x):
                    self.opt.zero_grad()
                    torch.nn.functional.mse_loss(self.net(x), x).backward()
                    self.opt.step()
                    torch.nn.utils.clip_grad_norm_(self.net.parameters(), max_norm=1.0)
            """,
    }
    found = run(rule, files)
    assert [(f.site.row, f.severity) for f in found] == [(14, Severity.ERROR)]


def test_clipped_before_there_are_gradients():
    body = """
for x in loader:
    opt.zero_grad()
    loss = loss_of(x)
    {}
    loss.backward()
    {}
    opt.step()
"""
    assert rows(rule, SETUP + body.format("nn.utils.clip_grad_norm_(model.parameters(), 1.0)", "")) == [21]
    assert not rows(rule, SETUP + body.format("", "clip()"))
    assert not rows(rule, SETUP + body.format("clip()", "clip()"))


def test_an_optimizer_that_never_steps():
    setup = SETUP + "parts = [torch.optim.Adam(m.parameters()) for m in model]\nfirst, second = parts\n"
    body = """
for x in loader:
    first.zero_grad(); second.zero_grad()
    loss_of(x).backward()
    first.step()
    {}
"""
    assert rows(rule, setup + body.format("pass")) == [22]
    assert rows(rule, setup + body.format("first.step()")) == [22, 24]  # the other one was meant
    assert not rows(rule, setup + body.format("second.step()"))
    assert not rows(rule, setup + body.format("if x.sum() > 0: second.step()"))


SCALED = """
scaler = torch.cuda.amp.GradScaler({enabled})
for x in loader:
    opt.zero_grad()
    scaler.scale(loss_of(x)).backward()
    {before}
    nn.utils.clip_grad_norm_(model.parameters(), {limit})
    scaler.step(opt)
    scaler.update()
"""


@pytest.mark.parametrize(
    ("reason", "enabled", "before", "limit"),
    [
        ("the gradients are divided by the scale first", "", "scaler.unscale_(opt)", "1.0"),
        ("in a branch as well", "", "if len(x) > 1: scaler.unscale_(opt)", "1.0"),
        ("the scaler is switched off", "enabled=False", "pass", "1.0"),
        ("only the norm is measured", "", "pass", "float('inf')"),
    ],
)
def test_silent_on_clips_under_mixed_precision(reason, enabled, before, limit):
    source = SETUP + SCALED.format(enabled=enabled, before=before, limit=limit)
    assert not rows(rule, source), reason


@pytest.mark.parametrize("scaler", ["torch.cuda.amp.GradScaler()", "torch.amp.GradScaler('cuda')"])
def test_clipped_with_the_scale_of_the_loss(scaler):
    source = SETUP + SCALED.format(enabled="", before="pass", limit="1.0")
    found = run(rule, source.replace("torch.cuda.amp.GradScaler()", scaler))
    assert [(f.site.text, f.severity) for f in found] == [
        ("nn.utils.clip_grad_norm_(model.parameters(), 1.0)", Severity.ERROR)
    ]


def test_clipped_with_the_scale_in_a_trainer_with_its_own_names():
    source = (
        SETUP
        + """
from torch.cuda import amp

class Trainer:
    def __init__(self):
        self.amp = amp.GradScaler(enabled=torch.cuda.is_available())

    def fit(self):
        for x in loader:
            with amp.autocast():
                loss = loss_of(x)
            self.amp.scale(loss).backward()
            nn.utils.clip_grad_value_(model.parameters(), 0.5)
            self.amp.step(opt)
            self.amp.update()
            opt.zero_grad()

Trainer().fit()
"""
    )
    assert [f.site.text[:25] for f in run(rule, source)] == ["nn.utils.clip_grad_value_"]


STEPS_OF_ITS_OWN = """
class Trainer:
    def __init__(self):
        self.scaler = torch.amp.GradScaler("cuda")

    def backward(self, loss):
        self.scaler.scale(loss).backward(){unscaled}

    def clip(self, optimizer):
        nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], 1.0)

    def fit(self):
        for x in loader:
            opt.zero_grad()
            self.backward(loss_of(x))
            self.clip(opt)
            self.scaler.step(opt)
            self.scaler.update()

Trainer().fit()
"""


def test_a_function_that_clips_is_called_where_the_scale_should_be_gone():
    assert [f.site.text for f in run(rule, SETUP + STEPS_OF_ITS_OWN.format(unscaled=""))] == ["self.clip(opt)"]


def test_silent_where_the_function_that_goes_backward_divides_by_the_scale():
    assert not rows(rule, SETUP + STEPS_OF_ITS_OWN.format(unscaled="; self.scaler.unscale_(opt)"))


def test_silent_on_schedules_of_a_program_that_takes_too_many_steps_to_read():
    unit = SourceUnit(
        "main.py",
        "import torch\n"
        "from torch import nn\n"
        "net = nn.Linear(2, 2)\n"
        "optimizer = torch.optim.Adam(net.parameters())\n"
        "schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10)\n"
        "for epoch in range(torch.randint(9, (1,)).item()):\n"
        "    net(torch.rand(2, 2)).mean().backward()\n"
        "    optimizer.step()\n"
        "    print(epoch, 1 + 2 + 3 + 4)\n"
        "    schedule.step()\n",
    )
    cut = [understand(unit, limits=Limits(steps_per_root=steps)) for steps in range(20, 80)]
    assert any(p.machine.stopped and p.calls_to("torch.optim.Adam.step") for p in cut)
    assert all(list(unused_schedules(p)) == [] for p in cut)


CONDITIONED = """
import torch
from torch import nn

def train(model, loader, optimizer, scheduler, n):
    for i, x in enumerate(loader):
        (model(x) - x).pow(2).mean().backward()
        {steps}
"""


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param("optimizer.step()\n        if scheduler: scheduler.step()", id="the schedule is optional"),
        pytest.param(
            "if scheduler:\n            optimizer.step(); scheduler.step()\n        else:\n            optimizer.step()",
            id="a step in both",
        ),
        pytest.param("if (i + 1) % n == 0:\n            optimizer.step(); optimizer.zero_grad()", id="each n-th"),
        pytest.param("if (i + 1) % n: continue\n        optimizer.step(); optimizer.zero_grad()", id="skipped between"),
        pytest.param("if not (i + 1) % n:\n            optimizer.step(); optimizer.zero_grad()", id="negated"),
        pytest.param("if i % n: print(i)\n        optimizer.step(); optimizer.zero_grad()", id="another use"),
    ],
)
def test_silent_on_steps_under_conditions(steps):
    assert rows(rule, CONDITIONED.format(steps=steps)) == []


@pytest.mark.parametrize(
    ("steps", "row"),
    [
        ("if scheduler:\n            scheduler.step()\n        else:\n            optimizer.step()", 11),
        ("if scheduler is None:\n            optimizer.step()\n        else:\n            scheduler.step()", 9),
        ("if i % n:\n            optimizer.step(); optimizer.zero_grad()", 8),
        ("if i % n != 0:\n            optimizer.step(); optimizer.zero_grad()", 8),
    ],
)
def test_steps_under_the_wrong_condition(steps, row):
    assert rows(rule, CONDITIONED.format(steps=steps)) == [row]


def test_silent_on_a_schedule_that_is_told_the_epoch_or_that_a_handler_advances():
    source = """
import torch
from torch import nn

net = nn.Linear(4, 4)
opt = torch.optim.Adam(net.parameters())
schedule = torch.optim.lr_scheduler.StepLR(opt, step_size=45)
{handler}
for epoch in range(100):
    {advance}
    x = torch.rand(8, 4)
    opt.zero_grad()
    nn.functional.mse_loss(net(x), x).backward()
    opt.step()
"""
    handler = "@engine.on(epoch_completed)\ndef advance():\n    schedule.step()\n"
    assert rows(rule, source.format(handler="", advance="schedule.step(epoch)")) == []
    assert rows(rule, source.format(handler="", advance="schedule.step()")) == [10]
    assert rows(rule, source.format(handler=handler, advance="pass")) == []
    assert rows(rule, source.format(handler="", advance="pass")) == [7]


TWO_PLAYERS = (
    SETUP
    + """
def clip_critic():
    nn.utils.clip_grad_norm_(critic.parameters(), 1.0)

for x in loader:
    opt.zero_grad()
    (loss_of(x) + critic(model(x)).mean()).backward()
    {first}
    opt.step()
    opt_critic.zero_grad()
    critic(model(x).detach()).mean().backward()
    {second}
    opt_critic.step()
"""
)


@pytest.mark.parametrize(
    ("reason", "first", "second"),
    [
        ("each its own", "clip()", "clip_critic()"),
        ("both at once", "pass", "nn.utils.clip_grad_norm_([*model.parameters(), *critic.parameters()], 1.0)"),
        ("parameters that cannot be known", "clip()", "nn.utils.clip_grad_norm_(chosen(), 1.0)"),
        ("both, one after the other", "clip()", "clip(); clip_critic()"),
        ("a step of its own follows", "clip()", "clip(); opt.step()"),
        (
            "a step of its own follows the other one",
            "clip()",
            "clip(); opt_critic.step(); opt_critic.zero_grad(); opt.step()",
        ),
    ],
)
def test_silent_where_two_players_are_clipped(reason, first, second):
    assert rows(rule, TWO_PLAYERS.format(first=first, second=second)) == [], reason


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("clip()", "nn.utils.clip_grad_norm_(model.parameters(), 1.0)"),
        ("pass", "nn.utils.clip_grad_value_(model[0].parameters(), 0.5)"),
        ("clip()", "nn.utils.clip_grad_norm_(list(model.parameters()), max_norm=1.0)"),
    ],
)
def test_fires_on_a_clip_of_the_other_players_gradients(first, second):
    assert rows(rule, TWO_PLAYERS.format(first=first, second=second)) == [28]


TRAINER_THAT_TRIES_ITSELF = """
import torch
from torch import nn

class Trainer:
    def __init__(self, model, loader):
        self.model, self.loader = model, loader
        self.optimizer = torch.optim.Adam(model.parameters())
        self.scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(self.optimizer)
        self.epoch()

    def epoch(self):
        for x in self.loader:
            self.optimizer.zero_grad()
            loss = nn.functional.mse_loss(self.model(x), x)
            loss.backward()
            self.optimizer.step()
        return loss.item()

    def train(self):
        for _ in range(10):
            loss = self.epoch()
            {advance}

def fold(loader):
    trainer = Trainer(nn.Linear(2, 2), loader)
    trainer.train()
"""


def test_silent_on_a_schedule_of_a_trainer_that_takes_steps_as_soon_as_it_is_built():
    assert not rows(rule, TRAINER_THAT_TRIES_ITSELF.format(advance="self.scheduler.step(loss)"))


def test_fires_on_a_schedule_of_a_trainer_that_nothing_advances():
    assert rows(rule, TRAINER_THAT_TRIES_ITSELF.format(advance="print(loss)")) == [9]


NO_STEP = """
import torch
from torch import nn

class Trainer:
    def __init__(self, net):
        self.net = net
        self.optimizer = torch.optim.Adam(net.parameters())

    def epoch(self, loader):
        for x in loader:
            {clear}
            nn.functional.mse_loss(self.net(x), x).backward()
            {then}

    {other}

trainer = Trainer(nn.Linear(8, 8))
for _ in range(3):
    trainer.epoch(torch.rand(5, 4, 8))
"""


@pytest.mark.parametrize(
    ("clear", "then", "other"),
    [
        pytest.param("self.optimizer.zero_grad()", "self.optimizer.step()", "", id="it steps"),
        pytest.param("self.net.zero_grad()", "", "", id="the optimiser has no part in it"),
        pytest.param(
            "self.optimizer.zero_grad()", "self.record(self.optimizer)", "record = print_rates", id="handed on"
        ),
        pytest.param(
            "self.optimizer.zero_grad()", "", "def on_batch_end(self): self.optimizer.step()", id="stepped by a hook"
        ),
    ],
)
def test_silent_on_optimizers_that_step_or_may_step(clear, then, other):
    assert rows(rule, NO_STEP.format(clear=clear, then=then, other=other)) == []


def test_nothing_takes_a_step():
    assert rows(rule, NO_STEP.format(clear="self.optimizer.zero_grad()", then="", other="")) == [13]
    assert rows(rule, NO_STEP.format(clear="", then="self.optimizer.zero_grad()", other="")) == [13]


def test_the_backward_pass_whose_gradients_are_dropped_is_the_one_that_trains_the_optimizer():
    source = """
        import torch
        from torch import nn

        net, critic = nn.Linear(8, 8), nn.Linear(8, 1)
        first, second = (torch.optim.Adam(m.parameters()) for m in (net, critic))
        for x in torch.rand(9, 4, 8):
            second.zero_grad()
            critic(x).mean().backward()
            critic(net(x).detach()).mean().backward()
            first.zero_grad()
            (net(x) - x).pow(2).mean().backward()
            first.step()
        """
    assert rows(rule, source) == [9]


RATE = """
for epoch in range(9):
    for x in loader:
        opt.zero_grad()
        loss_of(x).backward()
        opt.step()
        {inside}
    {after}
"""


@pytest.mark.parametrize(
    ("inside", "after", "text"),
    [
        ("", "print(schedule.get_last_lr())", "schedule.get_last_lr()"),
        ("", "print(epoch, opt.param_groups[0]['lr'])", "torch.optim.lr_scheduler.StepLR(opt, 5)"),
        ("print(schedule.get_last_lr())", "", "torch.optim.lr_scheduler.StepLR(opt, 5)"),
    ],
)
def test_a_schedule_that_is_read_and_never_advanced_is_told_where_an_epoch_ends(inside, after, text):
    source = SETUP + "schedule = torch.optim.lr_scheduler.StepLR(opt, 5)" + RATE.format(inside=inside, after=after)
    assert [f.site.text for f in run(rule, source)] == [text]
    assert not rows(rule, source + "    schedule.step()\n")


def test_silent_on_a_schedule_that_is_advanced_in_a_round_far_off():
    source = SETUP + "schedule, rounds = torch.optim.lr_scheduler.StepLR(opt, 5), 0"
    far = "rounds += 1\n        if rounds == 10_000:\n            {}"
    assert rows(rule, source + RATE.format(inside=far.format("schedule.step()"), after="")) == []
    assert rows(rule, source + RATE.format(inside=far.format("opt.step()"), after="")) != []
    once = "\nfor x in loader:\n    opt.zero_grad()\n    loss_of(x).backward()\n    opt.step()\n    rounds += 1\n"
    counted = once + "    if rounds == 10_000:\n        {}\n"
    assert rows(rule, source + counted.format("schedule.step()")) == []
    assert rows(rule, source + counted.format("print(rounds)")) != []


def test_silent_on_a_schedule_in_whose_place_each_round_sets_the_rate():
    rate = "for group in opt.param_groups: group['lr'] = 0.1 / (1 + epoch)"
    source = SETUP + "schedule = torch.optim.lr_scheduler.LambdaLR(opt, lambda _: 1.0)"
    assert rows(rule, source + RATE.format(inside=rate, after="")) == []
    warm_up = f"if opt.warm:\n            {rate}"
    assert rows(rule, source + RATE.format(inside=warm_up, after="")) != [], "only some rounds set it"


TRIAL = """
import torch
from torch import nn

def epoch(model, loader, optimizer):
    for x in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), x).backward()
        optimizer.step()

def main(loader):
    model = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters())
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5)
    epoch(model, loader, optimizer)
    model = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(model.parameters())
    {second} = torch.optim.lr_scheduler.StepLR(optimizer, 5)
    for _ in range(9):
        epoch(model, loader, optimizer)
        {second}.step()
"""


def test_silent_on_a_schedule_of_a_trial_that_another_replaces():
    assert not rows(rule, TRIAL.format(second="scheduler"))


def test_fires_on_a_schedule_that_is_left_beside_another():
    assert rows(rule, TRIAL.format(second="slower")) == [14]


MODEL_WITH_A_SCHEDULE = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.optimizer = torch.optim.Adam(self.parameters())
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, 0.99)

    def fit(self, loader):
        for _ in range({epochs}):
            for x in loader:
                self.optimizer.zero_grad()
                nn.functional.mse_loss(self.layer(x), x).backward()
                self.optimizer.step()
"""


def test_silent_on_a_schedule_that_whoever_runs_the_epochs_may_advance():
    one = MODEL_WITH_A_SCHEDULE.replace(
        "        for _ in range({epochs}):\n            for x", "        if True:\n            for x"
    )
    assert not rows(rule, one)


def test_fires_on_a_schedule_of_a_model_that_runs_all_its_epochs():
    assert rows(rule, MODEL_WITH_A_SCHEDULE.format(epochs=9)) == [10]


def test_fires_on_a_schedule_of_a_model_whose_user_runs_the_epochs_and_leaves_it():
    one = MODEL_WITH_A_SCHEDULE.replace(
        "        for _ in range({epochs}):\n            for x", "        if True:\n            for x"
    )
    use = "\nmodel = Model()\nfor _ in range(9):\n    model.fit(torch.rand(4, 1, 2))\n    "
    assert rows(rule, one + use + "print(model)\n") == [10]
    assert not rows(rule, one + use + "model.scheduler.step()\n")


ADDED_UP = """
opt.zero_grad()
for i, x in enumerate(loader):
    (loss_of(x) / 4).backward()
{}"""


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param(
            "    if (i + 1) % 4 == 0:\n        clip()\n        opt.step()\n        opt.zero_grad()\n",
            [],
            id="the step waits as the clearing does",
        ),
        pytest.param(
            "    opt.step()\n    if i % 4 == 0:\n        print(i)\n    opt.zero_grad()\n", [], id="nothing waits"
        ),
        pytest.param(
            "    opt.step()\n    model.zero_grad()\n    if i % 4 == 0:\n        opt.zero_grad()\n",
            [],
            id="cleared by the model",
        ),
        pytest.param(
            "    if i % 4 == 0:\n        opt.step()\n        opt.zero_grad()\n    opt_critic.step()\n",
            [],
            id="another optimiser",
        ),
        pytest.param(
            "    if (i + 1) % 4 == 0:\n        opt.step()\n        opt.zero_grad()\n    opt.step()\n",
            [24],
            id="a second step",
        ),
        pytest.param("    opt.step()\n    if i % 4 == 3:\n        opt.zero_grad()\n", [21], id="the only step"),
        pytest.param(
            "    last = i % 4 == 3\n    opt.step()\n    if not last:\n        continue\n    opt.zero_grad()\n",
            [22],
            id="before the rest of the body",
        ),
    ],
)
def test_a_step_in_each_round_beside_a_clearing_that_waits(body, found):
    text = SETUP + ADDED_UP.format(body)
    assert rows(rule, text) == found
    if found:
        assert rows(gradients_accumulate, text) == []


TWICE = """
scaler = torch.amp.GradScaler("cuda")
for i, x in enumerate(loader):
    opt.zero_grad()
    {steps}
"""


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        pytest.param("scaler.scale(loss_of(x)).backward()\n    scaler.step(opt)\n    scaler.update()", [], id="once"),
        pytest.param(
            "loss_of(x).backward()\n    if i % 2:\n        scaler.step(opt)\n    else:\n        opt.step()",
            [],
            id="either",
        ),
        pytest.param(
            "loss_of(x).backward()\n    try:\n        scaler.step(opt)\n    except RuntimeError:\n        opt.step()",
            [],
            id="one instead of the other",
        ),
        pytest.param(
            "loss_of(x).backward()\n    opt.step()\n    loss_of(x).backward()\n    opt.step()",
            [],
            id="gradients of its own",
        ),
        pytest.param(
            "loss_of(x).backward()\n    opt.step()\n    opt_critic.step()", [], id="two optimisers on one backward pass"
        ),
        pytest.param(
            "loss_of(x).backward()\n    opt.step()\n    for p in model.parameters():\n        p.grad = -p.grad\n    opt.step()",
            [],
            id="gradients set by hand",
        ),
        pytest.param(
            "scaler.scale(loss_of(x)).backward()\n    scaler.step(opt)\n    scaler.update()\n    opt.step()",
            [24],
            id="after it",
        ),
        pytest.param(
            "scaler.scale(loss_of(x)).backward()\n    clip()\n    opt.step()\n    scaler.step(opt)",
            [23],
            id="before it",
        ),
        pytest.param(
            "loss_of(x).backward()\n    opt.step()\n    if i:\n        opt.step()", [24], id="without a scaler"
        ),
    ],
)
def test_a_second_step_on_the_same_gradients(steps, found):
    assert [row for row in rows(rule, SETUP + TWICE.replace("{steps}", steps)) if row > 20] == found


@pytest.mark.parametrize(
    "clear", ["opt.zero_grad()", "model.zero_grad()", "opt.zero_grad()\n        opt_critic.zero_grad()"]
)
def test_clipped_after_the_gradients_of_several_batches_are_used_and_cleared(clear):
    loop = """
count = 0
for x in loader:
    loss_of(x).backward()
    count += 1
    if count == 4:
        clip_here()
        opt.step()
        {clear}
        count = 0
"""
    clip = "nn.utils.clip_grad_norm_(model.parameters(), 0.1)"
    healthy = loop.replace("clip_here()", clip).replace("{clear}", clear)
    faulty = loop.replace("clip_here()", "pass").replace("{clear}", f"{clear}\n        {clip}")
    assert rows(rule, SETUP + healthy) == []
    assert rows(rule, SETUP + faulty) == [26 + clear.count("\n")]


FITTED = """
x = torch.rand(64, 20)

def fit(net, optimizer, steps):
    {before}
    for _ in range(steps):
        {body}
    return net

def fit_all(steps=200):
    return fit(model, torch.optim.SGD(model.parameters(), 0.1), steps)

fit_all()
"""
_CLEAR, _STEP = "optimizer.zero_grad()", "optimizer.step()"
_KEPT = "loss.backward(retain_graph=True)"


@pytest.mark.parametrize(
    ("before", "body", "found"),
    [
        pytest.param("pass", f"{_CLEAR}; loss = loss_of(x); loss.backward(); {_STEP}", [], id="computed in each round"),
        pytest.param(
            "loss = loss_of(x)", f"{_CLEAR}; {_KEPT}; {_STEP}; loss = loss_of(x)", [], id="computed for the next round"
        ),
        pytest.param(
            "loss = loss_of(x); loss.backward()",
            f"{_CLEAR}; loss = loss_of(x); loss.backward(); {_STEP}",
            [],
            id="a first one",
        ),
        pytest.param("loss = loss_of(x)", "loss.backward(retain_graph=True)", [], id="gradients that no step uses"),
        pytest.param("loss = loss_of(x)", f"{_CLEAR}; {_KEPT}; {_STEP}", [21], id="computed before"),
        pytest.param(
            "out = net(x); loss = nn.functional.mse_loss(out, x)",
            f"{_KEPT}; {_STEP}; {_CLEAR}",
            [21],
            id="in two steps",
        ),
        pytest.param(
            "out = net(x)", f"{_CLEAR}; loss = ((out - x) ** 2).mean(); {_KEPT}; {_STEP}", [21], id="the output"
        ),
        pytest.param(
            "decay = sum(p.pow(2).sum() for p in net.parameters())",
            f"{_CLEAR}; loss = loss_of(x) + 0.1 * decay; loss.backward(); {_STEP}",
            [21],
            id="a penalty on the weights",
        ),
        pytest.param(
            "decay = sum(p.pow(2).sum() for p in net.parameters()).detach()",
            f"{_CLEAR}; loss = loss_of(x) + 0.1 * decay; loss.backward(); {_STEP}",
            [],
            id="a number",
        ),
        pytest.param(
            "old = net(x); shift = (old - x).mean()",
            f"{_CLEAR}; loss = loss_of(x) * 2 + nn.functional.mse_loss(net(x), x); loss.backward(); {_STEP}",
            [],
            id="what the loss does not use",
        ),
        pytest.param(
            "code = nn.Parameter(net[0](x).detach()); optimizer = torch.optim.Adam([code])",
            f"{_CLEAR}; loss = (code * x[:, :4]).mean(); {_KEPT}; {_STEP}",
            [],
            id="a parameter that is fitted",
        ),
    ],
)
def test_a_loss_that_is_computed_before_the_loop(before, body, found):
    program = SETUP + FITTED.replace("{before}", before).replace("{body}", body)
    assert rows(rule, program) == found


@pytest.mark.parametrize(
    ("before", "body", "said"),
    [
        pytest.param(
            "loss = loss_of(x)", "loss.backward()", "torch raises in the second round", id="without its graph"
        ),
        pytest.param("loss = loss_of(x)", _KEPT, "each step repeats the first gradient", id="with its graph"),
        pytest.param(
            "decay = sum(p.pow(2).sum() for p in net.parameters())",
            "loss = loss_of(x) + 0.1 * decay; loss.backward()",
            "torch raises in the second round",
            id="a term without its graph",
        ),
    ],
)
def test_the_message_says_what_a_loss_of_before_the_loop_leads_to(before, body, said):
    program = SETUP + FITTED.replace("{before}", before).replace("{body}", f"{_CLEAR}; {body}; {_STEP}")
    (finding,) = run(rule, program)
    assert said in finding.message


def test_silent_on_one_loss_for_several_optimizers():
    loop = """
parts = [torch.optim.Adam(m.parameters()) for m in model]
loss = loss_of(torch.rand(4, 20))
for one in parts:
    one.zero_grad()
    loss.backward(retain_graph=True)
    one.step()
"""
    assert rows(rule, SETUP + loop) == []


ROUND = """
import torch
from torch import nn
from tools import Engine

def update(optimizer):
    {update}

def log_step(loss):
    print(loss)

class Trainer:
    def __init__(self, model, optimizer, scheduler):
        self.model = model
        {kept}

    def fit(self, loader, epochs):
        for epoch in range(epochs):
            for x in loader:
                self.optimizer.zero_grad()
                loss = nn.functional.mse_loss(self.model(x), x)
                {body}
            self.scheduler.step()
        {behind}

    {other}
"""
WHOLE = {"update": "pass", "kept": "self.optimizer = optimizer", "body": "pass", "behind": "pass", "other": ""}
NO_STEP_HERE = {
    "a step": {"body": "loss.backward(); self.optimizer.step()"},
    "a step in a method": {"body": "loss.backward(); self.move()", "other": "def move(self): self.optimizer.step()"},
    "a step in a function": {"body": "loss.backward(); update(self.optimizer)", "update": "optimizer.step()"},
    "a scaler's step": {"body": "self.scaler.scale(loss).backward(); self.scaler.step(self.optimizer)"},
    "a step under another name": {"kept": "self.optimizer = self.adam = optimizer", "body": "loss.backward()"},
    "one of several that step": {
        "kept": "self.optimizer = optimizer; self.all = [optimizer]",
        "body": "loss.backward()",
    },
    "a step under another name, bound beside the network": {
        "kept": "self.optimizer = optimizer; self.net, self.adam = model, optimizer",
        "body": "loss.backward()",
    },
    "given to what is not in sight": {"body": "loss.backward()", "behind": "Engine(self.optimizer).run()"},
    "a step by hand": {"body": "loss.backward(); w = self.model.weight; w.data -= 0.1 * w.grad"},
    "gradients that are looked at": {"body": "loss.backward(); self.seen = x.grad"},
    "stepped by a hook": {"body": "loss.backward()", "other": "def on_batch_end(self): self.optimizer.step()"},
    "no gradients either": {"body": "log_step(loss)"},
}
NO_BACKWARD_HERE = {
    "a backward pass": {"body": "loss.backward(); self.optimizer.step()"},
    "a backward pass in a method": {
        "body": "self.learn(loss); self.optimizer.step()",
        "other": "def learn(self, loss): loss.backward()",
    },
    "a backward pass by accelerate": {"body": "self.accelerator.backward(loss); self.optimizer.step()"},
    "gradients by autograd": {
        "body": "for p, g in zip(p, torch.autograd.grad(loss, p)): p.grad = g\n                self.optimizer.step()"
    },
    "the loss goes to what is not in sight": {"body": "Engine.learn(loss); self.optimizer.step()"},
    "a hook in between": {"body": "self.call_hook('after_iteration'); self.optimizer.step()"},
    "the optimiser belongs to an engine": {
        "kept": "self.optimizer = optimizer; self.engine = Engine(model, self.optimizer)",
        "body": "self.engine.learn(); self.optimizer.step()",
    },
    "a closure": {"body": "self.optimizer.step(lambda: self.learn(x))"},
}


@pytest.mark.parametrize("parts", NO_STEP_HERE.values(), ids=NO_STEP_HERE.keys())
def test_silent_where_something_may_take_the_step(parts):
    assert rows(rule, ROUND.format(**{**WHOLE, **parts})) == []


@pytest.mark.parametrize("parts", NO_BACKWARD_HERE.values(), ids=NO_BACKWARD_HERE.keys())
def test_silent_where_something_may_compute_gradients(parts):
    assert rows(rule, ROUND.format(**{**WHOLE, **parts})) == []


@pytest.mark.parametrize("body", ["loss.backward()", "loss.backward(); log_step(loss)"])
def test_a_loop_of_a_trainer_that_takes_no_step(body):
    assert rows(rule, ROUND.format(**{**WHOLE, "body": body})) == [22]


@pytest.mark.parametrize(
    "body",
    [
        "self.optimizer.step()",
        "self.losses.append(loss); self.optimizer.step()",
        "np.savez('losses', loss); self.optimizer.step()",
    ],
)
def test_a_loop_of_a_trainer_that_computes_no_gradients(body):
    assert rows(rule, ROUND.format(**{**WHOLE, "body": body})) == [22]


def test_silent_where_no_loss_is_in_sight():
    source = """
    def train(engine, optimizer, loader):
        for x in loader:
            optimizer.zero_grad()
            engine.run(x)
            optimizer.step()
    """
    assert rows(rule, textwrap.dedent(source)) == []


def test_another_loop_takes_the_step_of_its_own_optimizer():
    source = """
    def first(model, optimizer, loader):
        for x in loader:
            optimizer.zero_grad()
            loss = model(x).pow(2).mean()
            loss.backward()
            optimizer.step()

    def second(model, optimizer, loader):
        for x in loader:
            optimizer.zero_grad()
            loss = model(x).abs().mean()
            loss.backward()
    """
    assert rows(rule, textwrap.dedent(source)) == [13]


def test_the_step_of_each_optimizer_of_a_list_is_taken_elsewhere():
    source = """
    def train(model, optimizers, loader):
        for x in loader:
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss = model(x).pow(2).mean()
            loss.backward()
    """
    assert rows(rule, textwrap.dedent(source)) == []


ONE_STEP = """
import torch
from torch import nn
from losses import criterion
from tools import Engine, record

def make(model):
    return torch.optim.Adam(model.parameters())

def train_one(model, optimizer, scaler, x):
    {body}
    return loss

{other}
"""
_ASKED = "def fit(model, optimizer, loader):\n    for x in loader:\n        train_one(model, optimizer, None, x)\n        {then}"
_FORWARD = "loss = criterion(model(x), x)"
COMPLETE_STEPS = {
    "all three": (f"{_FORWARD}; optimizer.zero_grad(); loss.backward(); optimizer.step()", ""),
    "the caller takes the step": (
        f"optimizer.zero_grad(); {_FORWARD}; loss.backward()",
        _ASKED.format(then="optimizer.step()"),
    ),
    "what the caller calls takes the step": (
        f"optimizer.zero_grad(); {_FORWARD}; loss.backward()",
        _ASKED.format(then="move(optimizer)") + "\n\ndef move(o):\n    o.step()",
    ),
    "the caller of the caller takes the step": (
        f"optimizer.zero_grad(); {_FORWARD}; loss.backward()",
        "def one(m, o, x):\n    train_one(m, o, None, x)\n\ndef fit(m, o, xs):\n    for x in xs:\n        one(m, o, x)\n        o.step()",
    ),
    "the gradients are for who calls": (
        f"optimizer.zero_grad(); {_FORWARD}; loss.backward(); seen = x.grad",
        _ASKED.format(then="pass"),
    ),
    "the backward pass stands before the clearing": (
        f"{_FORWARD}; loss.backward(); record(model); optimizer.zero_grad()",
        _ASKED.format(then="pass"),
    ),
    "a warm-up of the schedule": (f"optimizer.zero_grad(); optimizer.step(); {_FORWARD.replace('loss', 'out')}", ""),
    "the loss goes to what is not in sight": (
        f"{_FORWARD}; optimizer.zero_grad(); Engine.learn(loss); optimizer.step()",
        "",
    ),
    "a scaler's step": (
        f"{_FORWARD}; optimizer.zero_grad(); scaler.scale(loss).backward(); scaler.step(optimizer)",
        _ASKED.format(then="pass"),
    ),
    "a step with a closure": (f"{_FORWARD}; optimizer.zero_grad(); optimizer.step(lambda: record(loss))", ""),
    "a function for gradients, which nobody calls": (
        "return None",
        "def gradients(model, optimizer, x):\n    optimizer.zero_grad()\n    model(x).mean().backward()",
    ),
}


@pytest.mark.parametrize(("body", "other"), COMPLETE_STEPS.values(), ids=COMPLETE_STEPS.keys())
def test_silent_on_functions_of_one_round_that_lack_nothing(body, other):
    assert rows(rule, ONE_STEP.format(body=body.replace("; ", "\n    "), other=other)) == []


@pytest.mark.parametrize(
    ("body", "other", "row"),
    [
        (f"{_FORWARD}; optimizer.zero_grad(); loss.backward()", _ASKED.format(then="pass"), 13),
        (f"optimizer.zero_grad(); {_FORWARD}; scaler.scale(loss).backward()", _ASKED.format(then="print(x)"), 13),
        (f"optimizer.zero_grad(); {_FORWARD}; loss.backward()", "", 13),
        (f"{_FORWARD}; optimizer.zero_grad(); optimizer.step()", "", 13),
        (f"{_FORWARD}; optimizer.zero_grad(); optimizer.step(); record(loss)", "", 13),
        (
            "optimizer.zero_grad(); loss = own(model, x); optimizer.step(); record(optimizer)",
            "def own(model, x):\n    return 1 + 1",
            13,
        ),
        (f"optimizer.zero_grad(); {_FORWARD}; optimizer.step()", _ASKED.format(then="pass"), 13),
        (f"{_FORWARD}; optimizer.zero_grad(); scaler.step(optimizer); scaler.update()", "", 13),
    ],
    ids=[
        "no step",
        "no step of a scaler",
        "no step in a function that nobody calls",
        "no backward pass",
        "no backward pass, and the loss is recorded",
        "no backward pass of a loss of the project, and the optimiser is given away",
        "no backward pass of a loss that is computed in between",
        "no backward pass of a scaler",
    ],
)
def test_a_function_of_one_round_lacks_a_part(body, other, row):
    assert rows(rule, ONE_STEP.format(body=body.replace("; ", "\n    "), other=other)) == [row]


def test_a_function_of_one_round_whose_step_stands_behind_the_loop_is_told_there():
    other = _ASKED.format(then="pass") + "\n    optimizer.step()"
    body = f"optimizer.zero_grad(); {_FORWARD}; loss.backward()".replace("; ", "\n    ")
    assert rows(rule, ONE_STEP.format(body=body, other=other)) == [20]


TWO_PHASES = """
class Trainer:
    def __init__(self, model, data, make):
        self.model, self.data, self.optimizer = model, data, make(model)

    def train(self):
        model, optimizer, data = self.model, self.optimizer, self.data
        model.train()
        optimizer.zero_grad()
        loss = model.loss_of(data)
        loss.backward()
        {step}

    def run(self):
        for _ in range(10):
            self.train()


class Longer(Trainer):
    def pretrain(self):
        model, optimizer, data = self.model, self.optimizer, self.data
        model.train()
        optimizer.zero_grad()
        model.first_loss_of(data).backward()
        optimizer.step()

    def run(self):
        for _ in range(10):
            self.pretrain()
        for _ in range(10):
            self.train()


class Other(Trainer):
    def train(self):
        {above}
        self.optimizer.zero_grad()
        self.model(self.data).mean().backward()
        self.optimizer.step()
"""


@pytest.mark.parametrize(
    ("step", "above", "found"),
    [("optimizer.step()", "pass", []), ("pass", "super().train()", []), ("pass", "pass", [11])],
    ids=["steps", "a subclass steps for it", "one of two phases takes no step"],
)
def test_a_phase_of_training_in_a_class_of_its_own(step, above, found):
    assert rows(rule, TWO_PHASES.format(step=step, above=above)) == found


PLAYERS = """
import torch
from tools import Engine

class Pair(torch.nn.Module):
    def __init__(self, coder, critic{given}):
        super().__init__()
        self.coder, self.critic = coder, critic
        self.opt_c = {made}
        self.opt_d = torch.optim.Adam(critic.parameters())
        {kept}

    def learn(self, x):
        self.opt_d.zero_grad()
        self.critic.loss_of(self.coder(x).detach()).backward()
        self.opt_d.step()
        self.opt_c.zero_grad()
        self.critic.loss_of(self.coder(x)).backward()
        {step}
"""
WHOLE_PAIR = {"given": "", "made": "torch.optim.Adam(coder.parameters())", "kept": "pass", "step": "self.opt_c.step()"}
PAIRS_THAT_STEP = {
    "both step": {},
    "a scaler steps": {"step": "self.scaler.step(self.opt_c)"},
    "a function steps": {"step": "move(self.opt_c)", "kept": "pass\n\ndef move(o): o.step()\n\nclass Rest:\n    pass"},
    "kept in a list": {"step": "pass", "kept": "self.all = [self.opt_c, self.opt_d]"},
    "kept under another name": {"step": "pass", "kept": "self.first = self.opt_c"},
    "whoever made it may step": {"step": "pass", "given": ", opt_c", "made": "opt_c"},
    "given to what is not in sight": {"step": "pass", "kept": "Engine(self.opt_c)"},
    "another may take its place": {
        "step": "pass",
        "kept": "pass\n\n    def replace(self, opt_c):\n        self.opt_c = opt_c",
    },
    "the network has it, too": {"step": "pass", "made": "coder.optimizer"},
    "a step that is handed on": {"step": "Engine(self.opt_c.step)"},
}


@pytest.mark.parametrize("parts", PAIRS_THAT_STEP.values(), ids=PAIRS_THAT_STEP.keys())
def test_silent_on_two_optimizers_that_may_both_step(parts):
    assert rows(rule, PLAYERS.format(**{**WHOLE_PAIR, **parts})) == []


@pytest.mark.parametrize(
    "parts",
    [{}, {"kept": "self.plan = torch.optim.lr_scheduler.StepLR(self.opt_c, 5)"}, {"kept": "print(self.opt_c)"}],
    ids=["nothing else", "a schedule changes its rate", "it is shown"],
)
def test_one_of_two_optimizers_never_steps(parts):
    assert 17 in rows(rule, PLAYERS.format(**{**WHOLE_PAIR, **parts, "step": "pass"}))


def test_an_optimizer_without_a_step_is_told_once():
    again = "pass\n\n    def learn_more(self, x):\n        self.opt_c.zero_grad()\n        self(x).backward()\n        self.opt_d.step()"
    found = run(rule, PLAYERS.format(**{**WHOLE_PAIR, "step": again}))
    assert sum("nothing asks this optimiser" in f.message for f in found) == 1


def test_silent_on_a_method_for_the_gradients_of_an_optimizer_that_whoever_uses_it_may_step():
    source = """
    class Player:
        def __init__(self, net):
            self.opt = make(net)

        def gradients(self, x):
            self.opt.zero_grad()
            self.net(x).backward()
    """
    assert rows(rule, textwrap.dedent(source)) == []


def test_one_of_two_optimizers_of_a_framework_never_steps():
    source = """
    import lightning as L

    class Pair(L.LightningModule):
        def training_step(self, batch, index):
            first, second = self.optimizers()
            opt_a, opt_b = first, second
            ae_opt, disc_opt = self.optimizers()
            ae_opt.zero_grad()
            self.manual_backward(self.loss_of(batch))
            disc_opt.zero_grad()
            self.manual_backward(self.critic_loss_of(batch))
            disc_opt.step()
    """
    assert rows(rule, textwrap.dedent(source)) == [9]
