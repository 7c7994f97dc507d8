"""Steps that only fill a sequence up should not count, and should not be read."""

import pytest
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import tokens


def padded(n, seed):
    x = tokens(n, seed)
    for row in range(0, n, 2):
        x[row, 4 - row % 3 :] = 0
    return x


class Sentences(nn.Module):
    def __init__(self, padding=0):
        super().__init__()
        self.embed = nn.Embedding(15, 8, padding_idx=padding)
        self.enc, self.dec = nn.GRU(8, 12, batch_first=True), nn.GRU(12, 12, batch_first=True)
        self.out = nn.Linear(12, 15)

    def forward(self, x):
        code = self.enc(self.embed(x))[1][-1]
        return self.out(self.dec(code[:, None].expand(-1, x.shape[1], -1))[0])


def everything(model, x):
    return F.cross_entropy(model(x).transpose(1, 2), x)


def ignored(model, x):
    return F.cross_entropy(model(x).transpose(1, 2), x, ignore_index=0)


def masked(model, x):
    each = F.cross_entropy(model(x).reshape(-1, 15), x.reshape(-1), reduction="none")
    return (each * (x.reshape(-1) != 0)).sum() / (x != 0).sum()


def verdict(model, loss, batch=padded):
    return run_checks(AESpec(model, batch, loss=loss), only=["AEC713"])["AEC713"]


@pytest.mark.parametrize("loss", [ignored, masked])
def test_a_loss_that_leaves_padding_out_passes(loss):
    assert verdict(Sentences, loss).status == "passed"


def test_without_padding_or_a_token_for_it_nothing_is_said():
    assert verdict(Sentences, everything, tokens).status == "skipped"
    assert verdict(lambda: Sentences(None), everything).status == "skipped"
    scattered = lambda n, seed: tokens(n, seed) % 3  # noqa: E731
    assert verdict(Sentences, everything, scattered).status == "skipped"


def test_a_loss_that_counts_padding_warns():
    found = verdict(Sentences, everything)
    assert found.status == "warned"
    assert found.numbers["padded"] > 8


class Packed(Sentences):
    """Reads each sequence to its own end."""

    def forward(self, x):
        lengths = (x != 0).sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(self.embed(x), lengths, batch_first=True, enforce_sorted=False)
        code = self.enc(packed)[1][-1]
        return self.out(self.dec(code[:, None].expand(-1, x.shape[1], -1))[0])


class Attentive(nn.Module):
    """Attention over all steps, and a code that is their average."""

    def __init__(self, *, masked):
        super().__init__()
        self.embed, self.masked = nn.Embedding(15, 8, padding_idx=0), masked
        self.block, self.out = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), nn.Linear(8, 15)

    def forward(self, x):
        padding = x == 0
        return self.out(self.block(self.embed(x), src_key_padding_mask=padding if self.masked else None))


class OneLength(Sentences):
    """Its decoder has one layer for all steps of a sequence."""

    def __init__(self):
        super().__init__()
        self.dec = nn.Linear(12, 7 * 12)

    def forward(self, x):
        code = self.enc(self.embed(x))[1][-1]
        return self.out(self.dec(code).view(*x.shape, 12))


def filled_up(model, batch=padded):
    return run_checks(AESpec(model, batch, loss=ignored), only=["AEC717"])["AEC717"]


@pytest.mark.parametrize("model", [Packed, lambda: Attentive(masked=True)])
def test_a_model_that_stops_at_the_end_passes(model):
    assert filled_up(model).status == "passed"


def test_models_of_one_length_and_scattered_padding_are_not_judged():
    assert filled_up(OneLength).status == "skipped"
    assert filled_up(Sentences, lambda n, seed: tokens(n, seed) % 3).status == "skipped"
    assert filled_up(lambda: Sentences(None)).status == "skipped"


@pytest.mark.parametrize("model", [Sentences, lambda: Attentive(masked=False)])
def test_a_model_that_reads_on_warns(model):
    found = filled_up(model)
    assert found.status == "warned"
    assert found.numbers["change"] > 0.001
