"""The line on a terminal while a long run goes on."""

import io

import pytest

from aelint.cli import progress
from aelint.cli.progress import Progress


class Terminal(io.StringIO):
    """A stream that says whether it is a terminal."""

    def __init__(self, *, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves."""
    times = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: times[0])
    return times


def drawn(stream, clock, seconds, *, wanted=True):
    line = Progress(wanted=wanted, stream=stream)
    for step in range(1, 11):
        clock[0] += seconds / 10
        line(step, 10)
    line.finish()
    return stream.getvalue()


def test_short_runs_logs_and_quiet_runs_stay_clean(clock):
    assert drawn(Terminal(is_terminal=True), clock, 0.5) == ""
    assert drawn(Terminal(is_terminal=False), clock, 60) == ""
    assert drawn(Terminal(is_terminal=True), clock, 60, wanted=False) == ""


def test_a_long_run_counts_and_takes_its_line_back(clock):
    text = drawn(Terminal(is_terminal=True), clock, 10)
    assert "aelint: 5 of 10 files read" in text
    assert text.endswith("\r\033[K")


def test_the_line_is_not_drawn_for_every_file(clock):
    assert drawn(Terminal(is_terminal=True), clock, 0.75).count("files read") == 1
