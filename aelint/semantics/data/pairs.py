"""Pairs of an input and its target that a data set transforms at random, each with a draw of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from aelint.semantics.dataflow.graph import nodes
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function, Instance, Object, Sym, Value
from aelint.semantics.interpreter.kinds import is_network
from aelint.semantics.interpreter.transforms import PREFIX, steps_of
from aelint.semantics.objective.comparisons import is_output
from aelint.syntax.names import last_name
from aelint.syntax.signatures import parameters
from aelint.syntax.walk import every

__all__ = ["Unaligned", "unaligned_pairs"]

_MOVES = (
    "RandomCrop",
    "RandomResizedCrop",
    "RandomHorizontalFlip",
    "RandomVerticalFlip",
    "RandomRotation",
    "RandomAffine",
    "RandomPerspective",
)
_TURNS = frozenset({"flip", "fliplr", "flipud", "hflip", "vflip", "rot90", "roll", "rotate", "crop"})
_DRAWS = frozenset({"rand", "randint", "randn", "randrange", "choice", "uniform", "bernoulli", "randperm"})
_PIXELWISE = frozenset(
    {"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits"}
)


@dataclass(frozen=True, slots=True, eq=False)
class Unaligned:
    """Two applications of one random transform, and the loss that compares their results pixel by pixel."""

    first: Call
    second: Call
    kind: str
    """The transform's name."""
    loss: Sym


def unaligned_pairs(program: Program) -> Iterator[Unaligned]:
    """Transforms that move pixels at random, applied to the input and again to the target of one sample."""
    applied = [
        c for c in program.calls if (c.context.function is not None and c.context.function.name == "__getitem__")
    ]
    found: dict[int, tuple[Call, Call, str]] = {}
    for number, second in enumerate(applied):
        kind = _moves_at_random(second.callee)
        first = next((c for c in applied[:number] if _is_other(c, second)), None) if kind else None
        if first is None or _is_seeded(program, first, second):
            continue
        if isinstance(second.result, Sym):
            found[second.result.id] = (first, second, kind)
    seen: set[int] = set()
    for node in nodes(program) if found else ():
        if node.op not in _PIXELWISE or len(node.inputs) < 2:
            continue
        for first, second, kind in _compared(node, found):
            if id(second.site.node) not in seen:
                seen.add(id(second.site.node))
                yield Unaligned(first, second, kind, node)


def _moves_at_random(callee: Value) -> str:
    """The name of the transform, if it moves pixels by a draw of its own: torchvision's, or one that the program defines."""
    match callee:
        case Object(name=name) if name.startswith(PREFIX):
            steps = (s for s in steps_of(callee) or () if isinstance(s, Object))
            return next((s.class_name for s in steps if s.class_name in _MOVES), "")
        case Instance(cls=cls):
            called = cls.find("forward") if is_network(cls) else cls.find("__call__")
            return cls.name if isinstance(called, Function) and _draws_a_move(called) else ""
        case Function(name=name):
            return name if _draws_a_move(callee) else ""
        case _:
            return ""


def _draws_a_move(function: Function) -> bool:
    """Whether a function of one thing turns or flips it, and asks chance how."""
    taken = [a for a in parameters(function.node) if a.arg != "self"]
    called = {last_name(c.func): ast.unparse(c.func) for c in every(ast.Call, function.node)}
    drawn = any("random" in text or name in _DRAWS for name, text in called.items())
    return len(taken) == 1 and drawn and bool(called.keys() & _TURNS)


def _is_other(first: Call, second: Call) -> bool:
    """Whether the same transform was applied to something else of the same sample."""
    same_sample = first.context.stack[-1] is second.context.stack[-1]
    if not (same_sample and first.callee is second.callee and first.args and second.args):
        return False
    return first.args[0] is not second.args[0] and first.site.node is not second.site.node


def _is_seeded(program: Program, first: Call, second: Call) -> bool:
    """Whether the generators are set back between the two, so that both draws are alike."""
    between = (c for c in program.calls if first.order < c.order < second.order)
    return any(word in c.name.lower() for c in between for word in ("seed", "rng_state", "setstate", "set_state"))


def _compared(loss: Sym, found: dict[int, tuple[Call, Call, str]]) -> Iterator[tuple[Call, Call, str]]:
    left, right = loss.inputs[:2]
    for output, target in ((left, right), (right, left)):
        if not (isinstance(output, Sym) and isinstance(target, Sym)) or not is_output(output) or is_output(target):
            continue
        behind, given = {a.id for a in ancestors(output)}, {a.id for a in ancestors(target)}
        for key, (first, second, kind) in found.items():
            other = first.result.id if isinstance(first.result, Sym) else -1
            if (key in given and other in behind) or (key in behind and other in given):
                yield first, second, kind
