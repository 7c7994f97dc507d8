"""Fixing: edits that fit together, bytes that stay, files that are the old or the new one."""

import io
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aelint.cli import main
from aelint.diagnostics import Applicability, Edit, Fix, Position, Span
from aelint.fixes.edits import apply, compatible
from aelint.fixes.notebook import with_cells
from aelint.fixes.write import ChangedMeanwhileError, replace_file
from aelint.sources.notebook import code_cells
from tests.linter.toys import loud_call

TORCH = "import torch\n"


def edit(start, end, content, row=1, cell=None):
    return Edit(Span(Position(row, start), Position(row, end)), content, cell)


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([], "abc\ndef"),
        ([edit(1, 2, "X")], "Xbc\ndef"),
        ([edit(1, 1, "X"), edit(4, 4, "Y")], "XabcY\ndef"),
        ([edit(2, 3, ""), edit(1, 2, "long")], "longc\ndef"),
        ([Edit(Span(Position(1, 1), Position(2, 1)), "")], "def"),
        ([Edit(Span(Position(2, 1), Position(3, 1)), "")], "abc\n"),
        ([edit(9, 99, "X")], "abcX\ndef"),
    ],
)
def test_edits(edits, expected):
    assert apply("abc\ndef", edits) == expected


def test_edits_that_touch_wait():
    first, second = Fix("a", (edit(1, 3, "x"),)), Fix("b", (edit(2, 4, "y"),))
    beside, same = Fix("c", (edit(3, 4, "z"),)), Fix("d", (edit(1, 3, "w"),))
    other_cell = Fix("e", (edit(2, 4, "y", cell=2),))
    assert compatible([first, second, beside, same, other_cell]) == [first, beside, other_cell]


def test_nothing_is_written_without_being_asked(aelint, files, here):
    files({"a.py": TORCH + "loud(1)\n"})
    aelint("a.py")
    diff = aelint("--diff", "a.py")
    assert (here / "a.py").read_text() == TORCH + "loud(1)\n"
    assert diff.code == 1
    assert diff.out.splitlines()[-2:] == ["-loud(1)", "+quiet(1)"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"import torch\nloud(1)\n", b"import torch\nquiet(1)\n"),
        (b"import torch\r\nloud(1)\r\n", b"import torch\r\nquiet(1)\r\n"),
        (b"\xef\xbb\xbfimport torch\nloud(1)", b"\xef\xbb\xbfimport torch\nquiet(1)"),
        (
            "# coding: latin-1\nimport torch\n'é'; loud(1)\n".encode("latin-1"),
            "# coding: latin-1\nimport torch\n'é'; quiet(1)\n".encode("latin-1"),
        ),
        ("import torch\n'é→'; loud(1)\n".encode(), "import torch\n'é→'; quiet(1)\n".encode()),
        (b"import torch\nloud(loud(1))\n", b"import torch\nquiet(quiet(1))\n"),
        (b"import torch\nx = 1  # aelint: ignore[AEL190]\n", b"import torch\nx = 1\n"),
        (b"import torch\n    # aelint: ignore\nx = 1\n", b"import torch\nx = 1\n"),
        (
            b"import torch\nadvised()  # aelint: ignore[AEL190, AEL290] why\n",
            b"import torch\nadvised()  # aelint: ignore[AEL290] why\n",
        ),
    ],
)
def test_fix_keeps_every_other_byte(aelint, here, before, after):
    (here / "a.py").write_bytes(before)
    assert aelint("--fix", "a.py").code == 0
    assert (here / "a.py").read_bytes() == after


def test_article(aelint, files, here):
    files({"a.md": "text\n\n- ```python\n  x = loud(\n      1)\n  ```\n"})
    assert aelint("--fix", "a.md").code == 0
    assert (here / "a.md").read_text() == "text\n\n- ```python\n  x = quiet(\n      1)\n  ```\n"


NOTEBOOK = """{
 "cells": [
  {"cell_type": "markdown", "source": ["loud(1)"]},
  {
   "cell_type": "code",
   "outputs": [{"text": ["\\u00e9 loud(1)"], "data":   {"x": 1.50}}],
   "source": [
    "import torch\\n",
    "%time loud(1)\\n",
    "x = 'é'  # aelint: ignore[AEL291]"
   ]
  },
  {"source": "loud(2)\\n# é", "cell_type": "code"}
 ],
 "nbformat": 4
}
"""


def test_notebook_changes_only_the_lines_that_are_fixed(aelint, files, here):
    files({"a.ipynb": NOTEBOOK})
    assert aelint("--fix", "a.ipynb").code == 0
    expected = NOTEBOOK.replace("%time loud(1)", "%time quiet(1)").replace('"loud(2)', '"quiet(2)')
    assert (here / "a.ipynb").read_text() == expected.replace("  # aelint: ignore[AEL291]", "")


lines = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")), max_size=4
)


