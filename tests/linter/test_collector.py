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


@pytest.mark.parametrize(("blocks", "freed"), [(0, True), (collector.MOST_BLOCKS, False)])
def test_what_has_piled_up_is_freed_between_two_files(monkeypatch, blocks, freed):
    monkeypatch.setattr(collector, "MOST_BLOCKS", blocks)
    rhythm = Collector()
    with rhythm.resting():
        knots = [Knot() for _ in range(1000)]
        alive = weakref.ref(knots[0])
        del knots
        rhythm.one_more()
        assert (alive() is None) is freed


def test_a_collection_begins_the_count_anew(monkeypatch):
    monkeypatch.setattr(collector, "MOST_BLOCKS", 10_000)
    collections = []
    monkeypatch.setattr(collector.gc, "collect", lambda: collections.append(1))
    rhythm = Collector()
    kept = [object() for _ in range(20_000)]
    for _ in range(5):
        rhythm.one_more()
    assert len(kept) == 20_000
    assert len(collections) == 1


def test_what_a_program_froze_stays_frozen():
    gc.freeze()
    frozen = gc.get_freeze_count()
    try:
        with Collector().resting():
            pass
        assert gc.get_freeze_count() == frozen
    finally:
        gc.unfreeze()
