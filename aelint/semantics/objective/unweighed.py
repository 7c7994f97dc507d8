"""Terms of a loss that have a weight of their own, and neither the term nor the weight ever comes to act."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from aelint.rule import Site
from aelint.semantics.dataflow.backward_passes import backward_passes
from aelint.semantics.dataflow.graph import consumers, parts_of_all
from aelint.semantics.dataflow.mentions import attributes_read, strings
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding
from aelint.semantics.domain.values import Sym
from aelint.syntax.options import destination
from aelint.syntax.walk import walk

__all__ = ["READ_OFF", "is_only_read_off", "unweighed_terms"]

_TERM = re.compile(r"^(?:loss_(\w+)|(\w+)_(?:loss|penalty|reg))$")
_WEIGHT = re.compile(
    r"^(?:(?:lambda|lam|weight|w|coeff?|alpha|beta)_(\w+)|(\w+)_(?:lambda|lambd|weight|w|coeff?|scale))$"
)
READ_OFF = frozenset({"item", "item_value", "detach", "float", "cpu", "numpy"})
"""What takes the number of a loss, for which no gradient asks."""


def unweighed_terms(program: Program, reached: set[int]) -> Iterator[tuple[Binding, str, Site]]:
    """`latent_loss`, of which only the number is read, beside a `latent_weight` that nothing reads, and where it is kept."""
    weights = _unread_weights(program)
    if not weights or not reached:
        return
    kept = [*(r.value for r in program.returns), *(s.value for s in program.stores)]
    held = parts_of_all(kept)
    used = consumers(program)
    ending = {id(c.context.function) for c in backward_passes(program)}
    for binding in program.bindings:
        value, match = binding.value, _TERM.match(binding.name)
        if match is None or not isinstance(value, Sym) or value.tensor is not True or binding.context.no_grad:
            continue
        name = match.group(1) or match.group(2)
        alone = value.id not in reached and value.id not in held and is_only_read_off(value, used)
        if alone and name in weights and id(binding.context.function) in ending:
            weight, site = weights[name]
            yield binding, weight, site


def is_only_read_off(value: Sym, used: dict[int, list[Sym]]) -> bool:
    """Whether nothing takes the value but what reads its number."""
    pending, seen = [value], set[int]()
    while pending:
        one = pending.pop()
        for consumer in used.get(one.id, ()):
            if consumer.op == "phi" and consumer.id not in seen:
                seen.add(consumer.id)
                pending.append(consumer)
            elif consumer.op not in READ_OFF and consumer.op != "phi":
                return False
    return True


def _unread_weights(program: Program) -> dict[str, tuple[str, Site]]:
    """By the name of their term: weights that the entry file declares or keeps, and that no file reads."""
    declared: dict[str, tuple[str, Site]] = {}
    for node in walk(program.tree):
        name = _kept(node)
        match = _WEIGHT.match(name)
        if match is not None:
            term = (match.group(1) or match.group(2)).removeprefix("loss_").removesuffix("_loss")
            declared.setdefault(term, (name, Site(program.unit, node)))
    if not declared:
        return {}
    mentioned = attributes_read(program) | strings(program)
    return {term: one for term, one in declared.items() if one[0] not in mentioned}


def _kept(node: ast.AST) -> str:
    """The attribute, the field or the option that a statement makes known, "" for other code."""
    match node:
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]):
            return name
        case ast.AnnAssign(target=ast.Name(id=name), simple=1):
            return name
        case _:
            return destination(node)
