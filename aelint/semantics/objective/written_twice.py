"""Losses whose two operands are written as one and the same expression.

What is written twice holds the same numbers wherever it runs, in a branch that is not followed and in a function that
nothing calls: the tree tells.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.rule import Site
from aelint.semantics.dataflow.program import Program
from aelint.semantics.dataflow.surroundings import functions_around
from aelint.syntax.names import last_name
from aelint.syntax.walk import every, holds, once_per_node, walk

__all__ = ["WrittenTwice", "is_tried_out", "written_twice"]


@dataclass(frozen=True, slots=True)
class WrittenTwice:
    """A call of a loss on an expression and itself."""

    site: Site
    loss: str
    text: str

    @property
    def effect(self) -> str:
        """What becomes of the loss."""
        entropy = _ENTROPY.fullmatch(self.loss) or "logits" in self.loss.lower()
        return "no target takes part in it" if entropy else "it is zero whatever the network computes"


_ERROR = re.compile(
    r"(smooth_?)?(l1|l2|mse|mae|rmse|huber)(_?loss)?|binary_cross_entropy_with_logits|bce_?with_?logits(_?loss)?",
    re.IGNORECASE,
)
_ENTROPY = re.compile(r"(binary_)?cross_entropy|(bce|cross_?entropy)_?loss", re.IGNORECASE)
_REPEATABLE = frozenset(
    {
        "view", "reshape", "flatten", "contiguous", "permute", "transpose", "squeeze", "unsqueeze", "detach", "clone", "to",
        "float", "double", "half", "type", "cpu", "cuda", "sigmoid", "tanh", "relu", "softmax", "log_softmax", "exp", "log",
        "clamp", "mean", "sum", "size", "view_as", "reshape_as", "expand_as", "type_as", "get", "squeeze_", "len", "max", "min",
    }
)  # fmt: skip
"""Calls that give the same for the same, without layers, memory or chance."""
_TRIES = re.compile(r"debug|bench|profile|sanity|smoke|self_?check", re.IGNORECASE)
_TESTS = re.compile(r"(^|/)(test_\w*|\w*_tests?|conftest)\.py$")


def written_twice(program: Program) -> Iterator[WrittenTwice]:
    """Every error of an expression with itself, and cross-entropies that are meant for no entropy.

    Those are called reconstruction errors, or stand where another branch compares the same expression with something else.
    """
    for call in every(ast.Call, program.tree):
        first, second = _operands(call) or (None, None)
        if first is None or second is None or type(first) is not type(second) or ast.dump(first) != ast.dump(second):
            continue
        name = _loss(call, program.tree) if _is_repeatable(first) else ""
        if not name or is_tried_out(program, call):
            continue
        others = _alternatives(program, call)
        certain = _ERROR.fullmatch(name) or _is_called_reconstruction(program, call)
        if certain or any(_tells_apart(other, first, program.tree) for other in others):
            yield WrittenTwice(Site(program.unit, call), name, ast.unparse(first))


def _operands(call: ast.Call) -> tuple[ast.expr, ast.expr] | None:
    """What a loss compares: the first two arguments, or those that are named so."""
    named = {k.arg: k.value for k in call.keywords}
    given = [*call.args[:2]]
    given += [named[n] for n in ("input", "target") if n in named]
    match given:
        case [first, second] if not any(isinstance(one, (ast.Starred, ast.Constant)) for one in given):
            return first, second
        case _:
            return None


def _loss(call: ast.Call, tree: ast.Module) -> str:
    """The name of the loss: of the function, or of the class of which an object is called; "" for what the file defines itself."""
    made = call.func if isinstance(call.func, ast.Call) else _losses_made(tree).get(ast.unparse(call.func))
    name = last_name(made.func if made is not None else call.func)
    known = _ERROR.fullmatch(name) or _ENTROPY.fullmatch(name)
    return name if known and name not in _defined(tree) else ""


@once_per_node
def _losses_made(tree: ast.Module) -> dict[str, ast.Call]:
    """The calls that give a name its only value, by that name: `self.criterion = nn.MSELoss()`."""
    bound: dict[str, list[ast.expr]] = {}
    for one in every(ast.Assign, tree):
        for target in one.targets:
            bound.setdefault(ast.unparse(target), []).append(one.value)
    return {name: values[0] for name, values in bound.items() if len(values) == 1 and isinstance(values[0], ast.Call)}


@once_per_node
def _defined(tree: ast.Module) -> frozenset[str]:
    return frozenset(
        one.name for one in walk(tree) if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    )


def _is_repeatable(node: ast.expr) -> bool:
    calls = every(ast.Call, node)
    return all(last_name(c.func) in _REPEATABLE for c in calls)


def is_tried_out(program: Program, call: ast.AST) -> bool:
    """Whether somebody tries the loss out: an assertion, a comparison or a printed line holds the call, or a function for that."""
    if any(holds(one, call) for kind in (ast.Assert, ast.Compare) for one in every(kind, program.tree)):
        return True
    if any(
        last_name(c.func) in _SHOWS or last_name(c.func).startswith("assert") for c in _calls_around(program.tree, call)
    ):
        return True
    tried = any(_TRIES.search(f.name) for f in functions_around(program, call))
    return tried or _TESTS.search(program.unit.path) is not None


_SHOWS = frozenset({"print", "allclose", "isclose", "equal"})


def _calls_around(tree: ast.Module, call: ast.AST) -> Iterator[ast.Call]:
    return (one for one in every(ast.Call, tree) if one is not call and holds(one, call))


def _is_called_reconstruction(program: Program, call: ast.Call) -> bool:
    """Whether the result gets the name of a reconstruction error."""
    bound = (one for one in every(ast.Assign, program.tree) if holds(one.value, call))
    return any(_RECONSTRUCTION.search(last_name(target)) for one in bound for target in one.targets)


_RECONSTRUCTION = re.compile(r"(^|_)rec(ons?(tr\w*)?)?(_|$)", re.IGNORECASE)


def _alternatives(program: Program, call: ast.Call) -> Iterator[ast.Call]:
    """The calls in the other branches of the choices that the call stands in, within its function."""
    root = next((f.node for f in functions_around(program, call)), program.tree)
    for choice in every(ast.If, root):
        arms = (choice.body, choice.orelse)
        for arm, other in (arms, arms[::-1]):
            if any(holds(statement, call) for statement in arm):
                yield from (one for statement in other for one in every(ast.Call, statement))


def _tells_apart(other: ast.Call, given: ast.expr, tree: ast.Module) -> bool:
    """Whether the call is one of a loss of what this one is given, and of something else."""
    operands = _operands(other)
    if operands is None or not _loss(other, tree):
        return False
    sides = [_names(one) for one in operands]
    return sides[0] != sides[1] and _names(given) in sides


def _names(node: ast.expr) -> frozenset[str]:
    return frozenset(name.id for name in every(ast.Name, node))
