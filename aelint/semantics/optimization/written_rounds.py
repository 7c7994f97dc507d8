"""What the rounds of a training do, read as text: what a loop or a function holds, and what the functions hold that are called in it."""

from __future__ import annotations

import ast
import re

from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.syntax.names import last_name, scopes
from aelint.syntax.walk import every, holds, own_nodes, walk

__all__ = [
    "OPTIMIZER",
    "TRAINS",
    "Function",
    "Stretch",
    "alternatives",
    "backward_in",
    "definitions",
    "is_backward",
    "is_handed_around",
    "is_method",
    "leading_to",
    "position",
    "reachable",
    "receiver",
    "steps_in",
]

OPTIMIZER = re.compile(r"opt", re.IGNORECASE)
"""What an optimiser is called."""
TRAINS = re.compile(r"train|fit|learn|optimi[sz]e|update|step", re.IGNORECASE)
"""What a function is called that takes steps, or whose rounds do."""
Function = ast.FunctionDef | ast.AsyncFunctionDef
Stretch = ast.For | ast.While | Function
_TAKES_NO_STEP = re.compile(
    r"LR$|Schedul|Plateau$|^(prepare|toggle_optimizer|untoggle_optimizer|print|isinstance|type|id|str|repr|hasattr|save|load|save_\w+|load_\w+|\w*(lr|learning_rate)\w*)$"
)
"""What an optimiser can be handed without being asked for a step."""
_NETWORK = re.compile(r"net|model|coder|disc|gen|critic|vae|ae$", re.IGNORECASE)
_DEFINED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def leading_to(program: Program, function: Function) -> list[tuple[ast.AST, list[ast.AST]]]:
    """What leads to a function, with all that is done there: the loop that runs it, or what calls it, and so on outwards.

    Others of its name may stand in its place, and are no part of that.
    """
    others = alternatives(program, function)
    found: list[tuple[ast.AST, list[ast.AST]]] = []
    pending, entered = [function.name], {function.name}
    for called in pending:  # grows while it is read
        for scope in (s for unit in program.files for s in scopes(unit.tree) if s is not function):
            own = own_nodes(scope)
            for call in (n for n in own if _is_call_of(n, called)):
                loops = [n for n in own if isinstance(n, (ast.For, ast.While)) and holds(n, call)]
                around = loops[-1] if loops else scope
                found.append((around, reachable(program, around, others) + own))
                if not loops and not isinstance(scope, ast.Module) and scope.name not in entered:
                    entered.add(scope.name)
                    pending.append(scope.name)
    return found


def alternatives(program: Program, function: Function) -> list[ast.AST]:
    """Other functions of a name: what runs them does not run this one."""
    named = (n for n in definitions(program)[function.name] if n is not function)
    return [n for n in named if not any(_called(call) == "super" for call in every(ast.Call, n))]


def _is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and _called(node) == name


def _called(call: ast.Call) -> str:
    """The last name of what is called, "" for a network's switch of its mode: `model.train()` is no function of the project."""
    called = last_name(call.func)
    is_switch = called in {"train", "eval"} and _NETWORK.search(receiver(call)) is not None
    return "" if is_switch else called


def is_method(node: ast.AST, name: str) -> bool:
    """Whether it calls a method of a name."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name


def receiver(call: ast.Call) -> str:
    """The last name of what a method is called on, "" for a function."""
    return last_name(call.func.value) if isinstance(call.func, ast.Attribute) else ""


def backward_in(stretch: ast.AST) -> list[ast.AST]:
    """The backward passes of a stretch itself."""
    return [n for n in own_nodes(stretch) if is_backward(n)]


def is_backward(node: ast.AST) -> bool:
    """Whether it computes gradients."""
    return is_method(node, "backward") or is_method(node, "manual_backward")


def steps_in(stretch: ast.AST, name: str) -> list[ast.Call]:
    """The steps of an optimiser, taken by itself or by the scaler that it is given to."""
    steps = [n for n in every(ast.Call, stretch) if is_method(n, "step") and not n.keywords]
    return [n for n in steps if [last_name(a) for a in n.args] == ([] if receiver(n) == name else [name])]


def position(node: ast.AST) -> tuple[int, int]:
    """Where a node of a file begins."""
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


@per_program
def definitions(program: Program) -> dict[str, list[ast.AST]]:
    """The functions and classes of the program's files by name."""
    found: dict[str, list[ast.AST]] = {}
    for unit in program.files:
        for node in walk(unit.tree):
            if isinstance(node, _DEFINED):
                found.setdefault(node.name, []).append(node)
    return found


def reachable(program: Program, start: ast.AST, without: list[ast.AST] | None = None) -> list[ast.AST]:
    """The nodes of a stretch and of the functions that are called in it, however deep, but for some of them."""
    known = definitions(program)
    pending, entered = [start], set[str]()
    for one in pending:  # grows while it is read
        for call in every(ast.Call, one):
            called = _called(call)
            if called in known and called not in entered:
                entered.add(called)
                pending += [one for one in known[called] if one not in (without or [])]
    return [node for one in pending for node in walk(one)]


def is_handed_around(program: Program, name: str, *, everywhere: bool = False, scaled: bool = False) -> bool:
    """Whether the optimiser gets another name, stands in a container, or is given to what is not in sight and may use it.

    What is in sight uses it under a name of its own, which counts where `everywhere` is asked; a scaler that steps, not where `scaled` is.
    """
    known = definitions(program)
    for unit in program.files:
        returned = {id(n.value) for n in every(ast.Return, unit.tree)}
        renamed = {id(n.value) for n in every(ast.Assign, unit.tree) if _keeps_its_name(n, name)}
        for node in walk(unit.tree):
            match node:
                case ast.Call(func=function, args=args, keywords=keywords):
                    given = any(last_name(a) == name for a in (*args, *(k.value for k in keywords)))
                    called = last_name(function)
                    if scaled and called in {"step", "unscale_"}:
                        continue
                    if given and (everywhere or called not in known) and not _TAKES_NO_STEP.search(called):
                        return True
                case ast.List(elts=parts) | ast.Tuple(elts=parts, ctx=ast.Load()) | ast.Dict(values=parts):
                    if id(node) not in returned | renamed and any(last_name(p) == name for p in parts):
                        return True
                case ast.Assign(targets=targets, value=ast.Name() | ast.Attribute() as value) if (
                    last_name(value) == name
                ):
                    if any(last_name(t) != name for t in targets):
                        return True
                case _:
                    pass
    return False


def _keeps_its_name(assigned: ast.Assign, name: str) -> bool:
    """Whether a tuple is taken apart at once, and what is looked for keeps its name: `model, optimizer = self.model, self.optimizer`."""
    match assigned:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)) if len(targets) == len(values):
            return all(last_name(t) == name for t, v in zip(targets, values, strict=True) if last_name(v) == name)
        case _:
            return False