@given(
    st.lists(lines, min_size=1, max_size=3),
    lines,
    st.integers(0, 2),
    st.sampled_from([None, 0, 1, "\t"]),
    st.booleans(),
)
def test_any_cell_can_be_rewritten(cells, new, index, indent, ascii_only):
    content = {"a": [{}, [], -1.5e3, None, True, "}]"], "cells": [{"cell_type": "code", "source": c} for c in cells]}
    content["cells"].insert(0, {"cell_type": "raw", "source": "no"})
    text = json.dumps(content, indent=indent, ensure_ascii=ascii_only)
    index %= len(cells)
    source = "\n".join(new)
    after = with_cells(text, {index + 1: source})
    expected = ["".join(c) for c in cells]
    expected[index] = source
    assert code_cells(after) == expected
    same = json.loads(after)
    same["cells"][index + 1]["source"] = cells[index]
    assert same == content


def test_a_fix_that_breaks_the_file_is_left_out(aelint, files, here, monkeypatch):
    original = loud_call.Rewrite
    monkeypatch.setattr(
        loud_call, "Rewrite", lambda text, pairs, how: original(text, tuple((s, "quiet(") for s, _ in pairs), how)
    )
    files({"a.py": TORCH + "loud(1)\n"})
    assert aelint("--fix", "a.py").code == 1
    assert (here / "a.py").read_text() == TORCH + "loud(1)\n"


def test_unsafe_fixes_are_made_only_on_demand(aelint, files, here, monkeypatch):
    original = loud_call.Rewrite
    monkeypatch.setattr(loud_call, "Rewrite", lambda text, pairs, _: original(text, pairs, Applicability.UNSAFE))
    files({"a.py": TORCH + "loud(1)\n"})
    assert aelint("--fix", "a.py").code == 1
    assert aelint("--fix", "--unsafe-fixes", "a.py").code == 0
    assert (here / "a.py").read_text() == TORCH + "quiet(1)\n"


def test_show_fixes_and_fix_only(aelint, files):
    files({"a.py": TORCH + "loud(1)\nloud(2)\ndoubtful()\n"})
    ran = aelint("--fix", "--show-fixes", "--output-format", "concise")
    assert ran.code == 1
    assert "Fixed a.py: 2 × AEL190 loud-call" in ran.out
    assert "(2 fixed)" in ran.out
    files({"a.py": TORCH + "loud(1)\ndoubtful()\n"})
    ran = aelint("--fix-only", ".")
    assert (ran.code, ran.out) == (0, "")


def test_standard_input_is_fixed_to_standard_output(monkeypatch, capsysbinary):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"import torch\r\nloud(1)\r\n")))
    assert main(["-", "--fix"]) == 0
    assert capsysbinary.readouterr().out == b"import torch\r\nquiet(1)\r\n"


def test_mode_and_links_stay(aelint, files, here):
    files({"a.py": TORCH + "loud(1)\n"})
    (here / "a.py").chmod(0o754)
    (here / "link.py").symlink_to("a.py")
    aelint("--fix", "link.py")
    assert (here / "link.py").is_symlink()
    assert (here / "a.py").read_text() == TORCH + "quiet(1)\n"
    assert stat.S_IMODE((here / "a.py").stat().st_mode) == 0o754
    assert sorted(p.name for p in here.iterdir() if not p.name.startswith(".aelint_cache")) == ["a.py", "link.py"]


def test_a_file_that_changed_meanwhile_is_left_alone(here):
    (here / "a.py").write_bytes(b"new")
    with pytest.raises(ChangedMeanwhileError):
        replace_file("a.py", b"old", b"fixed")
    assert (here / "a.py").read_bytes() == b"new"


def test_a_failure_in_the_middle_leaves_the_old_file_and_nothing_else(here, monkeypatch):
    (here / "a.py").write_bytes(b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_file("a.py", b"old", b"fixed")
    assert {p.name: p.read_bytes() for p in here.iterdir()} == {"a.py": b"old"}


KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from pathlib import Path
written = []
replace = Path.replace
def interrupted(self, target):
    if len(written) == {after}:
        os.kill(os.getpid(), signal.SIGKILL)
    written.append(target)
    return replace(self, target)
Path.replace = interrupted
from tests.linter.toys import main
sys.exit(main())
"""


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_kill_leaves_every_file_old_or_new_and_clean_removes_the_rest(here, files, aelint, after):
    old, new = b"import torch\nloud(1)\n", b"import torch\nquiet(1)\n"
    files({f"{number}.py": old for number in range(4)})
    program = KILLED.format(root=str(Path(__file__).parent.parent.parent), after=after)
    done = subprocess.run([sys.executable, "-c", program, "--fix", "--no-cache", "."], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert [(here / f"{number}.py").read_bytes() for number in range(4)] == [new] * after + [old] * (4 - after)
    assert len(list(here.glob(".*.aelint"))) == 1
    assert aelint("clean").out.startswith("Removed .")
    assert sorted(path.name for path in here.iterdir()) == ["0.py", "1.py", "2.py", "3.py"]
