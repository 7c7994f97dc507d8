"""Every check is documented where it is written, and its identity is well formed."""

import re

import pytest

from pytest_aecheck.catalogue import builtin_checks, register, select
from pytest_aecheck.observations import Observations
from pytest_aecheck.probes.observatory import _PROBES
from pytest_aecheck.verdicts import Check

ENTRIES = builtin_checks()
HEADINGS = ["What it does", "Why is this bad?", "How it decides", "Exemptions", "References"]


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry.id for entry in ENTRIES])
def test_page_has_its_headings_in_order_and_a_reference(entry):
    assert re.findall(r"^## (.+)$", entry.documentation, re.MULTILINE) == HEADINGS
    assert "http" in entry.documentation.split("## References")[1]


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry.id for entry in ENTRIES])
def test_check_needs_what_can_be_observed(entry):
    assert entry.check.needs
    for need in entry.check.needs:
        assert need in _PROBES
        assert hasattr(Observations, need)


def test_codes_and_names_are_unique_and_well_formed():
    codes, names = [e.check.code for e in ENTRIES], [e.check.name for e in ENTRIES]
    assert len(set(codes)) == len(set(names)) == len(ENTRIES)
    assert all(re.fullmatch(r"AEC[1-7]\d\d", code) for code in codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)


def test_selection_by_code_beginning_and_name():
    assert [e.check.code for e in select(ENTRIES, ["AEC50"], ["AEC505"])] == [
        "AEC500",
        "AEC501",
        "AEC502",
        "AEC504",
        "AEC506",
        "AEC508",
        "AEC509",
    ]
    assert [e.check.name for e in select(ENTRIES, ["samples-mix"])] == ["samples-mix"]


def test_a_code_is_never_given_twice():
    with pytest.raises(ValueError, match="AEC100 exists already"):
        register(Check("AEC100", "x", "x"), lambda observations: None)
