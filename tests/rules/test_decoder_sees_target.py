"""AEL712: what a decoder of sequences reads."""

import pytest

from aelint.diagnostics import Severity
from aelint.rules.variants import decoder_sees_target as rule
from tests.rules.harness import rows, run

TOKENS = """
import torch
from torch import nn
import torch.nn.functional as F

class TextVAE(nn.Module):
    def __init__(self, both=False):
        super().__init__()
        self.embed, self.drop = nn.Embedding(50, 16), nn.Dropout(0.3)
        self.encoder = nn.GRU(16, 32, batch_first=True)
        self.decoder = nn.GRU(16, 32, batch_first=True)
        self.joint = nn.GRU(48, 32, batch_first=True)
        self.both = nn.LSTM(16, 32, batch_first=True, bidirectional=True)
        self.out, self.out2 = nn.Linear(32, 50), nn.Linear(64, 50)

    def forward(self, tokens):
        words = self.embed(tokens)
        _, code = self.encoder(words)
        wide = code[0].unsqueeze(1).expand(-1, tokens.size(1), -1)
        {decode}

model = TextVAE()
tokens = torch.randint(0, 50, (8, 12))
loss = {loss}
"""

ALL = "F.cross_entropy(model(tokens).flatten(0, 1), tokens.reshape(-1))"
SHIFTED = "F.cross_entropy(model(tokens[:, :-1]).transpose(1, 2), tokens[:, 1:])"

HEALTHY = {
    "one step late": ("return self.out(self.decoder(words, code)[0])", SHIFTED),
    "shifted inside": (
        "return self.out(self.decoder(words[:, :-1], code)[0])",
        "F.cross_entropy(model(tokens).transpose(1, 2), tokens[:, 1:])",
    ),
    "a start token before it": (
        "return self.out(self.decoder(F.pad(words, (0, 0, 1, 0))[:, :-1], code)[0])",
        ALL,
    ),
    "the code alone": ("return self.out(self.decoder(wide[..., :16], code)[0])", ALL),
    "words are dropped": (
        "return self.out(self.decoder(self.embed(torch.where(torch.rand(8, 12) < 0.3, 1, tokens)), code)[0])",
        ALL,
    ),
    "an encoder that keeps each step": ("return self.out(self.decoder(words)[0])", ALL),
    "logits are shifted": (
        "return self.out(self.decoder(words, code)[0])",
        SHIFTED.replace("model(tokens[:, :-1])", "model(tokens)[:, :-1]"),
    ),
    "an encoder of both directions": ("return self.out2(self.both(words)[0])", ALL),
}


