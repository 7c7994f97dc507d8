import pytest

from aelint.rules.variants import ema_statistics_start as rule
from tests.rules.harness import examples, rows, run

(EXAMPLE,) = examples(rule, "Example")


@pytest.mark.parametrize(
    "changed",
    [
        EXAMPLE.replace("torch.zeros(codes)", "torch.ones(codes)"),
        EXAMPLE.replace("embed.clone()", "torch.zeros(codes, dim)"),
        EXAMPLE.replace("def forward", "def expire_codes(self):\n        pass\n\n    def forward"),
        EXAMPLE.replace("self.embed.copy_(", "print("),
    ],
    ids=["counts of one", "both start at zero", "unused codes are restarted", "no update"],
)
def test_silent(changed):
    assert changed != EXAMPLE
    assert rows(rule, changed) == []


def test_copied_codebook_with_zero_counts():
    (found,) = run(rule, EXAMPLE)
    assert found.site.row == 9
    assert found.rewrite.replacements[0][1] == "torch.ones(codes)"


def test_other_spellings():
    assert rows(rule, EXAMPLE.replace("self.embed.copy_(", "self.embed.data = (")) == [9]
    assert rows(rule, EXAMPLE.replace("embed.clone()", "embed.detach().clone()")) == [9]
    assert rows(rule, EXAMPLE.replace("torch.zeros(codes)", "torch.zeros(codes, dtype=torch.float32)")) == [9]


FIRST_BATCH = """
    def start(self, z):
        self.embed_avg.copy_(self.embed)
        self.cluster_size.data.{fill}

    def forward"""


@pytest.mark.parametrize("fill", ["add_(len(z) / 64)", "fill_(1)", "copy_(torch.ones(64))"])
def test_silent_where_the_first_batch_fills_the_counts(fill):
    assert rows(rule, EXAMPLE.replace("\n    def forward", FIRST_BATCH.replace("{fill}", fill))) == []


def test_a_count_that_only_decays_elsewhere_is_not_filled():
    assert rows(rule, EXAMPLE.replace("\n    def forward", FIRST_BATCH.replace("{fill}", "mul_(0.5)"))) == [9]
    average = "self.cluster_size.add_((hot.sum(0) - self.cluster_size) * 0.01)"
    spelled = EXAMPLE.replace("self.cluster_size.mul_(0.99).add_(hot.sum(0), alpha=0.01)", average)
    assert spelled != EXAMPLE
    assert rows(rule, spelled) == [9]


CLUSTERED = """
import torch
from torch import nn

class Quantize(nn.Module):
    def __init__(self, dim=8, codes=64):
        super().__init__()
        self.register_buffer("embed", torch.zeros(codes, dim))
        self.register_buffer("count", torch.zeros(codes))
        self.register_buffer("total", torch.zeros(codes, dim))

    def init_embed_(self, z):
        means, sizes = kmeans(z)
        self.embed.data.copy_(means)
        self.total.{total}
        self.count.{count}

    def forward(self, z):
        index = torch.cdist(z, self.embed).argmin(-1)
        hot = nn.functional.one_hot(index, 64).float()
        self.count.mul_(0.99).add_(hot.sum(0), alpha=0.01)
        self.total.mul_(0.99).add_(hot.t() @ z, alpha=0.01)
        self.embed.data.copy_(self.total / (self.count + 1e-5).unsqueeze(1))
        return self.embed[index]
"""


@pytest.mark.parametrize(
    ("total", "count"),
    [
        pytest.param("data.copy_(means * sizes.unsqueeze(1))", "data.copy_(sizes)", id="sums of the samples"),
        pytest.param("data.copy_(means)", "data.copy_(torch.ones(64))", id="counts of one"),
        pytest.param("data.copy_(means.clone())", "fill_(1)", id="filled with one"),
    ],
)
def test_silent_on_statistics_that_start_in_proportion(total, count):
    assert rows(rule, CLUSTERED.format(total=total, count=count)) == []


@pytest.mark.parametrize("total", ["data.copy_(means)", "data.copy_(means.clone())", "copy_(means.detach())"])
def test_codes_for_sums_beside_numbers_of_samples(total):
    assert rows(rule, CLUSTERED.format(total=total, count="data.copy_(sizes)")) == [15]


