"""What a sample alone, or another number of samples, can and cannot tell."""

import numpy as np
import pytest
import torch
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import VAE, elbo, vectors

EDGES = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7, 0]])


class Graph(nn.Module):
    """Every node sees its neighbour: the rows of a batch belong together."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 5), nn.Linear(5, 20)

    def forward(self, x):
        z = self.encoder(x)
        return self.decoder(z + z[EDGES[1]].tanh())


def squared(model, x):
    return (model(x) - x).pow(2).mean()


def test_a_graph_that_is_given_as_a_whole_only_warns():
    found = run_checks(AESpec(Graph, vectors(8, 0), loss=squared), only=["AEC100"])["AEC100"]
    assert found.status == "warned", str(found)


def test_a_model_that_takes_one_size_only_still_fails_where_batches_are_made():
    assert run_checks(AESpec(Graph, vectors, loss=squared), only=["AEC100"])["AEC100"].status == "failed"


class FromNumpy(VAE):
    """Noise that is drawn outside torch, where nothing can replace it."""

    def forward(self, x):
        mu, logvar = self.encode(x)
        noise = torch.from_numpy(np.random.randn(*mu.shape)).float()  # noqa: NPY002 - the global generator is what is tested
        return self.decoder(mu + (0.5 * logvar).exp() * noise), mu, logvar


class Centred(VAE):
    """Draws as usual, and takes the average of the batch away: alone, a sample has no other."""

    def forward(self, x):
        y, mu, logvar = super().forward(x)
        return y - y.mean(0), mu, logvar


@pytest.mark.parametrize(("model", "status"), [(VAE, "passed"), (FromNumpy, "skipped"), (Centred, "warned")])
def test_noise_that_cannot_be_replaced_is_no_dependence_on_the_batch(model, status):
    found = run_checks(AESpec(model, vectors, loss=elbo), only=["AEC152"])["AEC152"]
    assert found.status == status, str(found)


class BatchTopK(nn.Module):
    """A sparse autoencoder that keeps the largest activations of the whole batch."""

    def __init__(self, between=nn.ReLU):
        super().__init__()
        self.encoder, self.between, self.decoder = nn.Linear(20, 40), between(), nn.Linear(40, 20)

    def forward(self, x):
        code = self.between(self.encoder(x))
        least = code.flatten().topk(6 * len(x)).values.min()
        return self.decoder(torch.where(code >= least, code, torch.zeros_like(code)))


def test_a_top_k_of_the_batch_only_warns():
    found = run_checks(AESpec(BatchTopK, vectors, loss=squared), only=["AEC107"])["AEC107"]
    assert found.status == "warned", str(found)
    assert "`topk` ranks" in str(found)


def test_a_top_k_of_the_batch_hides_no_other_influence():
    spec = AESpec(lambda: BatchTopK(lambda: nn.Softmax(0)), vectors, loss=squared)
    assert run_checks(spec, only=["AEC107"])["AEC107"].status == "failed"
