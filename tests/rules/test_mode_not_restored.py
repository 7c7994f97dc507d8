"""AEL601: who runs in which mode."""

import textwrap

import pytest

from aelint.rules.inference import mode_not_restored as rule
from tests.rules.harness import rows

SETUP = """
import torch
from torch import nn
import torch.nn.functional as F

model = nn.Sequential(nn.Linear(20, 8), {layer}, nn.Linear(8, 20))
opt = torch.optim.Adam(model.parameters())
loader = torch.utils.data.DataLoader(torch.randn(100, 20), batch_size=10)

def update(x):
    opt.zero_grad()
    F.mse_loss(model(x), x).backward()
    opt.step()

def validate():
    model.eval()
    with torch.no_grad():
        return sum(F.mse_loss(model(x), x) for x in loader)
"""

HEALTHY = {
    "train() opens each epoch": """
for epoch in range(9):
    model.train()
    for x in loader:
        update(x)
    validate()
""",
    "train() follows the validation": """
for i, x in enumerate(loader):
    update(x)
    if i % 5 == 0:
        validate()
        model.train()
""",
    "evaluation when training is over": """
for x in loader:
    update(x)
print(validate())
""",
    "frozen statistics from the start": """
model.eval()
for x in loader:
    update(x)
""",
    "phases": """
def run(training):
    for x in loader:
        if training:
            model.train()
        else:
            model.eval()
        if training:
            update(x)
        else:
            validate()
for phase in (True, False):
    run(phase)
""",
    "another model is evaluated": """
other = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
for x in loader:
    update(x)
    other.eval()
""",
    "samples for a second player": """
critic = nn.Linear(20, 1)
opt_critic = torch.optim.Adam(critic.parameters())
for x in loader:
    update(x)
    with torch.no_grad():
        fake = model(x)
    opt_critic.zero_grad()
    critic(fake).mean().backward()
    opt_critic.step()
""",
    "Monte-Carlo dropout": """
for x in loader:
    update(x)
def mc_dropout(x):
    with torch.no_grad():
        return torch.stack([model(x) for _ in range(9)])
mc_dropout(torch.randn(3, 20))
""",
    "training mode is chosen for scoring": """
for x in loader:
    update(x)
def scores():
    model.train()
    with torch.no_grad():
        return [model(x) for x in loader]
scores()
""",
    "a copy is put into evaluation mode": """
import copy
for x in loader:
    update(x)
    snapshot = copy.deepcopy(model).eval()
    torch.save(snapshot, 'model.pt')
""",
    "a last look at the end of a script": """
for x in loader:
    update(x)
with torch.no_grad():
    print(model(x).std())
""",
    "scored before training": """
with torch.no_grad():
    model(torch.randn(5, 20))
for x in loader:
    update(x)
""",
}


