"""The plugin inside a pytest run: fixture, items, options, reports."""

import json
import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

HEALTHY = """
import torch
from torch import nn
from pytest_aecheck import AESpec, parametrize_with_checks

class AE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(12, 4), nn.Linear(4, 12)
    def forward(self, x):
        return self.decoder(torch.tanh(self.encoder(x)))

class Deaf(AE):
    def forward(self, x):
        return self.decoder(torch.zeros(len(x), 4))

def batch(n, seed):
    return torch.randn(n, 12, generator=torch.Generator().manual_seed(seed))

def loss(model, x):
    return (model(x) - x).pow(2).mean()
"""


def run(pytester, code, *arguments, fresh=False):
    """Run a test file beside the models; `fresh` in a process of its own, where state would otherwise stay behind."""
    pytester.makepyfile(model=HEALTHY, test_it="from model import *\n" + code)
    call = pytester.runpytest_subprocess if fresh else pytester.runpytest_inprocess
    return call("-p", "no:cacheprovider", *arguments)


def test_fixture_is_silent_on_a_healthy_model(pytester):
    result = run(pytester, "def test(aecheck): assert not aecheck(AE, batch=torch.rand(8, 12)).failed")
    result.assert_outcomes(passed=1)


def test_fixture_says_what_is_wrong_and_how_to_see_it(pytester):
    result = run(pytester, "def test(aecheck): aecheck(Deaf, batch=batch, loss=loss)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*AEC200 output-ignores-input: the output does not vary with the input*",
            "*smallest failing batch:*",
            "*x = batch(2, 0)*",
        ]
    )


