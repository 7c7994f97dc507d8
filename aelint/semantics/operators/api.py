"""How an operation of torch is described: its spellings, its parameters, and what it does to a tensor.

An operation has one canonical name however it is spelled: `F.relu(x)`, `torch.relu(x)`, `x.relu()`,
`nn.ReLU()(x)` are all `relu`. Its *transfer function* receives the bound arguments and says what is
known of the result; what it cannot say stays unknown.
"""

from __future__ import annotations

import ast
import itertools
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, TypeVar

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim, Poly
from aelint.semantics.domain.intervals import ANY, Interval
from aelint.semantics.domain.values import Function, ListValue, Object, Shape, Sym, Value

if TYPE_CHECKING:
    from aelint.rule import Site

__all__ = [
    "REQUIRED",
    "UNKNOWN",
    "WEIGHTS",
    "Apply",
    "Conflict",
    "Facts",
    "LayerSpec",
    "Operation",
    "Registry",
    "Result",
    "Transfer",
    "facts_of",
    "fresh",
    "is_float",
    "is_number",
    "parameters",
    "to_dim",
    "to_dims",
    "to_int",
    "to_number",
    "unknown",
]

REQUIRED: Any = type("_Required", (), {"__repr__": lambda _: "REQUIRED"})()
"""The default of a parameter that has none."""


UNKNOWN: Any = type("_Unknown", (), {"__repr__": lambda _: "UNKNOWN"})()
"""An argument of which not even its presence is known."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two derived facts that contradict each other, so that torch raises or mixes what it should not.

    `kind` is a stable word that rules select on; `facts` are the numbers and shapes a message needs.
    """

    kind: str
    site: Site | None
    operation: str
    facts: dict[str, Any]
    subject: Sym | None = None
    layer: Object | None = None
    stack: tuple[Any, ...] = ()


@dataclass(slots=True)  # never changed, but freezing makes each of very many three times as dear
class Facts:
    """What is known of one resulting tensor.

    `shape` is None when the rank is unknown; `last` then holds the sizes of the last axes, as far as known.
    """

    shape: Shape | None = None
    last: Shape = ()
    range: Interval = ANY
    kind: str | None = "float"
    tensor: bool | None = True


Result: TypeAlias = "Facts | tuple[Any, ...] | Value"
"""Facts become a tensor, a tuple of them a tuple of tensors; any other value is returned as it is."""


WEIGHTS = frozenset({"weight", "bias"})
"""Arguments of a layer that say something else (whether it has one) than its attributes of the same names."""


@dataclass(slots=True)
class Apply:
    """One application of an operation: arguments by canonical parameter name, and where to report contradictions."""

    name: str
    args: dict[str, Value]
    site: Site | None = None
    layer: Object | None = None
    conflicts: list[Conflict] = field(default_factory=list)

    def __getitem__(self, name: str) -> Value:
        """The argument `name`, or the layer's constructor argument of that name.

        None where neither has such a parameter, `UNKNOWN` where it may have been passed in a way that is not known.
        """
        if name in self.args:
            return self.args[name]
        layer = self.layer if isinstance(self.layer, Object) else getattr(self.layer, "base", None)
        if isinstance(layer, Object) and name not in ("input", "target"):
            if not layer.complete:
                return layer.kwargs.get(name, UNKNOWN)
            if name in layer.bound:
                return layer.bound[name] if name in WEIGHTS else layer.attrs.get(name, layer.bound[name])
        return UNKNOWN if "**" in self.args else None

    def tensor(self, name: str = "input") -> Facts:
        """What is known of the tensor argument `name`; numbers count as tensors of rank 0."""
        return facts_of(self[name])

    def int(self, name: str) -> int | None:
        """The argument as a known integer."""
        return to_int(self[name])

    def dim(self, name: str) -> Dim | None:
        """The argument as a size, symbolic if need be; None if it is none."""
        return to_dim(self[name])

    def number(self, name: str) -> float | None:
        """The argument as a known number."""
        return to_number(self[name])

    def flag(self, name: str) -> bool | None:
        """The argument as a known truth value."""
        value = self[name]
        return bool(value) if isinstance(value, int) else None

    def text(self, name: str) -> str | None:
        """The argument as a known string."""
        value = self[name]
        return value if isinstance(value, str) else None

    def conflict(self, kind: str, **facts: Any) -> None:
        """Report that this application contradicts itself."""
        subject = next((v for v in self.args.values() if isinstance(v, Sym)), None)
        self.conflicts.append(Conflict(kind, self.site, self.name, facts, subject, self.layer))