@pytest.mark.parametrize(("decode", "loss"), HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(decode, loss):
    assert rows(rule, TOKENS.format(decode=decode, loss=loss)) == []


FAULTS = {
    "the words themselves": ("return self.out(self.decoder(words, code)[0])", ALL, 24),
    "dropout hides nothing": ("return self.out(self.decoder(self.drop(words), code)[0])", ALL, 24),
    "beside the code": ("return self.out(self.joint(torch.cat([words, wide], -1))[0])", ALL, 24),
    "log-probabilities": (
        "return self.out(self.decoder(words, code)[0]).log_softmax(-1)",
        "F.nll_loss(model(tokens).view(-1, 50), tokens.view(-1))",
        24,
    ),
    "from behind": (
        "start = code.repeat(2, 1, 1)\n        return self.out2(self.both(words, (start, start))[0])",
        SHIFTED,
        13,
    ),
}


@pytest.mark.parametrize(("decode", "loss", "row"), FAULTS.values(), ids=FAULTS.keys())
def test_fires(decode, loss, row):
    assert rows(rule, TOKENS.format(decode=decode, loss=loss)) == [row + ("\n" in decode and row > 20)]


VALUES = """
import torch
from torch import nn

encoder, decoder, out = nn.LSTM(4, 16, batch_first=True), nn.LSTM(4, 16, batch_first=True), nn.Linear(16, 4)
x = torch.randn(8, 20, 4)
_, state = encoder(x)
y, _ = decoder({given}, state)
loss = nn.functional.mse_loss(out(y), x)
"""


@pytest.mark.parametrize(
    "given",
    ["x.flip(1)", "torch.cat([torch.zeros(8, 1, 4), x[:, :-1]], 1)", "torch.zeros_like(x)", "x + torch.randn(4)"],
)
def test_silent_on_other_steps_of_a_series(given):
    assert rows(rule, VALUES.format(given=given)) == []


def test_a_series_that_is_shown():
    assert rows(rule, VALUES.format(given="x")) == [9]


CAUSAL = """
import torch
from torch import nn
import torch.nn.functional as F

embed, out = nn.Embedding(50, 32), nn.Linear(32, 50)
blocks = nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, batch_first=True), 2)
tokens = torch.randint(0, 50, (8, 12))
mask = torch.triu(torch.ones({n}, {n}), diagonal=1).bool()
logits = out(blocks(embed({given}), mask=mask))
loss = F.cross_entropy(logits.transpose(1, 2), {target})
"""


def test_causal_transformers():
    assert rows(rule, CAUSAL.format(n=12, given="tokens", target="tokens")) == [11]
    assert not rows(rule, CAUSAL.format(n=11, given="tokens[:, :-1]", target="tokens[:, 1:]"))
    assert not rows(rule, CAUSAL.format(n=12, given="tokens", target="tokens").replace("mask=mask", ""))


def test_silent_where_the_state_was_put_together_out_of_sight():
    hidden = "state = torch.stack(out(prepare(state[0])).split(16, -1)), torch.zeros(1, 8, 16)\ny, _ ="
    assert rows(rule, VALUES.format(given="x").replace("y, _ =", hidden)) == []


STEP_BY_STEP = """
import random
import torch
from torch import nn

class Trajectories(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.cell, self.out = nn.LSTM(2, 16, batch_first=True), nn.LSTMCell(2, 16), nn.Linear(16, 2)

    def forward(self, x, other, ratio=0.5):
        h, c = (s[-1] for s in self.encoder(x)[1])
        y = torch.zeros_like(x[:, 0])
        {made}
        for t in range({rounds}):
            {read}
            h, c = self.cell(inp, (h, c))
            y = self.out(h)
            {keep}
        return {result}

model = Trajectories()

def loss(x, other):
    return nn.functional.mse_loss(model(x, other){given}, x{wanted})

loss({known})
"""
LISTED = {"made": "ys = []", "keep": "ys.append(y)", "result": "torch.stack(ys, dim=1)"}
FILLED = {"made": "ys = torch.zeros_like(x)", "keep": "ys[:, t] = y", "result": "ys"}
FORCED = "inp = x[:, t] if random.random() < ratio else y"
KNOWN = "torch.rand(4, 6, 2), torch.rand(4, 6, 2)"


def step_by_step(**parts):
    whole = {"rounds": "x.size(1)", "read": FORCED, "given": "", "wanted": "", "known": KNOWN}
    return STEP_BY_STEP.format(**whole | LISTED | parts)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"read": "inp = x[:, t - 1] if t and random.random() < ratio else y"}, id="one step late"),
        pytest.param(
            {"read": "inp = y", "keep": "ys.append(y); y = x[:, t] if random.random() < ratio else y"},
            id="chosen for the next step",
        ),
        pytest.param(
            {"read": "inp = y", "keep": "ys.append(y)\n            if random.random() < ratio:\n                y = x[:, t]"},
            id="written over for the next step",
        ),
        pytest.param(FILLED | {"read": "inp = y", "keep": "ys[:, t] = y; y = x[:, t] if random.random() < ratio else y"}, id="filled"),
        pytest.param({"read": "inp = other[:, t] if random.random() < ratio else y"}, id="another sequence"),
        pytest.param({"rounds": "x.size(1) - 1", "wanted": "[:, 1:]"}, id="the target is one step ahead"),
        pytest.param({"rounds": "x.size(1) - 1", "wanted": "[:, 1:]", "known": "*inputs()"}, id="and of unknown length"),
        pytest.param({"read": "inp = x[:, t] if ratio is None else self.out(h)", "keep": "ys.append(self.out(h))"}, id="no prediction"),
    ],
)  # fmt: skip
def test_silent_on_teacher_forcing_that_is_one_step_late(parts):
    assert rows(rule, step_by_step(**parts)) == []


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="a list"),
        pytest.param({"known": "*inputs()"}, id="of unknown length"),
        pytest.param(FILLED, id="a tensor that is filled"),
        pytest.param(FILLED | {"known": "*inputs()"}, id="of unknown length too"),
        pytest.param({"given": "[:, 1:]", "wanted": "[:, 1:]"}, id="without the first step"),
    ],
)
def test_teacher_forcing_gives_the_step_itself(parts):
    assert rows(rule, step_by_step(**parts)) == [16]


