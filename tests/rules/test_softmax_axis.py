import pytest

from aelint.rules.objective import softmax_axis as rule
from tests.rules.harness import rows

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nhead = nn.Linear(16, 20)\n"
LOOP = HEAD + "for x in torch.utils.data.DataLoader(torch.rand(64, 16), batch_size=8):\n    "

HEALTHY = {
    "over classes": "F.softmax(head(x), dim=1)",
    "over classes from the end": "head(x).softmax(-1)",
    "similarities between samples": "F.softmax(head(x) @ head(x).t(), dim=0)",
    "one softmax per variable": "F.softmax(head(x).view(-1, 5, 4), dim=-1)",
    "attention over positions": "F.softmax(head(x).view(-1, 5, 4), dim=1)",
    "a mixture beside a class head": "F.softmax(head(x), dim=1), F.softmax(nn.Linear(16, 20)(x).view(-1, 5, 4), dim=-1)",
}


@pytest.mark.parametrize("body", HEALTHY.values(), ids=HEALTHY.keys())
def test_healthy(body):
    assert not rows(rule, LOOP + body + "\n")


def test_recurrent_layer_with_samples_first():
    source = "rnn = nn.LSTM(4, 8, batch_first=True)\nout, _ = rnn(torch.rand(16, 10, 4))\nF.softmax(out, dim=1)\nF.softmax(out, dim=-1)\n"
    assert not rows(rule, HEAD + source)


def test_over_samples_of_a_linear_layer():
    assert rows(rule, LOOP + "F.softmax(head(x), dim=0)\n") == [6]
    assert rows(rule, LOOP + "nn.LogSoftmax(dim=-2)(head(x))\n") == [6]


@pytest.mark.parametrize("dim", ["-2", "1"])
def test_over_samples_behind_a_recurrent_layer_with_time_first(dim):
    source = f"rnn = nn.GRU(4, 8)\nout, _ = rnn(torch.rand(10, 16, 4))\nmix = nn.Linear(8, 6)(out)[:, :, 3:].view(10, 16, 3)\nlogpi = F.log_softmax(mix, dim={dim})\n"
    assert rows(rule, HEAD + source) == [8]


def test_no_axis_given_for_three_axes():
    source = "rnn = nn.GRU(4, 8, batch_first=True)\nout, _ = rnn(torch.rand(16, 10, 4))\nF.softmax(out)\n"
    assert rows(rule, HEAD + source) == [7]


def test_all_variables_at_once():
    source = (
        LOOP
        + "logits = head(x)\n    z = F.softmax((logits.view(-1, 5, 4) + torch.rand(8, 5, 4)) / 0.5, dim=-1)\n    q = F.softmax(logits, dim=-1)\n"
    )
    assert rows(rule, source) == [8]
