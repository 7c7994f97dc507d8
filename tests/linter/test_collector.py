"""Python's cycle collector rests during an analysis and clears up often enough."""

import gc
import weakref

import pytest

from aelint.engine import collector
from aelint.engine.collector import Collector


class Knot:
    """Something that only a collection frees."""

    def __init__(self):
        self.own = self


def test_nothing_is_collected_inside_and_the_users_wish_is_kept_behind():
    rhythm = Collector()
    with rhythm.resting():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with rhythm.resting():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize("enabled", [True, False])
def test_what_has_grown_old_is_freed_after_a_few_files(enabled):
    knot = Knot()
    for _ in range(3):
        gc.collect()  # the third stage is for the oldest
    alive = weakref.ref(knot)
    del knot
    rhythm = Collector()
    gc.enable() if enabled else gc.disable()
    try:
        for _ in range(collector.FILES):
            rhythm.one_more()
    finally:
        gc.enable()
    assert (alive() is None) is enabled