@pytest.mark.parametrize(
    "error", ["(model({given}) - {wanted}).pow(2).mean()", "({wanted} - model({given})).abs().sum()"]
)
@pytest.mark.parametrize(
    ("read", "found"),
    [("x[:, t]", [16]), ("x[:, t] if t > 0", [16]), ("x[:, t - 1] if t > 0", []), ("other[:, t]", [])],
)
def test_teacher_forcing_under_an_error_that_is_written_out(error, read, found):
    source = step_by_step(
        read=f"inp = {read} if random.random() < ratio else y".replace(" if t > 0 if", " if t > 0 and")
    )
    loss = error.format(given="x, other", wanted="x")
    assert rows(rule, source.replace("nn.functional.mse_loss(model(x, other), x)", loss)) == found


def test_teacher_forcing_of_what_is_handed_over_in_training_alone():
    source = step_by_step(read="inp = given[:, t] if given is not None and random.random() < ratio else y")
    source = source.replace("ys = []", "ys, given = [], x if self.training else None")
    assert rows(rule, source) == [16]


def test_teacher_forcing_of_tokens():
    source = """
        import random
        import torch
        from torch import nn

        embed, encoder, cell, out = nn.Embedding(50, 32), nn.GRU(32, 32), nn.GRU(32, 32), nn.Linear(32, 50)

        def loss(tokens):
            _, h = encoder(embed(tokens))
            word, scores = torch.zeros_like(tokens[:1]), []
            for i in range(len(tokens)):
                if random.random() < 0.5:
                    word = tokens[i:i + 1]
                step, h = cell(embed(word), h)
                scores.append(out(step))
                word = scores[-1].argmax(-1)
            return nn.functional.cross_entropy(torch.cat(scores).flatten(0, 1), tokens.flatten())

        loss(torch.randint(0, 50, (12, 8)))
        """
    assert rows(rule, source) == [13]


COIN = """
import random
import torch
from torch import nn

class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.cell, self.out = nn.Embedding(9, 8), nn.GRUCell(8, 8), nn.Linear(8, 9)

    def forward(self, source, target, ratio={ratio}):
        state, word, logits = self.embed(source).mean(1), target[:, 0], []
        for t in range(1, 6):
            state = self.cell(self.embed(word), state)
            logits.append(self.out(state))
            {choice}
        return torch.stack(logits, 1)

def loss_of(model, x):
    return nn.functional.cross_entropy(model(x, x).transpose(1, 2), x[:, 1:])

def evaluate(model, x):
    model.eval()
    with torch.no_grad():
        logits = {evaluated}
    return nn.functional.cross_entropy(logits.transpose(1, 2), x[:, 1:]).item()

model, x = Seq2Seq(), torch.randint(0, 9, (4, 6))
model.train()
loss_of(model, x).backward()
evaluate(model, x)
"""
TOSS = "word = target[:, t] if random.random() < ratio else logits[-1].argmax(1)"


@pytest.mark.parametrize(
    ("ratio", "choice", "evaluated"),
    [
        pytest.param("0.5", TOSS, "model(x, x, ratio=0.0)", id="no step is forced"),
        pytest.param("0.5", TOSS, "model(x, x, 0)", id="by place"),
        pytest.param("0.5", TOSS, "model(x, x, **dict(ratio=0))", id="spread"),
        pytest.param("0.0", TOSS, "model(x, x)", id="none unless told"),
        pytest.param("1.0", TOSS, "model(x, x)", id="every step, as for a likelihood"),
        pytest.param("0.5", TOSS.replace("if ", "if self.training and "), "model(x, x)", id="asks for its mode"),
        pytest.param("0.5", "word = logits[-1].argmax(1)", "model(x, x)", id="no coin"),
        pytest.param("0.5", "word = target[:, t] if t < ratio else word", "model(x, x)", id="nothing is drawn"),
        pytest.param("0.5", TOSS, "torch.zeros(4, 5, 9)", id="never evaluated"),
    ],
)
def test_silent_on_coins_that_are_not_tossed_in_evaluation(ratio, choice, evaluated):
    assert rows(rule, COIN.format(ratio=ratio, choice=choice, evaluated=evaluated)) == []


