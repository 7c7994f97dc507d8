"""`aelint inspect`: what was understood of a file, network by network and line by line."""

from __future__ import annotations

from collections.abc import Iterator

from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding, Call, Return
from aelint.semantics.domain.values import DictValue, Function, Instance, ListValue, Object, Sym, Value
from aelint.semantics.explanation.describe import describe, describe_layer
from aelint.semantics.explanation.roles import role_of
from aelint.semantics.interpreter.kinds import is_network
from aelint.semantics.interpreter.modules import children_of, submodules

__all__ = ["render"]

WIDTH = 62


def render(program: Program) -> str:
    """The whole report as text."""
    lines = [program.unit.path]
    shown: set[str] = set()
    parts = {id(part) for network in program.networks for _, part in submodules(network)[1:]}
    for network in program.networks:
        if network.cls.module.unit.path != program.unit.path or id(network) in parts:
            continue
        key = f"{network.cls.name}{_arguments(network)}"
        if key not in shown:
            shown.add(key)
            lines += ["", *_network(network)]
    for function in program.functions:
        rows = list(_rows(program, function))
        if rows and function.module is program.entry:
            lines += ["", _heading(function), *rows]
    rows = list(_rows(program, None))
    if rows:
        lines += ["", "module level", *rows]
    lines += ["", *(f"note: {note}" for note in dict.fromkeys(program.notes))] if program.notes else []
    return "\n".join(lines) + "\n"


def _arguments(network: Instance) -> str:
    given = ", ".join(f"{k}={describe(v)}" for k, v in network.arguments.items())
    return f"({given})"


def _network(network: Instance) -> Iterator[str]:
    built = (
        "nobody builds it: defaults and unknown arguments" if network.symbolic else f"built at line {_line(network)}"
    )
    yield f"network {network.cls.name}{_arguments(network)}  # {built}"
    yield from _children(network, "  ")


def _line(network: Instance) -> int:
    return network.site.row if network.site is not None else 0


def _children(module: Value, indent: str) -> Iterator[str]:
    for name, child in children_of(module).items():
        if isinstance(child, (Object, Instance)):
            yield f"{indent}{name}: {describe_layer(child)}"
            nested = isinstance(child, Object) or (isinstance(child, Instance) and is_network(child.cls))
            if nested:
                yield from _children(child, indent + "  ")


def _heading(function: Function) -> str:
    owner = f"{function.owner.name}." if function.owner is not None else ""
    return f"{owner}{function.name}  # line {getattr(function.node, 'lineno', 0)}"


def _rows(program: Program, function: Function | None) -> Iterator[str]:
    seen: set[tuple[int, str]] = set()
    for event in program.machine.trace.events:
        running = event.context.function
        if (running.node if running else None) is not (function.node if function else None):
            continue
        if event.site.unit is not program.unit:
            continue
        match event:
            case Binding(name=name, value=value) if _interesting(value):
                label, fact = name, value
            case Return(value=value) if _interesting(value):
                label, fact = "return", value
            case Call(name="backward" | ".backward"):
                label, fact = "backward", event.receiver
            case _:
                continue
        key = (event.site.row, label)
        if key in seen:
            continue
        seen.add(key)
        yield _row(program, event.site.row if label != "return" else None, label, fact)


def _interesting(value: Value) -> bool:
    match value:
        case Sym():
            return bool(value.tensor) or value.shape is not None or bool(value.last) or not value.range.unknown
        case tuple():
            return any(_interesting(v) for v in value)
        case ListValue(items=items):
            return any(_interesting(v) for v in items)
        case DictValue(items=entries):
            return any(_interesting(v) for v in entries.values())
        case _:
            return False


def _row(program: Program, row: int | None, label: str, value: Value) -> str:
    place = f"{row:5d}" if row is not None else "     "
    text = program.unit.lines[row - 1].strip() if row is not None and not program.unit.origins else label
    text = text if row is not None else "return"
    shortened = text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
    origin = f"  <- {value.op}" if isinstance(value, Sym) else ""
    part = role_of(program, value)
    role = f"  [{part.role}]" if part is not None else ""
    return f"{place}  {shortened:<{WIDTH}}  {label}: {describe(value)}{origin}{role}"
