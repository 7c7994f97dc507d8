"""The state of one interpretation: modules, heap, trace, fuel, and the frame of each running call."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from aelint.rule import Site
from aelint.semantics.domain.trace import Activation, Call, Context, Event, Guard, Loop, Trace
from aelint.semantics.domain.values import ClassValue, External, Function, Instance, ListValue, Object, Sym, Value
from aelint.semantics.interpreter.joins import merge
from aelint.semantics.interpreter.project import ProjectFiles
from aelint.semantics.interpreter.scopes import Heap, Module, Scope
from aelint.semantics.operators import Conflict
from aelint.sources.unit import SourceUnit

__all__ = ["Flow", "Frame", "Limits", "Machine", "OutOfFuelError"]


class OutOfFuelError(Exception):
    """The interpretation took more steps than allowed; what is known so far stands."""


class Flow(Enum):
    """How a block was left."""

    NEXT = 0
    RETURN = 1
    BREAK = 2
    CONTINUE = 3
    RAISE = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep every file cheap. Steps are expressions and statements."""

    steps: int = 160_000
    steps_per_root: int = 40_000
    steps_per_loop: int = 5_000
    depth: int = 24
    recursion: int = 2
    unrolled: int = 64
    modules: int = 60
    steps_per_line: int = 0
    """What a line of an imported file adds: a short script that builds and trains a long model runs that model."""

    @classmethod
    def for_lines(cls, lines: int) -> Limits:
        """Bounds for a file of so many lines: the cost of a file stays proportional to what it reads."""
        return cls(steps=25_000, steps_per_root=0, steps_per_line=60).with_lines(lines)

    def with_lines(self, lines: int) -> Limits:
        """Bounds for a program that has so many lines more."""
        if not self.steps_per_line:
            return self
        steps = min(160_000, self.steps + self.steps_per_line * lines)
        return replace(self, steps=steps, steps_per_root=min(40_000, steps // 2))


class _Within:
    """Runs under another context for a while; a class, since generators cost three times as much here."""

    __slots__ = ("before", "context", "machine")

    def __init__(self, machine: Machine, context: Context) -> None:
        self.machine = machine
        self.context = context
        self.before = machine.context

    def __enter__(self) -> None:
        self.machine.context = self.context

    def __exit__(self, *_: object) -> None:
        self.machine.context = self.before


@dataclass(slots=True, eq=False)
class Machine:
    """One interpretation of one entry file and everything it imports from its project."""

    project: ProjectFiles
    limits: Limits = field(default_factory=Limits)
    heap: Heap = field(default_factory=Heap)
    trace: Trace = field(default_factory=Trace)
    modules: dict[str, Module] = field(default_factory=dict)
    context: Context = field(default_factory=Context)
    steps: int = 0
    root_limit: int = 0
    order: int = 0
    executed: set[int] = field(default_factory=set)
    """Identities of the function nodes that were entered."""
    written: set[int] = field(default_factory=set)
    """Ids of tensors that are others after something was written into them."""
    decided: dict[int, tuple[bool, ...]] = field(default_factory=dict)
    """By the identity of an `if`: how its condition came out, where that was always known; else both ways."""
    classes: list[ClassValue] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    objects: list[Object] = field(default_factory=list)
    globals: dict[str, External] = field(default_factory=dict)
    finished: bool = False
    """True once the program was run: a question asked afterwards must not run more of it."""
    stopped: bool = False
    """True if some part took more steps than allowed: that something was not seen does not say that it is not there."""
    picked: dict[tuple[int, int], tuple[ListValue, list[Value], Sym]] = field(default_factory=dict)
    """What an unknown index picked from a list, as the list was then: asked again, it picks the same."""
    chosen: dict[tuple[int, int], Value] = field(default_factory=dict)
    """What an unknown index gave of one of several tensors."""
    read: dict[tuple[int, str], tuple[list[Value], Value]] = field(default_factory=dict)
    """What an attribute of one of several objects was, and of what it was joined."""
    assumptions: dict[str, tuple[Value, Site]] = field(default_factory=dict)
    """Defaults of the command line that stand for what a user passes, and where they are declared."""

    def step(self) -> None:
        """Spend one unit of fuel."""
        self.steps += 1
        if self.steps > self.root_limit:
            raise OutOfFuelError

    def allow(self, lines: int) -> None:
        """Take so many further lines into the program, with the fuel for running them."""
        before, self.limits = self.limits, self.limits.with_lines(lines)
        more = self.limits.steps_per_root - before.steps_per_root
        self.root_limit = min(self.root_limit + more, self.limits.steps)

    def external(self, name: str) -> External:
        """The one value for an external qualified name."""
        found = self.globals.get(name)
        if found is None:
            found = self.globals[name] = External(name)
        return found

    def record(self, event: Event) -> None:
        """Append an event to the trace."""
        self.trace.events.append(event)

    def tick(self) -> int:
        """The next event's number."""
        self.order += 1
        return self.order

    def decide(self, node: ast.If, outcome: bool | None) -> None:
        """Keep how a condition came out; an unknown one runs both sides."""
        before = self.decided.get(id(node))
        if before is None:
            self.decided[id(node)] = (True, False) if outcome is None else (outcome,)
        elif outcome not in before:
            self.decided[id(node)] = (True, False)

    def report(self, conflicts: list[Conflict]) -> None:
        """Keep contradictions, with the context in which they arose."""
        if self.context.speculative:
            return
        self.trace.conflicts.extend((c, self.context) for c in conflicts)

    def apart(self) -> _Within:
        """Run at module level, outside of every call, loop and branch."""
        return _Within(self, Context())

    def guarded(self, test: ast.AST, *, taken: bool, value: Value = None) -> _Within:
        """Run under one more unknown condition."""
        c = self.context
        guards = (*c.guards, Guard(test, taken, value))
        return _Within(self, Context(c.loops, guards, c.stack, c.no_grad, c.speculative))

    def looping(self, node: ast.AST, round_: int, iterable: Value, *, speculative: bool = False) -> _Within:
        """Run one round of a loop."""
        c = self.context
        loops = (*c.loops, Loop(node, round_, iterable))
        return _Within(self, Context(loops, c.guards, c.stack, c.no_grad, c.speculative or speculative))

    def guessing(self) -> _Within:
        """Run one of several candidates."""
        c = self.context
        return _Within(self, Context(c.loops, c.guards, c.stack, c.no_grad, speculative=True))

    def without_grad(self, *, off: bool | None) -> _Within:
        """Run a block that records no gradients if `off`, and as before if that is None."""
        c = self.context
        return _Within(self, Context(c.loops, c.guards, c.stack, c.no_grad if off is None else off, c.speculative))

    def running(
        self, function: Function, site: Site | None, receiver: Value, named: Mapping[str, Value], *, no_grad: bool
    ) -> _Within:
        """Run inside a call of `function`, which records no gradients if `no_grad`."""
        c = self.context
        stack = (*c.stack, Activation(function, site, receiver, named))
        return _Within(self, Context(c.loops, c.guards, stack, c.no_grad or no_grad, c.speculative or function.altered))


@dataclass(slots=True, eq=False)
class Frame:
    """Where evaluation stands: the module, the names in sight, and what the running function gave back."""

    machine: Machine
    module: Module
    scope: Scope
    function: Function | None = None
    receiver: Value = None
    returns: list[Value] = field(default_factory=list)
    yields: list[Value] = field(default_factory=list)

    @property
    def unit(self) -> SourceUnit:
        """The source that is being read."""
        return self.module.unit

    def site(self, node: ast.AST) -> Site:
        """Where `node` is written; the same node always gives the same site."""
        sites = self.module.sites
        found = sites.get(node)
        if found is None:
            found = sites[node] = Site(self.module.unit, node)
        return found

    def bind(self, name: str, value: Value) -> None:
        """Bind a name where Python would."""
        scope = self.scope
        if name in scope.globals_declared:
            scope = self.module.scope
        elif name in scope.nonlocals_declared:
            scope = scope.enclosing(name) or scope
        self.machine.heap.touch(scope)
        if isinstance(value, Sym):
            if not value.name:
                value.name = name
            value.names.add(name)
        scope.names[name] = value

    def unknown(self, op: str, *inputs: Value, node: ast.AST | None = None, **attrs: Value) -> Sym:
        """A value of which only the origin is known."""
        return Sym(op, tuple(inputs), dict(attrs), self.site(node) if node is not None else None)

    def called(
        self,
        node: ast.AST,
        name: str,
        callee: Value,
        args: tuple[Value, ...],
        kwargs: dict[str, Value],
        *,
        receiver: Value = None,
        method: str = "",
    ) -> Call:
        """Record a call; the caller fills in its result."""
        machine = self.machine
        call = Call(
            self.site(node), machine.context, machine.tick(), name, callee, args, kwargs, None, receiver, method
        )
        machine.record(call)
        return call

    def result(self) -> Value:
        """What the function returned, over all paths."""
        return merge(self.returns) if self.returns else None
