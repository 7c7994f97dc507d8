"""Options that come in pairs, for encoder and decoder or for two networks, of which the one is read in the other's place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.memo import per_program
from aelint.semantics.program import Program
from aelint.syntax.walk import walk

__all__ = ["CrossedOption", "crossed_options"]


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
    declared = _declared(program)
    if not declared:
        return []
    read = {node.attr for module in program.machine.modules.values() for node in _reads(module.tree)}
    found = []
    for cls in program.own_classes:
        for node in _reads(cls.node):
            side, meant = _counterpart(node.attr)
            other = _SIDES.get(_PAIRS.get(side, ""), "?")
            name = cls.name.lower()
            if meant in declared and meant not in read and other in name and _SIDES[side] not in name:
                site = Site(cls.module.unit, node)
                found.append(CrossedOption(site, node.attr, meant, cls.name, declared[meant]))
    return [*found, *_crossed_arguments(program, declared, read)]


_PARTIES = (
    (("g", "gen", "generator", "netg"), ("d", "disc", "dis", "discriminator", "netd", "critic")),
    (("train", "training"), ("val", "valid", "validation", "test", "eval")),
)
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def _crossed_arguments(program: Program, declared: dict[str, Site], read: set[str]) -> Iterator[CrossedOption]:
    """`opt_d = Adam(d.parameters(), lr=args.lr_g)`, where nothing reads `lr_d`."""
    named = {text for m in program.machine.modules.values() for n in walk(m.tree) for text in _texts(n)}
    waiting = [name for name in declared if name not in read and name not in named]
    for node in walk(program.tree) if waiting else ():
        match node:
            case ast.Assign(targets=[ast.Name() | ast.Attribute() as target], value=ast.Call() as call):
                owner = ast.unparse(target)
                told = {*_words(owner), *(w for a in call.args[:1] for w in _words(ast.unparse(a)))}
                for keyword in call.keywords:
                    for one in _reads(keyword.value):
                        for meant in waiting:
                            if _is_of_the_other(one.attr, meant, told):
                                yield CrossedOption(Site(program.unit, one), one.attr, meant, owner, declared[meant])


def _texts(node: ast.AST) -> list[str]:
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(text)]


def _is_of_the_other(read: str, meant: str, told: set[str]) -> bool:
    """Whether two names differ in the party alone, and what they are for is told to be of the second one's."""
    ours, theirs = _words(read), _words(meant)
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
    for node in walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and not _is_of_self(node):
            yield node


def _is_of_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "self"


def _counterpart(name: str) -> tuple[str, str]:
    """The side that an option is named after, and the name of the other side's; empty for what has no side."""
    match = _OPTION.match(name)
    if match is None:
        return "", ""
    side = match.group(1) or match.group(4)
    other = _PAIRS[side]
    return side, f"{other}_{match.group(2)}" if match.group(1) else f"{match.group(3)}_{other}"


def _declared(program: Program) -> dict[str, Site]:
    """The options of command lines, `add_argument("--enc_layers")`, and fields, by the attribute that holds them."""
    found: dict[str, Site] = {}
    for module in program.machine.modules.values():
        for node in walk(module.tree):
            for name in _added(node):
                found.setdefault(name, Site(module.unit, node))
            if isinstance(node, ast.ClassDef) and any("dataclass" in ast.unparse(d) for d in node.decorator_list):
                for field in node.body:
                    if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                        found.setdefault(field.target.id, Site(module.unit, field))
    return found


def _added(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Attribute(attr="add_argument"), args=[*names]):
            texts = [n.value for n in names if isinstance(n, ast.Constant) and isinstance(n.value, str)]
            yield from (t[2:].replace("-", "_") for t in texts if t.startswith("--"))
        case _:
            return
