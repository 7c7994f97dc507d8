import pytest

from aelint.rules.variants import unused_encoder_state as rule
from tests.rules.harness import rows

MODEL = """
import torch
from torch import nn
class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 16, batch_first=True)
    def forward(self, x):
        out, h = self.rnn(x)
        return out, h[-1]
class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(4, 16, batch_first=True), nn.Linear(16, 4)
    def forward(self, code, history):
        {body}
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()
    def forward(self, x):
        steps, code = self.encoder(x)
        return self.decoder({given})
"""

SILENT = {
    "the code is the state": ("return self.out(self.rnn(history, code.unsqueeze(0))[0])", "code, x"),
    "the code is joined": ("return self.out(self.rnn(history)[0] + code.unsqueeze(1))", "code, x"),
    "outputs beside the code": ("return self.out(self.rnn(history)[0])", "code, steps"),
    "abstract": ("raise NotImplementedError", "code, x"),
    "no encoder": ("return self.out(self.rnn(history)[0])", "x, x"),
}


@pytest.mark.parametrize(("body", "given"), SILENT.values(), ids=SILENT)
def test_silent(body, given):
    assert rows(rule, MODEL.replace("{body}", body).replace("{given}", given)) == []


@pytest.mark.parametrize(
    "body",
    [
        "return self.out(self.rnn(history)[0])",
        '"""Decode."""\n        state = torch.zeros(1, history.size(0), 16)\n        return self.out(self.rnn(history, state)[0])',
    ],
)
def test_code_is_never_read(body):
    found = rows(rule, MODEL.replace("{body}", body).replace("{given}", "code, x"))
    assert found == [16 if body.startswith("return") else 17]


ONE_CLASS = """
import torch
from torch import nn
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.LSTM(4, 16, batch_first=True), nn.LSTM(4, 16, batch_first=True)
        self.out = nn.Linear(16, 4)
    def forward(self, x):
        _, state = self.enc(x)
        y, _ = self.dec({given})
        return self.out(y)
"""


def test_state_of_the_encoder():
    assert rows(rule, ONE_CLASS.replace("{given}", "x, state")) == []
    assert rows(rule, ONE_CLASS.replace("{given}", "x")) == [11]


@pytest.mark.parametrize(
    ("body", "given"),
    [
        pytest.param("return history", "code, x", id="a decoder that computes nothing"),
        pytest.param(
            "n = code.size(0)\n        return self.out(self.rnn(history[:n])[0])", "code, x", id="read for its size"
        ),
        pytest.param("return self.out(self.rnn(history)[0])", "self.decoder(x, x), x", id="its own earlier output"),
    ],
)
def test_arguments_that_are_no_code(body, given):
    assert rows(rule, MODEL.replace("{body}", body).replace("{given}", given)) == []


def test_an_encoder_that_learns_nothing():
    source = MODEL.replace("{body}", "return self.out(self.rnn(history)[0])").replace("{given}", "code, x")
    assert rows(rule, source) == [16]
    plain = source.replace(
        "self.rnn = nn.GRU(4, 16, batch_first=True)\n    def forward(self, x)",
        "self.size = 4\n    def forward(self, x)",
    )
    assert rows(rule, plain.replace("out, h = self.rnn(x)", "out, h = 2 * x, 2 * x[-1:]")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("return self.out(y)", "return self.out(y), state", id="the state is returned"),
        pytest.param("return self.out(y)", "return self.out(y) + state[0][-1].unsqueeze(1)", id="the state is added"),
        pytest.param("_, state = self.enc(x)", "x, _ = self.enc(x)", id="a stack: its outputs are read"),
        pytest.param("self.dec(x)", "self.enc(x)", id="the same network twice, to warm it up"),
    ],
)
def test_one_class_that_uses_the_first_network(old, new):
    assert rows(rule, ONE_CLASS.replace("{given}", "x").replace(old, new)) == []


def test_two_networks_in_different_functions():
    source = """
    import torch
    from torch import nn
    def one(x: torch.Tensor):
        nn.GRU(4, 16)(x)
    def two(x: torch.Tensor):
        return nn.GRU(4, 16)(x)[0]
    """
    assert rows(rule, source) == []


CELLS = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.LSTM(4, 8, batch_first=True)
        self.decoder = nn.{decoder}
        self.code = nn.Linear(8, 8)

    def forward(self, x):
        _, state = self.encoder(x)
        start = {start}
        return self.decoder({given}, start)[0]

