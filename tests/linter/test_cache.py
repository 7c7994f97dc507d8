"""The cache says what a cold run says, or nothing."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aelint.config import Settings
from aelint.diagnostics import Severity
from aelint.engine import cache as module
from aelint.engine.run import Run

TORCH = "import torch\n"
PROJECT = {
    "a.py": TORCH + "import model\nloud(1)\n",
    "b.py": TORCH + "doubtful()\nx = 1  # aelint: ignore[AEL190]\nadvised()  # noqa: AEL290\n",
    "model.py": TORCH + "'é'; loud(1)\n",
    "bad.py": TORCH + "x = = 1\n",
    "doc.md": "```python\nloud(1)\n```\n",
    "sub/c.py": TORCH + "from . import d\nloud(2)\n",
}


def never(unit, project):
    raise AssertionError(f"{unit.path} was analysed again")


def warm(*paths, **changes):
    return Run(paths or ["."], Settings().updated(**changes), cached=True, understand=never, raises=True).lint()


def cold(*paths, **changes):
    return Run(paths or ["."], Settings().updated(**changes), cached=True, raises=True, jobs=1).lint()


@pytest.fixture
def project(here, files):
    files(PROJECT)
    return files


def test_a_warm_run_says_the_same_without_analysing(project):
    first = cold()
    assert len(first.diagnostics) >= 6
    assert warm() == first == Run(["."], Settings(), jobs=1).lint()


def test_findings_are_shown_as_the_files_are_named(project, here):
    cold()
    names = {each.filename for each in warm(str(here)).diagnostics}
    assert str(here / "model.py") in names


@pytest.mark.parametrize(
    "change",
    [
        {"a.py": TORCH + "import model\nloud(2)\n"},
        {"model.py": TORCH + "loud(2)\n"},  # a.py imports it
        {"sub/d.py": "x = 1\n"},  # sub/c.py asked for it
    ],
)
def test_what_a_finding_depends_on_is_analysed_again(project, change):
    cold()
    project(change)
    with pytest.raises(AssertionError, match="analysed again"):
        warm()
    assert cold() == Run(["."], Settings(), jobs=1).lint()
    assert warm() == cold()


def test_a_file_that_nothing_depends_on_changes_nothing_else(project):
    cold()
    project({"sub/other.py": "x = 1\n", "notes.md": "text\n"})
    assert warm().diagnostics == cold().diagnostics


def test_thresholds_and_comments_are_decided_anew(project):
    cold()
    assert {each.code for each in warm(severity=Severity.ADVICE).diagnostics} >= {"AEL291", "AEL190"}
    assert {each.code for each in warm(severity=Severity.ERROR).diagnostics} == {"AEL190", "AEL000"}


def test_other_rules_or_options_or_code_are_another_cache(project, monkeypatch):
    cold()
    for change in ({"select": ("AEL1",)}, {"options": {"loud-call": {"limit": 5}}}):
        with pytest.raises(AssertionError, match="analysed again"):
            warm(**change)
    monkeypatch.setattr(module, "code_digest", lambda _: "newer")
    with pytest.raises(AssertionError, match="analysed again"):
        warm()


def test_a_moved_checkout_keeps_its_cache(project, here, monkeypatch):
    first = cold()
    moved = here.parent / "moved"
    shutil.rmtree(moved, ignore_errors=True)
    shutil.copytree(here, moved)
    monkeypatch.chdir(moved)
    assert warm() == first


def test_failures_are_not_kept(here, files):
    files({"a.py": TORCH + "explode()\n"})
    assert len(Run(["."], Settings(), cached=True).lint().failures) == 1
    assert len(Run(["."], Settings(), cached=True).lint().failures) == 1


def test_the_folder_tells_tools_to_leave_it_alone(project, here):
    cold()
    assert (here / ".aelint_cache" / ".gitignore").read_text() == "*\n"
    assert (
        (here / ".aelint_cache" / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
    )
    assert not list((here / ".aelint_cache").glob("*.tmp"))


def test_no_cache_leaves_nothing_and_clean_removes_it(aelint, project, here):
    aelint("check", "--no-cache")
    assert not (here / ".aelint_cache").exists()
    aelint("check")
    assert (here / ".aelint_cache").exists()
    assert aelint("clean").out == "Removed .aelint_cache\n"
    assert not (here / ".aelint_cache").exists()


def test_clean_removes_only_what_it_made(aelint, files, here):
    files({".aelint_cache/precious.txt": "x"})
    aelint("clean")
    assert (here / ".aelint_cache" / "precious.txt").exists()


def shards(here):
    return sorted((here / ".aelint_cache").glob("*.json"))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"code": 1}', b"[" * 100_000])
def test_a_damaged_cache_is_ignored_with_a_note(project, here, content):
    first = cold()
    for shard in shards(here):
        shard.write_bytes(content)
    again = cold()
    assert again.diagnostics == first.diagnostics
    if content != b'{"code": 1}':
        assert all("damaged cache ignored" in note for note in again.notes)
        assert len(again.notes) == 2
    assert warm() == first


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_changed_cache_never_raises(data, tmp_path_factory):
    here = tmp_path_factory.mktemp("fuzz")
    old = Path.cwd()
    os.chdir(here)
    try:
        (here / "a.py").write_text(PROJECT["b.py"] + "loud(1)\n")
        first = cold()
        (shard,) = shards(here)
        content = json.loads(shard.read_text())
        entry = content["entries"]["a.py"]
        key = data.draw(st.sampled_from(sorted(entry)))
        junk = st.recursive(
            st.none() | st.integers() | st.text(max_size=3), lambda s: st.lists(s, max_size=9), max_leaves=9
        )
        entry[key] = data.draw(junk)
        shard.write_text(json.dumps(content))
        again = cold()
        assert key in {"diagnostics", "suppressions"} or again.diagnostics == first.diagnostics
    finally:
        os.chdir(old)


def test_a_folder_that_cannot_be_written_costs_a_note(project, here):
    (here / ".aelint_cache").write_text("a file")
    outcome = cold()
    assert outcome.diagnostics
    assert [note for note in outcome.notes if "cache not written" in note]