def test_one_item_per_check_selectable_and_skips_counted(pytester):
    code = "@parametrize_with_checks(AESpec(AE, batch, loss=loss))\ndef test(check): check()"
    result = run(pytester, code, "-k", "samples-mix or identical-batches", "-rs")
    result.assert_outcomes(passed=1, skipped=1, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines(["*no loader was declared*"])


def test_strict_counts_a_skip_as_a_failure(pytester):
    run(pytester, "def test(aecheck): aecheck(AE, batch=batch)", "--aecheck-strict").assert_outcomes(failed=1)


ONE_BY_ONE = "@parametrize_with_checks(AESpec(AE, batch, loss=loss), only={only!r})\ndef test(check): check()"


def test_options_hold_for_parametrised_checks(pytester):
    code = ONE_BY_ONE.format(only=["AEC107", "AEC501"])
    run(pytester, code).assert_outcomes(passed=1, skipped=1)
    run(pytester, code, "--aecheck-strict").assert_outcomes(passed=1, failed=1)


def test_what_was_declared_away_is_no_gap_for_strict(pytester):
    """The check that trains runs on request; what is exempt, or for trained models only, is left out on purpose."""
    run(pytester, ONE_BY_ONE.format(only=["AEC421", "AEC231"]), "--aecheck-strict").assert_outcomes(skipped=2)
    code = (
        "def test(aecheck): aecheck(AE, batch=batch, loss=loss, exempt=['AEC501'], only=['AEC421', 'AEC231', 'AEC501'])"
    )
    run(pytester, code, "--aecheck-strict").assert_outcomes(passed=1)


def test_json_file_holds_the_verdicts_of_parametrised_checks(pytester):
    target = pytester.path / "verdicts.json"
    run(pytester, ONE_BY_ONE.format(only=["AEC107", "AEC501"]), f"--aecheck-json={target}")
    assert {found["code"]: found["status"] for found in json.loads(target.read_text())} == {
        "AEC107": "passed",
        "AEC501": "skipped",
    }


def test_html_page_holds_what_failed_and_needs_nothing_beside_it(pytester):
    target = pytester.path / "report.html"
    code = "def test(aecheck): aecheck(Deaf, batch=batch, loss=loss, name='<b>Deaf</b>')"
    run(pytester, code, f"--aecheck-html={target}").assert_outcomes(failed=1)
    text = target.read_text()
    assert "AEC200" in text
    assert "x = batch(2, 0)" in text
    assert text.index("AEC200") < text.index('class="status passed"') < text.index('class="status skipped"')
    assert not any(mark in text for mark in ("<script", "<link", "src=", "@import", "url("))


def test_html_page_escapes_what_it_is_given():
    from pytest_aecheck.report.html import page

    verdict = {
        "test": "<i>",
        "code": "X1",
        "name": "<i>",
        "status": "failed",
        "message": "<i>",
        "numbers": {"<i>": "<i>"},
        "where": "<i>",
    }
    assert "<i>" not in page([verdict])
    assert "No check was made." in page([])


def test_ini_settings_mirror_options(pytester):
    pytester.makeini("[pytest]\naecheck_only = AEC107\n")
    run(pytester, "def test(aecheck): assert len(aecheck(AE, batch=batch).verdicts) == 1").assert_outcomes(passed=1)


def test_model_from_the_command_line_needs_no_test_file(pytester):
    pytester.syspathinsert()
    pytester.makepyfile(model=HEALTHY)
    result = pytester.runpytest_inprocess(
        "--aecheck-model", "model:Deaf", "--aecheck-input", "12", "--aecheck-only", "AEC200,AEC107"
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["aecheck: model=model:Deaf*"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--aecheck-model", "model:AE"], "*needs --aecheck-input*"),
        (["--aecheck-model", "model:AE", "--aecheck-input", "a,b"], "*must be integers*"),
        (["--aecheck-model", "nothing:AE", "--aecheck-input", "3"], "*cannot import*"),
    ],
)
def test_wrong_command_line_gets_one_clear_line(pytester, arguments, message):
    pytester.syspathinsert()
    pytester.makepyfile(model=HEALTHY)
    result = pytester.runpytest_inprocess(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_verdicts_reach_json_and_junit_through_two_workers(pytester):
    code = "def test_a(aecheck): aecheck(AE, batch=batch)\ndef test_b(aecheck): aecheck(Deaf, batch=batch)"
    result = run(pytester, code, "-n", "2", "--aecheck-json", "out.json", "--junitxml", "junit.xml", fresh=True)
    result.assert_outcomes(passed=1, failed=1)
    written = json.loads((pytester.path / "out.json").read_text())
    assert {entry["code"] for entry in written if entry["status"] == "failed"} >= {"AEC200"}
    assert 'name="aecheck.AEC200"' in (pytester.path / "junit.xml").read_text()


def test_header_and_summary_stay_away_from_other_test_runs(pytester):
    pytester.makepyfile("def test(): pass")
    result = pytester.runpytest_inprocess()
    assert "aecheck:" not in result.stdout.str()
    assert "= aecheck =" not in result.stdout.str()


def test_expected_failure_is_a_skip_and_its_passing_an_error(pytester):
    code = """
def test_known(aecheck): aecheck(Deaf, batch=batch, only=["AEC200"], expected_failures={"AEC200": "ticket 3"})
def test_fixed(aecheck): aecheck(AE, batch=batch, only=["AEC200"], expected_failures={"output-ignores-input": "ticket 3"})
"""
    result = run(pytester, code)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*expected to fail (ticket 3), but it passes*"])


def test_a_project_can_add_a_check(pytester):
    pytester.makeconftest("""
from pytest_aecheck import Check
CHECK = Check("MY001", "few-outputs", "more than ten outputs")

def judge(observations):
    width = observations.output.shape[1]
    return CHECK.failed(f"{width} outputs", width=width) if width > 10 else CHECK.passed()

def pytest_aecheck_checks(config):
    return [(CHECK, judge)]
""")
    result = run(pytester, "def test(aecheck): aecheck(AE, batch=batch)", fresh=True)
    result.stdout.fnmatch_lines(["*MY001 few-outputs: 12 outputs*"])


def test_single_questions_raise_with_the_same_message_and_return_numbers(pytester):
    code = """
import pytest
from torch.utils.data import DataLoader
def test_vary(aecheck): assert "AEC200" == aecheck.outputs_vary(AE, batch).verdicts[0].code
def test_deaf(aecheck):
    with pytest.raises(AssertionError, match="does not vary with the input"): aecheck.outputs_vary(Deaf, batch)
def test_spread(aecheck):
    with pytest.raises(AssertionError, match="more than 100"): aecheck.outputs_vary(AE, batch, relative_spread=100.0)
def test_mix(aecheck): aecheck.samples_independent(AE, batch)
def test_reach(aecheck): aecheck.gradients_reach(AE, batch, loss=loss)
def test_loader(aecheck): aecheck.loader(DataLoader(batch(40, 0), 8, shuffle=True))
def test_distinct(aecheck): aecheck.batches_distinct(lambda: DataLoader(batch(40, 0), 8))
"""
    run(pytester, code).assert_outcomes(passed=7)


@pytest.mark.parametrize(
    "name",
    [
        "pytest_aecheck",
        "pytest_aecheck.plugin",
        "pytest_aecheck.catalogue",
        "pytest_aecheck.items",
        "pytest_aecheck.spec",
    ],
)
def test_importing_loads_neither_torch_nor_hypothesis(name):
    assert loaded_by(f"import {name}; __import__('pytest_aecheck.catalogue').catalogue.builtin_checks()") == []


def test_the_import_test_can_fail():
    assert loaded_by("import pytest_aecheck.runner") == ["torch"]


def loaded_by(statement):
    code = f"import sys; {statement}; print([m for m in ('torch', 'hypothesis') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.replace("'", '"'))


NO_TORCH = """
import importlib.abc, importlib.util, sys
class Hide(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(name)
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in {names!r} else real(name, package)
sys.meta_path.insert(0, Hide())
"""


@pytest.mark.parametrize(
    ("hidden", "outcome"), [(("torch",), "errors"), (("nothing",), "passed")], ids=["without-torch", "with-torch"]
)
def test_without_torch_other_tests_run_and_the_fixture_says_why_not(pytester, hidden, outcome):
    pytester.makepyfile(hide=NO_TORCH.format(names=hidden), test_it="def test_plain(): pass\ndef test(aecheck): pass")
    result = pytester.runpytest_subprocess("-p", "hide")
    assert result.parseoutcomes()[outcome] == (1 if outcome == "errors" else 2)
    if outcome == "errors":
        result.stdout.fnmatch_lines(["*UsageError: the aecheck fixture runs models and needs torch*"])
