"""The value domain of the interpreter.

Constants are Python's own: int, float, bool, str, None, tuples. Everything else is one of the classes
here. A `Sym` is a node of the dataflow graph: a tensor, a size or anything else that only exists when
the program runs, with the operation and the inputs it came from. That graph is the provenance.
"""

from __future__ import annotations

import ast
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.intervals import ANY, Interval

if TYPE_CHECKING:
    from aelint.rule import Site
    from aelint.semantics.interpreter.scopes import Module, Scope

__all__ = [
    "Bound",
    "ClassValue",
    "DictValue",
    "External",
    "Function",
    "Instance",
    "ListValue",
    "Object",
    "Partial",
    "Shape",
    "Splice",
    "Sym",
    "Value",
    "elements",
    "is_constant",
]

Value: TypeAlias = Any
"""Python constants, tuples of values, or one of the classes below."""

Shape: TypeAlias = tuple[Dim, ...]

_ids = itertools.count(1)


@dataclass(slots=True, eq=False)
class Sym:
    """A value that only exists at run time: a node of the dataflow graph.

    Attributes:
        op: canonical name of the operation (`operators`), the same for every spelling of it;
            "param" is an argument that nobody in the program passes, "phi" joins branches,
            "call" an unknown function, "name" a name that is never bound.
        inputs: the values it was computed from.
        attrs: the operation's other arguments by canonical name (`dim`, `kernel_size`, `reduction`).
        site: where it was computed.
        shape: sizes of the axes, None if unknown. A first element `...` is not used: partial knowledge
            is in `last` (trailing sizes).
        last: sizes of the last axes, for a tensor whose rank is unknown.
        range: what values it can take.
        kind: "float", "int", "bool" (tensors), "size" (a Python number), "object", None if unknown.
        tensor: True, False, or None if unknown.
        layer: the layer object that computed it.
        name: the name that it was first bound to (or the parameter's).
    """

    op: str
    inputs: tuple[Value, ...] = ()
    attrs: dict[str, Value] = field(default_factory=dict)
    site: Site | None = None
    shape: Shape | None = None
    last: Shape = ()
    range: Interval = ANY
    kind: str | None = None
    tensor: bool | None = None
    layer: Object | Instance | None = None
    name: str = ""
    names: set[str] = field(default_factory=set)
    id: int = field(default_factory=lambda: next(_ids))

    def __repr__(self) -> str:
        return f"<{self.op}#{self.id} {self.name} {self.shape}>"


@dataclass(slots=True, eq=False)
class ListValue:
    """A list (or set, deque). `complete` is False when further or other items may be in it."""

    items: list[Value]
    complete: bool = True
    site: Site | None = None
    kind: str = "list"
    perhaps_empty: bool = False
    """Whether each of the items passed a test that only a run can decide: `[b for b in batches if b in seen]`."""


@dataclass(slots=True, eq=False)
class DictValue:
    """A dictionary with constant keys. `complete` is False when other keys may be in it."""

    items: dict[Any, Value]
    complete: bool = True
    site: Site | None = None


@dataclass(slots=True, eq=False)
class External:
    """Something outside of the project, by its qualified name: `torch.nn.Linear`, `numpy.exp`."""

    name: str

    def __repr__(self) -> str:
        return self.name


@dataclass(slots=True, eq=False)
class Function:
    """A function, lambda or method of the project."""

    name: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    module: Module
    scope: Scope
    defaults: dict[str, Value] = field(default_factory=dict)
    owner: ClassValue | None = None
    decorators: tuple[str, ...] = ()
    altered: bool = False
    """Whether a decorator of the project calls it with other arguments than were given, which are not followed."""

    def __repr__(self) -> str:
        return f"<function {self.name}>"


