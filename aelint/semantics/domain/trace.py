"""What happened while the program was interpreted, in order: the record that rules query."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aelint.semantics.domain.values import Function, Instance, Value

if TYPE_CHECKING:
    from aelint.rule import Site
    from aelint.semantics.interpreter.scopes import Scope
    from aelint.semantics.operators import Conflict

__all__ = [
    "Activation",
    "Binding",
    "Call",
    "Context",
    "Event",
    "FlagTest",
    "Guard",
    "Loop",
    "MissingAttribute",
    "Return",
    "Store",
    "Trace",
]


@dataclass(slots=True, eq=False)
class Loop:
    """One round of a loop."""

    node: ast.AST
    round: int
    iterable: Value = None


@dataclass(slots=True, eq=False)
class Guard:
    """A branch that was taken although its condition is unknown."""

    test: ast.AST
    taken: bool
    value: Value = None
    """What the condition evaluated to, where it stands in an `if`."""


@dataclass(slots=True, eq=False)
class Activation:
    """One call of a function of the project; `site` is where it was called (None for an entry point)."""

    function: Function
    site: Site | None
    receiver: Value = None
    named: Mapping[str, Value] = field(default_factory=dict)
    """What was passed by name, `**settings` taken apart; what nobody can see into stands under `**`."""

    @property
    def is_entry(self) -> bool:
        """Whether nobody in sight called the function: it was entered to see what it does, and may be called elsewhere."""
        return self.site is None or self.site.node is self.function.node


@dataclass(slots=True, eq=False)  # never changed, but freezing makes each of very many three times as dear
class Context:
    """Under what an event happened."""

    loops: tuple[Loop, ...] = ()
    guards: tuple[Guard, ...] = ()
    stack: tuple[Activation, ...] = ()
    no_grad: bool = False
    speculative: bool = False
    """True while one of several candidates stands for all: what goes wrong there need not happen."""

    @property
    def function(self) -> Function | None:
        """The function of the project that was running, None at module level."""
        return self.stack[-1].function if self.stack else None

    @property
    def is_run(self) -> bool:
        """Whether the program itself runs this code, and not only the interpreter that looks at every function."""
        return not (self.stack and self.stack[0].is_entry)


@dataclass(slots=True, eq=False)
class Event:
    """Anything that happened; `order` counts all events."""

    site: Site
    context: Context
    order: int


@dataclass(slots=True, eq=False)
class Call(Event):
    """A call.

    `name` is the canonical operation for torch functions, methods and layers ("linear", "mse_loss"), the
    qualified name for other external callables ("torch.optim.Adam"), the function's own name for the
    project's, and `.method` for a method of an unknown object. `method` is the bare method name if it was
    called on a receiver.
    """

    name: str
    callee: Value
    args: tuple[Value, ...]
    kwargs: dict[str, Value]
    result: Value = None
    receiver: Value = None
    method: str = ""
    bound: dict[str, Value] = field(default_factory=dict)
    """Arguments by parameter name, where the signature is known."""


@dataclass(slots=True, eq=False)
class Binding(Event):
    """A local or global name was bound to a value."""

    name: str
    value: Value
    scope: Scope


@dataclass(slots=True, eq=False)
class Store(Event):
    """An attribute or an item was set: `target.name = value`, or `target[index] = value` with name ""."""

    target: Value
    name: str
    value: Value
    index: Value = None


@dataclass(slots=True, eq=False)
class Return(Event):
    """A function of the project returned a value."""

    function: Function
    value: Value


@dataclass(slots=True, eq=False)
class MissingAttribute(Event):
    """An attribute was read that nothing in a fully known class ever sets."""

    receiver: Instance
    name: str


@dataclass(slots=True, eq=False)
class FlagTest(Event):
    """A value was compared with `True`, as one that is a flag."""

    value: Value


@dataclass(slots=True, eq=False)
class Trace:
    """All events and contradictions of one interpretation."""

    events: list[Event] = field(default_factory=list)
    conflicts: list[tuple[Conflict, Context]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
