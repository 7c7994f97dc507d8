"""Weights of reconstruction, codebook and commitment errors."""

import pytest
import torch
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import HEALTHY, vectors


class TwoCodes(nn.Module):
    """Two vectors of eight elements per sample of twenty features."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self.book = nn.Linear(20, 16), nn.Linear(16, 20), nn.Embedding(12, 8)

    def forward(self, x):
        z = self.encoder(x).view(len(x), 2, 8)
        q = self.book(torch.cdist(z.flatten(0, 1), self.book.weight).argmin(1)).view_as(z)
        return self.decoder((z + (q - z).detach()).flatten(1)), z, q


def loss_of(over_features, over_elements, weight=1.0, book=1.0, commitment=0.25):
    def loss(model, x):
        x_hat, z, q = model(x)
        codebook = book * over_elements((q - z.detach()) ** 2) + commitment * over_elements((z - q.detach()) ** 2)
        return over_features((x_hat - x) ** 2) + weight * codebook

    return loss


def mean(t):
    return t.mean()


def total(t):
    return t.flatten(1).sum(1).mean()


def per_vector(t):
    return t.sum(-1).mean()


def verdict(loss):
    return run_checks(AESpec(TwoCodes, vectors, loss=loss), only=["AEC703"])["AEC703"]


@pytest.mark.parametrize("healthy", HEALTHY, ids=[h.name for h in HEALTHY])
def test_healthy_models_pass_or_have_no_trained_codebook(healthy):
    found = run_checks(healthy.spec(), only=["AEC703"])["AEC703"]
    assert found.status in {"passed", "skipped"}, str(found)


@pytest.mark.parametrize(
    "loss", [loss_of(mean, mean), loss_of(total, total), loss_of(mean, mean, 3.0), loss_of(total, per_vector)]
)
def test_the_same_reduction_and_weights_of_ones_own_pass(loss):
    found = verdict(loss)
    assert found.status == "passed", str(found)


@pytest.mark.parametrize("loss", [loss_of(mean, total), loss_of(mean, per_vector), loss_of(total, mean)])
def test_an_average_beside_a_sum_fails(loss):
    assert verdict(loss).status == "failed"


@pytest.mark.parametrize(
    "loss",
    [
        loss_of(mean, mean, commitment=4.0),
        loss_of(mean, mean, book=0.5, commitment=2.0),
        loss_of(mean, mean, commitment=1.0),
        loss_of(mean, mean, weight=0.3, book=0.5, commitment=0.25),
    ],
    ids=["a strong commitment", "weights on both", "no weights", "a weak codebook"],
)
def test_weights_of_ones_own_are_no_exchange(loss):
    assert verdict(loss).status == "passed"


@pytest.mark.parametrize("over", [mean, total, per_vector])
def test_the_weight_of_the_commitment_on_the_codebook_term_fails(over):
    found = verdict(loss_of(over, over, book=0.25, commitment=1.0))
    assert found.status == "failed"
    assert "0.25 of the commitment" in found.message


def test_an_exchange_is_seen_beside_an_absolute_error():
    loss = loss_of(lambda t: t.abs().sqrt().mean(), mean, book=0.1, commitment=1.0)
    assert verdict(loss).status == "failed"
    plain = verdict(loss_of(lambda t: t.abs().sqrt().mean(), mean))
    assert plain.status == "skipped"
