"""Remainders of an interval by a counter."""

from __future__ import annotations

import pytest

from aelint.rules.objective import swapped_modulo as rule
from tests.rules.harness import rows

HEAD = "import torch\n\ndef update(self, args, step, epoch, n, i, batch_idx):\n    if "


@pytest.mark.parametrize(
    "test",
    [
        pytest.param("step % self.interval == 0", id="right"),
        pytest.param("batch_idx % 100 == 0", id="right-with-a-number"),
        pytest.param("n % i == 0", id="divisors"),
        pytest.param("args.width % i == 0", id="divisors-of-a-setting"),
        pytest.param("self.global_step % step == 0", id="two-counters"),
        pytest.param("n % step == 0", id="a-local-number"),
        pytest.param("self.length % self.step == 0", id="two-settings"),
        pytest.param("self.interval % step == 3", id="another-remainder"),
    ],
)
def test_silent(test: str) -> None:
    assert rows(rule, HEAD + test + ":\n        return n\n") == []


@pytest.mark.parametrize(
    "test",
    [
        pytest.param("self.update_step % step == 0", id="attribute"),
        pytest.param("100 % batch_idx == 0", id="number"),
        pytest.param("n > 3 and args.log_interval % epoch != 0", id="setting"),
    ],
)
def test_fires(test: str) -> None:
    assert rows(rule, HEAD + test + ":\n        return n\n") == [4]
