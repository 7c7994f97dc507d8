"""A page's examples say the same in another spelling: no rule may hang on how a fault is written down."""

import pytest

from aelint.api import lint_source
from tests.rules.harness import examples, rule_modules, run
from tests.rules.rewritings import REWRITINGS, rewritten

RULES = rule_modules()

NO_LONGER_THE_FAULT = {
    ("Halves", "AEL325"): "that the division binds less than the power is the fault",
    ("Products", "AEL324"): "a file without a power is not looked at by this rule",
}


@pytest.mark.parametrize("name", REWRITINGS)
def test_an_example_fires_in_another_spelling(name):
    tried = 0
    for module in RULES:
        for source in examples(module, "Example") if (name, module.RULE.code) not in NO_LONGER_THE_FAULT else ():
            other = rewritten(source, name)
            if other is not None:
                tried += 1
                assert run(module, other), f"{module.RULE.code} is silent on:\n{other}"
    assert tried, "this rewriting changes no example"


@pytest.mark.parametrize("name", REWRITINGS)
def test_recommended_code_is_silent_in_another_spelling(name):
    for module in RULES:
        for source in examples(module, "Use instead"):
            other = rewritten(source, name)
            found = lint_source(other) if other is not None else []
            assert not found, f"{[d.code for d in found]} on:\n{other}"
