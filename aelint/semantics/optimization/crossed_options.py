"""Options that come in pairs, for encoder and decoder or for two networks, of which the one is read in the other's place."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.mentions import strings
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import is_own_attribute, last_name
from aelint.syntax.options import destination
from aelint.syntax.walk import every, once_per_node

__all__ = ["CrossedOption", "crossed_options", "unread_options", "words"]


@dataclass(frozen=True, slots=True, eq=False)
class CrossedOption:
    """`read` stands in a class or an object of the other side, and its counterpart `meant`, declared at `declared`, is read nowhere."""

    site: Site
    read: str
    meant: str
    owner: str
    declared: Site


_PAIRS = {"enc": "dec", "encoder": "decoder", "dec": "enc", "decoder": "encoder"}
_OPTION = re.compile(r"^(enc|dec|encoder|decoder)_(\w+)$|^(\w+)_(enc|dec|encoder|decoder)$")
_SIDES = {"enc": "encoder", "encoder": "encoder", "dec": "decoder", "decoder": "decoder"}


@per_program
def crossed_options(program: Program) -> list[CrossedOption]:
    """Reads of one side's option inside of the other side's class; each place once."""
    unread = unread_options(program)
    return [*_crossed_sides(program, unread), *_crossed_parties(program, unread)] if unread else []


@per_program
def unread_options(program: Program) -> dict[str, Site]:
    """The options and fields that no file of the program reads as an attribute, and where each is declared."""
    # The first file that declares an option is the one that a reader finds.
    declared = {
        name: Site(unit, node) for unit in reversed(program.files) for name, node in _declared(unit.tree).items()
    }
    if not declared:
        return {}
    read = frozenset[str]().union(*(_names_read(unit.tree) for unit in program.files))
    return {name: site for name, site in declared.items() if name not in read}


def _crossed_sides(program: Program, unread: dict[str, Site]) -> Iterator[CrossedOption]:
    """`config.enc_layers` inside of a `Decoder`."""
    for cls in program.own_classes:
        name = cls.name.lower()
        for node in _reads(cls.node):
            side, meant = _counterpart(node.attr)
            if meant in unread and _SIDES[_PAIRS[side]] in name and _SIDES[side] not in name:
                yield CrossedOption(Site(cls.module.unit, node), node.attr, meant, cls.name, unread[meant])


_PARTIES = (
    (("g", "gen", "generator", "netg"), ("d", "disc", "dis", "discriminator", "netd", "critic")),
    (("train", "training"), ("val", "valid", "validation", "test", "eval")),
)
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def _crossed_parties(program: Program, unread: dict[str, Site]) -> Iterator[CrossedOption]:
    """`opt_d = Adam(d.parameters(), lr=args.lr_g)`, where nothing reads `lr_d`."""
    waiting = [name for name in unread if name not in strings(program)]
    for node in every(ast.Assign, program.tree) if waiting else ():
        match node:
            case ast.Assign(targets=[ast.Name() | ast.Attribute() as target], value=ast.Call() as call):
                owner = ast.unparse(target)
                told = {*words(owner), *(w for a in call.args[:1] for w in words(ast.unparse(a)))}
                given = [one for keyword in call.keywords for one in _reads(keyword.value)]
                for one, meant in itertools.product(given, waiting):
                    if _is_of_the_other(one.attr, meant, told):
                        yield CrossedOption(Site(program.unit, one), one.attr, meant, owner, unread[meant])
            case _:
                pass


def words(text: str) -> list[str]:
    """The words of a name, in lower case: `lossD_real` are three."""
    return [word.lower() for word in _WORDS.findall(text)]


def _is_of_the_other(read: str, meant: str, told: set[str]) -> bool:
    """Whether two names differ in the party alone, and what they are for is told to be of the second one's."""
    ours, theirs = words(read), words(meant)
    apart = [(a, b) for a, b in zip(ours, theirs, strict=False) if a != b]
    if len(ours) != len(theirs) or len(apart) != 1 or len(ours) == 1:
        return False
    return any(
        apart[0][0] in mine and apart[0][1] in other and told & {*other} and not told & {*mine}
        for one, two in _PARTIES
        for mine, other in ((one, two), (two, one))
    )


def _reads(tree: ast.AST) -> Iterator[ast.Attribute]:
    """The attributes that are read of something else than `self`."""
    for node in every(ast.Attribute, tree):
        if isinstance(node.ctx, ast.Load) and not is_own_attribute(node):
            yield node


@once_per_node
def _names_read(tree: ast.AST) -> frozenset[str]:
    return frozenset(node.attr for node in _reads(tree))


def _counterpart(name: str) -> tuple[str, str]:
    """The side that an option is named after, and the name of the other side's; empty for what has no side."""
    match = _OPTION.match(name)
    if match is None:
        return "", ""
    side = match.group(1) or match.group(4)
    other = _PAIRS[side]
    return side, f"{other}_{match.group(2)}" if match.group(1) else f"{match.group(3)}_{other}"


@once_per_node
def _declared(tree: ast.AST) -> dict[str, ast.AST]:
    """The options of command lines, `add_argument("--enc_layers")`, and fields, by the attribute that holds them."""
    found: dict[str, ast.AST] = {}
    for call in every(ast.Call, tree):
        if name := destination(call):
            found.setdefault(name, call)
    for cls in every(ast.ClassDef, tree):
        for field in _fields(cls):
            found.setdefault(last_name(field.target), field)
    return found


def _fields(node: ast.ClassDef) -> list[ast.AnnAssign]:
    """The fields of a data class; none for another one."""
    if not any("dataclass" in ast.unparse(d) for d in node.decorator_list):
        return []
    return [s for s in node.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)]