Model()(torch.randn(3, 5, 4))
"""

RNN = ("LSTM(4, 8, batch_first=True)", "torch.zeros_like(x)")


@pytest.mark.parametrize(
    ("decoder", "given", "start", "found"),
    [
        pytest.param(*RNN, "state", [], id="both"),
        pytest.param(*RNN, "(state[0], state[1])", [], id="both by name"),
        pytest.param(*RNN, "(self.code(state[0]), torch.zeros_like(state[0]))", [], id="started by a code"),
        pytest.param(*RNN, "(state[0] + 0 * state[1], torch.zeros_like(state[0]))", [], id="the cells are read"),
        pytest.param(*RNN, "(torch.zeros_like(state[0]), state[1])", [], id="the other way round"),
        pytest.param(*RNN, "(state[0], torch.zeros_like(state[0]))", [14], id="zeros alike"),
        pytest.param(*RNN, "(state[0], torch.zeros(1, x.shape[0], 8))", [14], id="zeros"),
        pytest.param(
            "LSTMCell(4, 8)", "x[:, 0]", "(state[0][-1], torch.zeros(x.shape[0], 8))", [], id="one layer's code"
        ),
    ],
)
def test_a_cell_state_that_is_left_behind(decoder, given, start, found):
    assert rows(rule, CELLS.format(decoder=decoder, given=given, start=start)) == found


def test_a_cell_state_that_is_returned_is_not_lost():
    text = CELLS.format(decoder=RNN[0], given=RNN[1], start="(state[0], torch.zeros_like(state[0]))")
    assert rows(rule, text.replace("start)[0]", "start)[0], state[1]")) == []


OPTIONS = """
import torch
from dataclasses import dataclass
from torch import nn

@dataclass
class Options:
    width: int = 8
    causal: bool = False
    crossing: bool = False

class Block(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.own = nn.Linear(options.width, options.width)
        self.cross = nn.Linear(options.width, options.width) if options.crossing else None

    def forward(self, x, memory=None):
        x = self.own(x)
        if self.cross is not None and memory is not None:
            x = x + self.cross(memory)
        return x

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        {options}
        self.encoder, self.decoder = Block(Options()), Block({given})

    def forward(self, x):
        code = self.encoder(x)
        return {result}

print(Model()(torch.rand(4, 8)))
"""
LEFT_OFF = {"options": "options = Options()\n        options.causal = True", "given": "options"}


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(LEFT_OFF | {"options": "options = Options(crossing=True)", "result": "self.decoder(x, code)"}, id="on"),
        pytest.param(LEFT_OFF | {"result": "self.decoder(code, code)"}, id="it gets the code as its input"),
        pytest.param(LEFT_OFF | {"result": "self.decoder(x, code) + code"}, id="the code is used beside it"),
        pytest.param(LEFT_OFF | {"result": "(self.decoder(x, code), code)"}, id="the code is a result, too"),
        pytest.param(LEFT_OFF | {"result": "self.decoder(x)"}, id="nothing is given"),
    ],
)  # fmt: skip
def test_silent_where_the_code_counts(parts):
    assert rows(rule, OPTIONS.format(**parts)) == []


@pytest.mark.parametrize(
    ("parts", "row"),
    [
        pytest.param(LEFT_OFF | {"result": "self.decoder(x, code)"}, 28, id="options set one by one"),
        pytest.param(LEFT_OFF | {"options": "options = Options(causal=True)", "result": "self.decoder(x, memory=code)"}, 27, id="in one call"),
    ],
)  # fmt: skip
def test_an_option_leaves_out_what_reads_the_code(parts, row):
    assert rows(rule, OPTIONS.format(**parts)) == [row]


@pytest.mark.parametrize(("name", "found"), [("_", []), ("cells", [12])])
def test_a_cell_state_that_is_dropped_on_purpose(name, found):
    source = f"""
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.LSTM(4, 8, batch_first=True), nn.LSTM(4, 8, batch_first=True)

    def forward(self, x):
        _, (code, {name}) = self.encoder(x)
        return self.decoder(torch.zeros_like(x), (code, torch.zeros_like(code)))[0]

Model()(torch.randn(3, 5, 4))
"""
    assert rows(rule, source) == found
