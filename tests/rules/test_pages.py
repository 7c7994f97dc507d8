"""Every rule's page is executed: what it calls an example fires, what it recommends is silent for every rule."""

import re

import pytest

from aelint.diagnostics import Severity
from tests.rules.harness import again, examples, repeated, rule_modules, run, sections

RULES = rule_modules()
IDS = [m.RULE.name for m in RULES]
HEADINGS = ["What it does", "Why is this bad?", "Example", "Use instead", "Known limits", "References"]


@pytest.mark.parametrize("module", RULES, ids=IDS)
def test_page_has_its_headings_in_order(module):
    assert list(sections(module)) == HEADINGS


@pytest.mark.parametrize("module", RULES, ids=IDS)
def test_example_fires(module):
    found = examples(module, "Example")
    assert found, "a page needs an example"
    for source in found:
        assert run(module, source), source


@pytest.mark.parametrize("module", RULES, ids=IDS)
def test_recommended_code_is_silent(module):
    found = examples(module, "Use instead")
    assert found, "a page needs the code to use instead"
    loud = [m for m in RULES if m.RULE.severity is not Severity.ADVICE or m is module]
    for source in found:
        for other in loud:
            assert not run(other, source), f"{other.RULE.code} on: {source}"


def test_codes_and_names_are_unique_and_well_formed():
    assert len({m.RULE.code for m in RULES}) == len(RULES)
    assert len({m.RULE.name for m in RULES}) == len(RULES)
    for module in RULES:
        assert re.fullmatch(r"AEL[1-7]\d\d", module.RULE.code)
        assert module.__name__.rsplit(".", 1)[-1] == module.RULE.name.replace("-", "_")


@pytest.mark.parametrize("module", RULES, ids=IDS)
def test_a_place_that_runs_again_is_reported_once(module):
    for source in examples(module, "Example"):
        assert not repeated(run(module, source)), source
        assert not repeated(run(module, again(source))), again(source)


@pytest.mark.parametrize("module", RULES, ids=IDS)
def test_what_is_said_is_a_phrase_without_capital_and_full_stop(module):
    findings = [f for source in examples(module, "Example") for f in run(module, source)]
    said = [module.RULE.summary, *(f.message for f in findings), *(n.message for f in findings for n in f.notes)]
    said += [f.rewrite.message for f in findings if f.rewrite is not None]
    for text in said:
        assert not text.endswith("."), text
        assert not re.match(r"[A-Z][a-z]*\b", text), text