QUOTIENT = """
import torch
from torch import nn
import torch.nn.functional as F

def average(moving, new, decay):
    moving.data.mul_(decay).add_(new, alpha=1 - decay)

class Quantize(nn.Module):
    def __init__(self, dim=8, codes=64):
        super().__init__()
        embed = F.normalize(torch.randn(codes, dim), dim=-1)
        self.register_buffer("embed", embed)
        self.register_buffer("count", torch.ones(codes))
        self.register_buffer("total", embed.clone())

    def forward(self, z):
        index = torch.cdist(z, self.embed).argmin(-1)
        hot = F.one_hot(index, 64).float()
        bins, total = hot.sum(0), hot.t() @ z.detach()
        if self.training:
            {update}
            self.embed.data.copy_({code})
        return self.embed[index]
"""
UPDATES = [
    "average(self.count, bins, 0.9); average(self.total, total, 0.9)",
    "self.count.mul_(0.9).add_(bins, alpha=0.1); self.total.mul_(0.9).add_(0.1 * total)",
    "self.count = 0.9 * self.count + 0.1 * bins; self.total = 0.9 * self.total + (1 - 0.9) * total",
]


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize(
    "code",
    [
        pytest.param("self.total / self.count.clamp(min=1e-5).unsqueeze(1)", id="both averaged"),
        pytest.param("total / bins.clamp(min=1).unsqueeze(1)", id="both of this batch"),
        pytest.param("F.normalize(self.total, dim=-1)", id="only the direction is kept"),
        pytest.param("self.total / ((self.count + 1e-5) / (bins.sum() + 64e-5) * bins.sum()).unsqueeze(1)", id="smoothed"),
    ],
)  # fmt: skip
def test_silent_on_quotients_over_the_same_batches(update, code):
    assert rows(rule, QUOTIENT.format(update=update, code=code)) == []


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize(
    "code", ["self.total / bins.clamp(min=1).unsqueeze(1)", "self.total / bins.masked_fill(bins == 0, 1)[:, None]"]
)
def test_averaged_sums_over_the_counts_of_one_batch(update, code):
    assert rows(rule, QUOTIENT.format(update=update, code=code)) == [23]


RESTARTED = """
import torch
from torch import nn
import torch.nn.functional as F

class Quantize(nn.Module):
    def __init__(self, dim=8, codes=64):
        super().__init__()
        embed = torch.randn(codes, dim)
        self.register_buffer("embed", embed)
        self.register_buffer("cluster_size", torch.ones(codes))
        self.register_buffer("embed_avg", embed.clone())

    def restart(self, z):
        dead = self.cluster_size < 0.1
        fresh = z[torch.randint(len(z), (64,))]
        {restart}

    def forward(self, z):
        index = torch.cdist(z, self.embed).argmin(-1)
        hot = F.one_hot(index, 64).float()
        {update}
        {rebuild}
        self.restart(z)
        return F.embedding(index, self.embed)
"""
MOVED_IN_PLACE = "self.cluster_size.mul_(0.9).add_(hot.sum(0), alpha=0.1); self.embed_avg.data.mul_(0.9).add_(hot.t() @ z, alpha=0.1)"
MOVED_BY_ASSIGNMENT = "self.cluster_size = 0.9 * self.cluster_size + 0.1 * hot.sum(0); self.embed_avg = self.embed_avg * 0.9 + 0.1 * hot.t() @ z"
FROM_AVERAGE = "self.embed.data.copy_(self.embed_avg / self.cluster_size.unsqueeze(1))"
SOME_ROWS = "self.embed[dead] = fresh[dead]"


