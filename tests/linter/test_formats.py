"""Formats for machines: each is read by something that knows it."""

import json
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest
import sarif_pydantic

from aelint.fingerprints import line_hashes

TORCH = "import torch\n"
NOTEBOOK = json.dumps({
    "cells": [{"cell_type": "code", "source": "import torch\n"}, {"cell_type": "code", "source": "x = 1\nloud(1)"}]
})  # fmt: skip
SCHEMA = Path(os.environ.get("SARIF_SCHEMA", Path(__file__).parents[3] / "shared" / "data" / "sarif-schema-2.1.0.json"))


@pytest.fixture
def report(aelint, files):
    """The output in one format, for a folder with every kind of finding."""

    def run(name, *arguments):
        files({
            "a b/é.py": TORCH + "'é'; loud(1)\ndoubtful()\nadvised()\n",
            "c.py": TORCH + "x = = 1  # <&>\n",
            "n.ipynb": NOTEBOOK,
        })  # fmt: skip
        return aelint("check", "--severity", "advice", "--output-format", name, *arguments).out

    return run


def test_sarif_is_read_by_a_model_of_it(report):
    log = sarif_pydantic.Sarif.model_validate_json(report("sarif"))
    (run,) = log.runs
    assert [result.rule_id for result in run.results] == ["AEL190", "AEL291", "AEL290", "AEL000", "AEL190"]
    assert [rule.id for rule in run.tool.driver.rules] == ["AEL000", "AEL190", "AEL290", "AEL291"]


@pytest.mark.skipif(not SCHEMA.is_file(), reason="the official schema is not part of the project")
@pytest.mark.parametrize("arguments", [[], ["--select", "AEL001"]])
def test_sarif_fits_the_official_schema(report, arguments):
    jsonschema.validate(json.loads(report("sarif", *arguments)), json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_sarif_says_where_why_and_what_to_do(report):
    (run,) = json.loads(report("sarif"))["runs"]
    first, _, advice, _, cell = run["results"]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "a%20b/%C3%A9.py", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 2, "startColumn": 6, "endLine": 2, "endColumn": 13}
    assert run["columnKind"] == "unicodeCodePoints"
    assert first["relatedLocations"][0]["message"]["text"] == "the file begins here"
    (change,) = first["fixes"][0]["artifactChanges"]
    assert change["replacements"][0]["insertedContent"]["text"] == "quiet"
    assert advice["level"] == "note"
    assert cell["locations"][0]["logicalLocations"][0]["name"] == "cell 2, line 2, column 1"
    rule = run["tool"]["driver"]["rules"][first["ruleIndex"]]
    assert rule["properties"]["precision"] == "high"
    assert "Reports every call" in rule["help"]["markdown"]


