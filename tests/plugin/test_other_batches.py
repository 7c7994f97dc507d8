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


class Squeezed(nn.Module):
    """An autoencoder of images with one channel, whose axis it drops behind the last layer; `axes` says how."""

    axes: tuple[int, ...] = (1,)

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(20, 5), nn.Linear(5, 20)

    def forward(self, x):
        y = self.decoder(torch.tanh(self.encoder(x)))[:, None]
        return y.squeeze(*self.axes)


class SqueezedAltogether(Squeezed):
    axes = ()


class DroppedAndBack(Squeezed):
    """Drops the axis of a single sample, and brings it back."""

    def forward(self, x):
        return super().forward(x).squeeze().reshape(-1, 20)


@pytest.mark.parametrize("model", [Squeezed, DroppedAndBack])
def test_a_batch_of_one_that_keeps_its_axis(model):
    assert run_checks(AESpec(model, vectors, loss=squared), only=["AEC152"])["AEC152"].status == "passed"


def test_a_batch_that_cannot_hold_one_sample():
    def pairs(n, seed):
        if n < 2:
            raise ValueError("pairs are drawn")
        return vectors(n, seed)

    assert run_checks(AESpec(SqueezedAltogether, pairs, loss=squared), only=["AEC152"])["AEC152"].status != "failed"


def test_a_batch_of_one_that_loses_its_axis():
    found = run_checks(AESpec(SqueezedAltogether, vectors, loss=squared), only=["AEC152"])["AEC152"]
    assert found.status == "failed", str(found)
    assert "(20,), where 7 samples give (7, 20)" in found.message


class WithLengths(nn.Module):
    """Reads sequences of several lengths, packed in order of their length; `restore` puts the codes back in place."""

    restore = True

    def __init__(self):
        super().__init__()
        self.embed, self.read = nn.Embedding(9, 6), nn.GRU(6, 8, batch_first=True)
        self.write, self.out = nn.GRU(6, 8, batch_first=True), nn.Linear(8, 9)

    def forward(self, batch):
        tokens, lengths = batch
        order = lengths.argsort(descending=True)
        packed = nn.utils.rnn.pack_padded_sequence(self.embed(tokens[order]), lengths[order], batch_first=True)
        code = self.read(packed)[1]
        if self.restore:
            code = code[:, order.argsort()]
        return self.out(self.write(self.embed(tokens), code)[0])


class NeverRestored(WithLengths):
    restore = False


def sentences(n, seed):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, 9, (n,), generator=generator)
    words = torch.randint(1, 9, (n, int(lengths.max())), generator=generator)
    return words.where(torch.arange(words.shape[1]) < lengths[:, None], 0), lengths


@pytest.mark.parametrize(("model", "status"), [(WithLengths, "passed"), (NeverRestored, "failed")])
def test_sequences_that_are_padded_to_the_longest_of_a_batch(model, status):
    def loss(model, batch):
        return nn.functional.cross_entropy(model(batch).transpose(1, 2), batch[0], ignore_index=0)

    found = run_checks(AESpec(model, sentences, loss=loss), only=["AEC107"])["AEC107"]
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


class OfOneKind(VAE):
    """Wants the kind of its samples beside them."""

    def forward(self, x, kind, *, scale=1.0):
        return super().forward(x * scale)


def test_a_forward_that_wants_more_than_the_batch_says_what_to_declare():
    found = run_checks(AESpec(OfOneKind, vectors), only=["AEC100"])["AEC100"]
    assert found.status == "warned", str(found)
    assert (
        "not run: forward wants kind beside the batch: declare reconstruct=lambda model, batch: model(batch, kind=...)"
        in found.message
    )
    spec = AESpec(OfOneKind, vectors, reconstruct=lambda model, batch: model(batch, kind=1))
    assert run_checks(spec, only=["AEC100"])["AEC100"].status == "passed"