Transfer: TypeAlias = Callable[[Apply], Result]
Parameters: TypeAlias = tuple[tuple[str, Any], ...]
AnyTransfer = TypeVar("AnyTransfer", bound=Transfer)


@dataclass(frozen=True, slots=True)
class Operation:
    """A canonical operation: its parameters, as Python writes them (first the tensor), and its transfer function."""

    name: str
    signature: str
    transfer: Transfer

    @property
    def params(self) -> Parameters:
        """The parameters' names, with their defaults."""
        return parameters(self.signature)[0]

    @property
    def variadic(self) -> str:
        """Name of the parameter that takes all further positional arguments (`view(*shape)`); "" without one."""
        return parameters(self.signature)[1]


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """A layer class: the parameters of its constructor, as Python writes them, and the operation that it applies."""

    qualname: str
    operation: Operation
    constructor: str
    stateful: bool
    """Whether it holds parameters."""

    @property
    def init(self) -> Parameters:
        """The constructor's parameters, with their defaults."""
        return parameters(self.constructor)[0]


@cache
def parameters(text: str) -> tuple[Parameters, str]:
    """Parse `"input, dim=None, *rest"` into parameters with defaults and the name of the variadic one.

    A default is a Python literal; `a` without one is `REQUIRED`. A program uses few of the hundreds of
    operations, so each signature is parsed when it is asked for.
    """
    arguments = ast.parse(f"def f({text}): ...").body[0].args  # type: ignore[attr-defined]
    positional = [a.arg for a in arguments.args]
    defaults: list[Any] = [REQUIRED] * (len(positional) - len(arguments.defaults))
    defaults += [ast.literal_eval(d) for d in arguments.defaults]
    params = list(zip(positional, defaults, strict=True))
    for arg, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        params.append((arg.arg, REQUIRED if default is None else ast.literal_eval(default)))
    return tuple(params), arguments.vararg.arg if arguments.vararg else ""


@dataclass(slots=True)
class Registry:
    """All operations by spelling. Each area of torch has a module that fills it when it is imported."""

    functions: dict[str, Operation] = field(default_factory=dict)
    """By qualified name: `torch.exp`, `torch.nn.functional.relu`."""
    methods: dict[str, Operation] = field(default_factory=dict)
    """By method name of a tensor: `exp`, `view`. In-place spellings (`exp_`) are found without the underscore."""
    layers: dict[str, LayerSpec] = field(default_factory=dict)
    """By qualified name of the class: `torch.nn.Conv2d`."""

    def operation(
        self, name: str, params: str, *, functions: str = "", methods: str = ""
    ) -> Callable[[AnyTransfer], AnyTransfer]:
        """Register a transfer function under space-separated spellings.

        Spellings in `functions` are relative to torch: `exp nn.functional.relu`.
        """

        def register(transfer: AnyTransfer) -> AnyTransfer:
            operation = Operation(name, params, transfer)
            for spelling in functions.split():
                self.functions[f"torch.{spelling}"] = operation
            for spelling in methods.split():
                self.methods[spelling] = operation
            return transfer

        return register

    def layer(
        self, classes: str, init: str, forward: str = "input", *, name: str, stateful: bool = False
    ) -> Callable[[AnyTransfer], AnyTransfer]:
        """Register a layer class (spelling relative to `torch.nn`) with its constructor and forward parameters."""

        def register(transfer: AnyTransfer) -> AnyTransfer:
            operation = Operation(name, forward, transfer)
            for spelling in classes.split():
                qualname = f"torch.nn.{spelling}"
                self.layers[qualname] = LayerSpec(qualname, operation, init, stateful)
            return transfer

        return register


_fresh = itertools.count(1)


def fresh(name: str, *, batch: bool = False, may_be_zero: bool = False) -> Dim:
    """A size of which nothing is known, not even what it equals."""
    return dims.atom(("remainder" if may_be_zero else "fresh", next(_fresh)), name, batch=batch)


