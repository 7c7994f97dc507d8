import pytest

from aelint.rules.variants import recurrent_layout as rule
from tests.rules.harness import rows

HEAD = "import torch\nfrom torch import nn\nfrom torch.utils.data import DataLoader, TensorDataset\n"
X = "x = torch.randn(32, 20, 8)\n"

SILENT = {
    "last step, batch first": X + "out, h = nn.GRU(8, 16, batch_first=True)(x)\ny = out[:, -1]",
    "last step, time first": X + "out, h = nn.GRU(8, 16)(x)\ny = out[-1]",
    "last layer of the state": X + "out, (h, c) = nn.LSTM(8, 16, 2, batch_first=True)(x)\ny = h[-1]",
    "first sample on purpose": X + "out, h = nn.GRU(8, 16, batch_first=True)(x)\ny = out[0]",
    "one sequence without a batch": "out, h = nn.GRU(8, 16, batch_first=True)(torch.randn(20, 8))\ny = out[-1]",
    "unknown rank": "def f(x):\n    out, h = nn.GRU(8, 16, batch_first=True)(x)\n    return out[-1]",
    "fitting state": X + "y = nn.GRU(8, 16, 2, batch_first=True, bidirectional=True)(x, torch.zeros(4, 32, 16))",
    "fitting states of an LSTM": X + "y = nn.LSTM(8, 16)(x, (torch.zeros(1, 20, 16), torch.zeros(1, 20, 16)))",
    "loader, batch first": "for (x,) in DataLoader(TensorDataset(torch.randn(64, 20, 8)), 4):\n    y = nn.GRU(8, 16, batch_first=True)(x)",
    "loader, moved": "for (x,) in DataLoader(TensorDataset(torch.randn(64, 20, 8)), 4):\n    y = nn.GRU(8, 16)(x.transpose(0, 1))",
}
LOUD = {
    "last sample for last step": (X + "out, h = nn.GRU(8, 16, batch_first=True)(x)\ny = out[-1]", 6),
    "time first, second axis": (X + "out, h = nn.GRU(8, 16)(x)\ny = out[:, -1, :]", 6),
    "second axis of the state": (X + "out, (h, c) = nn.LSTM(8, 16, batch_first=True)(x)\ny = h[:, -1]", 6),
    "one axis too many": (
        X + "s = torch.zeros(2, 32, 16)\ns = s.unsqueeze(0)\ny = nn.GRU(8, 16, 2, batch_first=True)(x, s)",
        6,
    ),
    "layers missing": (X + "s = torch.zeros(1, 32, 16)\ny = nn.GRU(8, 16, 2, batch_first=True)(x, s)", 5),
    "batch first in the state": (X + "s = torch.zeros(32, 1, 16)\ny = nn.LSTM(8, 16, batch_first=True)(x, (s, s))", 5),
    "copied": (
        X + "s = nn.Linear(4, 16)(torch.randn(32, 4))\ns = (s.contiguous(), s.clone().detach())\n"
        "y = nn.LSTM(8, 16, batch_first=True)(x, s)",
        5,
    ),
    "loader": ("for (x,) in DataLoader(TensorDataset(torch.randn(64, 20, 8)), 4):\n    y = nn.GRU(8, 16)(x)", 5),
    "built before": (
        "layer = nn.GRU(8, 16)\nfor (x,) in DataLoader(TensorDataset(torch.randn(64, 20, 8)), 4):\n    y = layer(x)",
        4,
    ),
    "attention": (
        "for (x,) in DataLoader(TensorDataset(torch.randn(64, 20, 8)), 4):\n    y = nn.TransformerEncoderLayer(8, 2)(x)",
        5,
    ),
}


@pytest.mark.parametrize("body", SILENT.values(), ids=SILENT)
def test_silent(body):
    assert rows(rule, HEAD + body) == []


