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
