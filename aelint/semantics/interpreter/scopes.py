"""Where names are bound: modules, function scopes, and the journal that lets branches be undone and joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from aelint.semantics.domain.values import MISSING, DictValue, Instance, ListValue, Object, Sym, Value

if TYPE_CHECKING:
    import ast

    from aelint.rule import Site
    from aelint.sources.unit import SourceUnit

__all__ = ["Heap", "Module", "Scope"]


@dataclass(slots=True, eq=False)
class Scope:
    """The local names of a module or of one call of a function."""

    names: dict[str, Value] = field(default_factory=dict)
    parent: Scope | None = None
    globals_declared: set[str] = field(default_factory=set)
    nonlocals_declared: set[str] = field(default_factory=set)
    is_class: bool = False
    resolver: Callable[[str], Value] | None = None
    """Gives names that are defined here but were not needed so far."""

    def enclosing(self, name: str) -> Scope | None:
        """The nearest enclosing function scope that binds `name`."""
        scope = self.parent
        while scope is not None and name not in scope.names:
            scope = scope.parent
        return scope

    def lookup(self, name: str) -> Value:
        """The value of `name` here or in an enclosing scope, `MISSING` if it is not bound."""
        scope: Scope | None = self
        first = True
        while scope is not None:
            if first or not scope.is_class:
                if name in scope.names:
                    return scope.names[name]
                if scope.resolver is not None and (found := scope.resolver(name)) is not MISSING:
                    return found
            scope, first = scope.parent, False
        return MISSING

    def known(self, name: str) -> Value:
        """The value of `name` as far as the run went: never runs a statement, so queries may ask for it."""
        scope: Scope | None = self
        while scope is not None and name not in scope.names:
            scope = scope.parent
        return scope.names[name] if scope is not None else MISSING


@dataclass(slots=True, eq=False)
class Module:
    """A file of the project while it is being understood."""

    unit: SourceUnit
    tree: ast.Module
    scope: Scope
    sites: dict[ast.AST, Site] = field(default_factory=dict)
    """One site per node, made when first asked for."""
    pending: dict[str, list[ast.stmt]] = field(default_factory=dict)
    """Statements at module level that were not run yet, by the names that they bind."""


Mutable: TypeAlias = "Scope | Instance | Object | Sym | ListValue | DictValue"


def _state(thing: Mutable) -> Any:
    match thing:
        case Scope():
            return dict(thing.names)
        case Sym():
            return dict(thing.attrs)
        case Instance():
            return (dict(thing.attrs), thing.base)
        case Object():
            return (dict(thing.attrs), None if thing.children is None else dict(thing.children), thing.complete)
        case ListValue():
            return (list(thing.items), thing.complete)
        case DictValue():
            return (dict(thing.items), thing.complete)


def _restore(thing: Mutable, state: Any) -> None:
    # Copies, since the same state may be restored again after another branch has changed it in place.
    match thing:
        case Scope():
            thing.names = dict(state)
        case Sym():
            thing.attrs = dict(state)
        case Instance():
            thing.attrs, thing.base = dict(state[0]), state[1]
        case Object():
            children = state[1]
            thing.attrs, thing.complete = dict(state[0]), state[2]
            thing.children = None if children is None else dict(children)
        case ListValue():
            thing.items, thing.complete = list(state[0]), state[1]
        case DictValue():
            thing.items, thing.complete = dict(state[0]), state[1]


class Heap:
    """Records the state that mutable values had before a branch changed them."""

    def __init__(self) -> None:
        self._levels: list[dict[int, tuple[Mutable, Any]]] = []

    def touch(self, thing: Mutable) -> None:
        """Call before changing `thing`."""
        if self._levels:
            level = self._levels[-1]
            if id(thing) not in level:
                level[id(thing)] = (thing, _state(thing))

    @contextmanager
    def apart(self, scope: Scope) -> Iterator[None]:
        """Run outside of all branches: what `scope` gains stays, whichever branch asked for it."""
        levels, self._levels = self._levels, []
        before = set(scope.names)
        try:
            yield
        finally:
            self._levels = levels
            gained = {k: v for k, v in scope.names.items() if k not in before}
            for level in levels:
                if id(scope) in level:
                    level[id(scope)][1].update(gained)

    def enter(self) -> None:
        """Begin a branch."""
        self._levels.append({})

    def leave(self, *, undo: bool) -> dict[int, tuple[Mutable, Any, Any]]:
        """End a branch: everything it changed, with the state before and after; undone if asked."""
        level = self._levels.pop()
        changed = {}
        for key, (thing, before) in level.items():
            changed[key] = (thing, before, _state(thing))
            if undo:
                _restore(thing, before)
            elif self._levels and key not in self._levels[-1]:
                self._levels[-1][key] = (thing, before)
        return changed

    def abandon(self) -> None:
        """Forget all open branches, after an interpretation was cut short."""
        self._levels.clear()

    def join(self, branches: list[dict[int, tuple[Mutable, Any, Any]]], merge: Any) -> None:
        """Set everything that some branch changed to the join of its states over all branches.

        All branches were undone; `merge(values)` joins two or more values.
        """
        keys = {key: entry for branch in branches for key, entry in branch.items()}
        for key, (thing, before, _) in keys.items():
            self.touch(thing)
            states = [branch[key][2] if key in branch else before for branch in branches]
            if len(states) == 1:
                _restore(thing, states[0])
            else:
                _restore(thing, _merge_states(thing, states, merge))


def _merge_states(thing: Mutable, states: list[Any], merge: Any) -> Any:
    match thing:
        case Scope() | Sym():
            return _merge_dicts(states, merge)
        case Instance():
            bases = [s[1] for s in states if s[1] is not None]
            return (_merge_dicts([s[0] for s in states], merge), bases[0] if bases else None)
        case Object():
            attrs = _merge_dicts([s[0] for s in states], merge)
            kept = [s[1] for s in states if s[1] is not None]
            same = len({tuple(c) for c in kept}) <= 1
            children = _merge_dicts(kept, merge) if kept else None
            return (attrs, children, same and all(s[2] for s in states))
        case ListValue():
            lists = [s[0] for s in states]
            complete = all(s[1] for s in states)
            if len({len(items) for items in lists}) == 1:
                return ([merge(list(column)) for column in zip(*lists, strict=True)], complete)
            return (min(lists, key=len), False)
        case DictValue():
            dicts = [s[0] for s in states]
            same = len({frozenset(d) for d in dicts}) == 1
            return (_merge_dicts(dicts, merge), same and all(s[1] for s in states))


def _merge_dicts(dicts: list[dict[Any, Value]], merge: Any) -> dict[Any, Value]:
    # A name that only one branch binds keeps that value: reading it elsewhere would raise anyway.
    merged = dict(dicts[0])
    differing: dict[Any, None] = {}  # in order, so that two runs number their values alike
    for other in dicts[1:]:
        for key, value in other.items():
            if merged.setdefault(key, value) is not value:
                differing[key] = None
    for key in differing:
        merged[key] = merge([d[key] for d in dicts if key in d])
    return merged
