"""Run rules on source text: what the tests of every rule share."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import aelint.rules
from aelint.engine.checkers import checker
from aelint.registry import RuleInfo
from aelint.rule import Finding, Rule
from aelint.semantics import Program, understand
from aelint.sources.unit import SourceUnit

FENCE = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def rule_modules() -> list[ModuleType]:
    """Every rule module of every family."""
    found = []
    for family in pkgutil.iter_modules(aelint.rules.__path__, "aelint.rules."):
        package = importlib.import_module(family.name)
        for one in pkgutil.iter_modules(package.__path__, family.name + "."):
            module = importlib.import_module(one.name)
            if hasattr(module, "RULE"):
                found.append(module)
    return sorted(found, key=lambda m: m.RULE.code)


@dataclass(frozen=True)
class Files:
    """A project of several files, for `understand`: the first is the entry."""

    units: dict[str, SourceUnit] = field(default_factory=dict)

    def find(self, module: str, origin: SourceUnit, level: int = 0) -> SourceUnit | None:
        return self.units.get(module.replace(".", "/") + ".py")

    def around(self, origin: SourceUnit) -> Iterator[SourceUnit]:
        return (unit for unit in self.units.values() if unit is not origin)


def program(source: str | Mapping[str, str]) -> Program:
    """Understand one file, or several by path (the first is the entry)."""
    if isinstance(source, str):
        return understand(SourceUnit("main.py", textwrap.dedent(source)))
    units = {path: SourceUnit(path, textwrap.dedent(text)) for path, text in source.items()}
    return understand(next(iter(units.values())), Files(units))


def run(
    module: ModuleType, source: str | Mapping[str, str], options: Mapping[str, object] | None = None
) -> list[Finding]:
    """The findings of one rule in the text of a program."""
    return findings(module, program(source), options)


def findings(module: ModuleType, understood: Program, options: Mapping[str, object] | None = None) -> list[Finding]:
    """The findings of one rule, called as the engine calls it."""
    rule: Rule = module.RULE
    info = RuleInfo(rule.code, rule.name, module.__name__, rule.summary, rule.severity, rule.confidence)
    return list(checker(info)(understood, {**rule.options, **(options or {})}))


def rows(module: ModuleType, source: str | Mapping[str, str], options: Mapping[str, object] | None = None) -> list[int]:
    """The distinct rows on which one rule reports, in order; no place is reported twice."""
    found = run(module, source, options)
    assert not repeated(found), f"reported more than once: {repeated(found)}"
    return sorted({finding.site.row for finding in found})


def repeated(found: list[Finding]) -> list[str]:
    """The places that stand in more than one finding: code that runs again is still written once."""
    times = Counter(finding.site.node for finding in found)
    return [str(one.site) for one in found if times[one.site.node] > 1]


def sections(module: ModuleType) -> dict[str, str]:
    """The docstring of a rule by heading."""
    text = ast.get_docstring(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))) or ""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return {title.strip(): body for title, body in zip(parts[1::2], parts[2::2], strict=True)}


def again(source: str) -> str:
    """The same program with what it does, apart from its definitions, done twice."""
    tree = ast.parse(source)
    kept = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)
    tree.body.sort(key=lambda statement: not isinstance(statement, kept))
    first = next((i for i, s in enumerate(tree.body) if not isinstance(s, kept)), len(tree.body))
    done = tree.body[first:] or [ast.Pass()]
    loop = ast.For(ast.Name("_", ast.Store()), ast.parse("range(2)", mode="eval").body, done, [])
    return ast.unparse(ast.fix_missing_locations(ast.Module([*tree.body[:first], loop], [])))


def examples(module: ModuleType, heading: str) -> list[str]:
    """The Python fences below one heading of a rule's page."""
    return FENCE.findall(sections(module).get(heading, ""))
