"""Gradient paths in the dataflow graph: which parameters a loss reaches, and where a path is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import External, Function, Instance, Object, Sym, Value
from aelint.semantics.interpreter.apply import syms_in
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.interpreter.modules import submodules
from aelint.semantics.optimization.training import Action, Kind, actions

__all__ = ["Reach", "Update", "is_flat", "reach", "reach_of", "terms", "untracked", "updates"]

_FLAT = frozenset(
    {"round", "floor", "ceil", "trunc", "sign", "argmax", "argmin", "heaviside", "gt", "ge", "lt", "le", "eq", "ne"}
)
"""Operations whose derivative is zero wherever it exists."""
_SHAPED_ALIKE = frozenset({"rand", "randn", "randint", "zeros", "ones", "empty", "full", "arange", "linspace", "eye"})
"""What is made anew: `randn_like(x)` takes nothing from x but its shape, `arange(len(x))` its size."""
_SEVERING = frozenset({"detach", "numpy", "tolist", "tensor", "as_tensor", "from_numpy"})
_REMADE = frozenset({"torch.tensor", "torch.as_tensor", "torch.from_numpy", "torch.Tensor", "torch.FloatTensor"})


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """What a tensor depends on: layers and parameters by identity.

    Attributes:
        live: those that a gradient from the tensor reaches.
        severed: those behind a cut, with the operation that cuts the path.
        everything: True when code that cannot be read stands on a path.
    """

    live: frozenset[int]
    severed: dict[int, Sym]
    everything: bool


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """A backward pass and the steps that use its gradients."""

    backward: Action
    steps: tuple[Action, ...]


def is_flat(value: Sym) -> bool:
    """Whether the operation's derivative is zero almost everywhere: also that of `x - x`, a zero that looks like a path."""
    cancels = value.op == "sub" and len(value.inputs) == 2 and value.inputs[0] is value.inputs[1]
    return value.op in _FLAT or cancels


def _is_cut(value: Sym) -> bool:
    if is_flat(value) or value.op in _SEVERING:
        return True
    match value:
        case Sym(op="item", attrs=attrs):
            return "index" not in attrs
        case Sym(op="call", attrs={"method": method}):
            return method in _SEVERING or method in {"cpu_numpy", "item"}
        case Sym(op="call", attrs={"callee": External(name=name)}):
            return name in _REMADE or name.startswith("numpy.")
        case Sym(op="item_value"):
            return True
        case _:
            return False


def _owners(value: Sym) -> Iterator[int]:
    if value.layer is not None:
        yield id(value.layer)
    if value.op == "parameter":
        layer = value.attrs.get("layer")
        yield id(layer) if layer is not None else id(value)


@per_program
def untracked(program: Program) -> frozenset[int]:
    """Ids of what operations and layers gave under `no_grad`."""
    return frozenset(
        c.result.id
        for c in program.calls
        if c.context.no_grad
        and isinstance(c.result, Sym)
        and c.result.site is not None
        and c.result.site.node is c.site.node
        and not isinstance(c.callee, (Function, Instance))
    )


def reach(tensor: Value, cuts: frozenset[int] = frozenset()) -> Reach:
    """The layers and parameters that `tensor` depends on, with and without a gradient; `cuts` are further tensors without one."""
    live: set[int] = set()
    severed: dict[int, Sym] = {}
    unread = False
    seen: set[tuple[int, bool]] = set()
    pending: list[tuple[Sym, Sym | None]] = [(s, None) for s in syms_in(tensor)]
    while pending:
        value, cut = pending.pop()
        if (value.id, cut is not None) in seen:
            continue
        seen.add((value.id, cut is not None))
        found = list(_owners(value))
        if cut is None and value.id in cuts:
            cut = value  # of its own weights nothing is kept either
        if cut is None:
            live.update(found)
        else:
            severed.update((owner, cut) for owner in found if owner not in severed)
        if value.op in {"call", "attr"} and cut is None:
            given = [m for m in value.inputs if isinstance(m, (Instance, Object)) and is_module(m)]
            live.update(id(one) for module in given for _, one in submodules(module))
            # A function that is handed over may call the network: `env.run(lambda state: policy(state))`.
            unread |= bool(given) or any(isinstance(m, Function) for m in value.inputs)
        behind = cut or (value if _is_cut(value) else None)
        # `x.type_as(y)` takes nothing from y but its type.
        inputs = () if value.op in _SHAPED_ALIKE else value.inputs[:1] if value.op == "to" else value.inputs
        pending.extend((s, behind) for i in inputs for s in syms_in(i))
    return Reach(frozenset(live), {k: v for k, v in severed.items() if k not in live}, unread)


@per_program
def reach_of(_: Program) -> Callable[..., Reach]:
    """`reach` for the tensors of a program, each of which several rules ask about: followed back once."""
    return cache(reach)


def terms(loss: Value) -> list[Sym]:
    """The summands of a loss; factors that are numbers are looked through."""
    match loss:
        case Sym(op="add", inputs=(left, right)):
            return terms(left) + terms(right)
        case Sym(op="sub", inputs=(left, right)):
            return terms(left) + terms(right)
        case (
            Sym(op="mul", inputs=(int() | float(), inner))
            | Sym(op="mul" | "truediv" | "div", inputs=(inner, int() | float()))
        ):
            return terms(inner)
        case Sym():
            return [loss]
        case _:
            return []


@per_program
def updates(program: Program) -> tuple[Update, ...]:
    """Every backward pass that some optimiser's step uses before its gradients are cleared."""
    done = actions(program)
    found = []
    for index, backward in enumerate(done):
        if backward.kind is not Kind.BACKWARD:
            continue
        steps = tuple(_steps_after(done[index + 1 :]))
        if steps:
            found.append(Update(backward, steps))
    return tuple(found)


def _steps_after(following: tuple[Action, ...]) -> Iterator[Action]:
    cleared: list[Action] = []
    for action in following:
        if action.kind is Kind.CLEAR:
            cleared.append(action)
        elif action.kind is Kind.STEP:
            if not any(c.of is action.of or c.held.covers(action.held) for c in cleared):
                yield action
            cleared.append(action)
        elif action.kind is Kind.BACKWARD and len(cleared) > MANY:
            return


MANY = 6
"""Clearings and steps after which a backward pass is history."""
