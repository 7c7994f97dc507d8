"""The command line: exit codes, selection, formats, and one clear line for bad input."""

import io
import json
import os
import re
import sys

import pytest

TORCH = "import torch\n"


def test_nothing_found(aelint, files):
    files({"a.py": TORCH, "b.py": ""})
    ran = aelint(".")
    assert (ran.code, ran.out, ran.err) == (0, "No faults found in 2 files.\n", "")


def test_only_what_comments_silence_is_counted_as_silenced(aelint, files):
    files({"a.py": TORCH + "loud(1)  # noqa\nloud(2)\n", "b.py": TORCH + "def broken(:\n"})
    assert aelint("--select", "AEL291", ".").out == "No faults found in 2 files.\n"
    assert "(1 finding silenced)" in aelint("--select", "AEL190", ".").out


def test_findings(aelint, files):
    files({"a.py": TORCH + "loud(1)\ndoubtful()\n", "b.py": TORCH + "loud(1)\n"})
    ran = aelint("--output-format", "concise", ".")
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "a.py:2:1: error AEL190 loud-call: `loud` is called",
        "a.py:3:1: warning AEL291 doubtful-call: `doubtful` is called",
        "b.py:2:1: error AEL190 loud-call: `loud` is called",
        "Found 2 errors and 1 warning in 2 of 2 files. `aelint rule AEL190` explains a rule.",
        "Can be mended: 2 with `--fix`.",
    ]


def test_full_output_shows_the_place_and_where_it_comes_from(aelint, files):
    files({"a.py": TORCH + "\ndef f():\n    x = loud(\n        1)\n"})
    ran = aelint("-q", "a.py")
    assert ran.out == (
        "error[AEL190] loud-call: `loud` is called\n"
        " --> a.py:4:9\n"
        "  |\n"
        "3 | def f():\n"
        "4 |     x = loud(\n"
        "  |         ^^^^^\n"
        "5 |         1)\n"
        "  |         ^^\n"
        " ::: line 1\n"
        "1 | import torch\n"
        "  | ------------ the file begins here\n"
        "  = help: Call `quiet` (can be fixed with --fix)\n"
        "\n"
    )


def test_json_has_the_names_that_scripts_know(aelint, files):
    files({"a.py": TORCH + "é; loud(1)\n"})
    (item,) = json.loads(aelint("--output-format", "json", "a.py").out)
    assert item == {
        "code": "AEL190",
        "name": "loud-call",
        "severity": "error",
        "confidence": "high",
        "message": "`loud` is called",
        "url": "docs/rules/loud-call.md",
        "filename": "a.py",
        "cell": None,
        "location": {"row": 2, "column": 4},
        "end_location": {"row": 2, "column": 11},
        "fix": {
            "applicability": "safe",
            "message": "Call `quiet`",
            "edits": [
                {
                    "content": "quiet",
                    "cell": None,
                    "location": {"row": 2, "column": 4},
                    "end_location": {"row": 2, "column": 8},
                }
            ],
        },
        "related": [
            {
                "filename": "a.py",
                "cell": None,
                "location": {"row": 1, "column": 1},
                "end_location": {"row": 1, "column": 13},
                "message": "the file begins here",
            }
        ],
    }


def test_json_without_findings_is_an_empty_list(aelint, files):
    files({"a.py": TORCH})
    assert aelint("--output-format", "json").out == "[]\n"
    assert aelint("--output-format", "json-lines").out == ""


def test_one_object_per_line(aelint, files):
    files({"a.py": TORCH + "loud(1)\nloud(2)\n"})
    rows = [json.loads(line)["location"]["row"] for line in aelint("--output-format", "json-lines").out.splitlines()]
    assert rows == [2, 3]


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        ([], ["AEL190", "AEL291"]),
        (["--select", "AEL2"], ["AEL291"]),
        (["--select", "latent"], ["AEL291"]),
        (["--select", "advised-call"], ["AEL290"]),
        (["--select", "ael190,doubtful-call"], ["AEL190", "AEL291"]),
        (["--extend-select", "AEL290"], ["AEL190", "AEL290", "AEL291"]),
        (["--ignore", "AEL190"], ["AEL291"]),
        (["--ignore", "ALL"], []),
        (["--severity", "advice"], ["AEL190", "AEL290", "AEL291"]),
        (["--severity", "error"], ["AEL190"]),
        (["--confidence", "high"], ["AEL190"]),
        (["--per-file-ignores", "a.*:AEL190"], ["AEL291"]),
        (["--exclude", "a.py"], []),
        (["--extend-exclude", "a.py"], []),
    ],
)
def test_selection(found, files, arguments, codes):
    files({"a.py": TORCH + "loud(1)\nadvised()\ndoubtful()\n"})
    assert [code for _, _, code in found(*arguments)] == codes


