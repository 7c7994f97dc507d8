"""AEL615: keys that are read from a checkpoint which lacks them."""

import pytest

from aelint.rules.inference import unsaved_key as rule
from tests.rules.harness import rows, run

TRAINER = """
import torch
from torch import nn


class Trainer:
    def __init__(self, path=None):
        self.net = nn.Linear(4, 4)
        self.optimizer = torch.optim.Adam(self.net.parameters())
        self.step = 0
        if path is not None:
            self.resume(torch.load(path))

    def resume(self, checkpoint):
        self.net.load_state_dict(checkpoint["net"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        {read}

    def state(self):
        state = {{"net": self.net.state_dict()}}
        state["optimizer"] = self.optimizer.state_dict()
        {more}
        return state

    def save(self, path):
        torch.save({saved}, path)


Trainer().save("a.pt")
Trainer("a.pt")
"""

READ = "self.step = checkpoint['step'] + 1"

HEALTHY = {
    "saved": (READ, "state['step'] = self.step", "self.state()"),
    "saved by an update": (READ, "state.update(step=self.step)", "self.state()"),
    "saved beside": (READ, "pass", "{**self.state(), 'step': self.step}"),
    "saved by a constructor": (READ, "pass", "dict(self.state(), step=self.step)"),
    "whatever was given is saved": (READ, "state.update(extra)", "self.state()"),
    "asked for": ("self.step = checkpoint.get('step', 0)", "pass", "self.state()"),
    "looked for": ("self.step = checkpoint['step'] if 'step' in checkpoint else 0", "pass", "self.state()"),
    "ready for less": (
        "try:\n            self.step = checkpoint['step']\n        except KeyError:\n            pass",
        "pass",
        "self.state()",
    ),
    "not read": ("pass", "pass", "self.state()"),
    "a part of what is saved": ("self.step = checkpoint['net']['weight'].sum()", "pass", "self.state()"),
    "nobody knows what is saved": (READ, "pass", "compose(self)"),
}


@pytest.mark.parametrize(("read", "more", "saved"), HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(read, more, saved):
    assert rows(rule, TRAINER.format(read=read, more=more, saved=saved)) == []


def test_keys_that_are_not_saved_are_missed_where_the_dictionary_is_made():
    assert rows(rule, TRAINER.format(read=READ, more="pass", saved="self.state()")) == [20]
    switched = "if self.step:\n            state['rate'] = 0.1"
    assert rows(rule, TRAINER.format(read=READ, more=switched, saved="self.state()")) == [20]


def test_a_program_that_is_ready_for_other_faults_is_not_ready_for_this_one():
    tried = TRAINER + "\ntry:\n    Trainer().save('b.pt')\nexcept OSError:\n    print('no space')\n"
    assert rows(rule, tried.format(read=READ, more="pass", saved="self.state()")) == [20]


@pytest.mark.parametrize("name", ["step_count", "nstep"])
def test_a_key_that_is_read_under_another_name(name):
    assert rows(rule, TRAINER.format(read=READ, more=f"state['{name}'] = self.step", saved="self.state()")) == [17]


def test_a_checkpoint_that_nobody_is_seen_to_hand_over():
    text = TRAINER.replace('Trainer("a.pt")\n', "")
    assert rows(rule, text.format(read=READ, more="pass", saved="self.state()")) == [20]
    assert rows(rule, text.format(read=READ, more="state['step'] = self.step", saved="self.state()")) == []


def test_silent_on_a_conversion():
    source = """
        import torch
        def export(source, target):
            package = torch.load(source)
            best = package["whole_best"] if package["whole_best"] else package["best"]
            torch.save({"best": best, "settings": package["settings"]}, target)
        """
    assert rows(rule, source) == []


APART = """
import torch
model = torch.nn.Linear(4, 4)
torch.save({{{saved}}}, {to})
known = torch.load("a.pt", map_location="cpu")
model.load_state_dict(known["model"])
print(known["epoch"])
"""


@pytest.mark.parametrize(
    ("saved", "to", "found"),
    [
        pytest.param('"model": model.state_dict()', '"b.pt"', [], id="another file with a key in common"),
        pytest.param('"model": model.state_dict()', '"a.pt"', [4], id="the same file"),
        pytest.param('"model": model.state_dict(), "epoch": 3', '"a.pt"', [], id="all keys"),
    ],
)
def test_files_that_are_told_apart(saved, to, found):
    assert rows(rule, APART.format(saved=saved, to=to)) == found


def test_two_files():
    files = {
        "main.py": "import torch\nfrom saving import save\nnet = torch.nn.Linear(2, 2)\nsave(net, 3)\n"
        "c = torch.load('c.pt')\nnet.load_state_dict(c['net'])\nprint(c['epoch'], c['loss'])\n",
        "saving.py": "import torch\ndef save(net, epoch):\n    torch.save(dict(net=net.state_dict(), epoch=epoch), 'c.pt')\n",
    }
    assert rows(rule, files) == [3]
    files["saving.py"] = files["saving.py"].replace("epoch=epoch", "epoch=epoch, loss=0.0")
    assert rows(rule, files) == []


def test_a_save_that_is_certain_is_not_doubted_for_options_that_are_only_tried():
    source = TRAINER.replace("path=None", "options, path=None").replace(
        "self.step = 0", "self.step, self.options = 0, options"
    )
    source = source.replace('state["optimizer"] = self', 'if self.options.keep:\n            state["optimizer"] = self')
    source = source.replace('Trainer().save("a.pt")\nTrainer("a.pt")', "from types import SimpleNamespace\n\n{built}")
    built = """
def run(options, noisy=False):
    trainer = Trainer(options)
    trainer.save("a.pt")
    trainer.resume(torch.load("a.pt"))
    if noisy:
        print(torch.rand(2).mean(), trainer.step)
        trainer.save("b.pt")

run(SimpleNamespace(keep=True))
"""
    assert rows(rule, source.format(read=READ, more="pass", saved="self.state()", built=built)) == [20]


EITHER = """
import torch
from torch import nn

net = nn.Linear(4, 4)
torch.save({{"model": net.state_dict()}}, "a.pt")
file = torch.load("a.pt")
if "state" in file:
    state = file["state"]
elif "model" in file:
    state = file["model"]
else:
    state = file
{read}
"""


def test_silent_on_what_may_lie_in_the_checkpoint_or_be_it():
    assert rows(rule, EITHER.format(read="weight = state['weight']")) == []
    assert rows(rule, EITHER.format(read="step = file['step']")) == [6]


def test_of_many_keys_the_first_are_named():
    read = "self.all = [checkpoint[k] for k in 'x'], " + ", ".join(f"checkpoint['part{n}']" for n in range(5))
    (finding,) = run(rule, TRAINER.format(read=read, more="pass", saved="self.state()"))
    assert finding.message.startswith("`part0` (")
    assert "`part2`" in finding.message
    assert "`part3`" not in finding.message
    assert " and 2 more are read from this checkpoint" in finding.message
