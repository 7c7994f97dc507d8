"""Every injected fault is found, and by the check that knows its name."""

import pytest

from pytest_aecheck import run_checks
from pytest_aecheck.catalogue import builtin_checks
from pytest_aecheck.observations import PROBE_BROKE
from tests.plugin.mutants import MUTANTS

MAY_WARN = {entry.check.code for entry in builtin_checks() if not entry.check.gate} | {"AEC522"}
"""Checks that only warn, and one that warns of a part and fails where everything is left out."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_fault_is_found(mutant):
    (found,) = run_checks(mutant.spec(), only=[mutant.code])
    assert found.status in ("failed", "warned"), str(found)
    assert found.status == "failed" or mutant.code in MAY_WARN


def test_every_check_has_a_fault_to_find():
    assert {entry.check.code for entry in builtin_checks()} == {mutant.code for mutant in MUTANTS}


def test_the_catalogue_is_large_enough_and_has_no_name_twice():
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) >= 60
    assert len(set(names)) == len(names)


@pytest.mark.slow
def test_whole_runs_break_on_no_mutant():
    errored = [
        (m.name, v.code, v.message)
        for m in MUTANTS
        for v in run_checks(m.spec()).verdicts
        if v.status.value == "errored" or v.message.startswith(PROBE_BROKE)
    ]
    assert errored == []
