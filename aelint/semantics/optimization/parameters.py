"""Which parameters a value stands for: an optimiser's argument, `model.parameters()`, a list or chain of them."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from aelint.semantics.domain.values import DictValue, External, Function, Instance, ListValue, Object, Sym, Value
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.interpreter.modules import submodules

__all__ = ["NOTHING_KNOWN", "Held", "Weight", "held_by", "is_optimizer", "is_picked", "owner_of", "weight_of"]

_LISTINGS = frozenset(
    {"parameters", "named_parameters", "trainable_parameters", "modules", "named_modules", "children"}
)
_SAME_STORAGE = frozenset(
    {"detach", "full", "zero", "ones", "view", "reshape", "flatten", "squeeze", "unsqueeze", "t", "setitem"}
)
_MAX_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Held:
    """A set of parameters, as identities of the modules and parameters that own them.

    `known` is False when further parameters may belong to it.
    """

    owners: frozenset[int] = frozenset()
    known: bool = True

    def __or__(self, other: Held) -> Held:
        return Held(self.owners | other.owners, self.known and other.known)

    def may_share(self, other: Held) -> bool:
        """Whether some parameter may be in both."""
        return not (self.known and other.known) or bool(self.owners & other.owners)

    def covers(self, other: Held) -> bool:
        """Whether every parameter of `other` is certainly here too."""
        return other.known and other.owners <= self.owners


NOTHING_KNOWN = Held(known=False)


@dataclass(frozen=True, slots=True, eq=False)
class Weight:
    """The parameter `name` of a layer."""

    layer: Object
    name: str


def is_optimizer(value: Value) -> bool:
    """Whether the value is one of torch's optimisers."""
    return isinstance(value, Object) and value.name.startswith("torch.optim.") and ".lr_scheduler." not in value.name


def is_picked(given: Value) -> bool:
    """Whether a test that only a run decides picks parameters from others: `[p for name, p in ... if ...]`, `filter(...)`."""
    match given:
        case Object(args=(first, *_)) if is_optimizer(given):
            return is_picked(first)
        case Object(kwargs=named) if is_optimizer(given):
            return is_picked(named.get("params"))
        case ListValue(items=items, perhaps_empty=tested):
            return tested or any(map(is_picked, items))
        case DictValue(items=items):
            return any(map(is_picked, items.values()))
        case Sym(op="call", attrs={"callee": External(name="builtins.filter")}):
            return True
        case _:
            return False


def held_by(value: Value) -> Held:
    """The parameters that `value` stands for."""
    return _held(value, {}, 0)


_Found = dict[int, Held]
"""What each value holds, by its identity: branch after branch, one value is reached on very many ways."""


def _held(value: Value, found: _Found, depth: int) -> Held:
    if depth > _MAX_DEPTH:
        return NOTHING_KNOWN
    if id(value) not in found:
        found[id(value)] = NOTHING_KNOWN
        found[id(value)] = _of(value, found, depth)
    return found[id(value)]


def _of(value: Value, found: _Found, depth: int) -> Held:
    match value:
        case Object() if is_optimizer(value):
            given = value.args[0] if value.args else value.kwargs.get("params")
            return _held(given, found, depth + 1)
        case Instance() | Object() if is_module(value):
            return _of_module(value)
        case ListValue(items=items) | tuple(items):
            return _union(list(items), found, depth)
        case DictValue(items={"params": given}):
            return _held(given, found, depth + 1)
        case DictValue(items=items):
            return _union(list(items.values()), found, depth)
        case Sym():
            return _of_sym(value, found, depth)
        case _:
            return NOTHING_KNOWN


def _union(values: list[Value], found: _Found, depth: int) -> Held:
    whole = Held(known=bool(values))
    for value in values:
        if not isinstance(value, (str, Function)):
            whole |= _held(value, found, depth + 1)
    return whole


def _of_module(module: Instance | Object) -> Held:
    owners: set[int] = set()
    pending: list[Value] = [module]
    known = True
    while pending:
        for _, one in submodules(pending.pop()):
            if id(one) in owners:
                continue
            owners.add(id(one))
            known &= not (isinstance(one, Instance) and one.open)
            if isinstance(one, Instance) and one.base is not None:
                pending.append(one.base)  # `class Layer(nn.Linear)`
            for value in (*getattr(one, "attrs", {}).values(), *(getattr(one, "children", None) or {}).values()):
                if isinstance(value, Instance) and not is_module(value) and not value.cls.fully_known:
                    pending.append(value)  # a class of another library may be a module itself
                elif isinstance(value, Sym):
                    # A part that only some settings build: `self.skip = nn.Conv2d(...) if wider else None`.
                    pending.extend(v for v in alternatives(value) if is_module(v))
                    owners.update(id(v) for v in alternatives(value) if isinstance(v, Sym) and v.op == "parameter")
    return Held(frozenset(owners), known)


def _of_sym(value: Sym, found: _Found, depth: int) -> Held:
    weight = weight_of(value)
    if weight is not None:
        return Held(frozenset({id(weight.layer)}))
    match value:
        case Sym(op="parameter"):
            return Held(frozenset({id(value)}))
        case Sym(op="call", attrs={"method": method}, inputs=(module, *_)) if method in _LISTINGS:
            return _held(module, found, depth + 1)
        case Sym(op="call", attrs={"method": _}):
            return NOTHING_KNOWN
        case Sym(op="attr", attrs={"name": "param_groups"}, inputs=(optimizer, *_)):
            return _held(optimizer, found, depth + 1)
        case Sym(op="call" | "phi" | "element" | "item" | "getitem", inputs=inputs) if inputs:
            whole = _union([i for i in inputs if not isinstance(i, int)], found, depth)
            # A function that takes the module itself may have added adapters to it.
            free = value.op == "call" and any(is_module(i) for i in inputs)
            return Held(whole.owners, known=False) if free else whole
        case _:
            return NOTHING_KNOWN


def weight_of(value: Value) -> Weight | None:
    """The layer's parameter behind a tensor, through views that share its memory and changes in place."""
    for _ in range(_MAX_DEPTH):
        match value:
            case Sym(op="parameter", attrs={"layer": Object() as layer, "name": str() as name}):
                return Weight(layer, name)
            case Sym(op=op, inputs=(inner, *_)) if op in _SAME_STORAGE and not _is_like(value):
                value = inner
            case _:
                return None
    return None


def _is_like(value: Sym) -> bool:
    """Whether a tensor of constants is a new one, `torch.ones_like(weight)`, and not the old one filled in place."""
    if value.op not in {"full", "zero", "ones"} or value.site is None:
        return False
    match value.site.node:
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
            return not name.endswith("_")
        case _:
            return False


def owner_of(value: Value) -> Value:
    """The module whose `parameters()` a loop variable or list comes from, None if it is none."""
    for _ in range(_MAX_DEPTH):
        match value:
            case Sym(op="call", attrs={"method": method}, inputs=(module, *_)) if method in _LISTINGS:
                return module
            case Sym(op="call", attrs={"method": "new"}):
                return None  # `p.new(sizes)` is a tensor of its own beside the parameter
            case Sym(op="element" | "item" | "detach" | "call", inputs=(inner, *_)):
                value = inner
            case _:
                return None
    return None
