"""Trained models beside simple baselines: silent on what learned, and each fault seen."""

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from pytest_aecheck import AESpec, run_checks
from pytest_aecheck.checks.latent import reconstructs_anything, worse_than_linear
from pytest_aecheck.checks.variants import unused_codes
from pytest_aecheck.observations import Baselines, CodeBook, Observations
from pytest_aecheck.probes.usage import corrected_perplexity
from tests.plugin import zoo
from tests.plugin.zoo import MLP, VAE, VQ, BernoulliVAE, bernoulli_loss, binary, elbo, mse, vectors, vq_loss

TRAINED = ["AEC23", "AEC627", "AEC707"]


def trained(model, loss, batch=vectors, steps=400, seed=0):
    torch.manual_seed(seed)
    model = model()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(steps):
        optimizer.zero_grad()
        loss(model, batch(64, 100 + step)).backward()
        optimizer.step()
    return model


def report(model, loss, batch=vectors, only=TRAINED, **more):
    return run_checks(AESpec(model, batch, loss=loss, stage="fitted", **more), only=only)


def light(model, x):
    return elbo(model, x, beta=0.1)


HEALTHY = {
    "mlp": (MLP, mse, vectors),
    "vae": (VAE, light, vectors),
    "vq": (VQ, vq_loss, vectors),
    "logits": (BernoulliVAE, bernoulli_loss, binary),
    "denoising": (MLP, zoo.denoising_loss, vectors),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_trained_healthy_models_are_left_alone(name):
    model, loss, batch = HEALTHY[name]
    found = report(trained(model, loss, batch), loss, batch)
    assert [str(verdict) for verdict in (*found.failed, *found.warned)] == []
    assert found["AEC231"].status == "passed"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 20))
@pytest.mark.parametrize("name", HEALTHY)
def test_trained_healthy_models_are_left_alone_at_every_seed(name, seed):
    model, loss, batch = HEALTHY[name]
    found = report(trained(model, loss, batch, seed=seed), loss, batch)
    assert [str(verdict) for verdict in found.failed] == []


def test_logits_are_compared_after_their_sigmoid_also_where_no_loss_is_declared():
    model = trained(BernoulliVAE, bernoulli_loss, binary)
    declared = report(model, bernoulli_loss, binary)["AEC231"]
    assert declared.status == "passed"
    assert report(model, None, binary)["AEC231"].numbers["fvu"] == pytest.approx(declared.numbers["fvu"])


def test_a_model_that_was_not_trained_is_worse_than_principal_components():
    found = report(MLP, mse)["AEC235"]
    assert found.status == "warned"
    assert found.numbers["units"] == 5


class Copy(nn.Module):
    """More units than features, and nothing that limits them."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 64), nn.Linear(64, 20)

    def forward(self, x):
        return self.decoder(self.encoder(x))


def scaled(n, seed):
    """Features that say much about each other and fill their space."""
    return vectors(n, seed) + 0.2 * torch.randn(n, 20, generator=torch.Generator().manual_seed(seed))


def test_a_model_that_copies_reconstructs_anything():
    found = report(trained(Copy, mse, scaled), mse, scaled)["AEC236"]
    assert found.status == "warned"
    assert "64 units for 20 features" in found.message
    assert report(trained(Copy, mse, scaled), mse, scaled, skips=True)["AEC236"].status == "skipped"


def test_where_features_are_independent_there_is_no_structure_to_lose():
    def independent(n, seed):
        return torch.randn(n, 20, generator=torch.Generator().manual_seed(seed))

    assert report(trained(Copy, mse, independent), mse, independent)["AEC236"].status == "skipped"


def almost_no_kl(model, x):
    return elbo(model, x, beta=1e-7)


class Spread(VAE):
    """Codes far from the prior: the encoder's last layer starts large, and no KL pulls them back."""

    def __init__(self):
        super().__init__()
        nn.init.constant_(self.fc_mu.bias, 30.0)


def test_a_prior_that_the_codes_never_visit_is_seen():
    found = report(trained(Spread, almost_no_kl), almost_no_kl)["AEC627"]
    assert found.status == "warned"
    assert found.numbers["furthest_mean"] > 5


class OneEntry(VQ):
    """All entries but one lie far away from anything."""

    def __init__(self):
        super().__init__()
        with torch.no_grad():
            self.book += 1000
            self.book[3] = 0


def test_a_codebook_of_which_one_entry_is_used_fails():
    found = report(OneEntry, vq_loss)["AEC707"]
    assert found.status == "failed"
    assert found.numbers["used"] == 1


@pytest.mark.parametrize(
    ("book", "status"),
    [
        (CodeBook("q", 512, 20, 12.0, 20480, 4096), "warned"),
        (CodeBook("q", 512, 300, 200.0, 20480, 4096), "passed"),
        (CodeBook("q", 512, 20, 12.0, 5000, 4096), "skipped"),
        (CodeBook("q", 4, 1, 1.0, 5000, 4096), "skipped"),
    ],
)
def test_a_codebook_is_judged_by_its_perplexity_where_there_are_vectors_enough(book, status):
    assert unused_codes.judge(Observations.of(codebooks=(book,))).status == status


def test_perplexity_of_a_uniform_use_is_the_number_of_entries():
    generator = torch.Generator().manual_seed(0)
    draws = [torch.bincount(torch.randint(64, (20 * 64,), generator=generator), minlength=64) for _ in range(200)]
    found = [corrected_perplexity(counts) for counts in draws]
    assert max(found) <= 64
    assert math.isclose(sum(found) / len(found), 64, rel_tol=0.01)


def baselines(**changed):
    made = {
        "samples": 256, "units": 5, "features": 20, "limited": False, "fvu": 0.3, "linear_fvu": 0.29, "excess": 0.01,
        "excess_error": 0.01, "structure": 0.5, "shuffled_fvu": 0.9,
    }  # fmt: skip
    return Observations.of(baselines=Baselines(**{**made, **changed}), spec=AESpec(MLP, vectors))


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, "passed"),
        ({"fvu": 0.5, "excess": 0.21}, "warned"),
        ({"fvu": 0.5, "excess": 0.21, "excess_error": 0.1}, "passed"),
        ({"fvu": 0.5, "excess": 0.21, "limited": True}, "skipped"),
        ({"units": 20}, "skipped"),
        ({"samples": 12}, "skipped"),
    ],
)
def test_worse_than_linear_needs_a_difference_beyond_its_error(changed, status):
    assert worse_than_linear.judge(baselines(**changed)).status == status


@pytest.mark.parametrize(
    ("changed", "status"),
    [({}, "passed"), ({"shuffled_fvu": 0.3}, "warned"), ({"structure": 0.01}, "skipped"), ({"fvu": 0.8}, "skipped")],
)
def test_copying_is_only_seen_where_there_was_structure(changed, status):
    assert reconstructs_anything.judge(baselines(**changed)).status == status


def test_equal_errors_are_called_worse_as_rarely_as_the_page_says():
    """Two models of equal error on 256 samples, 2000 times."""
    torch.manual_seed(0)
    runs = 2000
    difference = torch.randn(runs, 256, 4).pow(2).mean(2) - torch.randn(runs, 256, 4).pow(2).mean(2)
    beyond = (difference.mean(1) > 3 * difference.std(1) / 256**0.5).double().mean()
    assert float(beyond) <= 0.003 + 2 * (0.003 / runs) ** 0.5


def test_softmax_scores_are_no_reconstruction():
    class Classes(MLP):
        pass

    def loss(model, x):
        return F.cross_entropy(model(x), x.softmax(1))

    assert report(Classes, loss)["AEC231"].status == "skipped"
