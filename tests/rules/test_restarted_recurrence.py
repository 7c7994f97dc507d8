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


def test_fires_where_nothing_moves_on_inside_of_a_training_loop():
    source = """
        import torch
        from torch import nn

        class Prior(nn.Module):
            def __init__(self):
                super().__init__()
                self.cell = nn.GRUCell(4, 16)

            def forward(self, state, belief):
                return self.cell(state, belief)

        prior, head = Prior(), nn.Linear(16 + 6, 4)
        for batch in range(3):
            x = torch.randn(8, 12, 6)
            state, belief = x.new_zeros(8, 4), x.new_zeros(8, 16)
            for t in range(12):
                following = prior(state, belief)
                z = head(torch.cat([following, x[:, t]], -1))
                {step}
    """
    assert rows(rule, source.replace("{step}", "print(z)")) == [18]
    assert rows(rule, source.replace("{step}", "state, belief = z, following")) == []
    assert rows(rule, source.replace("{step}", "state = z")) == [18]


def test_silent_on_a_stack_of_cells_of_which_each_has_its_state():
    source = """
        import torch
        from torch import nn

        class Cell(nn.Module):
            def __init__(self, size):
                super().__init__()
                self.cell = nn.LSTMCell(size, size)
                self.first = nn.Parameter(torch.zeros(1, size))
                self.state = None

            def forward(self, x):
                if self.state is None:
                    self.state = self.first.repeat(x.shape[0], 1)
                self.following, _ = self.cell(x, (self.state, self.state))
                return self.following

        class Stack(nn.Module):
            def __init__(self, settings):
                super().__init__()
                self.cells = nn.ModuleList([])
                for _ in range(settings["layers"]):
                    self.cells.append(Cell(settings["size"]))

            def forward(self, x):
                for {item} in {cells}:
                    x = cell(x)
                return x
    """
    for item, cells in [("cell", "self.cells"), ("number, cell", "enumerate(self.cells)")]:
        assert rows(rule, source.replace("{item}", item).replace("{cells}", cells)) == []