@dataclass(slots=True, eq=False)
class ClassValue:
    """A class of the project."""

    name: str
    node: ast.ClassDef
    module: Module
    bases: tuple[Value, ...]
    namespace: dict[str, Value] = field(default_factory=dict)
    decorators: tuple[str, ...] = ()
    keywords: dict[str, Value] = field(default_factory=dict)
    known: bool = True
    """False when some ancestor is unknown, so that methods and attributes may come from elsewhere."""
    network: bool | None = None
    """Whether it is a torch module, once somebody has asked (`kinds.is_network`)."""
    record: bool | None = None
    ancestry: list[ClassValue] = field(default_factory=list)
    setters: dict[str, Function] = field(default_factory=dict)
    """What runs when one of its properties is set."""

    def mro(self) -> list[ClassValue]:
        """The class and its ancestors in the project, in Python's own order (C3, without what lies outside)."""
        if not self.ancestry:
            own = [b for b in self.bases if isinstance(b, ClassValue)]
            self.ancestry = [self, *_merged([*(b.mro() for b in own), own])]
        return self.ancestry

    def external_bases(self) -> list[str]:
        """Qualified names of the ancestors outside of the project."""
        return [b.name for c in self.mro() for b in c.bases if isinstance(b, External)]

    def find(self, name: str) -> Value:
        """The class attribute `name` from the nearest ancestor, or `MISSING`."""
        for cls in self.mro():
            if name in cls.namespace:
                return cls.namespace[name]
        return MISSING

    @property
    def is_record(self) -> bool:
        """Whether an instance is made of the fields that the class declares: a dataclass, a named tuple, a model's output."""
        if self.record is None:
            declared = any("dataclass" in d for c in self.mro() for d in c.decorators)
            self.record = declared or any(b.rsplit(".", 1)[-1] in _RECORDS for b in self.external_bases())
        return self.record

    def setter(self, name: str) -> Function | None:
        """What runs when the attribute `name` of an instance is set, where it is a property."""
        return next((c.setters[name] for c in self.mro() if name in c.setters), None)

    @property
    def fully_known(self) -> bool:
        """Whether every ancestor is in the project or a class whose members are known."""
        return all(c.known for c in self.mro())

    def __repr__(self) -> str:
        return f"<class {self.name}>"


_RECORDS = frozenset({"NamedTuple", "BaseModel", "BaseSettings", "ModelOutput"})


def _merged(orders: list[list[ClassValue]]) -> list[ClassValue]:
    """One order that keeps each given one: https://docs.python.org/3/howto/mro.html; depth first where there is none."""
    found: list[ClassValue] = []
    pending = [list(order) for order in orders if order]
    while pending:
        heads = [order[0] for order in pending]
        good = next((h for h in heads if not any(h in order[1:] for order in pending)), heads[0])
        found.append(good)
        pending = [rest for order in pending if (rest := [c for c in order if c is not good])]
    return found


@dataclass(slots=True, eq=False)
class Instance:
    """An instance of a class of the project."""

    cls: ClassValue
    attrs: dict[str, Value] = field(default_factory=dict)
    site: Site | None = None
    base: Object | None = None
    """What `super().__init__(...)` built when an ancestor is an external container such as Sequential."""
    arguments: dict[str, Value] = field(default_factory=dict)
    symbolic: bool = False
    """True when nobody in the program builds it: its arguments are defaults and unknowns."""
    open: bool = False
    """True when attributes were set under names that are unknown (`setattr`, `__dict__.update`)."""
    id: int = field(default_factory=lambda: next(_ids))

    def __repr__(self) -> str:
        return f"<{self.cls.name}#{self.id}>"


@dataclass(slots=True, eq=False)
class Object:
    """An instance of an external class: a layer, optimiser, data set, distribution, transform."""

    name: str
    args: tuple[Value, ...] = ()
    kwargs: dict[str, Value] = field(default_factory=dict)
    bound: dict[str, Value] = field(default_factory=dict)
    """Constructor arguments by parameter name, defaults included, where the signature is known."""
    site: Site | None = None
    attrs: dict[str, Value] = field(default_factory=dict)
    children: dict[str, Value] | None = None
    """Sub-modules of a container, by registered name; None for what is no container."""
    complete: bool = True
    """False when further children may have been registered."""
    id: int = field(default_factory=lambda: next(_ids))

    @property
    def class_name(self) -> str:
        """The class without its module: `Linear` of `torch.nn.Linear`."""
        return self.name.rsplit(".", 1)[-1]

    def __repr__(self) -> str:
        return f"<{self.class_name}#{self.id}>"


@dataclass(slots=True, eq=False)
class Bound:
    """A method bound to its receiver; `method` is a Function, or the name of an external method."""

    receiver: Value
    method: Function | str


@dataclass(slots=True, eq=False)
class Partial:
    """`functools.partial` of something callable."""

    function: Value
    args: tuple[Value, ...]
    kwargs: dict[str, Value]


@dataclass(frozen=True, slots=True, eq=False)
class Splice:
    """Positional arguments of unknown number: `*layers` of a list that is not known to its end."""

    items: tuple[Value, ...]


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Any = _Missing()


def elements(value: Value) -> list[Value] | None:
    """What a list or a tuple holds, as far as it is known; None for anything else."""
    match value:
        case ListValue(items=items):
            return items
        case tuple():
            return list(value)
        case _:
            return None


def is_constant(value: Value) -> bool:
    """Whether the value is one of Python's own constants."""
    return value is None or isinstance(value, (bool, int, float, str, bytes))
