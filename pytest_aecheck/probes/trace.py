"""A record of every torch function that a program calls, and of which value went where.

Autograd's graph forgets what carries no gradient: detached tensors, integer codes, noise, targets. A
`TorchFunctionMode` sees all of them, with the arguments as they were written, so questions such as "what
multiplies the noise" or "which tensor is the target of this loss" have exact answers.

Calls are numbered. A program that is run again under the same seed makes the same calls, so a second run
can replace the result of call k: that is how noise is set to zero and how a gradient is cut at the code.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from pytest_aecheck.probes.vocabulary import (
    INDEXED,
    NORMAL,
    RANDOM,
    SHAPE_ONLY,
    TAKES_SHAPE_FROM_SECOND,
    function_name,
)

__all__ = ["Call", "Execution", "Flow", "Trace", "Tracer", "Value"]


_READS = frozenset({
    "item", "tolist", "numpy", "__bool__", "__float__", "__int__", "__index__", "__array__", "__contains__", "equal", "allclose",
    "is_nonzero",
})  # fmt: skip
"""Functions that hand values to Python."""


class Flow(Flag):
    """What a value was computed from."""

    NOTHING = 0
    INPUT = auto()
    PARAMETER = auto()
    NOISE = auto()
    NOISE_INDEX = auto()
    """Only the choice of elements is random (a shuffle, a mask of kept patches)."""


@dataclass(slots=True, eq=False)
class Value:
    """A tensor as it was at one moment: a write in place makes a new value."""

    tensor: Any
    flow: Flow = Flow.NOTHING
    producer: Call | None = None
    consumers: list[Call] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Call:
    """One call of a torch function. `inputs` and `outputs` are its tensors in order of appearance."""

    index: int
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    module: str
    grad: bool
    """Whether gradients were being recorded."""

    @property
    def out(self) -> Value:
        """The first output."""
        return self.outputs[0]

    @property
    def axis(self) -> Any:
        """What stands for `dim`: by name, as the number behind the tensor, else the last axis."""
        second = self.args[1] if len(self.args) > 1 and isinstance(self.args[1], int) else -1
        return self.kwargs.get("dim", second)

    def __repr__(self) -> str:
        return f"<{self.index} {self.name} in {self.module or 'the program'}>"


@dataclass(slots=True, eq=False)
class Execution:
    """One call of a module."""

    name: str
    kind: str
    first: int
    last: int = -1
    """Indices of the first torch call inside it, and of the first after it."""
    inputs: tuple[Value, ...] = ()
    outputs: tuple[Value, ...] = ()


@dataclass(slots=True, eq=False)
class Trace:
    """Calls in order, and the value that each live tensor holds."""

    calls: list[Call] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    current: dict[int, Value] = field(default_factory=dict)
    escaped: list[Value] = field(default_factory=list)
    """Values that the program has read as plain numbers, to branch or to count by."""
    stopped: str = ""
    """Why recording ended early (the program was too long), or empty."""

    def value(self, tensor: Any) -> Value:
        """The value that `tensor` holds now; a tensor that no call has made becomes a source."""
        known = self.current.get(id(tensor))
        if known is None or known.tensor is not tensor:
            known = Value(tensor)
            self.current[id(tensor)] = known
        return known

    def named(self, *names: str) -> Iterator[Call]:
        """The calls of functions called one of `names`."""
        return (call for call in self.calls if call.name in names)


_RECENT = 64
"""Calls back to which another name for a tensor is looked for."""


def _same_memory(one: Any, other: Any) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype or torch.strided not in {one.layout, other.layout}:
        return False
    try:
        return bool(one.data_ptr() == other.data_ptr() != 0 and one.stride() == other.stride())
    except RuntimeError:  # tensors without memory of their own
        return False


def tensors_in(tree: Any) -> list[Any]:
    """Every tensor inside nested containers, in order."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


