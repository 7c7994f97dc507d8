"""Options that are to weigh a term of a loss, as a fellow of the same stem does, and that nothing reads."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.mentions import READS_ANYTHING, attributes_read, strings
from aelint.semantics.dataflow.program import Program
from aelint.semantics.optimization.crossed_options import unread_options, words
from aelint.syntax.names import is_own_attribute, last_name
from aelint.syntax.sums import terms_of
from aelint.syntax.walk import every

__all__ = ["UnreadShare", "unread_shares"]

_STEM = 2
"""Letters that two names have in common, at least, to belong together."""
_PARTS = re.compile(r"(?<=_)|(?<=[a-z])(?=[A-Z0-9])")


@dataclass(frozen=True, slots=True, eq=False)
class UnreadShare:
    """A summand whose option `meant`, declared at `declared`, is read nowhere, beside one that `fellow` weighs."""

    site: Site
    term: str
    meant: str
    fellow: str
    declared: Site


@dataclass(frozen=True, slots=True, eq=False)
class _Summand:
    """A term of a sum by name, and the option that it is multiplied with; `rest` for `1 - option`."""

    node: ast.expr
    term: str
    option: str = ""
    rest: bool = False


@per_program
def unread_shares(program: Program) -> list[UnreadShare]:
    """Sums in which one term has its own option for a weight, and another one has not though there is one for it."""
    unread = {name: site for name, site in unread_options(program).items() if name not in strings(program)}
    names = {n.id for unit in program.files for n in every(ast.Name, unit.tree)} if unread else set()
    if not unread or (names | attributes_read(program)) & READS_ANYTHING:
        return []
    return [found for total in _sums(program) for found in _without_their_own(program, total, unread)]


def _sums(program: Program) -> Iterator[list[_Summand]]:
    """The sums of the entry file, each as a whole."""
    sums = [n for n in every(ast.BinOp, program.tree) if isinstance(n.op, ast.Add)]
    inner = {id(side) for n in sums for side in (n.left, n.right)}
    for node in sums:
        if id(node) not in inner:
            yield [_summand(one) for one in terms_of(node)]


def _summand(node: ast.expr) -> _Summand:
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            for weight, term in ((left, right), (right, left)):
                match weight:
                    case ast.Attribute(attr=option) if not is_own_attribute(weight):
                        return _Summand(node, _called(term), option)
                    case ast.BinOp(left=ast.Constant(value=1 | 1.0), op=ast.Sub(), right=ast.Attribute(attr=option)):
                        return _Summand(node, _called(term), option, rest=True)
                    case _:
                        pass
        case _:
            pass
    return _Summand(node, _called(node))


def _called(term: ast.expr) -> str:
    return last_name(term.func if isinstance(term, ast.Call) else term)


def _without_their_own(program: Program, total: list[_Summand], unread: dict[str, Site]) -> Iterator[UnreadShare]:
    fellows = [one for one in total if one.option and one.term and not one.rest]
    alone = [one for one in total if one.term and (one.rest or not one.option)]
    for one, fellow, (meant, declared) in itertools.product(alone, fellows, unread.items()):
        own, other = _own_parts(meant, fellow.option)
        if _names(own, one.term) and _names(other, fellow.term) and not _names(own, fellow.term):
            yield UnreadShare(Site(program.unit, one.node), one.term, meant, fellow.option, declared)


def _own_parts(name: str, other: str) -> tuple[str, str]:
    """What two names have of their own where they begin or end alike: `rec` and `kl` of `lambda_rec` and `lambda_kl`."""
    ours, theirs = _PARTS.split(name), _PARTS.split(other)
    shared = 0
    for end in (0, -1):
        while ours and theirs and ours[end] == theirs[end]:
            shared += len(ours.pop(end))
            theirs.pop(end)
    return ("".join(ours).strip("_").lower(), "".join(theirs).strip("_").lower()) if shared >= _STEM else ("", "")


def _names(part: str, term: str) -> bool:
    """Whether a term is called so: `rec` in `rec_loss`, `D` in `errG_D`."""
    return bool(part) and part in {*words(term), *term.lower().split("_"), *re.findall(r"\d+", term)}
