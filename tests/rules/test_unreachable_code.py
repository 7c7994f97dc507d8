import pytest

from aelint.rules.variants import unreachable_code as rule
from tests.rules.harness import rows

QUANTIZER = """
import torch
from torch import nn
import torch.nn.functional as F
class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.book = nn.Embedding(64, 8)
    def forward(self, z):
        w = self.book.weight
        {measure}
        return self.book(index)
Quantizer()(torch.randn(32, 8))
"""

SILENT = {
    "cdist": "index = torch.cdist(z, w).argmin(1)",
    "written out": "index = (z.pow(2).sum(1, keepdim=True) - 2 * z @ w.t() + w.pow(2).sum(1)).argmin(-1)",
    "negated and argmax": "index = (-(z ** 2).sum(1, keepdim=True) + 2 * torch.matmul(z, w.t()) - (w ** 2).sum(1)).argmax(1)",
    "without the latent's own square": "index = (torch.sum(w ** 2, 1) - 2 * z @ w.t()).argmin(1)",
    "addmm": "index = torch.addmm((w ** 2).sum(1) + (z ** 2).sum(1, keepdim=True), z, w.t(), alpha=-2.0, beta=1.0).argmin(1)",
    "differences": "index = ((z[:, None] - w[None]) ** 2).sum(-1).argmin(1)",
    "cosine similarity": "index = (F.normalize(z, dim=-1) @ F.normalize(w, dim=-1).t()).argmax(1)",
    "a plain product of both": "index = (z @ w.t()).argmax(1)",
    "cosine similarity in one expression": "index = torch.einsum('nd,cd->nc', F.normalize(z, dim=-1), F.normalize(w, dim=-1)).argmax(1)",
    "cosine similarity by the norm of the codes": "index = (F.normalize(z, dim=-1) @ (w / w.norm(dim=1, keepdim=True)).t()).argmax(1)",
    "codes that are normalised after each step": "self.book.weight.data.copy_(F.normalize(w.data, dim=-1))\n"
    "        index = (F.normalize(z, dim=-1) @ w.t()).argmax(1)",
    "unit vectors without the norm": "z = F.normalize(z, dim=-1)\n        w = F.normalize(w, dim=-1)\n"
    "        index = ((z ** 2).sum(1, keepdim=True) - 2 * z @ w.t()).argmin(1)",
    "halved": "index = (0.5 * (w ** 2).sum(1) - z @ w.t()).argmin(1)",
    "positions of the minimum": "_, index = torch.cdist(z, w).min(1)",
    "positions of the largest negative distance": "index = (-torch.cdist(z, w)).max(dim=1)[1]",
    "learned scores": "index = (torch.cdist(z, w) + self.bias(z)).argmax(1)",
}
LOUD = {
    "positions of the maximum": "_, index = torch.cdist(z, w).max(1)",
    "positions of the smallest negative distance": "index = torch.min(-torch.cdist(z, w), dim=1)[1]",
    "argmax of a distance": "index = torch.cdist(z, w).argmax(1)",
    "argmin of a similarity": "index = (z @ w.t()).argmin(1)",
    "argmin of a negated distance": "index = (-torch.cdist(z, w)).argmin(1)",
    "wrong axis": "index = torch.cdist(z, w).argmin(0)",
    "no axis": "index = torch.cdist(z, w).argmin()",
    "factor of two lost": "index = (z.pow(2).sum(1, keepdim=True) - z @ w.t() + w.pow(2).sum(1)).argmin(1)",
    "unit latents and codes of any length": "index = (F.normalize(z, dim=-1) @ w.t()).argmax(1)",
    "the same in one expression": "index = torch.einsum('nd,cd->nc', F.normalize(z, dim=-1), w).argmax(1)",
    "the same, codes first": "index = (w @ F.normalize(z, dim=-1).t()).argmax(0)",
    "norm of the codes lost": "index = (z.pow(2).sum(1, keepdim=True) - 2 * z @ w.t()).argmin(1)",
}


@pytest.mark.parametrize("measure", SILENT.values(), ids=SILENT)
def test_silent(measure):
    assert rows(rule, QUANTIZER.replace("{measure}", measure)) == []


@pytest.mark.parametrize("measure", LOUD.values(), ids=LOUD)
def test_wrong_code(measure):
    assert rows(rule, QUANTIZER.replace("{measure}", measure)) == [11]


def test_farthest_points_of_the_data():
    source = """
    import torch
    def farthest(points, chosen):
        index = torch.cdist(points[chosen], points).argmax(-1)
        return points[index]
    """
    assert rows(rule, source) == []


def test_buffer_as_codebook():
    source = QUANTIZER.replace("self.book = nn.Embedding(64, 8)", "self.register_buffer('book', torch.randn(64, 8))")
    source = source.replace("self.book.weight", "self.book").replace("self.book(index)", "self.book[index]")
    assert rows(rule, source.replace("{measure}", LOUD["argmax of a distance"])) == [11]


