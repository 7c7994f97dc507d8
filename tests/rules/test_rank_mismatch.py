from aelint.rules.architecture import rank_mismatch as rule
from tests.rules.harness import rows, run

HEAD = "import torch\nimport torch.nn as nn\nfc = nn.Linear(4, 24)\nconv = nn.Conv2d(24, 8, 1)\nrnn = nn.GRU(8, 12, num_layers=2, batch_first=True)\nz = fc(torch.randn(3, 4))\n"


def test_silent_on_the_right_number_of_axes():
    assert rows(rule, HEAD + "y = conv(z[:, :, None, None])\nh = rnn(torch.zeros(3, 5, 8), z.view(2, 3, 12))\n") == []


def test_silent_on_unbatched_input():
    assert rows(rule, HEAD + "y = conv(torch.rand(24, 7, 7))\nh = rnn(torch.zeros(5, 8), z[:2, :12])\n") == []


def test_silent_on_states_of_unknown_rank():
    assert rows(rule, HEAD + "def f(x, state):\n    return rnn(x, state)\n") == []


def test_silent_on_a_placeholder_that_is_filled_later():
    assert rows(rule, HEAD + "memory = torch.zeros(0)\ny = conv(memory)\n") == []


def test_fires_on_vectors_in_a_convolution():
    found = run(rule, HEAD + "y = conv(z)\n")
    assert [f.site.row for f in found] == [7]
    assert "(3, 24) has 2 axes" in found[0].message


def test_fires_where_the_state_got_one_axis_too_many():
    found = run(
        rule, HEAD + "s = torch.stack(z.split(12, dim=-1))\ns = s.unsqueeze(0)\nh = rnn(torch.zeros(3, 1, 8), s)\n"
    )
    assert [f.site.row for f in found] == [8]
    assert "line 9" in found[0].message


def test_fires_on_one_part_of_an_lstm_state():
    lstm = "lstm = nn.LSTM(8, 24)\nh = lstm(torch.zeros(5, 3, 8), (z, z))\n"
    assert rows(rule, HEAD + lstm) == [8]
