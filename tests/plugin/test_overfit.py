"""Learning one batch, on request."""

import pytest
import torch

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import (
    MLP,
    VAE,
    VQ,
    BernoulliVAE,
    ConvAE,
    bernoulli_loss,
    binary,
    elbo,
    images,
    mse,
    vectors,
    vq_loss,
)


def verdict(model, loss, batch=vectors, **more):
    return run_checks(AESpec(model, batch, loss=loss, slow=True, **more), only=["AEC421"])["AEC421"]


def test_nothing_is_trained_unless_asked():
    found = run_checks(AESpec(MLP, vectors, loss=mse), only=["AEC421"])["AEC421"]
    assert (found.status, found.message) == ("skipped", "trains the model: declare slow=True")


def light(model, x):
    return elbo(model, x, beta=0.1)


@pytest.mark.parametrize(
    ("model", "loss", "batch"),
    [(MLP, mse, vectors), (VAE, light, vectors), (VQ, vq_loss, vectors), (ConvAE, mse, images)],
)
def test_healthy_models_learn_eight_samples(model, loss, batch):
    found = verdict(model, loss, batch)
    assert found.status == "passed", str(found)
    assert found.numbers["steps"] <= 240


def test_the_model_itself_is_not_trained():
    model = MLP()
    before = [p.detach().clone() for p in model.parameters()]
    verdict(model, mse)
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))


def test_logits_are_not_compared_with_data():
    assert "logits" in verdict(BernoulliVAE, bernoulli_loss, binary).message


class Severed(MLP):
    """The code is detached and squashed to nothing, so that only the decoder's bias can learn."""

    def forward(self, x):
        return self.decoder(self.encoder(x).detach() * 1e-6)


def shuffled_target(model, x):
    return (model(x) - x[torch.randperm(len(x))]).pow(2).mean()


@pytest.mark.parametrize(("model", "loss"), [(Severed, mse), (MLP, shuffled_target)])
def test_what_cannot_learn_fails(model, loss):
    assert verdict(model, loss).status == "failed"
