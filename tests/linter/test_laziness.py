"""What is not needed is not loaded."""

import json
import subprocess
import sys

import pytest

PROBE = """
import json, sys
from aelint.cli import main
try:
    main({arguments!r})
except SystemExit:
    pass
print()
print(json.dumps([name for name in {heavy!r} if name in sys.modules]))
"""
HEAVY = ["libcst", "torch", "aelint.semantics", "argparse", "aelint._catalogue", "multiprocessing"]


def loaded(folder, *arguments):
    program = PROBE.format(arguments=list(arguments), heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_version_loads_nothing(tmp_path):
    assert loaded(tmp_path, "--version") == []


@pytest.mark.parametrize("arguments", [["rule", "--all"], ["--help"], ["config"]])
def test_questions_about_rules_load_no_parser(tmp_path, arguments):
    assert not {"libcst", "torch", "aelint.semantics"} & set(loaded(tmp_path, *arguments))


def test_an_unrelated_file_loads_no_parser(tmp_path):
    (tmp_path / "a.py").write_text("import flax\n")
    heavy = {"libcst", "torch", "aelint.semantics", "multiprocessing"}
    assert not heavy & set(loaded(tmp_path, "a.py", "--no-cache"))


def test_a_warm_run_loads_no_parser(tmp_path):
    (tmp_path / "a.py").write_text("import torch\n")
    assert "aelint.semantics" in loaded(tmp_path, "a.py")
    assert "aelint.semantics" not in loaded(tmp_path, "a.py")


def test_a_related_file_does_so_the_probe_can_tell(tmp_path):
    (tmp_path / "a.py").write_text("import torch\n")
    found = loaded(tmp_path, "a.py", "--no-cache")
    assert "aelint.semantics" in found
    assert not {"libcst", "torch"} & set(found)
