"""A decoder of tokens may see what came before, never the answer."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import HEALTHY, gaussian_kl, reparameterize, tokens


@pytest.mark.parametrize("healthy", HEALTHY, ids=[h.name for h in HEALTHY])
def test_healthy_models_pass_or_are_not_asked(healthy):
    found = run_checks(healthy.spec(), only=["AEC719"])["AEC719"]
    assert found.status == ("passed" if healthy.name in {"sentence", "packed-sentences"} else "skipped"), str(found)


class Forced(nn.Module):
    """The decoder is given the tokens, `shift` places late."""

    def __init__(self, shift):
        super().__init__()
        self.shift, self.embed = shift, nn.Embedding(15, 8)
        self.enc, self.dec = nn.GRU(8, 12, batch_first=True), nn.GRU(8, 12, batch_first=True)
        self.heads, self.start, self.out = nn.Linear(12, 6), nn.Linear(3, 12), nn.Linear(12, 15)

    def forward(self, x):
        e = self.embed(x)
        mu, logvar = self.heads(self.enc(e)[1][-1]).chunk(2, 1)
        given = torch.cat([torch.zeros_like(e[:, : self.shift]), e[:, : x.shape[1] - self.shift]], 1)
        y, _ = self.dec(given, torch.tanh(self.start(reparameterize(mu, logvar)))[None])
        return self.out(y), mu, logvar


def loss(model, x):
    scores, mu, logvar = model(x)
    return F.cross_entropy(scores.transpose(1, 2), x) + 0.1 * gaussian_kl(mu, logvar)


def loss_with_marks(model, x):
    """Each place predicts the next."""
    scores, mu, logvar = model(x)
    return F.cross_entropy(scores[:, :-1].reshape(-1, 15), x[:, 1:].reshape(-1)) + 0.1 * gaussian_kl(mu, logvar)


def verdict(model, loss):
    return run_checks(AESpec(model, tokens, loss=loss), only=["AEC719"])["AEC719"]


def test_a_decoder_that_is_one_place_behind_is_left_alone():
    assert verdict(lambda: Forced(1), loss).status == "passed"
    assert verdict(lambda: Forced(0), loss_with_marks).status == "passed"


def test_a_decoder_that_sees_the_answer_warns():
    found = verdict(lambda: Forced(0), loss)
    assert found.status == "warned"
    assert found.numbers["places"] >= 2
