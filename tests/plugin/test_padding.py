"""Steps that only fill a sequence up should not count."""

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
