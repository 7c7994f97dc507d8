"""Whole runs: the gate, files that import files, workers, rules that fail."""

import os
from concurrent import futures

import pytest

from aelint.config import Settings
from aelint.engine import workers
from aelint.engine.prefilter import Tokens, can_fire, needs_analysis
from aelint.engine.run import Run
from aelint.registry import find
from aelint.sources.unit import SourceUnit


def never(unit, project):
    raise AssertionError(f"{unit.path} was parsed")


def test_files_that_do_not_speak_of_torch_are_never_parsed(here, files):
    files({"a.py": "loud(1)\n", "b.md": "# loud\n```js\nloud(1)\n```\n", "c.ipynb": '{"cells": []}'})
    assert Run(["."], Settings(), understand=never, raises=True).lint().diagnostics == ()


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("a.py", b"import torch"),
        ("a.py", b"from PyTorch_Lightning import x"),
        ("a.py", b"# aelint: ignore"),
        ("a.py", b"\xe9"),
        ("a.py", b"\0"),
        ("a.md", b"```python\nx"),
        ("a.md", b"~~~ {.python}\nx"),
        ("a.ipynb", b'"import torch"'),
    ],
)
def test_the_gate_lets_pass_what_may_matter(path, data):
    assert needs_analysis(path, data)


@pytest.mark.parametrize(("path", "data"), [("a.py", b"import flax"), ("a.md", b"torch"), ("a.md", b"\xe9")])
def test_the_gate_stops_the_rest(path, data):
    assert not needs_analysis(path, data)


def test_every_group_of_triggers_must_be_met_somewhere_in_the_program():
    rule = find("AEL190")
    tokens = Tokens([rule])
    quiet, loud = SourceUnit("a.py", "quiet"), SourceUnit("b.py", "very LOUD")
    assert can_fire(rule, tokens.of([quiet, loud]))
    assert not can_fire(rule, tokens.of([quiet]))


def test_a_finding_in_an_imported_file_is_reported_there_and_once(found, files):
    files({
        "a.py": "import torch\nimport model\n",
        "b.py": "import torch\nimport model\n",
        "model.py": "import torch\nloud(1)\n",
    })  # fmt: skip
    assert found() == [("model.py", 2, "AEL190")]


def test_what_a_test_passes_to_a_model_tells_nothing_about_the_model(found, files):
    files({"tests/test_a.py": "import torch\nimport model\nloud(1)\n", "model.py": "loud(1)\n"})
    assert found() == [("tests/test_a.py", 3, "AEL190")]


def test_a_finding_in_a_file_that_was_not_named_is_not_reported(found, files):
    files({"a.py": "import torch\nimport model\nmodel.x\n", "model.py": "import torch\nloud(1)\n"})
    assert found("a.py") == []


def test_comments_silence_in_the_file_in_which_the_finding_lies(found, files):
    files({"a.py": "import torch\nimport model\n", "model.py": "loud(1)  # aelint: ignore[AEL190]\n"})
    assert found() == []


def test_files_keep_the_order_in_which_they_were_named(found, files):
    files(dict.fromkeys(("a.py", "b.py", "c.py"), "import torch\nloud(1)\nloud(2)\n"))
    rows = [(name, row, "AEL190") for name in ("c.py", "a.py", "b.py") for row in (2, 3)]
    assert found("c.py", ".") == rows


def test_several_processes_say_the_same_in_the_same_order(here, files, monkeypatch):
    files({f"d{i % 3}/m{i}.py": f"import torch\n{'# padding' * i}\nloud({i + 1})\n" for i in range(40)})
    files({"d0/bad.py": "import torch\nx = = 1\n", "d1/wrong.py": "import torch\nexplode()\n"})
    alone = Run(["."], Settings(), jobs=1).lint()
    monkeypatch.setattr(workers, "WORTH_A_PROCESS", 10)
    started = []
    pool = futures.ProcessPoolExecutor
    monkeypatch.setattr(futures, "ProcessPoolExecutor", lambda *args: started.append(args[0]) or pool(*args))
    together = Run(["."], Settings(), jobs=2).lint()
    assert started == [2]
    assert together == alone
    assert len(together.diagnostics) == 41
    assert len(together.failures) == 1


def test_one_process_is_enough_for_little(here, files, monkeypatch):
    monkeypatch.setattr(futures, "ProcessPoolExecutor", None)
    files({"a.py": "import torch\nloud(1)\n", "b.py": "import torch\n"})
    assert len(Run(["."], Settings(), jobs=8).lint().diagnostics) == 1


def test_a_rule_that_fails_costs_no_other_finding(here, files):
    files({"a.py": "import torch\nexplode()\nloud(1)\n"})
    outcome = Run(["."], Settings()).lint()
    assert [each.code for each in outcome.diagnostics] == ["AEL190"]
    (line,) = outcome.failures
    assert line == "a.py: rule AEL390 failing-rule failed (ValueError: no idea about a.py); please report it"


def test_a_rule_that_fails_raises_for_its_author(here, files):
    files({"a.py": "import torch\nexplode()\n"})
    with pytest.raises(ValueError, match="no idea"):
        Run(["."], Settings(), raises=True).lint()


def test_a_program_that_cannot_be_followed_is_one_line(here, files):
    files({"a.py": "import torch\n", "b.md": "```python\nx\n```\n"})

    def lost(unit, project):
        raise KeyError("lost\nin detail")

    outcome = Run(["."], Settings(), understand=lost).lint()
    assert len(outcome.failures) == 2
    assert (
        "a.py: the program could not be followed (KeyError: 'lost\\nin detail'); please report it" in outcome.failures
    )


def _die(_paths):
    os._exit(9)


def test_the_files_of_a_worker_that_was_killed_are_named(here, files, monkeypatch):
    files({f"m{i}.py": "import torch\n" + "x = torch.zeros(1)\n" * 2000 for i in range(3)})
    monkeypatch.setattr(workers, "_chunk", _die)
    failures = Run(["."], Settings(), jobs=2).lint().failures
    assert len(failures) == 3
    assert all("a worker process was killed" in line for line in failures)
