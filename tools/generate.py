"""Write what follows from the rules and checks: the catalogue, their pages, and the README's table.

python tools/generate.py           write the files
python tools/generate.py --check   write nothing; exit 1 if a file is out of date
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import pprint
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from aelint.pages import page  # noqa: E402
from aelint.registry import FAMILIES, UNREADABLE, UNUSED_SUPPRESSION  # noqa: E402
from aelint.rule import Rule  # noqa: E402

NOTICE = "<!-- Written by tools/generate.py; change the docstring of the module instead. -->"
TABLE = ("<!-- what it finds: begin -->", "<!-- what it finds: end -->")
SAMPLE = ("<!-- sample: begin -->", "<!-- sample: end -->")
FAILURE = ("<!-- failure: begin -->", "<!-- failure: end -->")


def main() -> int:
    """Write or compare every generated file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is out of date")
    check = parser.parse_args().check
    wanted = dict(generated())
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text]
    stale += [path for path in orphans(wanted) if path.is_file()]
    for path in stale:
        print(f"{'out of date' if check else 'written'}: {path.relative_to(ROOT)}")
        if not check and path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], "utf-8")
        elif not check:
            path.unlink()
    if check and stale:
        print("run `python tools/generate.py`")
    return int(check and bool(stale))


def generated() -> Iterator[tuple[Path, str]]:
    """Each generated file and its text."""
    rules = [(module.RULE, module) for module in modules("aelint/rules", "RULE")]
    yield ROOT / "aelint" / "_catalogue.py", catalogue(rules)
    for rule, module in rules:
        yield ROOT / "docs" / "rules" / f"{rule.name}.md", rule_page(rule, module)
    for info in (UNREADABLE, UNUSED_SUPPRESSION):
        text = f"{NOTICE}\n\n# {info.name} ({info.code})\n\n{page(info)}\n"
        yield ROOT / "docs" / "rules" / f"{info.name}.md", text
    yield ROOT / "docs" / "rules" / "index.md", rule_index([rule for rule, _ in rules])
    checks = []
    if has_torch():
        checks = [(module.CHECK, module) for module in modules("pytest_aecheck/checks", "CHECK")]
        for check, module in checks:
            yield ROOT / "docs" / "checks" / f"{check.name}.md", check_page(check, module)
        yield ROOT / "docs" / "checks" / "index.md", check_index([check for check, _ in checks])
        readme = (ROOT / "README.md").read_text("utf-8")
        readme = between(readme, *TABLE, table([rule for rule, _ in rules], [check for check, _ in checks]))
        readme = between(readme, *SAMPLE, sample())
        yield ROOT / "README.md", between(readme, *FAILURE, failure())


def orphans(wanted: dict[Path, str]) -> list[Path]:
    """Pages of rules and checks that exist no more."""
    folders = ("rules", "checks") if has_torch() else ("rules",)
    return [page for name in folders for page in sorted((ROOT / "docs" / name).glob("*.md")) if page not in wanted]


def has_torch() -> bool:
    """The checks' package needs it."""
    return find_spec("torch") is not None


def modules(folder: str, constant: str) -> list[ModuleType]:
    """The modules below a folder that define `constant`, in the order of its codes."""
    paths = sorted(path for path in (ROOT / folder).glob("*/*.py") if path.name != "__init__.py")
    found = [importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)) for path in paths]
    return sorted((m for m in found if hasattr(m, constant)), key=lambda m: getattr(m, constant).code)


def catalogue(rules: list[tuple[Rule, ModuleType]]) -> str:
    """The module that lets the linter know its rules without importing them."""
    entries = "".join(f"    {entry(rule, module)},\n" for rule, module in rules)
    body = f"(\n{entries})" if entries else "()"
    return (
        '"""Written by tools/generate.py from the rule modules; do not edit."""\n\n'
        "from __future__ import annotations\n\n"
        "from typing import Any\n\n"
        "# fmt: off\n"
        f"CATALOGUE: tuple[tuple[Any, ...], ...] = {body}\n"
    )


def entry(rule: Rule, module: ModuleType) -> str:
    """One rule as a literal on one line."""
    values = (
        rule.code,
        rule.name,
        module.__name__,
        rule.summary,
        str(rule.severity),
        str(rule.confidence),
        tuple(tuple(group) for group in rule.triggers),
        dict(rule.options),
    )
    return pprint.pformat(values, width=10**6, sort_dicts=False)