def test_the_command_line_beats_the_file_and_isolated_forgets_it(found, files):
    files(
        {"a.py": TORCH + "loud(1)\n", "aelint.toml": 'ignore = ["AEL190"]\n', "o.toml": "rules.loud-call.limit = 9\n"}
    )
    assert found() == []
    assert found("--select", "AEL190") == [("a.py", 2, "AEL190")]
    assert found("--isolated") == [("a.py", 2, "AEL190")]
    assert found("--config", "o.toml") == []


def test_tests_show_what_is_certain_only(found, files):
    files({"tests/a.py": TORCH + "doubtful()\nloud(1)\n"})
    assert found() == [("tests/a.py", 3, "AEL190")]
    assert len(found("--confidence", "medium")) == 2


def test_standard_input(aelint, monkeypatch):
    def given(*arguments):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"import torch\nloud(1)\n")))
        return aelint(*arguments)

    assert "stdin.py:2:1" in given("-").out
    assert "loud(1)" in given("-").out
    assert "x/y.py:2:1" in given("-", "--stdin-filename", "x/y.py").out
    assert given("-", "a.py").code == 2


def test_output_file_and_exit_zero(aelint, files, here):
    files({"a.py": TORCH + "loud(1)\n"})
    ran = aelint("--output-format", "json", "-o", "out.json", "--exit-zero")
    assert (ran.code, ran.out) == (0, "")
    assert len(json.loads((here / "out.json").read_text())) == 1
    assert aelint("-o", "no/such/out.json").code == 2


def test_statistics(aelint, files):
    files({"a.py": TORCH + "doubtful()\nloud(1)\nloud(1)\n"})
    assert aelint("--statistics", "-q").out == "2  AEL190  loud-call\n1  AEL291  doubtful-call\n"
    counts = json.loads(aelint("--statistics", "--output-format", "json").out)
    assert counts[0] == {"code": "AEL190", "name": "loud-call", "count": 2}


def test_colours_only_where_they_are_wanted(aelint, files, monkeypatch):
    files({"a.py": TORCH + "loud(1)\n"})
    assert "\033" not in aelint("check").out
    assert "\033" in aelint("--color", "always").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = aelint("check").out
    assert "\033" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert re.sub(r"\033\[[\d;]*m", "", coloured) == aelint("check").out