@pytest.mark.parametrize("layer", ["nn.BatchNorm1d(8)", "nn.Dropout(0.3)"])
@pytest.mark.parametrize("loop", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(loop, layer):
    assert rows(rule, SETUP.format(layer=layer) + loop) == []


MIDDLE = """
model.train()
for i, x in enumerate(loader):
    update(x)
    if i % 5 == 0:
        validate()
"""

EPOCHS = """
for epoch in range(9):
    for x in loader:
        update(x)
    validate()
"""

SCORED = """
for x in loader:
    update(x)

@torch.no_grad()
def score():
    return [model(x) for x in loader]

score()
"""


@pytest.mark.parametrize(
    ("loop", "row"), [(MIDDLE, 24), (EPOCHS, 16), (SCORED, 23)], ids=["middle", "epochs", "scored"]
)
def test_fires(loop, row):
    assert rows(rule, SETUP.format(layer="nn.BatchNorm1d(8)") + loop) == [row]


SOMETIMES = """
@torch.no_grad()
def score():
    "The error of all batches."
    {eval}
    return [model(x) for x in loader]

for step in range(1, 41):
    opt.zero_grad(); F.mse_loss(model(next(batches)), torch.ones(9, 20)).backward(); opt.step()
    if step % 20 == 0:
        {score}
        model.train()
"""


@pytest.mark.parametrize("score", ["score()", 'print(f"{step:03d}: {score()}")'])
def test_fires_on_a_score_in_the_rounds_that_a_counter_picks(score):
    source = SETUP.format(layer="nn.Dropout(0.1)") + SOMETIMES
    assert rows(rule, source.format(eval="scores = []", score=score)) == [23]
    assert rows(rule, source.format(eval="model.eval()", score=score)) == []


@pytest.mark.parametrize("layer", ["nn.LayerNorm(8)", "nn.ReLU()", "nn.Dropout(0.0)"])
@pytest.mark.parametrize("loop", [MIDDLE, EPOCHS, SCORED], ids=["middle", "epochs", "scored"])
def test_silent_without_a_layer_of_two_modes(loop, layer):
    assert rows(rule, SETUP.format(layer=layer) + loop) == []


def test_model_and_scoring_in_other_files():
    files = {
        "main.py": """
            import torch
            from model import AE
            from score import distances

            net = AE()
            opt = torch.optim.Adam(net.parameters())
            for i in range(10):
                x = torch.randn(4, 16)
                opt.zero_grad()
                (net(x) - x).pow(2).mean().backward()
                opt.step()
            distances(net, torch.randn(100, 16))
            """,
        "model.py": """
            from torch import nn


            class AE(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.net = nn.Sequential(nn.Linear(16, 4), nn.BatchNorm1d(4), nn.Linear(4, 16))

                def forward(self, x):
                    return self.net(x)
            """,
        "score.py": """
            import torch


            def distances(net, x):
                with torch.inference_mode():
                    return (net(x) - x).norm(dim=1)
            """,
    }
    assert rows(rule, files) == [6]


def test_silent_on_pictures_that_a_generator_makes_while_it_is_trained():
    source = """
        import torch
        from torch import nn

        generator = nn.Sequential(nn.Linear(8, 64), nn.BatchNorm1d(64), nn.Linear(64, 20))
        critic = nn.Linear(20, 1)
        opt = torch.optim.Adam(generator.parameters())
        shown = torch.randn(64, 8)
        for epoch in range(9):
            for x in torch.utils.data.DataLoader(torch.randn(100, 20), batch_size=10):
                opt.zero_grad()
                critic(generator(torch.randn(10, 8))).mean().backward()
                opt.step()
            with torch.no_grad():
                show(generator(shown))
        """
    assert rows(rule, source) == []


def scored(body):
    return SETUP.format(layer="nn.Dropout(0.5)") + textwrap.dedent(body)


SCORED = {
    "with gradients, for an attack": """
        for x in loader:
            update(x)
        for x in loader:
            F.mse_loss(model(x), x)
        """,
    "in evaluation mode": """
        for x in loader:
            update(x)
        model.eval()
        with torch.no_grad():
            for x in loader:
                model(x)
        """,
    "before training": """
        with torch.no_grad():
            for x in loader:
                model(x)
        for x in loader:
            update(x)
        """,
    "another network": """
        twin = nn.Sequential(nn.Linear(20, 8), nn.Dropout(0.5))
        for x in loader:
            update(x)
        with torch.no_grad():
            for x in loader:
                twin(x)
        """,
    "train mode that is asked for": """
        for x in loader:
            update(x)
        model.train()
        with torch.no_grad():
            for x in loader:
                model(x)
        """,
    "one look at the end": """
        for x in loader:
            update(x)
        with torch.no_grad():
            model(torch.randn(1, 20))
        """,
}


@pytest.mark.parametrize("body", SCORED.values(), ids=SCORED.keys())
def test_silent_on_scores_that_are_sound(body):
    assert rows(rule, scored(body)) == []


def test_scored_in_train_mode():
    body = """
    for x in loader:
        update(x)
    with torch.no_grad():
        for x in loader:
            model(x)
    """
    assert len(rows(rule, scored(body))) == 1


STEPS = """
def train_once(x):
    model.train()
    update(x)

for step in range(12):
    {step}
{between}
with torch.no_grad():
    for x in loader:
        model(x)
"""


@pytest.mark.parametrize(
    ("step", "between"),
    [
        ("train_once(torch.randn(4, 20))", "model.eval()"),
        ("train_once(torch.randn(4, 20))", "model.train()"),
        ("train_once(torch.randn(4, 20)); model.eval()", ""),
    ],
    ids=["evaluation mode", "training mode that is asked for", "each round ends in evaluation mode"],
)
def test_silent_behind_many_rounds_where_the_mode_is_chosen(step, between):
    assert rows(rule, scored(STEPS.format(step=step, between=between))) == []


@pytest.mark.parametrize(
    "step",
    ["train_once(torch.randn(4, 20))", "x = torch.randn(4, 20); model.train(); update(x)"],
    ids=["in a function", "in the loop"],
)
def test_training_mode_of_the_last_of_many_rounds_is_not_chosen_for_the_scores(step):
    assert len(rows(rule, scored(STEPS.format(step=step, between="")))) == 1


def test_silent_where_a_branch_wrapped_a_part_of_a_model_that_is_in_evaluation_mode():
    source = """
import torch
from torch import nn
from elsewhere import checkpoint, scarce, loader

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 20), nn.BatchNorm1d(20))
    def wrap(self):
        self.body = checkpoint(self.body)
    def forward(self, x):
        return self.body(x)

net = Net()
opt = torch.optim.Adam(net.parameters())
if scarce:
    net.wrap()

def validate():
    {switch}
    with torch.no_grad():
        return sum(nn.functional.mse_loss(net(x), x) for x in loader)

for epoch in range(9):
    net.train()
    for x in loader:
        opt.zero_grad()
        nn.functional.mse_loss(net(x), x).backward()
        opt.step()
    validate()
"""
    assert rows(rule, source.format(switch="net.eval()")) == []
    assert rows(rule, source.format(switch="pass")) == [22]


FROZEN = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(8, 8), {norm})
        self.decoder = nn.Linear(8, 8)

    def forward(self, x):
        return self.decoder(self.encoder(x))
{own}
model = Net()
for p in model.encoder.parameters():
    p.requires_grad = {gradients}
