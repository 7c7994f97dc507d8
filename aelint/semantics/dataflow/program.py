"""What was understood of one file and everything it imports from its project: the façade that a rule receives."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from aelint.rule import Site
from aelint.semantics.domain.trace import Binding, Call, Context, Event, FlagTest, MissingAttribute, Return, Store
from aelint.semantics.domain.values import ClassValue, Function, Instance, Object, Value
from aelint.semantics.interpreter.kinds import is_network
from aelint.semantics.interpreter.machine import Machine
from aelint.semantics.interpreter.scopes import Module
from aelint.semantics.operators import Conflict
from aelint.sources.unit import SourceUnit

__all__ = ["Program"]

_Event = TypeVar("_Event", bound=Event)


@dataclass(eq=False)
class Program:
    """One interpreted program. All sequences are in the order in which things happened."""

    unit: SourceUnit
    tree: ast.Module
    """Of the entry file: what only a text can show is looked for in each file when it is the entry."""
    machine: Machine
    entry: Module
    notes: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[SourceUnit]:
        """The units that were read, the entry first."""
        return [m.unit for m in self.machine.modules.values()]

    @cached_property
    def calls(self) -> list[Call]:
        """Every call."""
        return self._events_of(Call)

    def calls_to(self, *names: str) -> list[Call]:
        """The calls with one of the canonical names, in the order in which they happened.

        A function of the project is not meant, whatever its name: a `norm` of its own need not be torch's.
        """
        found = [call for name in names for call in self._by_name.get(name, ())]
        return found if len(names) == 1 else sorted(found, key=lambda call: call.order)

    @cached_property
    def _by_name(self) -> dict[str, list[Call]]:
        found: dict[str, list[Call]] = {}
        for call in self.calls:
            if not isinstance(call.callee, Function):
                found.setdefault(call.name, []).append(call)
        return found

    def method_calls(self, *methods: str) -> list[Call]:
        """The calls of methods of these names, whoever they belong to, in the order in which they happened."""
        found = [call for method in methods for call in self._by_method.get(method, ())]
        return found if len(methods) == 1 else sorted(found, key=lambda call: call.order)

    @cached_property
    def _by_method(self) -> dict[str, list[Call]]:
        found: dict[str, list[Call]] = {}
        for call in self.calls:
            found.setdefault(call.method, []).append(call)
        return found

    @cached_property
    def bindings(self) -> list[Binding]:
        """Every binding of a name by an assignment or a loop."""
        return self._events_of(Binding)

    @cached_property
    def stores(self) -> list[Store]:
        """Every assignment to an attribute or an item."""
        return self._events_of(Store)

    def stores_to(self, target: Value, name: str) -> list[Store]:
        """The assignments to the attribute `name` of an object, in order."""
        return self._by_target.get((id(target), name), [])

    @cached_property
    def _by_target(self) -> dict[tuple[int, str], list[Store]]:
        found: dict[tuple[int, str], list[Store]] = {}
        for store in self.stores:
            found.setdefault((id(store.target), store.name), []).append(store)
        return found

    def bindings_of(self, name: str) -> list[Binding]:
        """The bindings of a name, in whatever scope, in order."""
        return self._bindings_by_name.get(name, [])

    @cached_property
    def _bindings_by_name(self) -> dict[str, list[Binding]]:
        found: dict[str, list[Binding]] = {}
        for binding in self.bindings:
            found.setdefault(binding.name, []).append(binding)
        return found

    def returns_of(self, function: str) -> list[Return]:
        """The ends of calls of the functions and methods of a name, in order."""
        return self._returns_by_name.get(function, [])

    @cached_property
    def _returns_by_name(self) -> dict[str, list[Return]]:
        found: dict[str, list[Return]] = {}
        for ended in self.returns:
            found.setdefault(ended.function.name, []).append(ended)
        return found

    @property
    def assignments(self) -> list[Binding | Store]:
        """Every name, attribute or item that was given a value: names first, each kind in order."""
        return [*self.bindings, *self.stores]

    @cached_property
    def returns(self) -> list[Return]:
        """Every end of a call of a project function."""
        return self._events_of(Return)

    @cached_property
    def missing_attributes(self) -> list[MissingAttribute]:
        """Reads of attributes that a fully known class never sets."""
        return self._events_of(MissingAttribute)

    @cached_property
    def flag_tests(self) -> list[FlagTest]:
        """Comparisons with `True`."""
        return self._events_of(FlagTest)

    def _events_of(self, kind: type[_Event]) -> list[_Event]:
        return [e for e in self.machine.trace.events if isinstance(e, kind)]

    def conflicts(self, *kinds: str) -> Iterator[tuple[Conflict, Context]]:
        """Contradictions of the given kinds."""
        for conflict, context in self.machine.trace.conflicts:
            if conflict.kind in kinds:
                yield conflict, context

    @cached_property
    def networks(self) -> list[Instance]:
        """Every instance of a network class of the project."""
        return [i for i in self.machine.instances if is_network(i.cls)]

    @cached_property
    def layers(self) -> list[Object]:
        """Every external layer that was built."""
        return [o for o in self.machine.objects if o.name.startswith("torch.nn.")]

    @property
    def classes(self) -> list[ClassValue]:
        """Every class of the project that was defined."""
        return self.machine.classes

    @property
    def functions(self) -> list[Function]:
        """Every function of the project that was defined."""
        return self.machine.functions

    @property
    def own_classes(self) -> list[ClassValue]:
        """The classes that the entry file defines."""
        return [c for c in self.machine.classes if c.module is self.entry]

    @property
    def own_functions(self) -> list[Function]:
        """The functions that the entry file defines."""
        return [f for f in self.machine.functions if f.module is self.entry]

    def site(self, module: Module, node: ast.AST) -> Site:
        """A node of one of the program's files as a site."""
        return Site(module.unit, node)
