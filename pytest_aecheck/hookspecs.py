"""The hook through which a project adds checks of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_aecheck.observations import Observations
    from pytest_aecheck.verdicts import Check, Verdict


@pytest.hookspec
def pytest_aecheck_checks(config: pytest.Config) -> Sequence[tuple[Check, Callable[[Observations], Verdict]]]:
    """Return (check, judge) pairs. Codes of your own should not begin with AEC.

    `judge(observations)` reads what it needs (`observations.output`, `observations.posteriors`, ...) and returns
    `check.passed(...)`, `check.failed("what, with which values", number=...)` or `check.skipped("why")`.
    """
    raise NotImplementedError(config)