LEVELS = """
import random
import numpy as np
import torch
from torch import nn
class Residual(nn.Module):
    def __init__(self, levels=4):
        super().__init__()
        self.levels = levels
        self.books = nn.ModuleList([nn.Embedding(64, 8) for _ in range(levels)])
    def forward(self, z):
        n = DRAW
        LOOP
            z = z - book(torch.cdist(z, book.weight).argmin(-1)).detach()
        return z
Residual()(torch.randn(32, 8))
"""


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        ("random.randrange(1, self.levels + 1)", []),
        ("random.randint(1, self.levels)", []),
        ("self.levels", []),
        ("random.randrange(1, 3)", []),
        ("random.randrange(1, self.levels)", [12]),
        ("random.randrange(self.levels) if self.training else self.levels", [12]),
        ("np.random.randint(1, self.levels)", [12]),
        ("int(torch.randint(1, self.levels, (1,)))", [12]),
        ("torch.randint(1, self.levels, ()).item()", [12]),
    ],
)
@pytest.mark.parametrize(
    "loop",
    [
        "for i in range(n):\n            book = self.books[i]",
        "for book in self.books[:n]:",
        "for i, book in enumerate(self.books[0:n]):",
    ],
)
def test_number_of_levels(loop, draw, expected):
    assert rows(rule, LEVELS.replace("DRAW", draw).replace("LOOP", loop)) == expected


@pytest.mark.parametrize(
    "loop",
    [
        "for book in self.books[n:]:",
        "for book in self.books[:n + 1]:",
        "for book in self.books[:1]:",
        "for book in self.books:",
        "for book in reversed(self.books[-n:]):",
    ],
)
def test_silent_where_the_last_level_is_among_those_gone_through(loop):
    assert rows(rule, LEVELS.replace("DRAW", "random.randrange(1, self.levels)").replace("LOOP", loop)) == []


def test_silent_on_points_that_are_chosen_far_from_the_others():
    source = """
    import torch
    class Bank(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("bank", torch.zeros(10, 4))
        def fit(self, features):
            self.bank = self.bank + features
            center = self.bank.mean(dim=0, keepdim=True)
            first = torch.argmax(torch.linalg.vector_norm(self.bank - center, dim=1))
            return self.bank[first]
    """
    assert rows(rule, source) == []


@pytest.mark.parametrize(
    "measure",
    [
        pytest.param("index = ((w - z[0]) ** 2).sum(1).argmin()", id="one latent alone"),
        pytest.param("index = torch.cdist(z, w[:16]).argmin(1)", id="only some codes take part"),
        pytest.param("index = (2 * z @ w.t()).argmax(1)", id="twice the inner product"),
        pytest.param("index = (z @ w.t() - 0.5 * (w ** 2).sum(1)).argmax(1)", id="halved and turned round"),
        pytest.param("index = torch.cdist(z, w, p=1).argmin(1)", id="another norm"),
    ],
)
def test_other_measures(measure):
    assert rows(rule, QUANTIZER.replace("{measure}", measure)) == []


def test_the_hardest_negative_of_a_bank_that_is_no_codebook():
    source = """
    import torch
    def hardest(anchor: torch.Tensor, bank: torch.Tensor):
        index = torch.cdist(anchor, bank).argmax(1)
        return bank[index]
    """
    assert rows(rule, source) == []


def test_silent_on_a_codebook_that_starts_with_vectors_of_the_batch():
    source = """
import torch
from torch import nn
import torch.nn.functional as F

class Quantizer(nn.Module):
    def __init__(self, size, dim):
        super().__init__()
        self.size, self.started = size, False
        self.register_buffer("table", torch.zeros(size, dim))

    def forward(self, z):
        z = nn.Linear(8, 4)(z)
        if not self.started:
            self.table = z[: self.size] if len(z) > self.size else z
        keys = self.table.t()
        distance = (z**2).sum(-1, keepdim=True) - 2 * z @ keys + (keys**2).sum(0, keepdim=True)
        index = distance.argmin(dim={axis})
        return F.embedding(index, self.table)
"""
    assert rows(rule, source.format(axis=-1)) == []


GROUPS = """
import torch
import torch.nn.functional as F
from torch import nn
class Groups(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("codes", torch.randn(16, 32, 8))
    def forward(self, z):
        index = torch.cdist(z, self.codes).argmin({axis})
        return F.one_hot(index, 32).float() @ self.codes
Groups()(torch.randn(16, 200, 8))
"""


def test_silent_on_groups_of_codes_along_the_first_axis():
    assert rows(rule, GROUPS.replace("{axis}", "-1")) == []


def test_latents_are_chosen_instead_of_codes_in_each_group():
    assert rows(rule, GROUPS.replace("{axis}", "1")) == [10]