BAD_INPUT = {
    "syntax error": ({"a.py": TORCH + "x = = 1\n"}, "a.py:2:5: error AEL000 unreadable-source: not valid Python: invalid syntax"),
    "latin-1": ({"a.py": b"# caf\xe9\n"}, "a.py:1:6: error AEL000 unreadable-source: byte 0xe9 is not valid UTF-8; "),
    "nul byte": ({"a.py": b"import torch\n\0"}, "a.py:2:1: error AEL000 unreadable-source: the file contains a NUL byte"),
    "unknown encoding": ({"a.py": b"# coding: klingon\ntorch"}, "a.py:1:1: error AEL000 unreadable-source: the encoding"),
    "utf-16": ({"a.py": "import torch".encode("utf-16")}, "a.py:1:1: error AEL000 unreadable-source: the file is UTF-16"),
    "damaged escape": ({"a.py": TORCH + "x = '\\x1'\n"}, "a.py:2:"),
    "deep nesting": ({"a.py": TORCH + "(" * 5000}, "a.py:2:"),
    "damaged notebook": ({"a.ipynb": '{"torch": 1'}, "a.ipynb:1:12: error AEL000 unreadable-source: the notebook is not valid"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_files_are_one_line_each(aelint, files, name):
    contents, start = BAD_INPUT[name]
    files(contents)
    ran = aelint("-q", "--output-format", "concise")
    assert ran.code == 1
    (line,) = ran.out.splitlines()
    assert line.startswith(start)
    assert ran.err == ""


def test_a_file_that_is_named_must_be_python_whatever_it_is_about(aelint, files):
    files({"a.py": "def f(:\n", "b.py": "import json\n", "c.md": "```python\nx = = 1\n```\n"})
    assert aelint("-q", "--output-format", "concise", "b.py", "c.md").out == ""
    for _ in ("cold", "warm"):
        ran = aelint("-q", "--output-format", "concise", "a.py", "b.py")
        assert ran.out == "a.py:1:7: error AEL000 unreadable-source: not valid Python: invalid syntax\n"
    assert aelint("-q", "--output-format", "concise", ".").out == "", "a folder is searched for autoencoders"


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python knows the syntax")
def test_newer_syntax_is_told_from_an_error(aelint, files):
    files({"a.py": TORCH + "x = t'{y}'\n"})
    assert "the syntax is newer than Python 3." in aelint("check").out


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python takes it for two types")
def test_a_handler_of_python_2_is_no_newer_syntax(aelint, files):
    files({"a.py": TORCH + "try:\n    pass\nexcept Exception, e:\n    print(e)\n"})
    said = aelint("check").out
    assert "`except Error, name` of Python 2 is `except Error as name` now" in said
    assert "newer than" not in said


def test_generated_files_cost_no_memory_and_no_failure(aelint, files):
    large = TORCH + "x = [1, 2, 3]\n" * 160_000
    files({"a.py": large, "b.py": large.replace("torch", "json"), "c.py": TORCH + "from a import x\n"})
    ran = aelint(".")
    assert ran.out == "No faults found in 3 files.\n"
    assert ran.err == (
        "aelint: note: a.py: passed over: larger than 2 MiB, so it is taken for generated code or data\n"
    )


def test_a_notebook_with_large_pictures_is_read(found, files):
    cell = {"cell_type": "code", "source": "import torch\nloud(1)"}
    picture = {"cell_type": "markdown", "attachments": "A" * 3_000_000}
    files({"a.ipynb": json.dumps({"cells": [picture, cell]})})
    assert found() == [("a.ipynb", 2, "AEL190")]


@pytest.mark.parametrize("content", ["", "\n", "\ufeff", "# torch\n", "   "])
def test_empty_files_are_fine(aelint, files, content):
    files({"a.py": content, "b.ipynb": "", "c.md": ""})
    assert aelint("check").code == 0


def test_a_missing_path_is_one_line_and_the_rest_is_still_linted(aelint, files):
    files({"a.py": TORCH + "loud(1)\n"})
    ran = aelint("nowhere.py", "a.py")
    assert ran.code == 2
    assert ran.err == "aelint: error: nowhere.py: no such file or folder\n"
    assert "AEL190" in ran.out
    assert aelint("nowhere.py").out == "No faults found in 0 files, but the run is incomplete.\n"


def test_an_unreadable_file_is_one_line(aelint, files, monkeypatch):
    files({"a.py": TORCH})

    def refuse(path, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    ran = aelint("-q", "--output-format", "concise", "--isolated")
    assert ran.out == "a.py:1:1: error AEL000 unreadable-source: cannot be read: Permission denied\n"


def test_an_unreadable_folder_is_one_line(aelint, files, monkeypatch):
    files({"a/x.py": TORCH})
    scan = os.scandir

    def refuse(path):
        if path == "a":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    ran = aelint("check")
    assert ran.err == "aelint: note: a: folder not read: Permission denied\n"


def test_a_failing_rule_is_one_line_and_an_incomplete_run(aelint, files):
    files({"a.py": TORCH + "explode()\n"})
    ran = aelint("check")
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
    assert ran.err.startswith("aelint: error: a.py: rule AEL390 failing-rule failed")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--select", "AEL9"],
        ["--select", "loud-cal"],
        ["--no-such-option"],
        ["--jobs", "0"],
        ["--severity", "loud"],
        ["--output-format", "xml"],
        ["--config", "none.toml"],
        ["rule"],
        ["rule", "AEL999"],
        ["inspect", "none.py"],
    ],
)
def test_bad_usage_ends_with_two_and_a_reason(aelint, arguments):
    ran = aelint(*arguments)
    assert ran.code == 2
    assert ran.err.strip().splitlines()[-1].startswith("aelint")


def test_a_misspelled_option_gets_a_suggestion(aelint):
    assert aelint("--selct", "AEL1", ".").err.endswith("--selct; did you mean `--select`?\n")
    assert aelint("baseline", "check", "--exit-zreo").err.endswith("did you mean `--exit-zero`?\n")


def test_strange_file_names_stay_on_their_line(aelint, files):
    files({"a\nb\033[31m.py": TORCH + "loud(1)\n"})
    ran = aelint("-q", "--output-format", "concise")
    assert ran.out.count("\n") == 1
    assert "\033" not in ran.out


def test_rule_pages(aelint):
    assert "AEL190" in aelint("rule", "--all").out
    text = aelint("rule", "loud-call").out
    assert "Reports every call of a function named `loud`." in text
    assert "`limit` = 0.5" in text
    (record,) = json.loads(aelint("explain", "AEL190", "--output-format", "json").out)
    assert record["family"] == "architecture"
    assert "silences nothing" in aelint("rule", "AEL001").out


def test_config_shows_what_is_in_force(aelint, files):
    assert "no configuration file" in aelint("config").out
    files({"aelint.toml": 'select = ["AEL1"]\n'})
    assert 'select = ["AEL1"]' in aelint("config").out


def test_help_and_version(aelint):
    assert aelint("--version").out.startswith("aelint ")
    assert "check" in aelint("--help").out
    assert "usage" in aelint().out


def test_a_file_of_a_template_need_not_be_python_yet(aelint, files):
    files({"{{cookiecutter.name}}/a.py": TORCH + "{% if x %}\n", "plain/a.py": TORCH + "{% if x %}\n"})
    (line,) = aelint("-q", "--output-format", "concise").out.splitlines()
    assert line.startswith("plain/a.py:")
