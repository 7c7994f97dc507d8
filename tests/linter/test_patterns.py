"""Patterns mean what `.gitignore` means by them."""

import pytest

from aelint.patterns import Patterns


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("src", "srcx/a.py"),
        ("src/*.py", "src/b/a.py"),
        ("src/*.py", "x/src/a.py"),
        ("/x", "a/x"),
        ("[!a]b.py", "ab.py"),
        ("a?.py", "a/.py"),
        ("[z-a].py", "b.py"),
        ("", "a.py"),
    ],
)
def test_does_not_match(pattern, path):
    assert not Patterns([pattern]).match(path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("build", "a/build/c.py"),
        ("build/", "a/build/c.py"),
        ("*.md", "docs/x.md"),
        ("src/*.py", "src/a.py"),
        ("src/**/a.py", "src/a.py"),
        ("src/**/a.py", "src/x/y/a.py"),
        ("src/**", "src/x/y.py"),
        ("**/gen", "a/b/gen/x.py"),
        ("/x", "x/y.py"),
        ("[!a]b.py", "cb.py"),
        ("[z-a].py", "[z-a].py"),
        ("a+b(c).py", "a+b(c).py"),
    ],
)
def test_matches(pattern, path):
    assert Patterns([pattern]).match(path)