def test_silent_where_training_and_evaluation_share_the_call():
    source = COIN.format(ratio="0.5", choice=TOSS, evaluated="model(x, x, 0)").replace(
        "evaluate(model, x)\n", "with torch.no_grad():\n    loss_of(model, x)\n"
    )
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "choice",
    [
        TOSS,
        "forced = torch.rand(1).item() < ratio\n            word = target[:, t] if forced else logits[-1].argmax(1)",
        "word = logits[-1].argmax(1)\n            if ratio > random.random():\n                word = target[:, t]",
    ],
)
def test_an_evaluation_that_tosses_the_coin_of_training(choice):
    source = COIN.format(ratio="0.5", choice=choice, evaluated="model(x, x)")
    row = 1 + source[: source.index("logits = model")].count("\n")
    assert rows(rule, source) == [row]
    assert rows(rule, source.replace("with torch.no_grad():", "if True:")) == [row]


COLUMNS = """
import torch
from torch import nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.data import DataLoader, TensorDataset

embed = nn.Embedding(50, 16)
encoder, decoder = nn.GRU(16, 32, batch_first=True), nn.GRU(16, 32, batch_first=True, bidirectional={both})
out = nn.Linear({width}, 50)
rows = torch.randint(0, 50, (64, 12))
given, wanted, lengths = rows, torch.randint(0, {classes}, (64, {steps})), torch.full((64,), 12)
for inputs, targets, length in DataLoader(TensorDataset(given, wanted, lengths), batch_size=8, shuffle=True):
    _, code = encoder(embed({coded}))
    state = torch.cat([code, code])
    {body}
    loss = F.{loss}
"""
PLAIN = "steps, _ = decoder(embed(inputs), state)"
TOKENS_LOST = (
    "inputs = inputs.masked_fill(torch.rand(inputs.shape) < 0.2, 3)\n    steps, _ = decoder(embed(inputs), state)"
)
PACKED = (
    "packed = pack_padded_sequence(embed(inputs), length, batch_first=True)\n"
    "    steps = pad_packed_sequence(decoder(packed, state)[0], batch_first=True)[0]"
)
SCORES = "cross_entropy(out(steps).flatten(0, 1), targets.flatten())"
AS_LOGS = "nll_loss(F.log_softmax(out(steps), -1).transpose(1, 2), targets)"


def columns(body=PLAIN, loss=SCORES, both="True", coded="inputs", steps=12, classes=50):
    width = 64 if both == "True" else 32
    return COLUMNS.format(body=body, loss=loss, both=both, coded=coded, width=width, steps=steps, classes=classes)


@pytest.mark.parametrize(
    "source",
    [
        columns(both="False"),
        columns(coded="targets"),  # the decoder is shown another sequence, a condition
        columns(body="steps, _ = decoder(embed(inputs))"),  # no code
        columns(
            body="steps, _ = decoder(embed(targets), state)", loss=SCORES.replace("targets", "inputs"), coded="rows[:8]"
        ),
        columns(body="steps, _ = decoder(state.transpose(0, 1)[:, :1, :16].expand(-1, 12, -1), state)"),
        columns(steps=9, loss="cross_entropy(out(steps)[:, :9].flatten(0, 1), targets.flatten())"),
        columns(loss="cross_entropy(out(steps).flatten(0, 1), torch.randint(0, 50, (96,)))"),
        columns(loss="mse_loss(steps.mean(-1), targets.float())"),
    ],
)
def test_silent_where_a_two_way_decoder_is_not_shown_what_was_encoded(source):
    assert rows(rule, source) == []


@pytest.mark.parametrize("loss", [SCORES, AS_LOGS])
@pytest.mark.parametrize("body", [PLAIN, TOKENS_LOST, PACKED])
def test_a_two_way_decoder_of_the_column_that_was_encoded(body, loss):
    (finding,) = run(rule, columns(body=body, loss=loss))
    assert "backward direction" in finding.message
    assert finding.severity is Severity.WARNING
