"""A rule's documentation page: the docstring of its module, read without running the module."""

from __future__ import annotations

import ast
from importlib.util import find_spec

from aelint.registry import RuleInfo

__all__ = ["page"]

ENGINE_PAGES = {
    "AEL000": (
        "The file cannot be read as Python: it is damaged, in another encoding than it says, or has a syntax\n"
        "error. Nothing in it was checked.\n\n"
        "In an article or a notebook, code that is no Python is common, so there it is advice only."
    ),
    "AEL001": (
        "A comment `# aelint: ignore[...]` silences nothing, names no rule, or is misspelled.\n\n"
        "The fault it was written for is gone, or the comment stands in the wrong place. `--fix` removes it."
    ),
}


def page(rule: RuleInfo) -> str:
    """The page in Markdown, without its title."""
    if not rule.module:
        return ENGINE_PAGES[rule.code]
    spec = find_spec(rule.module)
    if spec is None or spec.origin is None:
        return rule.summary
    with open(spec.origin, encoding="utf-8") as file:  # noqa: PTH123 - one file, named by the import system
        return ast.get_docstring(ast.parse(file.read())) or rule.summary
