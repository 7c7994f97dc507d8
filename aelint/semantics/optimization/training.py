"""The training steps of a program: who clears gradients, computes them, clips them and takes a step, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call, Context, Event, Loop, Store
from aelint.semantics.domain.values import External, Function, Instance, ListValue, Object, Sym, Value
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.optimization.parameters import Held, held_by, is_optimizer

__all__ = ["Action", "Kind", "actions", "following_round", "is_unconditional", "optimizers", "same_round"]


ROUNDS = 3
"""Rounds of a loop that are looked at: later ones only repeat the order of the second."""


class Kind(Enum):
    """What a training action does to gradients or parameters."""

    CLEAR = "clear"
    BACKWARD = "backward"
    WRITE = "write"
    """Gradients are set by hand."""
    CLIP = "clip"
    STEP = "step"
    SCHEDULE = "schedule"
    OPAQUE = "opaque"
    """Code that cannot be read receives the optimiser or the model: it may do anything."""


@dataclass(frozen=True, slots=True, eq=False)
class Action:
    """One training action; `of` is the optimiser, loss, scheduler or module that it is called on."""

    kind: Kind
    event: Event
    of: Value
    held: Held

    @property
    def order(self) -> int:
        """Its place among all events."""
        return self.event.order

    @property
    def context(self) -> Context:
        """Under what it happened."""
        return self.event.context

    def touches(self, other: Action) -> bool:
        """Whether both may concern the same parameters."""
        return self.of is other.of or self.held.may_share(other.held)


@per_program
def actions(program: Program) -> tuple[Action, ...]:
    """Every training action of the program, in order."""
    events = (e for e in program.machine.trace.events if not any(map(_is_repetition, e.context.loops)))
    return tuple(a for e in events if (a := _action(e)) is not None)


def _is_repetition(loop: Loop) -> bool:
    """Whether a round only repeats earlier ones: over networks and optimisers each round is about another one."""
    if loop.round < ROUNDS:
        return False
    items = loop.iterable.items if isinstance(loop.iterable, ListValue) else loop.iterable
    return not (isinstance(items, (list, tuple)) and all(isinstance(i, (Object, Instance)) for i in items))


def optimizers(program: Program) -> Iterator[Object]:
    """Every optimiser of torch that the program builds."""
    return (o for o in program.machine.objects if is_optimizer(o))


def _action(event: Event) -> Action | None:
    match event:
        case Store(name="grad", target=target, value=value):
            emptied = value is None or (isinstance(value, Sym) and value.op == "zero")
            return Action(Kind.CLEAR if emptied else Kind.WRITE, event, target, held_by(target))
        case Call(callee=Function()):
            return None
        case Call(method="zero_grad", receiver=receiver):
            return Action(Kind.CLEAR, event, receiver, held_by(receiver))
        case Call(name="zero", receiver=Sym() as receiver) if (cleared := _gradient_owner(receiver)) is not None:
            return Action(Kind.CLEAR, event, cleared, held_by(cleared))
        case Call(method="backward" | "manual_backward", receiver=receiver, args=args):
            # `loss.backward(gradient)`, or `accelerator.backward(loss)`.
            own = isinstance(receiver, Sym) and receiver.tensor is True
            loss = args[0] if args and not own else receiver
            return Action(Kind.BACKWARD, event, _unscaled(loss), Held())
        case Call(name="torch.autograd.backward", args=(loss, *_)):
            return Action(Kind.BACKWARD, event, loss, Held())
        case Call(method="step", receiver=receiver, args=args):
            return _step(event, receiver, args)
        case Call(name=name, args=args) if name.startswith("torch.nn.utils.clip_grad"):
            of = args[0] if args else event.kwargs.get("parameters")
            return Action(Kind.CLIP, event, of, held_by(of))
        case Call():
            return _opaque(event)
    return None


def _gradient_owner(value: Value) -> Value:
    for _ in range(4):
        match value:
            case Sym(op="attr", attrs={"name": "grad"}, inputs=(owner, *_)):
                return owner
            case Sym(op="detach" | "grad", inputs=(inner, *_)):
                value = inner
            case _:
                return None
    return None


def _unscaled(loss: Value) -> Value:
    # `scaler.scale(loss).backward()`
    match loss:
        case Sym(op="call", attrs={"method": "scale"}, inputs=(_, inner, *_)):
            return inner
        case _:
            return loss


def _step(event: Call, receiver: Value, args: tuple[Value, ...]) -> Action | None:
    if isinstance(receiver, Object) and receiver.name.startswith("torch.optim."):
        if is_optimizer(receiver):
            return Action(Kind.STEP, event, receiver, held_by(receiver))
        return Action(Kind.SCHEDULE, event, receiver, held_by(scheduled(receiver)))
    if not isinstance(receiver, Sym):
        return None
    if args and (is_optimizer(args[0]) or _is_called(args[0], "opt")):
        return Action(Kind.STEP, event, args[0], held_by(args[0]))
    if _is_called(receiver, "sched"):
        return Action(Kind.SCHEDULE, event, receiver, Held(known=False))
    if _is_called(receiver, "opt"):
        return Action(Kind.STEP, event, receiver, Held(known=False))
    return Action(Kind.OPAQUE, event, receiver, Held(known=False))


def scheduled(scheduler: Object) -> Value:
    """The optimiser whose learning rate a scheduler changes."""
    return scheduler.args[0] if scheduler.args else scheduler.kwargs.get("optimizer")


def _is_called(value: Value, part: str) -> bool:
    return isinstance(value, Sym) and any(part in n.lower() for n in (value.name, *value.names))


_HARMLESS = (
    "torch.optim.",
    "torch.nn.",
    "torch.save",
    "copy.",
    "torch.utils.",
    "torch.distributed.",
    "torch.autograd.grad",
    "torch.no_grad",
    "torch.enable_grad",
    "torch.inference_mode",
    "torch.set_grad_enabled",
)
_LIBRARIES = ("torch.", "numpy.", "scipy.", "matplotlib.", "tqdm.", "sklearn.", "torchmetrics.", "torchvision.")
"""Libraries that know no network but those that they are given."""
_BUILTIN = frozenset(
    [
        "print",
        "isinstance",
        "len",
        "type",
        "id",
        "repr",
        "str",
        "next",
        "iter",
        "hasattr",
        "getattr",
        "setattr",
        "zip",
        "enumerate",
        "list",
        "super",
    ]
)
_READS = frozenset(
    [
        "to",
        "cuda",
        "cpu",
        "train",
        "eval",
        "parameters",
        "named_parameters",
        "modules",
        "named_modules",
        "children",
        "state_dict",
        "load_state_dict",
        "apply",
        "add_param_group",
        "append",
        "extend",
        "get_lr",
        "get_last_lr",
        "item",
        "register_buffer",
        "buffers",
        "requires_grad_",
        "scale",
        "update",
        "unscale_",
        "forward",
        "add_module",
        "log",
        "info",
        "debug",
        "add_scalar",
        "watch",
    ]
)


def _opaque(event: Call) -> Action | None:
    name = event.method or event.name
    if name in _BUILTIN or name in _READS or event.name.startswith(_HARMLESS):
        return None
    unknown = isinstance(event.result, Sym) and event.result.op == "call"
    if not unknown:
        return None
    given = (*event.args, *event.kwargs.values())
    concerned = [v for v in given if is_optimizer(v) or is_module(v)]
    clears = any(word in name.lower() for word in ("zero", "reset", "clear", "grad", "optim")) and not _is_foreign(
        event
    )
    if concerned or clears:
        return Action(Kind.OPAQUE, event, concerned[0] if concerned else event.receiver, Held(known=False))
    return None


def _is_foreign(event: Call) -> bool:
    """Whether the call is one of a library that was given no network: `bar.reset()`, `np.gradient(curve)`."""
    match event.receiver:
        case None:
            return _is_library(event.callee)
        case Sym(op="call", attrs={"callee": maker}, inputs=given):
            return _is_library(maker) and not any(is_module(v) or is_optimizer(v) for v in given)
        case _:
            return False


def _is_library(callee: Value) -> bool:
    return isinstance(callee, External) and callee.name.startswith(_LIBRARIES)


def following_round(first: Context, second: Context) -> int | None:
    """The depth of the loop of which `second` is the round after `first`, both in the same run of it; None if there is none."""
    for depth, (a, b) in enumerate(zip(first.loops, second.loops, strict=False)):
        if a is b:
            continue
        return depth if a.node is b.node and b.round == a.round + 1 else None
    return None


def same_round(first: Context, second: Context) -> bool:
    """Whether both are in one round of the same loops."""
    return len(first.loops) == len(second.loops) and all(a is b for a, b in zip(first.loops, second.loops, strict=True))


def is_unconditional(event: Context, under: Context) -> bool:
    """Whether `event` happens each time that `under` happens: no branch of its own."""
    mine = {(id(g.test), g.taken) for g in event.guards}
    return mine <= {(id(g.test), g.taken) for g in under.guards}
