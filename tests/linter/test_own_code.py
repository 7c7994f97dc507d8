"""The digest of the linter's own code: as it is now, however it is found out."""

from __future__ import annotations

import json

import pytest

from aelint.engine import own_code


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two modules in the place of the linter's."""
    (tmp_path / "package" / "inner").mkdir(parents=True)
    (tmp_path / "package" / "one.py").write_text("x = 1\n")
    (tmp_path / "package" / "inner" / "two.py").write_text("y = 2\n")
    monkeypatch.setattr(own_code, "PACKAGE", str(tmp_path / "package"))
    return tmp_path / "package"


def digest(remembered):
    """The digest as a new process finds it."""
    own_code._read.cache_clear()
    own_code._stamp.cache_clear()
    return own_code.code_digest(remembered)


def remember(path):
    path.write_text(json.dumps(own_code.to_remember(digest(path))))


def test_what_is_no_module_changes_nothing(package, tmp_path):
    before = digest(tmp_path / "own-code")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "one.py").write_text("")
    (package / "notes.txt").write_text("text")
    assert digest(tmp_path / "own-code") == before


def test_modules_that_did_not_change_are_not_read_again(package, tmp_path, monkeypatch):
    remember(tmp_path / "own-code")
    expected = digest(tmp_path / "none.json")
    monkeypatch.setattr(own_code, "_read", None)
    own_code._stamp.cache_clear()
    assert own_code.code_digest(tmp_path / "own-code") == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda package: (package / "inner" / "two.py").write_text("y = 345\n"),
        lambda package: (package / "three.py").write_text("z = 3\n"),
        lambda package: (package / "one.py").unlink(),
    ],
)
def test_a_change_of_a_module_is_seen_behind_what_was_remembered(package, tmp_path, change):
    remember(tmp_path / "own-code")
    before = digest(tmp_path / "own-code")
    change(package)
    assert digest(tmp_path / "own-code") != before


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[[1], [2]]", "\x00"])
def test_what_was_remembered_may_be_damaged(package, tmp_path, text):
    expected = digest(tmp_path / "none.json")
    (tmp_path / "own-code").write_text(text)
    assert digest(tmp_path / "own-code") == expected