@pytest.mark.parametrize(("body", "row"), LOUD.values(), ids=LOUD)
def test_wrong_axis(body, row):
    assert rows(rule, HEAD + body) == [row]


CODES = """
import torch
from torch import nn

encoder = nn.LSTM(8, 16, num_layers={layers}, bidirectional={both}, batch_first=True)
_, (h, c) = encoder(torch.randn({samples}, 20, 8))
code = {code}
"""


@pytest.mark.parametrize(
    ("layers", "both", "samples", "code"),
    [
        (1, True, 32, "torch.cat([h[-2], h[-1]], 1)"),
        (1, True, 32, "h.transpose(0, 1).reshape(-1, 32)"),
        (1, True, 1, "h.view(1, -1)"),
        (1, False, 32, "h.view(-1, 16)"),
        (1, False, 32, "h[0]"),
        (2, False, 32, "h[-1]"),
        (2, False, 32, "h[0] + h[1]"),
        (2, True, 32, "h.view(2, 2, -1, 16)[-1, 0]"),
        (1, True, 32, "torch.cat([h[-1], c[-1]], 1)"),
        (2, False, 32, "h.view(-1, 8)"),
        (2, False, 32, "h.view(2, -1, 16)"),
        (2, False, 1, "h.view(-1, 32)"),
        (2, True, 32, "h[0]"),
    ],
)
def test_silent_on_codes_of_final_states(layers, both, samples, code):
    assert rows(rule, CODES.format(layers=layers, both=both, samples=samples, code=code)) == []


@pytest.mark.parametrize(
    ("layers", "both", "code"),
    [
        (1, True, "torch.cat([h[-1], h[-1]], 1)"),
        (2, True, "(lambda s: torch.cat((s[-1, 0], s[-1, 0]), dim=1))(h.view(2, 2, 32, 16))"),
        (1, True, "h.view(-1, 32)"),
        (2, False, "h.reshape(32, -1)"),
        (2, False, "h[0]"),
    ],
)
def test_codes_that_leave_out_or_mix_states(layers, both, code):
    assert rows(rule, CODES.format(layers=layers, both=both, samples=32, code=code)) == [7]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("y = nn.GRU(8, 16)(x)[0][:, 0]", id="one sample on purpose"),
        pytest.param("y = nn.GRU(8, 16)(x)[0][0, -1]", id="one step of one sample"),
        pytest.param("y = nn.GRU(8, 16)(x)[0][..., -1]", id="the last feature"),
        pytest.param("y = nn.GRU(8, 16, batch_first=order)(x)[0][-1]", id="an order that nobody knows"),
        pytest.param("_, h = nn.GRU(8, 16, batch_first=True, bidirectional=True)(x)\ny = h[0]", id="forward direction"),
        pytest.param(
            "_, h = nn.GRU(8, 16, 2, batch_first=True, bidirectional=True)(x)\ny = h.view(2, 2, 32, 16)[-1]",
            id="layers and directions as axes",
        ),
        pytest.param("_, h = nn.GRU(8, 16, 2, batch_first=True)(x)\ny = h.view(-1, 16)", id="one row per state"),
        pytest.param("y = nn.GRU(8, 16, 2)(x, torch.zeros(2, 20, size))", id="a size that nobody knows"),
        pytest.param(
            "y = nn.GRU(8, 16)(torch.randn(4, 32, 20, 8), torch.zeros(1, 20, 16))", id="an input of four axes"
        ),
        pytest.param("_, h = nn.GRU(8, 16, 2, batch_first=True)(x)\ny = h[0] + h[1]", id="every layer counts"),
        pytest.param(
            "y = nn.LSTM(8, 16, proj_size=4)(x, (torch.zeros(1, 20, 4), torch.zeros(1, 20, 16)))", id="projected"
        ),
        pytest.param("y = nn.GRU(8, 16, layers)(x, torch.zeros(3, 20, 16))", id="a number of layers that nobody knows"),
    ],
)
def test_other_axes_on_purpose(body):
    assert rows(rule, HEAD + X + body) == []


