"""Toy rules in place of the real catalogue: each reports calls of functions with a telling name."""

import importlib

TOYS = ("loud_call", "advised_call", "doubtful_call", "failing_rule")


def catalogue():
    """The toy rules as `aelint._catalogue` lists the real ones."""
    entries = []
    for name in TOYS:
        module = importlib.import_module(f"{__name__}.{name}")
        rule = module.RULE
        head = (rule.code, rule.name, module.__name__, rule.summary, str(rule.severity), str(rule.confidence))
        entries.append((*head, rule.triggers, dict(rule.options)))
    return tuple(entries)


def main():
    """The command line over the toy rules, for tests that need a process of their own."""
    from aelint import _catalogue
    from aelint.cli import main as real_main

    _catalogue.CATALOGUE = catalogue()
    return real_main()