model.encoder.eval()
optimizer = torch.optim.Adam(model.decoder.parameters())
for epoch in range(5):
    {mode}
    for x in torch.randn(100, 16, 8):
        optimizer.zero_grad()
        (model(x) - x).pow(2).mean().backward()
        optimizer.step()
"""
FREEZES = {"norm": "nn.BatchNorm1d(8)", "own": "", "gradients": "False", "mode": "model.train()"}
OWN = (
    "\n    def train(self, mode=True):\n        super().train(mode)\n        self.encoder.eval()\n        return self\n"
)


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "model.train(); model.encoder.eval()"},
        {"mode": "model.decoder.train()"},
        {"mode": "pass"},
        {"norm": "nn.LayerNorm(8)"},
        {"gradients": "True"},
        {"own": OWN},
    ],
    ids=["put back", "only the rest", "never switched", "another norm", "not frozen", "its own train"],
)
def test_silent_on_frozen_parts_that_stay(changes):
    assert rows(rule, FROZEN.format(**{**FREEZES, **changes})) == []


@pytest.mark.parametrize("changes", [{}, {"mode": "model.train(True)"}, {"norm": "nn.BatchNorm1d(8), nn.ReLU()"}])
def test_frozen_parts_that_are_set_back(changes):
    assert rows(rule, FROZEN.format(**{**FREEZES, **changes})) == [20]


def test_silent_on_a_function_that_a_handler_calls_in_evaluation_mode():
    source = """
import torch
from torch import nn
from engine import Trainer

net = nn.Sequential(nn.Linear(20, 20), nn.Dropout(0.1))
opt = torch.optim.Adam(net.parameters())
trainer = Trainer(net)

def score(loader):
    with torch.no_grad():
        return sum(nn.functional.mse_loss(net(x), x) for x in loader)

def at_end_of_epoch(trainer):
    net.eval()
    score(trainer.loader)
    net.train()

trainer.call_back(at_end_of_epoch)
for x in trainer.loader:
    opt.zero_grad()
    nn.functional.mse_loss(net(x), x).backward()
    opt.step()
"""
    assert rows(rule, source) == []
    assert rows(rule, source + "    if x.mean() > 0:\n        score(trainer.loader)\n") == [11]


UNDONE = """
for epoch in range(4):
    model.train()
    for x in loader:
        update(x)
    model.eval()
    with torch.no_grad():
        for x in loader:
            model.train()
            F.mse_loss(model(x), x)
"""


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        pytest.param("", "", [27], id="in the loop"),
        pytest.param(
            "        for x in loader:\n            model.train()\n",
            "        model.train()\n        for x in loader:\n",
            [26],
            id="before the loop",
        ),
        pytest.param("model.train()\n            F", "model.train(mode=True)\n            F", [27], id="by a flag"),
        pytest.param("            model.train()\n", "", [], id="left in evaluation mode"),
        pytest.param(
            "            model.train()\n", "            model[1].train()\n", [], id="a part of it, on purpose"
        ),
        pytest.param(
            "            model.train()\n",
            "            model(x)\n            model.train()\n",
            [],
            id="both modes are run",
        ),
        pytest.param("    model.eval()\n", "", [], id="training mode is chosen"),
        pytest.param("    model.eval()\n", "    if final:\n        model.eval()\n", [], id="only sometimes undone"),
        pytest.param(
            "        for x in loader:\n            model.train()\n",
            "        measure(model)\n        for x in loader:\n            model.train()\n",
            [],
            id="something unknown may have run it",
        ),
    ],
)
def test_an_evaluation_mode_that_is_undone_at_once(old, new, found):
    head, tail = UNDONE.split("    model.eval()")
    loop = head + ("    model.eval()" + tail).replace(old, new)
    assert rows(rule, SETUP.format(layer="nn.Dropout(0.3)") + loop) == found


APPLIED = """
import torch
from torch import nn

