"""Training and held-out sets that are built by the same call, and results of a split under each other's names."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from aelint.rule import Site
from aelint.semantics.dataflow.callables import positional_names
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.syntax.blocks import blocks_of
from aelint.syntax.names import last_name, scopes
from aelint.syntax.walk import every, own_nodes

__all__ = ["Misread", "SameSplit", "misread_splits", "same_splits"]

_SELECTS = re.compile(r"(^|_)(train|training|split|mode|subset|part|partition|phase|stage|flag|set)$")
"""Parameters that choose the part of the data."""
_PARTS = {"train": "train", "val": "held out", "valid": "held out", "validation": "held out", "test": "held out"}
_WORDS = re.compile(r"_|(?<=[a-z])(?=[A-Z])")
_PART = re.compile(rf"({'|'.join(sorted(_PARTS, key=len, reverse=True))})(set|data|loader|dataset|ds)?")
_DIVIDES = re.compile(r"subset|sampler|random_split|split_data|train_test_split|indices|kfold", re.IGNORECASE)
"""What divides a set after it was built."""


@dataclass(frozen=True, slots=True, eq=False)
class SameSplit:
    """The call that builds a set under a name which its arguments contradict, and the one it repeats."""

    site: Site
    name: str
    other: str
    repeated: Site


@dataclass(frozen=True, slots=True, eq=False)
class Misread:
    """Names that take the parts of several arrays in another order than they are returned in."""

    site: Site
    name: str
    holds: str


def same_splits(program: Program) -> Iterator[SameSplit]:
    """Sets of the entry file that are named for two parts of the data and built by one call, written twice."""
    for built in _together(program):
        for name, call, part in built:
            if part != "train" or _part(name) != "held out":
                continue  # The test part as training data is how tests save time.
            data = _data_of(program, call)
            twins = ((n, c) for n, c, _ in built if _part(n) == "train" and _data_of(program, c) == data)
            other = next(twins, None)
            if other is not None and not _is_divided(program.tree):
                yield SameSplit(Site(program.unit, call), name, other[0], Site(program.unit, other[1]))


def _together(program: Program) -> Iterator[list[tuple[str, ast.Call, str]]]:
    """Sets that exist side by side: those of a scope under names that are set once, and those of one branch."""
    for scope in scopes(program.tree):
        nodes = own_nodes(scope)
        stores = Counter(n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
        changed = {last_name(n.value) for n in nodes if isinstance(n, (ast.Attribute, ast.Subscript)) and _is_stored(n)}
        yield [one for one in _built(program, nodes) if stores[one[0]] < 2 and one[0] not in changed]
        for branch in (b for n in nodes if isinstance(n, ast.If) for b in blocks_of(n)):
            here = list(_built(program, branch))
            often = Counter(name for name, _, _ in here)
            yield [one for one in here if stores[one[0]] > 1 == often[one[0]] and one[0] not in changed]


_PREPARES = frozenset({"download", "transform", "target_transform", "transforms"})
"""Arguments that say how samples are made ready, and not which samples they are."""


def _data_of(program: Program, call: ast.Call) -> list[tuple[str, str]]:
    """What a call is told of the data it is to give."""
    names = _signatures(program).get(id(call), [])
    placed = [(names[i] if i < len(names) else str(i), a) for i, a in enumerate(call.args)]
    told = [("", call.func), *placed, *((k.arg or "", k.value) for k in call.keywords)]
    return sorted((name, ast.dump(value)) for name, value in told if name not in _PREPARES)


def _is_divided(tree: ast.Module) -> bool:
    """Whether anything in the file takes parts of sets."""
    return any(_DIVIDES.search(last_name(n)) for n in (*every(ast.Name, tree), *every(ast.Attribute, tree)))


@per_program
def _signatures(program: Program) -> dict[int, list[str]]:
    """The parameters of what each call runs, by its node."""
    return {id(c.site.node): positional_names(c.callee) for c in program.calls}


def _built(program: Program, nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.Call, str]]:
    """The names that statements set to parts of the data, each call within the value that chooses a part, and which."""
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name() | ast.Attribute() as target], value=ast.Call() as value):
                name = last_name(target)
                if _part(name) is None:
                    continue
                for call in every(ast.Call, value):
                    part = _chosen(call, _signatures(program).get(id(call), []))
                    if part is not None:
                        yield name, call, part
            case _:
                pass


def _is_stored(node: ast.Attribute | ast.Subscript) -> bool:
    return isinstance(node.ctx, ast.Store) and last_name(node.value) != "self"


@cache
def _part(name: str) -> str | None:
    """Which part of the data a name stands for, None if it says none or both."""
    words = [w.lower() for w in _WORDS.split(name)]
    found = {_PARTS[m[1]] for w in words if (m := _PART.fullmatch(w)) is not None}
    return found.pop() if len(found) == 1 else None


def _chosen(call: ast.Call, parameters: list[str]) -> str | None:
    """The part that a constant argument of a call chooses."""
    named = [(k.arg or "", k.value) for k in call.keywords]
    placed = [(parameters[i] if i < len(parameters) else "", a) for i, a in enumerate(call.args)]
    for parameter, argument in (*named, *placed):
        match argument:
            case ast.Constant(value=bool() as flag) if parameter.removeprefix("is_") in {"train", "training"}:
                return "train" if flag else "held out"
            case ast.Constant(value=str() as text) if _SELECTS.search(parameter) or not parameter:
                if text.lower() in _PARTS:
                    return _PARTS[text.lower()]
            case _:
                pass
    return None


def misread_splits(program: Program) -> Iterator[Misread]:
    """Results of `train_test_split(a, b)`, which are two parts of `a`, then two of `b`, under names of another order."""
    if not _splits_each_array(program.tree):
        return
    for node in every(ast.Assign, program.tree):
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=names) as target], value=ast.Call(func=func, args=arrays)) if (
                last_name(func) == "train_test_split" and len(names) == 2 * len(arrays) > 2
            ):
                parts = [_part(last_name(n)) for n in names]
                wrong = _out_of_turn(parts)
                if wrong is not None:
                    array = ast.unparse(arrays[wrong // 2])
                    kind = "training" if wrong % 2 == 0 else "held-out"
                    yield Misread(Site(program.unit, target), last_name(names[wrong]), f"the {kind} part of `{array}`")
            case _:
                pass


def _splits_each_array(tree: ast.Module) -> bool:
    """Whether `train_test_split` is that of scikit-learn, or one of the file that takes as many arrays as it is given."""
    for node in (*every(ast.ImportFrom, tree), *every(ast.FunctionDef, tree)):
        match node:
            case ast.ImportFrom(module=str() as module, names=names) if module.startswith("sklearn"):
                if any(one.name in {"train_test_split", "model_selection"} for one in names):
                    return True
            case ast.FunctionDef(name="train_test_split", args=ast.arguments(vararg=ast.arg())):
                return True
            case _:
                pass
    return any(one.name.startswith("sklearn") for node in every(ast.Import, tree) for one in node.names)


def _out_of_turn(parts: list[str | None]) -> int | None:
    """The first place whose part is not that of the first array at the same turn."""
    if None in parts or parts[0] == parts[1] == parts[2]:
        return None
    turns = ("train", "held out")
    wrong = [i for i, part in enumerate(parts) if part != turns[i % 2]]
    return wrong[0] if wrong and len(wrong) < len(parts) else None
