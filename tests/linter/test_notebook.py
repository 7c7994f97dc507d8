"""Notebooks: the cells are one program, and each row knows its cell."""

import ast
import json

import pytest

from aelint.sources.decode import UnreadableError
from aelint.sources.load import load


def notebook(*cells, **metadata):
    content = [{"cell_type": "code", "source": c, "metadata": {}, "outputs": []} for c in cells]
    return json.dumps({"cells": content, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}).encode()


def read(*cells, **metadata):
    return load("n.ipynb", notebook(*cells, **metadata))


def place(unit, name):
    node = next(n for n in ast.walk(ast.parse(unit.text)) if isinstance(n, ast.Name) and n.id == name)
    origin = unit.origin(node.lineno)
    start = unit.span_of(node).start
    return origin.cell, start.row, start.column


def test_another_language_is_left_alone():
    assert read("x = 1", kernelspec={"language": "julia"}).units == ()


def test_text_cells_do_not_count():
    data = json.loads(notebook("first", "second"))
    data["cells"].insert(1, {"cell_type": "markdown", "source": "# text"})
    (unit,) = load("n.ipynb", json.dumps(data).encode()).units
    assert place(unit, "second") == (2, 1, 1)


def test_cells_are_one_program_in_order():
    (unit,) = read("a = 1\nb = 2", ["c = 3\n", "  \n", "d = a"]).units
    assert place(unit, "b") == (1, 2, 1)
    assert place(unit, "d") == (2, 3, 1)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("%matplotlib inline\nname", (1, 2, 1)),
        ("!pip install torch\nname", (1, 2, 1)),
        ("x?\nname", (1, 2, 1)),
        ("%%time\nname", (1, 2, 1)),
        ("%time name", (1, 1, 7)),
        ("if True:\n    !ls\nname", (1, 3, 1)),
        ("y = %env HOME\nname", (1, 2, 1)),
    ],
)
def test_magics_leave_the_rest_in_its_place(cell, expected):
    assert place(read(cell).units[0], "name") == expected


def test_a_line_that_only_looks_like_a_magic_is_kept():
    (unit,) = read("y = (7\n% 3)\nname").units
    assert "% 3" in unit.text


def test_a_cell_in_another_language_is_blank():
    (unit,) = read("%%bash\nrm -rf x\n", "name").units
    assert "rm" not in unit.text
    assert place(unit, "name") == (2, 1, 1)


def test_a_cell_that_is_no_python_does_not_hide_the_others():
    source = read("print 'old'", "name")
    assert place(source.units[0], "name") == (2, 1, 1)
    (problem,) = source.left_out
    assert (problem.cell, problem.row) == (1, 1)


def test_format_three_is_read():
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": ["name"]}]}], "nbformat": 3}
    (unit,) = load("n.ipynb", json.dumps(old).encode()).units
    assert place(unit, "name") == (1, 1, 1)


@pytest.mark.parametrize("data", [b"{", b"[]", b'"x"', b'{"cells": 3}', b"{}", b"[" * 100_000])
def test_what_is_no_notebook_is_refused_in_words(data):
    with pytest.raises(UnreadableError, match="notebook"):
        load("n.ipynb", data)


def test_an_empty_file_and_a_notebook_without_code_are_fine():
    assert load("n.ipynb", b"").units == ()
    assert read().units == ()