def test_a_batch_that_is_one_sequence():
    loop = "for (x,) in DataLoader(TensorDataset(torch.randn(64, 8)), 4):\n    y = nn.GRU(8, 16)(x)"
    assert rows(rule, HEAD + loop) == []


def test_a_state_of_a_single_sequence():
    assert rows(rule, HEAD + "y = nn.GRU(8, 16)(torch.randn(20, 8), torch.zeros(1, 16))") == []
    assert rows(rule, HEAD + "y = nn.GRU(8, 16)(torch.randn(20, 8), torch.zeros(2, 16))") == [4]


TRANSFORMER = """import torch
from torch import nn

x = torch.rand(16, 30, 48)
layer = nn.TransformerEncoderLayer(48, 4{first})
encoder = nn.TransformerEncoder(layer, 2)
out = encoder({given})
code = {pool}
"""


@pytest.mark.parametrize(
    ("first", "given", "pool"),
    [
        (", batch_first=True", "x", "out.mean(dim=1)"),
        (", batch_first=True", "x", "out[:, 0]"),
        ("", "x.transpose(0, 1)", "out.mean(dim=0)"),
        ("", "x.transpose(0, 1)", "out[0]"),
        ("", "x.transpose(0, 1)", "out.transpose(0, 1).mean(dim=1)"),
        ("", "x", "out.mean()"),
        ("", "x[0]", "out.mean(dim=1)"),
        ("", "torch.load('x.pt')", "out.mean(dim=1)"),
    ],
    ids=[
        "samples-first",
        "first-token",
        "time-first",
        "first-step",
        "turned-back",
        "everything",
        "one-sequence",
        "not-known",
    ],
)
def test_silent_on_transformers(first, given, pool):
    assert rows(rule, TRANSFORMER.format(first=first, given=given, pool=pool)) == []


@pytest.mark.parametrize("pool", ["out.mean(dim=1)", "torch.tanh(out)[:, 0]", "nn.LayerNorm(48)(out).mean(1)"])
def test_fires_on_transformers_whose_samples_are_pooled(pool):
    assert rows(rule, TRANSFORMER.format(first="", given="x", pool=pool)) == [5]


ENCODER = """import torch
from torch import nn

class Encoder(nn.Module):
    def __init__(self, depth={depth}):
        super().__init__()
        self.net, self.head = nn.LSTM(8, 16, depth), nn.Linear(16, 4)

    def forward(self, x):
        _, (h, _) = self.net(x)
        code = {code}
        return self.head(code)
"""


@pytest.mark.parametrize(
    ("depth", "code"),
    [(2, "h[-1, :, :]"), (1, "h[0, :, :]"), (2, "h[0] + h[1]"), (2, "h[0, 0]"), (2, "h[:, 0]"), ("unknown", "h[0]")],
    ids=["last-layer", "only-layer", "both-layers", "one-element", "one-sample", "depth-not-known"],
)
def test_silent_on_the_state_of_a_layer_with_an_input_that_is_not_known(depth, code):
    assert rows(rule, ENCODER.format(depth=depth, code=code)) == []


@pytest.mark.parametrize("code", ["h[0]", "h[0, :, :]", "h[0, ...]", "torch.tanh(h[0, :])"])
def test_fires_on_the_state_of_the_first_layer_with_an_input_that_is_not_known(code):
    assert rows(rule, ENCODER.format(depth=2, code=code)) == [11]


PACKED = """
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def encode(x, lengths):
    packed = pack_padded_sequence(nn.Linear(4, 8)(x), lengths, batch_first={first}, enforce_sorted=False)
    packed, h = nn.GRU(8, 16, num_layers={layers}, batch_first=True)(packed)
    out, _ = pad_packed_sequence(packed, batch_first=True)
    return {code}


encode(torch.rand(32, 20, 4), lengths)
"""


