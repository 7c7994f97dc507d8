"""Searches in codebooks, written in the ways that projects write them."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name that everyone gives it
from torch import nn

from pytest_aecheck import AESpec, run_checks
from tests.plugin.zoo import HEALTHY, images, vectors, vq_loss


def verdict(model):
    return run_checks(AESpec(model, vectors, loss=vq_loss), only=["AEC704"])["AEC704"]


@pytest.mark.parametrize("healthy", HEALTHY, ids=[h.name for h in HEALTHY])
def test_healthy_models_pass_or_have_no_codebook(healthy):
    found = run_checks(healthy.spec(), only=["AEC704"])["AEC704"]
    assert found.status == ("passed" if "vq" in healthy.name else "skipped"), str(found)


def by_cdist(z, book):
    return torch.cdist(z, book).argmin(1)


def by_expansion(z, book):
    return (z.pow(2).sum(1, keepdim=True) + book.pow(2).sum(1) - 2 * z @ book.t()).argmin(-1)


def by_addmm(z, book):
    squares = book.pow(2).sum(1) + z.pow(2).sum(1, keepdim=True)
    return torch.addmm(squares, z, book.t(), alpha=-2.0, beta=1.0).min(1)[1]


def by_difference(z, book):
    return (z[:, None, :] - book[None]).pow(2).sum(-1).min(dim=-1).indices


def by_angle(z, book):
    return (F.normalize(z, dim=-1) @ F.normalize(book, dim=-1).t()).argmax(dim=-1)


def by_negative_distance(z, book):
    return (-torch.cdist(z, book)).max(dim=-1)[1]


def by_projection(z, book):
    """Compared with a projected codebook, which is another one: not judged, and not reported."""
    return torch.cdist(z, F.linear(book, torch.randn(4, 4, generator=torch.Generator().manual_seed(0)))).argmin(1)


def farthest(z, book):
    return torch.cdist(z, book).argmax(1)


def without_last(z, book):
    return torch.cdist(z, book[:-1]).argmin(1)


def wrong_sign(z, book):
    return (z.pow(2).sum(1, keepdim=True) + book.pow(2).sum(1) + 2 * z @ book.t()).argmin(-1)


def quantised(search):
    class Quantised(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = nn.Linear(20, 16), nn.Linear(16, 20)
            self.book = nn.Embedding(12, 4)

        def forward(self, x):
            z = self.encoder(x).view(-1, 4)
            q = self.book(search(z, self.book.weight))
            loss = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
            return self.decoder((z + (q - z).detach()).view(len(x), 16)), loss

    return Quantised


@pytest.mark.parametrize("search", [by_cdist, by_expansion, by_addmm, by_difference, by_angle, by_negative_distance])
def test_every_spelling_of_a_correct_search_is_compared_and_passes(search):
    found = verdict(quantised(search))
    assert found.status == "passed", str(found)
    assert found.numbers["compared"] == 32


def test_a_projected_codebook_is_not_compared():
    assert verdict(quantised(by_projection)).numbers["compared"] == 0


@pytest.mark.parametrize("search", [farthest, wrong_sign])
def test_a_search_that_takes_other_entries_fails(search):
    found = verdict(quantised(search))
    assert found.status == "failed"
    assert found.numbers["agreement"] < 0.9


def test_entries_that_are_not_searched_are_counted():
    found = verdict(quantised(without_last))
    assert found.status == "failed"
    assert (found.numbers["searched"], found.numbers["entries"]) == (11, 12)


class MapBook(nn.Module):
    """A codebook over the pixels of a feature map; `order` says how the map is cut into vectors."""

    def __init__(self, order, channels=6):
        super().__init__()
        self.order, self.channels = order, channels
        self.enc, self.dec = nn.Conv2d(1, 6, 4, 4), nn.ConvTranspose2d(6, 1, 4, 4)
        self.book = nn.Parameter(torch.randn(16, channels))

    def forward(self, x):
        z = self.enc(x)
        moved = z.permute(0, 2, 3, 1) if self.order == "pixels" else z
        flat = moved.reshape(-1, self.channels)
        q = self.book[torch.cdist(flat, self.book).argmin(1)].view(moved.shape)
        q = q.permute(0, 3, 1, 2) if self.order == "pixels" else q
        return self.dec(z + (q - z).detach()), F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())


def layout(model):
    return run_checks(AESpec(model, images, loss=vq_loss), only=["AEC108"])["AEC108"]


def test_vectors_that_are_pixels_or_whole_channels_are_left_alone():
    assert layout(lambda: MapBook("pixels")).status == "passed"
    assert layout(lambda: MapBook("channels", channels=16)).status == "passed"


def test_vectors_across_pixels_fail():
    assert layout(lambda: MapBook("channels")).status == "failed"
