"""AEL716: what attention is hidden from."""

import pytest

from aelint.rules.variants import inverted_padding_mask as rule
from tests.rules.harness import rows

ATTENTION = """
import torch
from torch import nn

PAD = 0
embed, score = nn.Embedding(50, 16, padding_idx={pad}), nn.Linear(16, 16)
tokens = torch.randint(0, 50, (8, 12))
words = embed(tokens)
scores = score(words) @ words.transpose(1, 2)
mask = {mask}
scores = scores.masked_fill({given}, {value})
out = scores.softmax(-1) @ words
"""

HEALTHY = {
    "padding is hidden": ("tokens == PAD", "mask[:, None]", "float('-inf')"),
    "turned round where it is used": ("tokens != PAD", "~mask[:, None]", "-1e9"),
    "compared with zero where it is used": ("(tokens != PAD).unsqueeze(1)", "mask == 0", "-1e9"),
    "turned twice": ("~(tokens != PAD)", "mask[:, None]", "-1e9"),
    "real steps are set to zero": ("tokens != PAD", "mask[:, None]", "0.0"),
    "another number": ("tokens != 7", "mask[:, None]", "-1e9"),
}


@pytest.mark.parametrize(("mask", "given", "value"), HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(mask, given, value):
    assert rows(rule, ATTENTION.format(pad="PAD", mask=mask, given=given, value=value)) == []


def test_silent_where_nothing_says_what_padding_is():
    source = ATTENTION.format(pad="None", mask="tokens != PAD", given="mask[:, None]", value="-1e9")
    assert rows(rule, source) == []


FAULTS = {
    "the real steps": ("tokens != PAD", "mask[:, None]", "float('-inf')"),
    "a method": ("tokens.ne(PAD).unsqueeze(1)", "mask", "-1e9"),
    "turned twice": ("~(tokens == PAD)", "mask[:, None]", "-10000.0"),
    "compared with zero": ("(tokens == PAD).unsqueeze(1)", "mask == 0", "-1e9"),
}


@pytest.mark.parametrize(("mask", "given", "value"), FAULTS.values(), ids=FAULTS.keys())
def test_fires(mask, given, value):
    assert rows(rule, ATTENTION.format(pad="PAD", mask=mask, given=given, value=value)) == [11]


ENCODER = """
import torch
from torch import nn
import torch.nn.functional as F

embed, out = nn.Embedding(50, 16), nn.Linear(16, 50)
blocks = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, batch_first=True), 2)
tokens = torch.randint(0, 50, (8, 12))
hidden = blocks(embed(tokens), src_key_padding_mask={})
loss = F.cross_entropy(out(hidden).transpose(1, 2), tokens, ignore_index=1)
"""


def test_a_loss_says_what_padding_is():
    assert rows(rule, ENCODER.format("tokens != 1")) == [9]
    assert rows(rule, ENCODER.format("tokens == 1")) == []
