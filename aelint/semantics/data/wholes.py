"""Loaders over all of the data, beside a part that was split off for training and that nothing reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.data.batches import is_held_out_name, is_training_name
from aelint.semantics.data.stand_ins import looked_at
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import is_own_attribute, last_name, scopes
from aelint.syntax.walk import every, once_per_node, own_nodes

__all__ = ["Whole", "wholes"]

_SPLITS = frozenset({"random_split", "train_test_split"})


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A loader that trains on all of `data`, of which `part` was split off for that (at `split`)."""

    site: Site
    data: str
    part: str
    split: Site


@dataclass(frozen=True, slots=True, eq=False)
class _Split:
    """`self.train_set, self.val_set = random_split(self.data, ...)`."""

    node: ast.Assign
    data: ast.expr
    training: str
    held_out: tuple[str, ...]


def wholes(program: Program) -> Iterator[Whole]:
    """Training loaders over what was split, where the held-out part is used and the training part is not."""
    found = [(unit, scope, split) for unit in program.files for scope, split in _all_splits(unit.tree)]
    read = {name for unit in program.files for name in looked_at(unit.tree)} if found else set()
    for unit, scope, split in found:
        if split.training in read or read.isdisjoint(split.held_out):
            continue
        text = ast.unparse(split.data)
        for loader in _training_loaders(scope):
            if loader.lineno != split.node.lineno and _goes_over(loader, text):
                yield Whole(Site(unit, loader), text, split.training, Site(unit, split.node))


@once_per_node
def _all_splits(tree: ast.Module) -> list[tuple[ast.AST, _Split]]:
    """The splits of a file, each with where a name of data keeps its meaning: a function, the file, for `self.data` a class."""
    owners = [*scopes(tree), *every(ast.ClassDef, tree)]
    return [(owner, split) for owner in owners for split in _splits(owner)]


def _splits(scope: ast.AST) -> Iterator[_Split]:
    own = isinstance(scope, ast.ClassDef)
    for node in every(ast.Assign, scope) if own else own_nodes(scope):
        match node:
            case ast.Assign(
                targets=[ast.Tuple(elts=targets)],
                value=ast.Call(func=function, args=[(ast.Name() | ast.Attribute()) as data, *_]),
            ) if last_name(function) in _SPLITS and is_own_attribute(data) is own:
                names = [last_name(t) for t in targets]
                training = [n for n in names if is_training_name(n)]
                held_out = tuple(n for n in names if is_held_out_name(n))
                if len(training) == 1 and held_out:
                    yield _Split(node, data, training[0], held_out)
            case _:
                pass


def _training_loaders(scope: ast.AST) -> Iterator[ast.Call]:
    functions = every(ast.FunctionDef, scope) if isinstance(scope, ast.ClassDef) else [scope]
    for function in functions:
        named = is_training_name(getattr(function, "name", ""))
        for node in own_nodes(function):
            match node:
                case ast.Assign(targets=[target], value=ast.Call() as call) if _is_loader(call):
                    if is_training_name(last_name(target)) or _shuffles(call):
                        yield call
                case ast.Return(value=ast.Call() as call) if _is_loader(call) and (named or _shuffles(call)):
                    yield call
                case _:
                    pass


def _is_loader(call: ast.Call) -> bool:
    # A sampler picks the part of a common set.
    return last_name(call.func) == "DataLoader" and not {k.arg for k in call.keywords} & {
        "sampler",
        "batch_sampler",
        None,
    }


def _shuffles(call: ast.Call) -> bool:
    return any(
        k.arg == "shuffle" and isinstance(k.value, ast.Constant) and k.value.value is True for k in call.keywords
    )


def _goes_over(loader: ast.Call, text: str) -> bool:
    """Whether the loader takes this data, as it is or in a `TensorDataset`."""
    given = [*loader.args[:1], *(k.value for k in loader.keywords if k.arg == "dataset")]
    inner = [a for g in given if isinstance(g, ast.Call) and last_name(g.func) == "TensorDataset" for a in g.args]
    return any(ast.unparse(one) == text for one in (*given, *inner))
