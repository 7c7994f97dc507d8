"""The gates before the interpreter hide no finding: what a rule's page says would fire passes them."""

import pytest

from aelint.engine.prefilter import Tokens, can_fire, needs_analysis
from aelint.sources.unit import SourceUnit
from tests.rules.harness import examples, rule_modules

RULES = rule_modules()


@pytest.mark.parametrize("module", RULES, ids=[m.RULE.name for m in RULES])
def test_examples_pass_the_gates(module):
    for source in examples(module, "Example"):
        assert needs_analysis("page.md", f"```python\n{source}```\n".encode())
        tokens = Tokens([module.RULE]).of([SourceUnit("page.py", source)])
        assert can_fire(module.RULE, tokens), f"triggers {module.RULE.triggers} hide: {source}"


@pytest.mark.parametrize("module", RULES, ids=[m.RULE.name for m in RULES])
def test_tokens_are_in_lower_case(module):
    assert all(token == token.lower() for group in module.RULE.triggers for token in group)