def test_sarif_tells_of_an_incomplete_run(aelint, files):
    files({"a.py": TORCH + "explode()\n"})
    (invocation,) = json.loads(aelint("--output-format", "sarif").out)["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "failing-rule" in invocation["toolExecutionNotifications"][0]["message"]["text"]


@pytest.mark.parametrize("newline", ["\n", "\r", "\r\n"])
def test_line_hashes_are_githubs(newline):
    # the examples of github/codeql-action, src/fingerprints.test.ts
    assert line_hashes("") == ["c129715d7a2bc9a3:1"]
    text = " a\nb\n  \t\tc\n d".replace("\n", newline)
    assert line_hashes(text) == ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"]
    assert line_hashes("Lorem ipsum dolor sit amet.\n".replace("\n", newline) * 10) == [
        *(f"a7f2ff13bc495cf2:{n}" for n in range(1, 7)),
        "a7f2ff1481e87703:1",
        "a9cf91f7bbf1862b:1",
        "55ec222b86bcae53:1",
        "cc97dc7b1d7d8f7b:1",
        "c129715d7a2bc9a3:1",
    ]


def test_github_annotations_stay_on_their_line(report):
    lines = report("github").splitlines()
    assert len(lines) == 5
    assert all(re.match(r"::(error|warning|notice) title=[^:]*,file=[^:]*::", line) for line in lines)
    assert "file=a b/é.py,line=2,endLine=2,col=6,endColumn=13::" in lines[0]
    assert "file=n.ipynb,line=1::" in lines[4]


def test_gitlab(report):
    issues = json.loads(report("gitlab"))
    assert len({issue["fingerprint"] for issue in issues}) == len(issues) == 5
    assert issues[0]["location"] == {
        "path": "a b/é.py",
        "positions": {"begin": {"line": 2, "column": 6}, "end": {"line": 2, "column": 13}},
    }
    assert {issue["severity"] for issue in issues} == {"critical", "major", "info"}


def test_fingerprints_survive_moved_lines_and_tell_equal_lines_apart(aelint, files):
    def names(text):
        files({"a.py": text})
        return [issue["fingerprint"] for issue in json.loads(aelint("--output-format", "gitlab").out)]

    before = names(TORCH + "loud(1)\nloud(1)\nloud(2)\n")
    assert len(set(before)) == 3
    assert names(TORCH + "\n\nx = 1\nif x:\n    loud(1)\n    loud(1)\nloud(2)\n") == before
    assert names(TORCH + "loud(3)\nloud(1)\nloud(1)\nloud(2)\n")[1:] == before


def test_junit(report):
    root = ET.fromstring(report("junit"))
    assert root.attrib["failures"] == "5"
    assert [suite.attrib["name"] for suite in root] == ["a b/é.py", "c.py", "n.ipynb"]


COUNT, SECONDS, WORDS = r"\d+", r"\d+(\.\d+)?", r"(?s).+"
COUNTS = {"tests": COUNT, "failures": COUNT, "errors": COUNT, "time": SECONDS}
JUNIT = {
    "testsuites": ({"testsuite"}, {"name": WORDS, **COUNTS}, {}),
    "testsuite": ({"testcase"}, {"name": WORDS, **COUNTS}, {}),
    "testcase": (
        {"failure"},
        {"name": WORDS, "classname": WORDS, "time": SECONDS},
        {"file": WORDS, "line": r"[1-9]\d*"},
    ),
    "failure": (set(), {"type": WORDS, "message": WORDS}, {}),
}
"""By element: what may stand in it, the attributes that some schema requires, and the two that tools read beside them."""


def assert_junit(node):
    children, required, optional = JUNIT[node.tag]
    assert {child.tag for child in node} <= children
    assert required.keys() <= node.attrib.keys() <= required.keys() | optional.keys()
    for name, value in node.attrib.items():
        assert re.fullmatch({**required, **optional}[name], value), (node.tag, name, value)
    for child in node:
        assert_junit(child)
    if "tests" in node.attrib:
        cases, failed = node.findall(".//testcase"), node.findall(".//failure")
        assert (node.get("tests"), node.get("failures")) == (str(len(cases)), str(len(failed)))


@pytest.mark.parametrize("selection", [(), ("--select", "AEL001")])
def test_junit_keeps_to_what_the_schemas_agree_on(report, selection):
    root = ET.fromstring(report("junit", *selection))
    assert root.tag == "testsuites"
    assert_junit(root)
    assert root.findall(".//testcase")
    assert all(len(case) <= 1 for case in root.iter("testcase"))


def test_junit_without_findings_is_a_test_that_passed(aelint, files):
    files({"a.py": ""})
    root = ET.fromstring(aelint("--output-format", "junit").out)
    assert (root.attrib["tests"], root.attrib["failures"]) == ("1", "0")


def test_rdjson_counts_bytes(report):
    first, *_, cell = json.loads(report("rdjson"))["diagnostics"]
    assert first["location"]["range"]["start"] == {"line": 2, "column": 7}
    assert first["suggestions"][0]["text"] == "quiet"
    assert cell["location"] == {"path": "n.ipynb"}


def exactly(required, **optional):
    """A JSON schema of an object with these members and no others."""
    members = {**required, **optional}
    return {"type": "object", "properties": members, "required": list(required), "additionalProperties": False}


TEXT, NUMBER = {"type": "string", "minLength": 1}, {"type": "integer", "minimum": 1}
LEVELS = {"gitlab": ["info", "minor", "major", "critical", "blocker"], "rdjson": ["ERROR", "WARNING", "INFO"]}

PLACE = exactly({"line": NUMBER}, column=NUMBER)
SPAN = exactly({"begin": PLACE, "end": PLACE})
GITLAB = {
    "type": "array",
    "items": exactly({
        "check_name": TEXT,
        "description": TEXT,
        "fingerprint": TEXT,
        "severity": {"enum": LEVELS["gitlab"]},
        "location": {"oneOf": [
            exactly({"path": TEXT, "positions": SPAN}),
            exactly({"path": TEXT, "lines": exactly({"begin": NUMBER})}),
        ]},
    }),
}  # fmt: skip
"""GitLab's documentation, "Code quality report format"."""

RANGE = exactly({"start": PLACE}, end=PLACE)
LOCATION = exactly({"path": TEXT}, range=RANGE)
RDJSON = exactly({
    "source": exactly({"name": TEXT}, url=TEXT),
    "severity": {"enum": LEVELS["rdjson"]},
    "diagnostics": {"type": "array", "items": exactly(
        {"message": TEXT, "location": LOCATION, "severity": {"enum": LEVELS["rdjson"]}},
        code=exactly({"value": TEXT}, url=TEXT),
        suggestions={"type": "array", "items": exactly({"range": RANGE, "text": {"type": "string"}})},
        relatedLocations={"type": "array", "items": exactly({"location": LOCATION}, message=TEXT)},
    )},
})  # fmt: skip
"""reviewdog's `proto/rdf/reviewdog.proto` in the JSON names of protocol buffers."""


@pytest.mark.parametrize(("name", "schema"), [("gitlab", GITLAB), ("rdjson", RDJSON)])
def test_reports_have_the_members_that_their_readers_know_and_no_others(report, name, schema):
    jsonschema.validate(json.loads(report(name)), schema)
    jsonschema.validate(json.loads(report(name, "--select", "AEL001")), schema)


@pytest.mark.parametrize("name", ["sarif", "gitlab", "junit", "rdjson", "github", "json", "json-lines", "concise"])
def test_strange_names_and_texts_break_no_format(aelint, here, name):
    (here / 'a\nb\x1b<&".py').write_bytes(TORCH.encode() + b"loud(1)  # \xe2\x80\xa8 \x07\n")
    out = aelint("check", "--output-format", name).out
    match name:
        case "junit":
            ET.fromstring(out)
        case "github" | "concise" | "json-lines":
            assert len(out.splitlines()) == (3 if name == "concise" else 1)
        case _:
            json.loads(out)
