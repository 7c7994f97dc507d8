"""AEL708: codebooks that are written to between the search and the look-up."""

import pytest

from aelint.rules.variants import codebook_moved_before_lookup as rule
from tests.rules.harness import rows, run

AVERAGED = """
import torch
from torch import nn
import torch.nn.functional as F

class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        table = torch.randn(64, 8)
        self.register_buffer("table", table)
        self.register_buffer("sums", table.clone())

    @torch.no_grad()
    def update(self, hot, z):
        self.sums.mul_(0.99).add_(hot.t() @ z, alpha=0.01)
        {write}

    def forward(self, z):
        index = {search}
        hot = F.one_hot(index, 64).float()
        {before}
        q = {lookup}
        {after}
        return z + (q - z).detach(), F.mse_loss(z, q.detach())

quantizer = Quantizer()
for step in range(9):
    quantizer(torch.randn(32, 8))
"""
GOOD = {
    "write": "self.table.copy_(self.sums)",
    "search": "torch.cdist(z, self.table).argmin(1)",
    "before": "pass",
    "lookup": "self.table[index]",
    "after": "self.update(hot, z)",
}
MOVED = {"before": "self.update(hot, z)", "after": "pass"}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="updated-behind-the-look-up"),
        pytest.param(
            {"lookup": "hot @ self.table", "after": "if self.training: self.update(hot, z)"}, id="in-training"
        ),
        pytest.param({"before": "q = self.table[index]; self.update(hot, z)"}, id="looked-up-once-more-for-a-report"),
        pytest.param({"before": "self.sums.add_(hot.t() @ z)"}, id="another-table-is-updated"),
        pytest.param({**MOVED, "write": "pass"}, id="nothing-is-written"),
        pytest.param(
            {"before": f"self.update(hot, z); index = {GOOD['search']}", "after": "pass"}, id="searched-once-more"
        ),
        pytest.param({**MOVED, "lookup": "self.sums.clone()[torch.randperm(64)[:32]]"}, id="another-choice"),
        pytest.param({**MOVED, "lookup": "z[index]"}, id="rows-of-the-batch-itself"),
    ],
)
def test_silent(changes: dict[str, str]) -> None:
    assert rows(rule, AVERAGED.format(**{**GOOD, **changes})) == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="copied-into"),
        pytest.param({"before": "if self.training:\n            self.update(hot, z)"}, id="in-training"),
        pytest.param({"lookup": "(hot @ self.table).view_as(z)"}, id="one-hot-times-table"),
        pytest.param({"lookup": "F.embedding(index, self.table)"}, id="functional"),
        pytest.param({"write": "self.table = self.sums / 2"}, id="replaced"),
        pytest.param({"write": "self.table.data = self.sums / 2"}, id="through-data"),
        pytest.param(
            {"search": "(z.pow(2).sum(1, keepdim=True) + self.table.pow(2).sum(1) - 2 * z @ self.table.t()).argmin(1)"},
            id="distances-written-out",
        ),
        pytest.param({"search": "(z @ self.table.t()).max(1)[1]"}, id="likeness"),
    ],
)
def test_fires(changes: dict[str, str]) -> None:
    source = AVERAGED.format(**{**GOOD, **MOVED, **changes})
    line = source.splitlines().index(f"        q = {changes.get('lookup', GOOD['lookup'])}") + 1
    assert rows(rule, source) == [line]


EMBEDDING = """
import torch
from torch import nn

class Quantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.codes = nn.Embedding(64, 8)
        self.sums = torch.zeros(64, 8)

    def forward(self, z):
        index = torch.cdist(z, self.codes.weight).argmin(1)
        {before}
        q = self.codes(index)
        {after}
        return z + (q - z).detach()

Quantizer()(torch.randn(32, 8))
"""
WRITES = [
    "self.codes.weight.data.copy_(self.sums)",
    "self.codes.weight.data = self.sums / 2",
    "self.codes.weight = nn.Parameter(self.sums / 2)",
    "with torch.no_grad(): self.codes.weight.lerp_(self.sums, 0.01)",
]


@pytest.mark.parametrize("write", WRITES)
def test_an_embedding_as_codebook(write: str) -> None:
    assert rows(rule, EMBEDDING.format(before="pass", after=write)) == []
    assert rows(rule, EMBEDDING.format(before=write, after="pass")) == [14]


def test_search_and_write_are_told() -> None:
    (found,) = run(rule, AVERAGED.format(**{**GOOD, **MOVED}))
    assert [note.site.row for note in found.notes] == [19, 16]
    assert "(line 16)" in found.message


def test_codes_that_a_first_batch_sets_before_the_search() -> None:
    source = AVERAGED.format(**{**GOOD, "search": "self.first(z)"})
    first = """    def first(self, z):
        if not self.ready:
            self.table.copy_(z[torch.randperm(64)])
        return torch.cdist(z, self.table).argmin(1)

    def forward"""
    assert rows(rule, source.replace("    def forward", first)) == []
