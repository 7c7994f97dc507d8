"""Weights that a schedule writes in every round into an attribute that nothing reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import MISSING, Instance
from aelint.syntax.walk import every, once_per_node

__all__ = ["UnreadWeight", "unread_weights"]

_WEIGHT = re.compile(
    r"(^|_)(beta|gamma|alpha|lambda|lambd|lam|weight|coeff?|coefficient|temperature|temp|tau|anneal)(_|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, eq=False)
class UnreadWeight:
    """The assignment, the attribute's name, and what owns it."""

    site: Site
    name: str
    owner: str


def unread_weights(program: Program) -> Iterator[UnreadWeight]:
    """Attributes that a loop sets from outside on an object of the project whose class, and everything else, does not know them."""
    told: set[ast.AST] = set()
    for store in program.stores:
        owner, node = store.target, store.site.node
        if not _WEIGHT.search(store.name) or not store.context.loops or node in told:
            continue
        if not isinstance(owner, Instance) or not owner.cls.fully_known or owner.open:
            continue
        known = any(n.attr == store.name for c in owner.cls.mro() for n in every(ast.Attribute, c.node))
        known |= owner.cls.find(store.name) is not MISSING
        if not known and not any(store.name in _named(u.tree) for u in program.files):
            told.add(node)
            yield UnreadWeight(store.site, store.name, owner.cls.name)


@once_per_node
def _named(tree: ast.AST) -> frozenset[str]:
    """The attributes that a file reads, and the words in its strings, by which they may be read as well."""
    read = {n.attr for n in every(ast.Attribute, tree) if isinstance(n.ctx, ast.Load)}
    texts = (n.value for n in every(ast.Constant, tree) if isinstance(n.value, str))
    return frozenset(read.union(word for text in texts for word in re.findall(r"\w+", text)))
