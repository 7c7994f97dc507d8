"""The plugin as flake8 calls it."""

import ast
import tomllib
from importlib import import_module
from pathlib import Path

from aelint.flake8_plugin import Plugin

PROJECT = Path(__file__).parent.parent.parent / "pyproject.toml"


def shown(text, filename="a.py"):
    plugin = Plugin(tree=ast.parse(text), filename=filename, lines=text.splitlines(keepends=True))
    return [(row, column, message) for row, column, message, _ in plugin.run()]


def test_nothing_to_say(here):
    assert shown("import json\nloud(1)\n") == []
    assert shown("import torch\nquiet(1)\n") == []
    assert shown("import torch\nloud(1)  # aelint: ignore[AEL190]\n") == []


def test_findings_count_as_flake8_does(here):
    text = "import torch\nif x:\n    loud(1)\n"
    assert shown(text) == shown(text, "-") == [(3, 4, "AEL190 loud-call: `loud` is called")]


def test_settings_count_and_bad_ones_are_one_line(files, here):
    files({"aelint.toml": 'ignore = ["AEL190"]\n'})
    assert shown("import torch\nloud(1)\n") == []
    files({"aelint.toml": 'ignroe = ["AEL190"]\n'})
    ((row, column, message),) = shown("import torch\nloud(1)\n")
    assert (row, column) == (1, 0)
    assert message.startswith("AEL000 ")
    assert "did you mean `ignore`" in message


def test_a_failing_rule_costs_nobody_elses_findings(here):
    assert shown("import torch\nexplode()\nloud(1)\n") == [(3, 0, "AEL190 loud-call: `loud` is called")]


def test_flake8_finds_the_plugin_by_the_codes_prefix():
    entry = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["entry-points"]["flake8.extension"]
    module, _, name = entry["AEL"].partition(":")
    assert getattr(import_module(module), name) is Plugin