@pytest.mark.parametrize(
    ("first", "layers", "code"),
    [
        (True, 2, "h.transpose(0, 1).reshape(-1, 32)"),
        (True, 2, "h[-1]"),
        (True, 1, "h.view(-1, 16)"),
        (True, 2, "out[:, -1]"),
        (False, 2, "out[:, -1]"),
    ],
)
def test_silent_on_states_of_packed_sequences(first, layers, code):
    assert rows(rule, PACKED.format(first=first, layers=layers, code=code)) == []


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("code", ["h.view(-1, 32)", "h.reshape(-1, h.size(0) * h.size(2))"])
def test_states_of_packed_sequences_that_are_mixed(first, code):
    assert rows(rule, PACKED.format(first=first, layers=2, code=code)) == [11]


SEQUENCES = """
import torch
from torch import nn

class AE(nn.Module):
    def __init__(self, order, features=5, hidden=16, steps=20):
        super().__init__()
        self.steps = steps
        self.encoder = nn.{kind}(features, hidden, batch_first={encoder})
        self.decoder = nn.{kind}(hidden, hidden, batch_first={decoder})
        self.out = nn.Linear(hidden, {width})

    def forward(self, x):
        h = self.encoder({given})[1]
        h = h[0] if isinstance(h, tuple) else h
        y, _ = self.decoder({code})
        y = self.out(y)
        return {result}
"""
WHOLE = {
    "kind": "GRU",
    "encoder": "True",
    "decoder": "True",
    "width": "features",
    "given": "x",
    "code": "h[-1].unsqueeze(1).repeat(1, self.steps, 1)",
    "result": "y",
}
STEPS_FIRST = "h[-1].unsqueeze(0).repeat(self.steps, 1, 1)"


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({}, id="samples first"),
        pytest.param({"encoder": "False", "decoder": "False", "code": STEPS_FIRST}, id="time first"),
        pytest.param({"decoder": "False", "code": STEPS_FIRST, "result": "y.transpose(0, 1)"}, id="turned back"),
        pytest.param({"encoder": "False", "given": "x.transpose(0, 1)"}, id="turned before"),
        pytest.param({"encoder": "False", "result": "y.mean(1)"}, id="no sequence is returned"),
        pytest.param({"encoder": "False", "width": "2 * features"}, id="something else than the input is returned"),
        pytest.param({"encoder": "order", "decoder": "order"}, id="an order that an option gives"),
        pytest.param({"decoder": "False", "code": "h[-1].unsqueeze(0)", "result": "y[0]"}, id="one step"),
        pytest.param({"code": "torch.zeros(4, self.steps, 16), h"}, id="the state as a state"),
        pytest.param(
            {"decoder": "False", "code": "torch.zeros(self.steps, 1, 16)", "result": "y[0]"}, id="of no state"
        ),
    ],
)
def test_silent_on_layers_that_agree_about_the_samples(parts):
    assert rows(rule, SEQUENCES.format(**{**WHOLE, **parts})) == []


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
@pytest.mark.parametrize(
    ("parts", "row"),
    [
        pytest.param({"decoder": "False"}, 10, id="the decoder takes the samples for time"),
        pytest.param({"decoder": "False", "result": "y.transpose(0, 1)"}, 10, id="the same, turned in vain"),
        pytest.param({"decoder": "False", "code": "h[-1].unsqueeze(1).expand(-1, self.steps, -1)"}, 10, id="expanded"),
        pytest.param({"code": STEPS_FIRST}, 10, id="the decoder takes the steps for samples"),
        pytest.param({"encoder": "False"}, 9, id="the encoder takes the samples for time"),
        pytest.param({"decoder": "False", "code": STEPS_FIRST}, 9, id="the result is turned round"),
    ],
)
def test_fires_on_layers_that_disagree_about_the_samples(parts, row, kind):
    assert rows(rule, SEQUENCES.format(**{**WHOLE, **parts, "kind": kind})) == [row]
