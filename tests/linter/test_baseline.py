"""The baseline: old findings are accepted wherever they move, new ones fail."""

import json

import pytest

TORCH = "import torch\n"


@pytest.fixture
def accepted(aelint, files):
    files({"a.py": TORCH + "loud(1)\nloud(2)\n", "b.py": TORCH + "doubtful()\n"})
    assert aelint("baseline", "create").code == 0


def test_nothing_new(aelint, accepted):
    assert aelint("baseline", "check").code == 0


def test_moved_lines_are_not_new(aelint, accepted, files):
    files({"a.py": TORCH + "\nif 1:\n    loud(2)\n\n\nloud( 1 )\n"})
    assert aelint("baseline", "check").code == 0


def test_new_findings_fail_and_are_the_only_ones_shown(aelint, accepted, files):
    files({"a.py": TORCH + "loud(1)\nloud(2)\nloud(3)\n"})
    ran = aelint("baseline", "check", "--output-format", "json")
    assert ran.code == 1
    assert ran.found == [("a.py", 4, "AEL190")]


def test_a_second_line_that_says_the_same_is_new(aelint, accepted, files):
    files({"a.py": TORCH + "loud(1)\nloud(2)\nloud(2)\n"})
    assert aelint("baseline", "check", "--output-format", "json").found == [("a.py", 4, "AEL190")]


def test_vanished_findings_are_told_and_pruned(aelint, accepted, files, here):
    files({"a.py": TORCH + "loud(1)\n", "c.py": TORCH + "loud(4)\n"})
    ran = aelint("baseline", "check")
    assert "a.py: AEL190 loud-call is gone" in ran.err
    assert aelint("baseline", "prune").out.endswith("2 accepted, 1 dropped.\n")
    assert aelint("baseline", "check").code == 1
    assert aelint("baseline", "update").code == 0
    assert aelint("baseline", "check").code == 0


def test_the_file_can_be_reviewed(accepted, here):
    text = (here / "aelint-baseline.json").read_text()
    assert len(json.loads(text)["findings"]) == 3
    assert sum('"path": "a.py"' in line for line in text.splitlines()) == 2


def test_create_does_not_overwrite(aelint, accepted):
    assert aelint("baseline", "create").code == 2


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"version": 9, "findings": []}', '{"version": 1, "findings": [1]}', "[" * 100_000]
)
@pytest.mark.parametrize("action", ["check", "update", "prune"])
def test_a_damaged_baseline_is_one_line_and_stays(aelint, files, here, action, content):
    files({"aelint-baseline.json": content, "a.py": TORCH})
    ran = aelint("baseline", action)
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
    assert (here / "aelint-baseline.json").read_text() == content


def test_a_missing_baseline_is_one_line(aelint):
    assert aelint("baseline", "check").err.endswith("cannot be read: No such file or directory\n")


def test_an_incomplete_run_does_not_touch_the_baseline(aelint, accepted, files, here):
    before = (here / "aelint-baseline.json").read_text()
    files({"a.py": TORCH + "explode()\n"})
    assert aelint("baseline", "prune").code == 2
    assert (here / "aelint-baseline.json").read_text() == before
