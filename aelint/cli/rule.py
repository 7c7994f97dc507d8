"""`aelint rule`: a rule's page, read from its module's docstring without importing it."""

from __future__ import annotations

import argparse
import json

from aelint import registry
from aelint.cli.terminal import complain, say
from aelint.pages import page

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Explain the rules that are named, or list them all."""
    if not args.rules and not args.all:
        complain("name a rule (`aelint rule AEL401`), or --all")
        return 2
    try:
        words = args.rules or ["ALL"]
        chosen = {rule.code: rule for word in words for rule in registry.select(word)}
    except registry.UnknownRuleError as error:
        complain(str(error))
        return 2
    found = [chosen[code] for code in sorted(chosen)]
    if args.output_format == "json":
        say(json.dumps([_record(rule) for rule in found], indent=2, ensure_ascii=False))
    elif args.all or len(found) > 1:
        for rule in found:
            say(f"{rule.code}  {rule.severity:<7}  {rule.name:<36}  {rule.summary}")
    else:
        for rule in found:
            say(_text(rule))
    return 0


def _text(rule: registry.RuleInfo) -> str:
    head = f"# {rule.name} ({rule.code})\n\n{rule.severity}, {rule.confidence} confidence, family {rule.family}\n"
    options = "".join(f"- `{name}` = {value!r}\n" for name, value in rule.options.items())
    listed = f"\n## Options\n\n`[tool.aelint.rules.{rule.name}]`\n\n{options}" if options else ""
    return f"{head}\n{page(rule)}\n{listed}".rstrip()


def _record(rule: registry.RuleInfo) -> dict[str, object]:
    return {
        "code": rule.code,
        "name": rule.name,
        "family": rule.family,
        "summary": rule.summary,
        "severity": str(rule.severity),
        "confidence": str(rule.confidence),
        "options": dict(rule.options),
        "explanation": page(rule),
    }
