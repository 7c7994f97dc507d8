"""What torch computes must lie inside what the transfer functions foretell.

The run is small by default. `AELINT_SOUNDNESS_EXAMPLES=20000` runs as many programs as one has patience
for, with fresh randomness each time.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.semantics.operators import steps
from tests.semantics.operators.tensors import described, sizes
from tests.semantics.operators.worlds import Tally, World

EXAMPLES = int(os.environ.get("AELINT_SOUNDNESS_EXAMPLES", "300"))
PATIENT = EXAMPLES > 300
PROFILE: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "derandomize": not PATIENT,
    "suppress_health_check": list(HealthCheck),
}

TALLY = Tally()


@pytest.fixture(autouse=True, scope="module")
def _double_precision() -> Iterator[None]:
    """Rounding in single precision would blur the ends of the ranges."""
    torch.set_default_dtype(torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(autouse=True, scope="module")
def _report(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and TALLY.counts["steps"]:
        reporter.write_line(f"\nsoundness: {TALLY}")


def world(draw: Callable[[Any], Any], tally: Tally) -> World:
    """A world with one or two tensors in it."""
    made = World(tally)
    for _ in range(draw(st.integers(1, 2))):
        made.add(*described(draw, made, sizes(draw)))
    return made


def one_step(area: Callable[..., Any], examples: int) -> None:
    @settings(max_examples=examples, **PROFILE)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        torch.manual_seed(0)
        here = world(data.draw, TALLY)
        here.apply(area(data.draw, here))

    check()


@pytest.mark.parametrize("area", steps.AREAS, ids=lambda area: area.__name__)
def test_one_step_is_described_truly(area: Callable[..., Any]) -> None:
    one_step(area, max(EXAMPLES // len(steps.AREAS), 1))


def programs(tally: Tally, examples: int) -> None:
    @settings(max_examples=examples, **PROFILE)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        torch.manual_seed(0)
        here = world(data.draw, tally)
        for _ in range(data.draw(st.integers(2, 8))):
            area = data.draw(st.sampled_from(steps.AREAS))
            here.apply(area(data.draw, here))
            if not steps.manageable(here):
                break

    check()


def test_programs_are_described_truly() -> None:
    programs(TALLY, max(EXAMPLES // 4, 1))


def test_most_shape_errors_are_foretold() -> None:
    """Not a matter of soundness, but of use; the share is low where a fault lies in values, not in shapes."""
    tally = Tally()
    programs(tally, 100)
    assert tally.counts["raised"] > 20
    assert tally.counts["predicted"] / tally.counts["raised"] > 0.3, str(tally)
