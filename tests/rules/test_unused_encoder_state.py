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
