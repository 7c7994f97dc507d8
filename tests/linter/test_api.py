"""Linting from Python."""

import json
from pathlib import Path

import pytest

import aelint
from aelint.api import IncompleteRunError
from aelint.config import ConfigError, Settings

TORCH = "import torch\n"


def test_healthy_text_gives_an_empty_list(here):
    assert aelint.lint_source(TORCH) == []
    assert aelint.lint_paths([]) == []


def test_text(here):
    (found,) = aelint.lint_source(TORCH + "loud(1)\n")
    assert isinstance(found, aelint.Diagnostic)
    assert (found.code, found.filename, found.span.start.row) == ("AEL190", "source.py", 2)


def test_the_name_says_what_the_text_is(here):
    assert [d.span.start.row for d in aelint.lint_source("```python\nloud(1)\n```\n", filename="a.md")] == [2]
    notebook = json.dumps({"cells": [{"cell_type": "code", "source": "import torch\nloud(1)"}]})
    assert [d.cell for d in aelint.lint_source(notebook, filename="a.ipynb")] == [1]
    assert [d.code for d in aelint.lint_source(b"\xff")] == ["AEL000"]


def test_paths_read_the_nearest_configuration_unless_told(here, files):
    files({"aelint.toml": 'ignore = ["AEL190"]\n', "a.py": TORCH + "loud(1)\n"})
    assert aelint.lint_paths(["a.py"]) == []
    assert len(aelint.lint_paths([here / "a.py"], settings=Settings())) == 1


def test_what_could_not_be_done_raises(here, files):
    files({"a.py": TORCH + "loud(1)\nexplode()\n"})
    with pytest.raises(IncompleteRunError, match="failing-rule") as caught:
        aelint.lint_paths(["a.py"])
    assert len(caught.value.diagnostics) == 1
    with pytest.raises(IncompleteRunError, match="no such file"):
        aelint.lint_paths(["nowhere"])
    files({"aelint.toml": "x = 1\n"})
    with pytest.raises(ConfigError):
        aelint.lint_paths(["a.py"])


def test_other_names_do_not_exist():
    with pytest.raises(AttributeError, match="nothing"):
        aelint.nothing  # noqa: B018


def test_text_is_read_in_the_encoding_that_it_declares():
    (found,) = aelint.lint_source("# -*- coding: latin-1 -*-\nimport torch\n'é'; loud(1)\n")
    assert found.span.start.column == 6
    (found,) = aelint.lint_source("# -*- coding: ascii -*-\nimport torch\nloud(1)  # é\n")
    assert found.code == "AEL000", "the text does not fit what it declares"


def test_the_documented_use_runs(here, files, capsys):
    files({"src/a.py": TORCH + "loud(1)\n"})
    page = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
    exec(page.split("```python\n")[1].split("```")[0], {})
    assert capsys.readouterr().out == "src/a.py:2: AEL190 `loud` is called\n"
