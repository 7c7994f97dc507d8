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
        pytest.param({"turn": "pass"}, id="in every batch, as an average is"),
        pytest.param({"test": "self.training"}, id="nothing asks for the flag"),
        pytest.param({"more": "def set_extra_state(self, state): self.ready = state"}, id="a state of its own"),
        pytest.param({"more": "\nnet = Codebook()\nnet.ready = True"}, id="switched from outside"),
    ],
)
def test_silent_on_flags_that_come_back_or_need_not(changes):
    assert rows(rule, NETWORK.format(**{**FAULT, **changes})) == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="a parameter"),
        pytest.param({"write": "self.scale = start.std(0)"}, id="a buffer is replaced"),
        pytest.param({"write": "self.embedding.weight.data[:] = start"}, id="the weight of a layer"),
        pytest.param({"test": "self.training and not self.ready"}, id="in training alone"),
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
