"""AEL623: flags of a data-dependent initialisation, saved and not."""

import pytest

from aelint.rules.inference import unsaved_flag as rule
from tests.rules.harness import rows, run

NETWORK = """
import torch
from torch import nn

class Codebook(nn.Module):
    def __init__(self):
        super().__init__()
        self.codes = nn.Parameter(torch.zeros(16, 4))
        self.register_buffer("scale", torch.ones(4))
        self.embedding = nn.Embedding(16, 4)
        {flag}

    def fill(self, z):
        start = z.reshape(-1, 4)[:16]
        {write}
        {turn}

    def forward(self, z):
        if {test}:
            self.fill(z)
        return self.codes[torch.cdist(z, self.codes).argmin(1)]
    {more}
"""
FAULT = {
    "flag": "self.ready = False",
    "write": "self.codes.data.copy_(start)",
    "turn": "self.ready = True",
    "test": "not self.ready",
    "more": "",
}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            {"flag": 'self.register_buffer("ready", torch.tensor(False))', "turn": "self.ready.fill_(True)"},
            id="a buffer",
        ),
        pytest.param({"write": "self.codes.data.copy_(torch.eye(16, 4))"}, id="the same each time"),
        pytest.param({"write": "self.seen = start"}, id="nothing of the state is written"),
        pytest.param(
            {"flag": "self.ready = False\n        self.recent = Recent(16)", "write": "self.recent = start"},
            id="nor of a list that the constructor makes",
        ),
        pytest.param({"turn": "pass"}, id="in every batch, as an average is"),
        pytest.param({"turn": "self.filled = True"}, id="another flag is set"),
        pytest.param({"turn": "self.embedding.ready = True"}, id="and that of another module"),
        pytest.param({"turn": "self.ready = len(start) == 16"}, id="until there are enough"),
        pytest.param(
            {"flag": "self.ready = was_filled\n        self.embedding.ready = False"}, id="it starts as it was saved"
        ),
        pytest.param({"test": "self.training"}, id="nothing asks for the flag"),
        pytest.param({"test": "not self.embedding.ready"}, id="nor for that of this module"),
        pytest.param({"more": "def set_extra_state(self, state): self.ready = state"}, id="a state of its own"),
        pytest.param({"more": "\nnet = Codebook()\nnet.ready = True"}, id="switched from outside"),
    ],
)
def test_silent_on_flags_that_come_back_or_need_not(changes):
    assert rows(rule, NETWORK.format(**{**FAULT, **changes})) == []


def test_silent_where_another_file_switches_the_flag():
    resume = "from model import Codebook\n\nnet = Codebook()\nnet.{name} = True\n"
    files = {"model.py": NETWORK.format(**FAULT), "resume.py": resume.format(name="ready")}
    assert rows(rule, files) == []
    assert rows(rule, {**files, "resume.py": resume.format(name="frozen")}) == [11]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="a parameter"),
        pytest.param({"write": "self.scale = start.std(0)"}, id="a buffer is replaced"),
        pytest.param({"write": "self.embedding.weight.data[:] = start"}, id="the weight of a layer"),
        pytest.param(
            {
                "flag": "self.ready = False; self.register_parameter('shift', nn.Parameter(torch.zeros(4)))",
                "write": "self.shift.data.copy_(start.mean(0))",
            },
            id="a parameter that is registered",
        ),
        pytest.param({"test": "self.training and not self.ready"}, id="in training alone"),
        pytest.param(
            {"flag": "self.ready = False\n        head = nn.Linear(4, 4)\n        self.body = nn.Sequential(head)"},
            id="beside a layer in a variable",
        ),
        pytest.param({"more": "\nnet = Codebook()\nnet.label = 'small'"}, id="something else is set from outside"),
        pytest.param({"more": "\nclass Frozen(Codebook):\n    rate = 0.0"}, id="with a variant"),
        pytest.param(
            {"flag": "self.fresh = True", "turn": "self.fresh = False", "test": "self.fresh"}, id="the other way round"
        ),
    ],
)
def test_a_flag_that_no_state_holds(changes):
    assert rows(rule, NETWORK.format(**{**FAULT, **changes})) == [11]


def test_the_buffer_starts_as_the_flag_does():
    changes = {"flag": "self.fresh = True", "turn": "self.fresh = False", "test": "self.fresh"}
    (finding,) = run(rule, NETWORK.format(**{**FAULT, **changes}))
    assert 'self.register_buffer("fresh", torch.tensor(True))' in finding.message
