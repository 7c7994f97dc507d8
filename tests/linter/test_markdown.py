"""Fences of articles: found where they are, with the article's own rows and columns."""

import ast

import pytest

from aelint.sources.load import load


def units(text, path="a.md"):
    return load(path, text.encode()).units


def place(unit, name):
    node = next(n for n in ast.walk(ast.parse(unit.text)) if isinstance(n, ast.Name) and n.id == name)
    start = unit.span_of(node).start
    return start.row, start.column


@pytest.mark.parametrize(
    "fence",
    ["```", "```js", "```text\n>>> x", "``` bash", "    x = 1", "```pythonic", "```{note}", "```{code-block} bash"],
)
def test_what_is_not_python_is_left_alone(fence):
    assert units(f"{fence}\nx = 1\n```\n") == ()


@pytest.mark.parametrize(
    "info",
    [
        "python",
        "py",
        "python3",
        "Python",
        " python",
        'python title="train.py"',
        "python:train.py",
        "{python}",
        "{.python .numberLines}",
        "{code-cell}",
        "{code-cell} ipython3",
        "{code-block} python",
        "{python, echo=FALSE}",
    ],
)
def test_info_strings_that_mean_python(info):
    (unit,) = units(f"text\n\n```{info}\nx = 1\n```\n")
    assert unit.fragment
    assert place(unit, "x") == (4, 1)


def test_each_fence_is_a_unit():
    first, second = units("```python\na\n```\n\n~~~py\nb\n~~~\n")
    assert place(first, "a") == (2, 1)
    assert place(second, "b") == (6, 1)


def test_indented_fence_in_a_list_keeps_the_articles_columns():
    (unit,) = units("1. do\n\n   ```python\n   if True:\n       name\n   ```\n")
    assert place(unit, "name") == (5, 8)


def test_fence_that_begins_in_the_line_of_its_list_item():
    (unit,) = units("- one\n10. ```python\n    if x:\n        name\n    ```\n")
    assert place(unit, "name") == (4, 9)


def test_method_without_its_class_is_read():
    (unit,) = units("```python\n    def forward(self, x):\n        return name\n```\n")
    assert place(unit, "name") == (3, 16)


def test_a_longer_fence_may_hold_a_shorter_one():
    assert units("````markdown\n```python\nx\n```\n````\n") == ()


def test_a_fence_without_its_end_reaches_to_the_end_of_the_file():
    (unit,) = units("```python\na\nb")
    assert place(unit, "b") == (3, 1)


def test_interactive_session_keeps_what_was_typed():
    (unit,) = units("```pycon\n>>> for i in x:\n...     name\n...\n0\n1\n>>> last\n```\n")
    assert place(unit, "name") == (3, 9)
    assert place(unit, "last") == (7, 5)
    assert "0" not in unit.text


def test_magics_are_masked():
    (unit,) = units("```python\n!pip install x\n%time name\ny = !ls\n```\n")
    assert place(unit, "name") == (3, 7)
    assert "pip" not in unit.text


def test_options_of_a_directive_are_no_code():
    first, second = units(
        "```{code-cell} python\n:tags: [hide]\n\nname\n```\n\n```{code-cell}\n---\ntags: [x]\n---\nname\n```\n"
    )
    assert place(first, "name") == (4, 1)
    assert place(second, "name") == (11, 1)


def test_front_matter_makes_an_article_of_a_file_with_any_suffix():
    (unit,) = units("---\ntitle: x\n---\n\n```python\nname\n```\n", "post.txt")
    assert place(unit, "name") == (6, 1)


def test_windows_line_ends():
    (unit,) = units("text\r\n```python\r\nname\r\n```\r\n")
    assert place(unit, "name") == (3, 1)


def test_an_empty_fence_is_an_empty_unit():
    assert [unit.text.strip() for unit in units("```python\n```\n")] == [""]