def unknown(kind: str | None = None, bounds: Interval = ANY) -> Facts:
    """A tensor whose shape is unknown."""
    return Facts(kind=kind, range=bounds)


def facts_of(value: Value) -> Facts:
    """What is known of a value, taken as a tensor."""
    match value:
        case Sym(tensor=False, kind="size", shape=None):
            return Facts((), (), value.range, "size", tensor=False)
        case Sym():
            return Facts(value.shape, value.last, value.range, value.kind, value.tensor)
        case bool():
            return Facts((), (), Interval(int(value), int(value)), "bool", tensor=False)
        case int() | float():
            return Facts((), (), _point(value), "size", tensor=False)
        case Poly():
            growing = all(factor > 0 for _, factor in value.terms)
            return Facts((), (), Interval(0) if growing else ANY, "size", tensor=False)
        case _:
            return Facts(kind=None, tensor=None)


def _point(value: float) -> Interval:
    if value != value:  # noqa: PLR0124  # not a number
        return ANY
    limit = sys.float_info.max
    return (
        Interval(float(min(value, limit)), math.inf)
        if value > limit
        else (Interval(-math.inf, -limit) if value < -limit else Interval(float(value), float(value)))
    )


def is_float(value: Value) -> bool | None:
    """Whether a value is of floating type when taken as a tensor; None if unknown."""
    match value:
        case bool() | int() | Poly():
            return False
        case float():
            return True
        case Sym(kind="float"):
            return True
        case Sym(kind="int" | "bool"):
            return False
        case _:
            return None


def to_number(value: Value) -> float | None:
    """A known finite number, None for anything else."""
    match value:
        case bool():
            return float(value)
        case int() | float() if abs(value) <= sys.float_info.max:
            return float(value)
        case _:
            return None


def is_number(value: Value) -> TypeGuard[int | float]:
    """Whether a value is a number that is known; no switch."""
    return isinstance(value, int | float) and not isinstance(value, bool)


_LARGEST_SIZE = 2**63
"""What torch holds sizes in; no program means a larger one."""


def to_int(value: Value) -> int | None:
    """A known integer, None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST_SIZE else None


def to_dim(value: Value) -> Dim | None:
    """A value as a size of an axis: an integer, a polynomial, or an unknown of its own; None if it is no number."""
    match value:
        case bool():
            return None
        case int():
            return to_int(value)
        case Poly():
            return value
        case float() if value.is_integer():
            return to_int(int(value))
        case Sym(op=op, inputs=(left, right)) if op in {"add", "sub", "mul", "floordiv"}:
            a, b = to_dim(left), to_dim(right)
            if a is None or b is None:
                return None
            match op:
                case "add":
                    return dims.add(a, b)
                case "sub":
                    return dims.sub(a, b)
                case "mul":
                    return dims.mul(a, b)
                case _:
                    return dims.floor_divide(a, b)
        case Sym(op="int", inputs=(inner,)) if to_dim(inner) is not None:
            return to_dim(inner)
        case Sym() if value.tensor is not True:
            key = ("optional", value.id) if _may_be_nothing(value) else value.id
            return dims.atom(key, value.name or f"?{value.id}")
        case _:
            return None


def _may_be_nothing(value: Sym) -> bool:
    """Whether a size is 0 in some setting: a parameter that is left out, or what a branch without it gives."""
    match value:
        case Sym(op="phi", inputs=given):
            return any(_is_nothing(one) for one in given)
        case Sym(op="param", attrs={"function": Function(defaults=defaults), "name": str() as name}):
            return name in defaults and _is_nothing(defaults[name])
        case _:
            return False


def _is_nothing(value: Value) -> bool:
    return value is None or (isinstance(value, int) and value == 0)


def to_dims(value: Value) -> tuple[Dim | None, ...] | None:
    """A tuple or list of sizes, or one size alone; None if it is neither."""
    match value:
        case tuple():
            return tuple(to_dim(v) for v in value)
        case ListValue(complete=True):
            return tuple(to_dim(v) for v in value.items)
        case _:
            dim = to_dim(value)
            return None if dim is None else (dim,)
