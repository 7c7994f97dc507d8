"""Counters of training loops: no condition on them is false for good because only the first rounds are run."""

import pytest

from tests.semantics.reading import understood

LOOP = """
model = nn.Linear(9, 9)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
count = 0
for x in torch.utils.data.DataLoader(torch.rand(640, 9), batch_size=4, shuffle=True):
    model(x).mean().backward()
    {count}
    if {test}:
        optimizer.step()
        optimizer.zero_grad()
"""


def steps(**parts):
    return len(understood(LOOP.format(**parts)).method_calls("step"))


@pytest.mark.parametrize("test", ["count == 4", "count % 100 == 0", "count >= 8"])
def test_what_waits_for_a_counter_runs(test):
    assert steps(count="count += 1", test=test) > 0


@pytest.mark.parametrize("test", ["count == 4", "count > 0", "count % 2"])
def test_what_no_round_allows_does_not_run(test):
    assert steps(count="pass", test=test) == 0


def test_a_loop_that_trains_nothing_counts_as_it_runs():
    source = "count = 0\nfor x in torch.utils.data.DataLoader(torch.rand(640, 9), batch_size=4):\n    count += 1\n"
    assert all(isinstance(b.value, int) for b in understood(source).bindings_of("count"))
