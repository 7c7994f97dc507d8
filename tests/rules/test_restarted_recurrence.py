"""AEL715: states that are not passed on."""

import pytest

from aelint.rules.variants import restarted_recurrence as rule
from tests.rules.harness import rows

DECODER = """
import torch
from torch import nn

cell, lstm, layer, out = nn.GRUCell(4, 16), nn.LSTMCell(4, 16), nn.GRU(4, 16, batch_first=True), nn.Linear(16, 4)

def decode(code, steps, given):
    y, h, c, ys = torch.zeros(8, 4), code, torch.zeros_like(code), []
    for t in range(steps):
        {step}
        ys.append(y)
    return torch.stack(ys, 1)

decode(torch.randn(8, 16), 12, torch.randn(8, 12, 4))
"""

HEALTHY = {
    "passed on": "h = cell(y, h); y = out(h)",
    "passed on by an LSTM": "h, c = lstm(y, (h, c)); y = out(h)",
    "several sequences from one start": "y = out(cell(given[:, t], code))",
    "a layer that is called for one step": "o, h = layer(y[:, None], h if t else code[None]); y = out(o[:, 0])",
}


@pytest.mark.parametrize("step", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(step):
    assert rows(rule, DECODER.format(step=step)) == []


@pytest.mark.parametrize(
    "step",
    [
        "state = cell(y, h); y = out(state)",
        "y = out(lstm(y, (h, c))[0])",
    ],
)
def test_fires(step):
    assert rows(rule, DECODER.format(step=step)) == [10]


def test_fires_on_a_state_that_was_brought_into_shape_before_the_loop():
    source = DECODER.replace("    for t", "    h0 = code.unsqueeze(0)\n    for t")
    assert rows(rule, source.format(step="o, new = layer(y[:, None], h0); y = out(o[:, 0])")) == [11]
