"""Whose memory a tensor or array lives in: through views and changes in place, up to the owner."""

from __future__ import annotations

from aelint.semantics.dataflow.lineage import source
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import ListValue, Sym, Value

__all__ = ["changes", "is_fixed", "owner"]

_VIEWS = frozenset(
    {
        "view",
        "squeeze",
        "unsqueeze",
        "permute",
        "transpose",
        "t",
        "detach",
        "expand",
        "narrow",
        "select",
        "unflatten",
        "data",
        "numpy",
    }
)


@per_program
def changes(program: Program) -> dict[int, Call]:
    """The calls that change a tensor in place (`x.mul_(2)`), by id of the node that stands for it afterwards."""
    found: dict[int, Call] = {}
    for call in program.calls:
        in_place = call.method.endswith("_") and not call.method.startswith("_") and call.method != "requires_grad_"
        if in_place and isinstance(call.receiver, Sym) and isinstance(call.result, Sym):
            found[call.result.id] = call
    return found


def owner(program: Program, value: Value) -> tuple[Value, list[Sym]]:
    """The tensor (or list) whose memory `value` shares, and the steps from `value` towards it."""
    steps: list[Sym] = []
    changed = changes(program)
    while len(steps) < 100 and isinstance(value, Sym):
        before = _before(value, changed)
        if not isinstance(before, (Sym, ListValue)):
            break
        steps.append(value)
        value = before
    return value, steps


def _before(value: Sym, changed: dict[int, Call]) -> Value:
    if value.id in changed:
        return changed[value.id].receiver
    match value:
        case Sym(op="setitem", inputs=(target, *_)):
            return target
        case Sym(op="getitem" | "item", attrs={"index": index}) if _is_basic(index):
            return value.inputs[0] if value.inputs else None
        case Sym(op=op) if op in _VIEWS:
            return source(value)
        case _:
            return None


def _is_basic(index: Value) -> bool:
    """Whether indexing gives a view: integers and slices, not arrays of indices."""
    match index:
        case tuple():
            return all(_is_basic(part) for part in index)
        case int() | slice() | None:
            return not isinstance(index, bool)
        case Sym(tensor=True, shape=shape):
            return shape == ()
        case Sym(op=op):
            return op in {"param", "element", "item"} or index.kind == "size"
        case _:
            return index is ...


def is_fixed(value: Value) -> bool:
    """Whether an index or a value is a constant, so that writing it twice is as good as once."""
    match value:
        case tuple():
            return all(is_fixed(part) for part in value)
        case slice(start=start, stop=stop, step=step):
            return all(is_fixed(part) for part in (start, stop, step))
        case _:
            return value is None or value is ... or isinstance(value, (int, float, str))
