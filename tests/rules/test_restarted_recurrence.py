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


ATTENDING = """
import torch
from torch import nn
import torch.nn.functional as F

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.{kind}(4 + 16, 16, batch_first=True)
        self.score, self.out = nn.Linear(16, 16), nn.Linear(16, 4)

    def forward(self, y, state, memory):
        query = self.score({query}).unsqueeze(1)
        weights = F.softmax((query * memory).sum(-1), dim=1)
        context = (weights.unsqueeze(-1) * memory).sum(1, keepdim=True)
        o, new = {call}
        return self.out(o), new

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.{kind}(4, 16, batch_first=True), Decoder()

    def forward(self, x):
        memory, state = self.encoder(x)
        y, ys = x[:, :1], []
        for t in range(x.size(1)):
            y, {kept} = self.decoder(y, state, memory)
            ys.append(y)
        return torch.cat(ys, 1)

Model()(torch.randn(8, 12, 4))
"""
READ = "torch.cat([context, y], -1)"


def attending(call: str, kind: str = "GRU", kept: str = "state") -> str:
    query = "state[0][-1]" if kind == "LSTM" else "state[-1]"
    return ATTENDING.format(kind=kind, query=query, call=call, kept=kept)


@pytest.mark.parametrize(
    ("call", "kept"),
    [
        pytest.param(f"self.rnn({READ}, state)", "state", id="given"),
        pytest.param("self.rnn(torch.cat([state[-1].unsqueeze(1), y], -1))", "state", id="a part of the input"),
        pytest.param(f"self.rnn({READ})", "_", id="every step asks with the code"),
    ],
)
def test_silent_on_attention_whose_layer_knows_what_came_before(call: str, kept: str) -> None:
    assert rows(rule, attending(call, kept=kept)) == []


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        ("GRU", f"self.rnn({READ})"),
        ("LSTM", f"self.rnn({READ}, None)"),
        ("RNN", "self.rnn(input=torch.cat((y, context), dim=2))"),
    ],
)
def test_fires_on_a_state_that_only_attention_gets(kind: str, call: str) -> None:
    assert rows(rule, attending(call, kind)) == [16]


def test_fires_on_a_state_that_the_function_of_the_layer_never_reads():
    source = """
        import torch
        from torch import nn

        class Step(nn.Module):
            def __init__(self):
                super().__init__()
                self.lstm = nn.LSTM(4, 16, batch_first=True)
                self.out = nn.Linear(16, 4)

            def forward(self, y, hidden):
                y, hidden = self.lstm(y{state})
                return self.out(y), hidden

        step, y = Step(), torch.zeros(8, 1, 4)
        hidden = torch.zeros(1, 8, 16), torch.zeros(1, 8, 16)
        for t in range(12):
            y, hidden = step(y, hidden)
    """
    assert rows(rule, source.replace("{state}", "")) == [12]
    assert rows(rule, source.replace("{state}", ", hidden")) == []


STACKED = """
import torch
from torch import nn


class Stack(nn.Module):
    def __init__(self):
        super().__init__()
        self.cells = nn.ModuleList([nn.GRUCell(4, 16), nn.GRUCell(16, 16)])

    def forward(self, x, hidden):
        after = []
        for cell, h in zip(self.cells, hidden):
            x = cell(x, h)
            after.append(x)
        return x, torch.stack(after)


def split(x, hidden):
    return hidden[0], x


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.lstm, self.out = Stack(), nn.LSTM(4, 16), nn.Linear(16, 4)
        self.layers = nn.ModuleList([nn.GRU(16, 16), nn.GRU(16, 16)])

    def forward(self, given, hidden, pair):
        {start}
        ys = []
        for {target} in {rounds}:
            {step}
            ys.append(self.out(y))
        return torch.stack(ys, 1), state


Decoder()(torch.randn(8, 12, 4), torch.randn(2, 8, 16), (torch.randn(1, 8, 16), torch.randn(1, 8, 16)))
"""


def stacked(step, start="state = hidden", target="x", rounds="given.unbind(1)"):
    return STACKED.format(step=step, start=start, target=target, rounds=rounds)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(stacked("y, state = self.rnn(x, state)"), id="carried"),
        pytest.param(stacked("y, hidden = self.rnn(x, hidden)"), id="carried under its first name"),
        pytest.param(stacked("y, state = self.rnn(x, hidden); hidden = state"), id="handed on"),
        pytest.param(stacked("y, state = self.rnn(x, hidden if x.sum() > 0 else state)"), id="started again at times"),
        pytest.param(
            stacked("y, state = self.rnn(x, hidden)", start="state = None"), id="no state of an earlier round"
        ),
        pytest.param(stacked("y, (h, c) = self.lstm(x[None], (h, c))", start="state = h, c = pair"), id="a pair"),
        pytest.param(
            stacked("y, state = self.rnn(x, hidden); hidden = torch.tanh(hidden)"),
            id="the first one moves on by itself",
        ),
        pytest.param(stacked("y, state = split(x, hidden)"), id="no recurrence"),
        pytest.param(stacked("y, state = self.rnn(x, hidden)", start="kept, state = hidden, None"), id="another copy"),
        pytest.param(stacked("y, state = self.rnn(x, torch.stack(pair)[:, 0])"), id="a state of another origin"),
        pytest.param(
            stacked(
                "y, state = layer(y, hidden)",
                "state = hidden; y = given[:, :1, :1].expand(8, 1, 16)",
                "layer",
                "self.layers",
            ),
            id="each layer has a state of its own",
        ),
    ],
)
def test_silent_on_states_that_are_carried(source):
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(stacked("y, state = self.rnn(x, hidden)"), id="the first state"),
        pytest.param(
            stacked("y, state = self.rnn(x, hidden=hidden)", start="last, state = 0, hidden"),
            id="by name, set in a row",
        ),
        pytest.param(stacked("y, (h, c) = self.lstm(x[None], pair)", start="state = None; h, c = pair"), id="a pair"),
    ],
)
def test_fires_on_a_first_state_in_every_round(source):
    assert rows(rule, source) == [33]
