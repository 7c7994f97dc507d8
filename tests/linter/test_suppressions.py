"""Comments that silence: what they cover, and what is said when they silence nothing."""

import pytest

LOUD = "import torch\n"


def lint(found, files, text):
    files({"a.py": LOUD + text})
    return [(row - 1, code) for _, row, code in found()]


@pytest.mark.parametrize(
    "comment",
    [
        "# aelint: ignore",
        "# aelint: ignore[AEL190]",
        "# aelint: ignore[loud-call]",
        "# aelint: ignore[ael190, loud-call] the volume is wanted",
        "# aelint:ignore[AEL190]",
        "# type: ignore  # aelint: ignore[AEL190]  # more",
        "# noqa",
        "# noqa: AEL190",
        "# NOQA:E501,AEL190",
        "# noqa: E501 AEL190",
    ],
)
def test_trailing_comment_silences(found, files, comment):
    assert lint(found, files, f"loud(1)  {comment}\n") == []


@pytest.mark.parametrize("comment", ["# noqa: E501", "# aelint: ignore[AEL291]", "# aelint", "# ignore[AEL190]"])
def test_other_comments_do_not(found, files, comment):
    assert (1, "AEL190") in lint(found, files, f"loud(1)  {comment}\n")


@pytest.mark.parametrize(
    "text",
    [
        "x = [\n    1,  # aelint: ignore[AEL190]\n    loud(1),\n]\n",
        "x = [\n    1,\n    loud(1),\n]  # aelint: ignore[AEL190]\n",
        "# aelint: ignore[AEL190]\nx = [\n    1,\n    loud(1),\n]\n",
        "# aelint: ignore[AEL190]\n\n# why\nloud(1)\n",
        "if 1:\n    # aelint: ignore[AEL190]\n    loud(1)\n",
        "# aelint: ignore[AEL190]\n@decorator\ndef f(x=loud(1)):\n    pass\n",
        "@decorator  # aelint: ignore[AEL190]\ndef f(x=loud(1)):\n    pass\n",
        "@loud(1)\n# aelint: ignore[AEL190]\ndef f(): pass\n".replace("@loud(1)\n", "@d\n").replace(
            "f()", "f(x=loud(1))"
        ),
        "x = '''\n'''; loud(1)  # aelint: ignore[AEL190]\n",
        "loud(1)\n# aelint: ignore-file[AEL190]\n",
        "# aelint: ignore-file\nloud(1)\nloud(2)\n",
    ],
)
def test_logical_lines(found, files, text):
    assert lint(found, files, text) == []


def test_a_comment_covers_no_more_than_its_line(found, files):
    text = "# aelint: ignore[AEL190]\nloud(1)\nloud(2)\nif loud(3):  # aelint: ignore[AEL190]\n    loud(4)\n"
    assert lint(found, files, text) == [(3, "AEL190"), (5, "AEL190")]


def test_the_marker_in_a_string_is_no_comment(found, files):
    assert lint(found, files, "loud('# aelint: ignore')\nx = '# aelint: ignore-file'\n") == [(1, "AEL190")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1  # aelint: ignore[AEL190]\n", "silences nothing: `AEL190` does not speak here"),
        ("x = 1  # aelint: ignore\n", "silences nothing"),
        ("# aelint: ignore-file[AEL190]\n", "silences nothing"),
        ("loud(1)  # aelint: ignore[AEL190, AEL291]\n", "`AEL291` does not speak here"),
        ("loud(1)  # aelint: ignore[AEL190, loud-cal]\n", "unknown rule `loud-cal`; did you mean `loud-call`"),
        ("x = 1  # aelint: ignor[AEL190]\n", "`ignor` is no instruction of aelint; did you mean `ignore`"),
    ],
)
def test_useless_comments_are_told(aelint, files, text, words):
    files({"a.py": LOUD + text})
    ran = aelint("--output-format", "concise")
    assert "AEL001" in ran.out
    assert words in ran.out


def test_a_comment_for_a_rule_that_did_not_run_is_left_alone(aelint, files):
    files({"a.py": LOUD + "x = 1  # aelint: ignore[AEL190]\ny = 2  # aelint: ignore\n"})
    assert aelint("--ignore", "AEL190", "--select", "AEL0,AEL2").code == 0


def test_a_comment_that_silences_hidden_advice_is_of_use(aelint, files):
    files({"a.py": LOUD + "advised(1)  # aelint: ignore[AEL290]\n"})
    assert aelint("check").code == 0


def test_noqa_belongs_to_other_tools_and_is_never_useless(found, files):
    assert lint(found, files, "x = 1  # noqa: AEL190\ny = 2  # noqa\n") == []


def test_comments_are_read_in_files_without_torch(found, files):
    files({"a.py": "x = 1  # aelint: ignore[AEL190]\n"})
    assert found() == [("a.py", 1, "AEL001")]


def test_in_an_article_the_rows_are_the_articles(found, files):
    fence = "text\n\n- item\n\n  ```python\n  loud(1)  # aelint: ignore[AEL190]\n  loud(2)\n  ```\n"
    files({"a.md": fence})
    assert found() == [("a.md", 7, "AEL190")]


def test_a_syntax_error_cannot_be_silenced_by_a_comment(found, files):
    assert lint(found, files, "x = = 1  # aelint: ignore\n")[0] == (1, "AEL000")