class Tracer(TorchFunctionMode):  # type: ignore[misc] # torch is not type-checked here
    """Record calls while active.

    Args:
        noise: replaces standard normal noise: receives the call's index and the noise, gives what to use.
        override: (call index, output position) -> function of that output that gives what to use instead.
        limit: calls after which recording stops, so that a long program stays affordable.
    """

    def __init__(
        self,
        *,
        noise: Callable[[int, Any], Any] | None = None,
        override: dict[tuple[int, int], Callable[[Any], Any]] | None = None,
        limit: int = 200_000,
    ) -> None:
        super().__init__()
        self.trace = Trace()
        self.noise = noise
        self.override = override or {}
        self.limit = limit
        self.stack: list[Execution] = []
        self.aliases: dict[int, tuple[Any, Value]] = {}

    def source(self, tensor: Any, flow: Flow) -> None:
        """Say where a tensor comes from that exists before the program starts."""
        self.trace.value(tensor).flow = flow

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the call, note it, and hand its result (or what replaces it) to the program."""
        kwargs = kwargs or {}
        if len(self.trace.calls) >= self.limit:
            self.trace.stopped = f"more than {self.limit} torch calls"
            return func(*args, **kwargs)
        name = function_name(func)
        result = func(*args, **kwargs)
        if not isinstance(result, torch.Tensor) and name != "setitem" and not tensors_in(result):
            if name in _READS:
                self.trace.escaped.extend(self.trace.value(tensor) for tensor in tensors_in((args, kwargs)))
            return result
        index = len(self.trace.calls)
        if self.noise is not None and name in NORMAL and isinstance(result, torch.Tensor):
            result = self._replaced_noise(index, name, args, kwargs, result)
        if self.override:
            result = self._overridden(index, result)
        self._record(name, args, kwargs, result)
        return result

    def _overridden(self, index: int, result: Any) -> Any:
        if isinstance(result, torch.Tensor):
            return self.override[index, 0](result) if (index, 0) in self.override else result
        if type(result) in {tuple, list}:
            return type(result)(
                self.override[index, position](item) if (index, position) in self.override else item
                for position, item in enumerate(result)
            )
        return result

    def _replaced_noise(self, index: int, name: str, args: Any, kwargs: Any, drawn: Any) -> Any:
        assert self.noise is not None
        unit = self.noise(index, drawn.detach())
        if name == "normal" and args:
            mean = kwargs.get("mean", args[0])
            std = kwargs.get("std", args[1] if len(args) > 1 else 1.0)
        elif name == "normal_":
            mean = kwargs.get("mean", args[1] if len(args) > 1 else 0.0)
            std = kwargs.get("std", args[2] if len(args) > 2 else 1.0)
        else:
            mean, std = 0.0, 1.0
        with torch.no_grad():
            drawn.copy_(mean + unit * std)
        return drawn

    def _record(self, name: str, args: Any, kwargs: Any, result: Any) -> None:
        trace = self.trace
        given = tensors_in((args, kwargs))
        inputs = tuple(self._value(tensor) for tensor in given)
        written = [given[0]] if name == "setitem" else tensors_in(result)
        flow = self._flow(name, inputs)
        outputs = tuple(Value(tensor, flow) for tensor in written)
        module = self.stack[-1].name if self.stack else ""
        call = Call(len(trace.calls), name, args, kwargs, inputs, outputs, module, torch.is_grad_enabled())
        trace.calls.append(call)
        for value in inputs:
            value.consumers.append(call)
        for value in outputs:
            self._settle(value, call, given)

    def _value(self, tensor: Any) -> Value:
        """What a tensor holds, also where it is another name for one that a call has made.

        `Variable(torch.randn(...))` makes a new tensor over the same memory and tells nobody.
        """
        trace = self.trace
        known = trace.current.get(id(tensor))
        if known is not None and known.tensor is tensor:
            return known
        alias = self.aliases.get(id(tensor))
        if alias is not None and alias[0] is tensor:
            return alias[1]
        for call in reversed(trace.calls[-_RECENT:]):
            for value in call.outputs:
                if trace.current.get(id(value.tensor)) is value and _same_memory(value.tensor, tensor):
                    self.aliases[id(tensor)] = (tensor, value)
                    return value
        return trace.value(tensor)

    def _settle(self, value: Value, call: Call, given: list[Any]) -> None:
        value.producer = call
        self.trace.current[id(value.tensor)] = value
        base = value.tensor._base  # noqa: SLF001 - the only way to learn what a view looks into
        if base is not None and any(value.tensor is tensor for tensor in given):
            # a write into a view changes the tensor that it looks into
            whole = self.trace.value(base)
            merged = Value(base, whole.flow | value.flow, call)
            whole.consumers.append(call)
            self.trace.current[id(base)] = merged

    def _flow(self, name: str, inputs: tuple[Value, ...]) -> Flow:
        if name in RANDOM:
            # normal(mean, std) passes on what its parameters know
            known = (
                [value.flow for value in inputs] if name in {"normal", "bernoulli", "multinomial", "poisson"} else []
            )
            flow = Flow.NOISE
            for one in known:
                flow |= one
            return flow
        if name in SHAPE_ONLY:
            return Flow.NOTHING
        if name == "gumbel_softmax":
            return Flow.NOISE | (inputs[0].flow if inputs else Flow.NOTHING)
        used = inputs[:1] if name in TAKES_SHAPE_FROM_SECOND else inputs
        flow = Flow.NOTHING
        for position, value in enumerate(used):
            one = value.flow
            if position and name in INDEXED and Flow.NOISE in one:
                one = (one & ~Flow.NOISE) | Flow.NOISE_INDEX
            flow |= one
        return flow


@contextlib.contextmanager
def watching_modules(tracer: Tracer, names: dict[int, str]) -> Iterator[None]:
    """Let the tracer know which module is running. `names` maps `id(module)` to its path."""
    from torch.nn.modules import module as hooks

    def enter(module: Any, args: Any) -> None:
        if id(module) not in names:
            return
        execution = Execution(names[id(module)], type(module).__name__, len(tracer.trace.calls))
        execution.inputs = tuple(tracer.trace.value(tensor) for tensor in tensors_in(args))
        tracer.trace.executions.append(execution)
        tracer.stack.append(execution)

    def leave(module: Any, args: Any, output: Any) -> None:  # noqa: ARG001
        if id(module) not in names or not tracer.stack:
            return
        execution = tracer.stack.pop()
        execution.last = len(tracer.trace.calls)
        execution.outputs = tuple(tracer.trace.value(tensor) for tensor in exposed_tensors(output))

    handles = [hooks.register_module_forward_pre_hook(enter), hooks.register_module_forward_hook(leave)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def exposed_tensors(output: Any) -> list[Any]:
    """Tensors of a module's output, also those kept as attributes of a plain object."""
    from pytest_aecheck.adapters.outputs import leaves

    return [leaf.tensor for leaf in leaves(output)]
