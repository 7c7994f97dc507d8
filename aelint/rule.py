"""What a rule is made of: metadata, and findings that name a place in the tree and say why.

A rule module holds three things: its docstring (which is its documentation page), `RULE`, and
`check(program) -> Iterator[Finding]`. It never prints and never counts rows or columns; the engine
turns a finding's sites into spans, and keeps the first of the findings at one place.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aelint.diagnostics import Applicability, Confidence, Severity

if TYPE_CHECKING:
    from aelint.sources.unit import SourceUnit

__all__ = ["Finding", "Note", "Rewrite", "Rule", "Site"]


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A node of the tree of one unit of source: where something is written."""

    unit: SourceUnit
    node: ast.AST

    def __repr__(self) -> str:
        return f"{self.unit.path}:{self.row}"

    @property
    def row(self) -> int:
        """The row in the file, or in its notebook cell, on which the node starts."""
        return self.unit.row_of(self.node)

    @property
    def unit_row(self) -> int:
        """The row in the unit's own text, by which the places of one unit are ordered: the cells of a notebook count on."""
        return getattr(self.node, "lineno", 1)

    def lies_in(self, other: Site) -> bool:
        """Whether the node starts in the rows of another node of the same unit."""
        first = other.unit_row
        return self.unit is other.unit and first <= self.unit_row <= (getattr(other.node, "end_lineno", None) or first)

    @property
    def cell(self) -> int | None:
        """The notebook's code cell in which the node starts, counted from 1; None outside of notebooks."""
        return self.unit.cell_of(self.node)

    @property
    def text(self) -> str:
        """The node's own source text ("" when it has no position)."""
        return self.unit.text_of(self.node)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule's identity and default behaviour.

    `triggers` is a condition on the bytes of a file (in lower case): the rule can only fire in a program
    of which some file contains, for every group, at least one of the group's tokens.
    """

    code: str
    name: str
    summary: str
    severity: Severity
    confidence: Confidence = Confidence.HIGH
    triggers: tuple[tuple[str, ...], ...] = ()
    options: Mapping[str, int | float | str | bool] = field(default_factory=dict)
    """Defaults of the settings under `[tool.aelint.rules.<name>]`."""
    absence: bool = False
    """True for a rule that says that something is nowhere: it says nothing of a program that was read in part only."""


@dataclass(frozen=True, slots=True)
class Note:
    """A related place: what was derived there."""

    site: Site
    message: str


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A proposed change: each node's source text is replaced by a new text."""

    message: str
    replacements: tuple[tuple[Site, str], ...]
    applicability: Applicability = Applicability.UNSAFE


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule saw. Severity and confidence default to the rule's own."""

    site: Site
    message: str
    notes: tuple[Note, ...] = ()
    rewrite: Rewrite | None = None
    severity: Severity | None = None
    confidence: Confidence | None = None