@pytest.mark.parametrize(
    ("restart", "update", "rebuild"),
    [
        pytest.param(
            SOME_ROWS + "; self.embed_avg[dead] = fresh[dead]", MOVED_IN_PLACE, FROM_AVERAGE, id="both-restarted"
        ),
        pytest.param(
            SOME_ROWS + "; self.embed_avg.copy_(self.embed)",
            MOVED_IN_PLACE,
            FROM_AVERAGE,
            id="average-copied-afterwards",
        ),
        pytest.param(
            "for one in (self.embed, self.embed_avg): one[dead] = fresh[dead]\n        self.embed[0] = 0",
            MOVED_IN_PLACE,
            FROM_AVERAGE,
            id="under-another-name",
        ),
        pytest.param(
            SOME_ROWS,
            MOVED_IN_PLACE,
            "self.embed[index] = (self.embed_avg / self.cluster_size.unsqueeze(1))[index]",
            id="only-used-codes-are-set",
        ),
        pytest.param(
            SOME_ROWS,
            MOVED_IN_PLACE,
            "self.embed.copy_(torch.where(self.cluster_size[:, None] > 1, self.embed_avg / self.cluster_size.unsqueeze(1), self.embed))",
            id="dead-codes-are-kept",
        ),
        pytest.param("self.embed[:] = fresh", MOVED_IN_PLACE, FROM_AVERAGE, id="all-are-set-once"),
        pytest.param(SOME_ROWS, "pass", "self.embed.data.copy_(z.sum(0) / hot.sum(0).unsqueeze(1))", id="no-average"),
    ],
)
def test_silent_where_a_restart_lasts(restart, update, rebuild):
    assert rows(rule, RESTARTED.format(restart=restart, update=update, rebuild=rebuild)) == []


@pytest.mark.parametrize(
    ("restart", "update", "rebuild"),
    [
        pytest.param(SOME_ROWS, MOVED_IN_PLACE, FROM_AVERAGE, id="index"),
        pytest.param(
            "self.embed.data.copy_(torch.where(dead[:, None], fresh, self.embed))",
            MOVED_IN_PLACE,
            FROM_AVERAGE,
            id="where",
        ),
        pytest.param(
            "self.embed.index_copy_(0, dead.nonzero().flatten(), fresh)",
            MOVED_BY_ASSIGNMENT,
            FROM_AVERAGE,
            id="index_copy",
        ),
        pytest.param(
            SOME_ROWS,
            MOVED_BY_ASSIGNMENT,
            "new = self.embed_avg / self.cluster_size.unsqueeze(1)\n        self.embed = new",
            id="assigned",
        ),
        pytest.param(
            SOME_ROWS,
            "ema(self.cluster_size, hot.sum(0), 0.9); ema(self.embed_avg, hot.t() @ z, 0.9)",
            "self.embed = nn.Parameter(self.embed_avg / self.cluster_size.unsqueeze(1))",
            id="a-function-averages",
        ),
    ],
)
def test_codes_that_are_restarted_without_their_average(restart, update, rebuild):
    assert rows(rule, RESTARTED.format(restart=restart, update=update, rebuild=rebuild)) == [17]


def test_codes_that_are_restarted_in_the_pass_itself():
    source = RESTARTED.format(restart="pass", update=MOVED_IN_PLACE, rebuild=FROM_AVERAGE)
    assert rows(rule, source.replace("self.restart(z)", "self.embed[self.cluster_size < 0.1] = z[0]")) == [24]


PINNED = """
import torch
from torch import nn

class Codes(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("embed", torch.randn(64, 8))
        self.register_buffer("embed_avg", self.embed * 1e-3)
        self.register_buffer("size", torch.full((64,), 1e-3))

    def forward(self, z):
        {before}
        index = torch.cdist(z, self.embed).argmin(1)
        hot = nn.functional.one_hot(index, 64).float()
        with torch.no_grad():
            self.size.mul_(0.99).add_(hot.sum(0), alpha=0.01)
            self.embed_avg.mul_(0.99).add_(hot.t() @ z, alpha=0.01)
            self.embed.copy_(self.embed_avg / self.size.unsqueeze(1))
            {after}
        return nn.functional.embedding(index, self.embed)
"""


def test_silent_on_rows_that_each_pass_sets_before_it_uses_them():
    fixed = "self.embed[0] = torch.zeros_like(self.embed[0])"
    assert rows(rule, PINNED.format(before=fixed, after="")) == []
    assert rows(rule, PINNED.format(before=f"if z.mean() > 0: {fixed}", after="")) == [13]
    assert rows(rule, PINNED.format(before="", after=fixed)) == [20]