def rule_page(rule: Rule, module: ModuleType) -> str:
    """The page of a rule."""
    options = "".join(f"| `{name}` | `{value!r}` |\n" for name, value in rule.options.items())
    settings = f"\n## Options\n\nUnder `[tool.aelint.rules.{rule.name}]`:\n\n| option | default |\n|---|---|\n{options}"
    return (
        f"{NOTICE}\n\n# {rule.name} ({rule.code})\n\n"
        f"{rule.severity} · {rule.confidence} confidence · family {FAMILIES[rule.code[3]]}\n\n"
        f"{inspect.getdoc(module)}\n{settings if options else ''}"
    )


def check_page(check: Any, module: ModuleType) -> str:
    """The page of a check."""
    return f"{NOTICE}\n\n# {check.name} ({check.code})\n\n{inspect.getdoc(module)}\n"


def rule_index(rules: list[Rule]) -> str:
    """The list of all rules, by family."""
    text = f"{NOTICE}\n\n# Rules\n"
    engine = "".join(
        f"| {i.code} | [{i.name}]({i.name}.md) | {i.summary} | {i.severity} |\n"
        for i in (UNREADABLE, UNUSED_SUPPRESSION)
    )
    for digit, family in FAMILIES.items():
        rows = "".join(
            f"| {rule.code} | [{rule.name}]({rule.name}.md) | {rule.summary} | {rule.severity} |\n"
            for rule in rules
            if rule.code[3] == digit
        )
        rows = engine if digit == "0" else rows
        if rows:
            text += f"\n## {family}\n\n| code | name | finds | severity |\n|---|---|---|---|\n{rows}"
    return text


def check_index(checks: list[Any]) -> str:
    """The list of all checks."""
    rows = "".join(f"| {check.code} | [{check.name}]({check.name}.md) | {check.summary} |\n" for check in checks)
    return f"{NOTICE}\n\n# Checks\n\n| code | name | fails when |\n|---|---|---|\n{rows}"


def between(text: str, begin: str, end: str, content: str) -> str:
    """The text with new content between two marks."""
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{content}{end}{rest.partition(end)[2]}"


def sample() -> str:
    """What the linter says about the shipped examples, as a terminal shows it."""
    command = [sys.executable, "-m", "aelint", "check", "--isolated", "--no-cache", "examples/"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if shown.returncode != 1:
        raise SystemExit(f"the examples must have findings: {shown.stdout}{shown.stderr}")
    return f"```console\n$ aelint check examples/\n{shown.stdout}```\n"


def failure() -> str:
    """What the plugin says about the faulty example: which model failed, one fault in full, the failed test.

    How many checks passed is left out, as it depends on what is installed beside torch.
    """
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "examples/"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    failed = re.search(r"^E .*CheckFailure: .*$", shown, re.MULTILINE)
    fault = re.search(r"^E +AEC203 .*\n(?:E {9,}.*\n)+", shown, re.MULTILINE)
    test = re.search(r"^FAILED \S+", shown, re.MULTILINE)
    if not (failed and fault and test):
        raise SystemExit(f"the faulty example must fail with AEC203: {shown}")
    message, *details = fault.group().splitlines()
    lines = [
        "...",
        failed.group(),
        "...",
        *textwrap.wrap(message, 110, subsequent_indent="E       ", break_on_hyphens=False),
        *details,
    ]
    shown = "\n".join([*lines, "...", test.group()])
    return f"```console\n$ pytest examples/\n{shown}\n```\n"


def table(rules: list[Rule], checks: list[Any]) -> str:
    """What is found, source beside run time, in the order of the numbers."""
    rows = {}
    for rule in rules:
        rows[rule.code[3:]] = (f"[{rule.code}](docs/rules/{rule.name}.md)", "", rule.name, rule.summary)
    for check in checks:
        link = f"[{check.code}](docs/checks/{check.name}.md)"
        source, _, name, summary = rows.get(check.code[3:], ("", "", check.name, check.summary))
        rows[check.code[3:]] = (source, link, name, summary)
    lines = "".join(f"| {' | '.join(rows[number])} |\n" for number in sorted(rows))
    return f"\n| in source | at run time | name | what it finds |\n|---|---|---|---|\n{lines}\n"


if __name__ == "__main__":
    sys.exit(main())
