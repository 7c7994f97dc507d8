"""Models that are kept, or training that is stopped, by the training loss, where a loss on held-out data lies beside it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from aelint.rule import Site
from aelint.semantics.data.batches import is_held_out_name, is_training_name
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import is_read, last_name, scopes, uses
from aelint.syntax.walk import every, own_nodes

__all__ = ["TrainingSelection", "training_selections"]

_MEASURES = re.compile("loss|error|score|mse|elbo|nll")
_KEEPS = frozenset({"save", "state_dict", "deepcopy", "save_checkpoint", "save_model", "save_weights", "save_state"})
_STOPPERS = re.compile(r"early_?stop|stopper|stopping|patience", re.IGNORECASE)
_REPORTS = frozenset(
    "append print log info debug add_scalar add_scalars format write set_description set_postfix round float item join".split()
)
"""Calls that hand a number on to a reader."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSelection:
    """Where the training loss decides, and the loss on held-out data that decides nothing."""

    site: Site
    training: str
    held_out: str
    measured: Site
    stops: bool
    """Whether it is given to what stops the training; else it is compared before the model is kept."""


def training_selections(program: Program) -> Iterator[TrainingSelection]:
    """Selections by a training loss in a loop that also binds a loss on held-out data and shows it at most."""
    for scope in scopes(program.tree):
        for loop in (n for n in own_nodes(scope) if isinstance(n, (ast.For, ast.While))):
            bound = _bound(loop)
            training = [name for name in bound if is_training_name(name)]
            held_out = [name for name in bound if is_held_out_name(name)]
            shown = [name for name in held_out if is_read(loop, name) or _is_mean(loop, name)]
            if not shown or not all(_is_only_shown(loop, name) for name in shown):
                continue
            found = ((name, node, stops) for name in training for node, stops in _deciding(loop, name))
            for name, node, stops in islice(found, 1):
                measured = Site(program.unit, bound[shown[0]])
                yield TrainingSelection(Site(program.unit, node), name, shown[0], measured, stops)


def _bound(loop: ast.AST) -> dict[str, ast.AST]:
    """The measures that a round of the loop computes, by name."""
    found: dict[str, ast.AST] = {}
    for node in own_nodes(loop):
        if isinstance(node, ast.Assign):
            names = [n for target in node.targets for n in every(ast.Name, target) if isinstance(n.ctx, ast.Store)]
            found.update((n.id, node) for n in names if _MEASURES.search(n.id.lower()) and "best" not in n.id.lower())
    return found


def _is_mean(loop: ast.AST, name: str) -> bool:
    """Whether the loop adds up the measure and divides it, though nothing reads what comes of it."""
    changes = [s.op for s in every(ast.AugAssign, loop) if isinstance(s.target, ast.Name) and s.target.id == name]
    return any(isinstance(op, ast.Add) for op in changes) and any(isinstance(op, ast.Div) for op in changes)


def _deciding(loop: ast.AST, name: str) -> Iterator[tuple[ast.AST, bool]]:
    for node in own_nodes(loop):
        match node:
            case ast.If(test=ast.Compare() as test, body=body) if uses(test, name) and any(map(_keeps, body)):
                yield test, False
            case ast.Call(func=function, args=arguments) if _STOPPERS.search(ast.unparse(function)):
                if any(isinstance(a, ast.Name) and a.id == name for a in arguments):
                    yield node, True


def _keeps(statement: ast.stmt) -> bool:
    return any(last_name(call.func) in _KEEPS for call in every(ast.Call, statement))


def _is_only_shown(loop: ast.AST, name: str) -> bool:
    """Whether the loop shows the number, or puts it by, and decides nothing by it."""
    for node in own_nodes(loop):
        match node:
            case ast.Compare() if uses(node, name):
                return False
            case ast.Call(func=function) if last_name(function) not in _REPORTS:
                given = [*node.args, *(k.value for k in node.keywords)]
                if any(uses(a, name) for a in given):
                    return False
            case ast.Return() | ast.Yield() if uses(node, name):
                return False
            case ast.Assign(targets=[ast.Name(id=other)], value=value) if other != name and uses(value, name):
                return False
            case _:
                pass
    return True