class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(8, 4), {layer})
        self.decoder = nn.Linear(4, 8)

    def forward(self, x):
        return self.decoder(self.encoder(x))

def load(path):
    model = AE()
    {load}
    return model

def {name}(path, data):
    model = load(path)
    {mode}
    with torch.no_grad():
        return [{run} for x in data]

{rest}
"""
APPLIED_PARTS = {
    "layer": "nn.BatchNorm1d(4)",
    "load": "model.load_state_dict(torch.load(path))",
    "name": "score",
    "mode": "pass",
    "run": "model(x)",
    "rest": "score('ae.pt', torch.rand(10, 4, 8))",
}
PUT = {
    "evaluation mode": {"mode": "model.eval()"},
    "evaluation mode where it is loaded": {"load": "model.load_state_dict(torch.load(path)); model.eval()"},
    "training mode switched off": {"mode": "model.train(False)"},
    "a mode by a function that cannot be read": {"mode": "prepare(model).eval()"},
    "one mode alone": {"layer": "nn.ReLU()"},
    "weights that are loaded after it ran": {
        "load": "model(torch.rand(4, 8)); model.load_state_dict(torch.load(path))",
        "run": "x",
    },
    "a part that has no weights loaded": {
        "load": "model.encoder.load_state_dict(torch.load(path))",
        "run": "model.decoder(x)",
    },
    "no dropout": {"layer": "nn.Dropout(0)"},
    "nothing is loaded": {"load": "pass"},
    "the training goes on": {"rest": "m = load('ae.pt'); m(torch.rand(4, 8)).sum().backward()"},
    "another part is loaded": {"load": "model.decoder.load_state_dict(torch.load(path))"},
    "uncertainty by dropout": {
        "layer": "nn.Dropout(0.1)",
        "name": "uncertainty",
        "rest": "uncertainty('a', torch.rand(9, 4, 8))",
    },
    "not run": {"run": "model"},
    "made of noise": {"run": "model(torch.randn(4, 8))"},
    "a caller may set it": {"rest": "def test(model, x):\n    return model(x)", "name": "load_only", "run": "x"},
}


@pytest.mark.parametrize("parts", PUT.values(), ids=PUT.keys())
def test_silent_on_a_loaded_network_with(parts):
    assert rows(rule, APPLIED.format(**{**APPLIED_PARTS, **parts})) == []


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="batch normalisation"),
        pytest.param({"layer": "nn.Dropout(0.2)"}, id="dropout"),
        pytest.param({"layer": "nn.BatchNorm1d(4), nn.Dropout(0.2)"}, id="once for two layers"),
        pytest.param({"run": "model.encoder(x)"}, id="a part alone"),
        pytest.param({"rest": ""}, id="in a function that nobody calls here"),
        pytest.param({"load": "model.encoder.load_state_dict(torch.load(path))"}, id="into a part"),
    ],
)
def test_fires_on_a_loaded_network_in_training_mode(parts):
    assert rows(rule, APPLIED.format(**{**APPLIED_PARTS, **parts})) == [16]


def test_fires_on_a_loaded_network_of_another_file():
    model, script = APPLIED.format(**APPLIED_PARTS).split("def load")
    files = {"score.py": "import torch\nfrom model import AE\n\ndef load" + script, "model.py": model}
    assert rows(rule, files) == [6]


IN_ONE_FUNCTION = """
import torch
from torch import nn
import torch.nn.functional as F

def main(loader, held_out):
    model = nn.Sequential(nn.Linear(20, 8), nn.BatchNorm1d(8), nn.Linear(8, 20))
    opt = torch.optim.Adam(model.parameters())
    for epoch in range(9):
        model.train()
        for x in loader:
            opt.zero_grad()
            {teacher}
            F.mse_loss(model(x), x).backward()
            opt.step()
        {mode}
        with torch.no_grad():
            for x in held_out:
                print(F.mse_loss(model(x), x))

main(torch.rand(9, 5, 20), torch.rand(9, 5, 20))
"""


@pytest.mark.parametrize(
    ("teacher", "mode"),
    [("pass", "model.eval()"), ("with torch.no_grad(): target = model(x)", "model.eval()")],
    ids=["put into evaluation mode", "run without gradients as a part of the step"],
)
def test_silent_on_a_validation_in_the_function_that_trains(teacher, mode):
    assert rows(rule, IN_ONE_FUNCTION.format(teacher=teacher, mode=mode)) == []


def test_fires_on_a_validation_in_the_function_that_trains():
    assert rows(rule, IN_ONE_FUNCTION.format(teacher="pass", mode="pass")) == [17]
