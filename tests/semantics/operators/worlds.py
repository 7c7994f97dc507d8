"""One program run twice: by torch on numbers, by the transfer functions on what is known of them.

A `World` holds pairs of a torch tensor and the `Sym` that describes it, and the value of every unknown
size. `World.apply` runs one step on both sides and compares.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import torch

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim, Poly
from aelint.semantics.domain.intervals import Interval
from aelint.semantics.domain.values import Object, Sym
from aelint.semantics.interpreter.apply import bind_parameters
from aelint.semantics.operators import REGISTRY, Apply, Facts

SILENT_KINDS = frozenset({"loss-broadcast", "mixes-batch"})
"""Contradictions at which torch does not raise."""


@dataclass(frozen=True)
class Ref:
    """The tensor number `index` of the world."""

    index: int


@dataclass(frozen=True)
class SizeOf:
    """`x.size(axis)`: a number for torch, a symbolic size for the transfer function."""

    index: int
    axis: int


@dataclass(frozen=True)
class Made:
    """An object built from a class of torch: a layer or a distribution."""

    cls: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A call: `spelling` is relative to torch for functions, a method's name, or "" for calling `made`."""

    spelling: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    method: bool = False
    made: Made | None = None
    batched_rank: int = 0
    """The rank that is assumed where the input's shape is unknown."""


@dataclass
class Tally:
    """What the run was worth: how much succeeded, how much was predicted to fail."""

    counts: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        failed, seen = self.counts["raised"], self.counts["predicted"]
        share = f"{100 * seen / failed:.0f} %" if failed else "n/a"
        return (
            f"{self.counts['steps']} steps: {self.counts['ran']} ran, of {self.counts['shapes']} results "
            f"{self.counts['known']} had a known shape; {failed} raised in torch, {share} of them predicted"
        )


@dataclass
class World:
    """Tensors with their descriptions, and the values of the unknowns."""

    tally: Tally
    tensors: list[torch.Tensor] = field(default_factory=list)
    syms: list[Sym] = field(default_factory=list)
    values: dict[object, int] = field(default_factory=dict)

    def add(self, tensor: torch.Tensor, sym: Sym) -> None:
        """Take in a pair; the sizes of the tensor are the values of what is named after the Sym."""
        self.tensors.append(tensor)
        self.syms.append(sym)
        self.values.update({(sym.id, axis): size for axis, size in enumerate(tensor.shape)})
        self.values["numel", sym.id] = tensor.numel()
        if tensor.dim() and tensor.shape[0]:
            self.values["row", sym.id] = tensor.numel() // tensor.shape[0]

    def evaluate(self, dim: Dim, seen: int) -> int:
        """The value of a size; an unknown that is free takes the value that was seen."""
        if isinstance(dim, int):
            return dim
        free = {a for a in dim.atoms if not self._bound(a.key)}
        if len(free) == 1 and dim == Poly((((only := next(iter(free)),), 1),)):
            self.values[only.key] = seen
        if any(not self._bound(a.key) for a in dim.atoms):
            return seen
        return sum(c * math.prod(self._value(a.key) for a in monomial) for monomial, c in dim.terms)

    def _bound(self, key: object) -> bool:
        if key in self.values:
            return True
        match key:
            case ("floor" | "broadcast", left, right):
                return all(self._bound(a.key) for d in (left, right) if isinstance(d, Poly) for a in d.atoms)
        return False

    def _value(self, key: object) -> int:
        match key:
            case ("floor", left, right):
                return self.evaluate(left, 0) // self.evaluate(right, 1)
            case ("broadcast", left, right):
                sizes = (self.evaluate(left, 0), self.evaluate(right, 0))
                return max(sizes)
        return self.values[key]

    def concrete(self, value: Any) -> Any:
        """An argument for torch."""
        return self._replaced(value, tensors=True)

    def abstract(self, value: Any) -> Any:
        """The same argument for a transfer function."""
        return self._replaced(value, tensors=False)

    def _replaced(self, value: Any, *, tensors: bool) -> Any:
        match value:
            case Ref(index):
                return self.tensors[index] if tensors else self.syms[index]
            case SizeOf(index, axis):
                return self.tensors[index].shape[axis] if tensors else self._size(index, axis)
            case Made():
                return self._build(value) if tensors else self._describe(value)
            case tuple() | list():
                return type(value)(self._replaced(v, tensors=tensors) for v in value)
            case dict():
                return {k: self._replaced(v, tensors=tensors) for k, v in value.items()}
            case slice():
                ends = (self._replaced(v, tensors=tensors) for v in (value.start, value.stop, value.step))
                return slice(*ends)
        return value

    def _size(self, index: int, axis: int) -> Any:
        shape, size = self.syms[index].shape, self.tensors[index].shape[axis]
        if shape is not None and -len(shape) <= axis < len(shape):
            return shape[axis]
        unknown = Sym("size", kind="size", tensor=False)
        self.values[unknown.id] = size
        return unknown

    def _build(self, made: Made) -> Any:
        return attrgetter(made.cls)(torch)(*self.concrete(made.args), **self.concrete(made.kwargs))

    def _describe(self, made: Made) -> Object:
        name = f"torch.{made.cls}"
        thing = Object(name, self.abstract(made.args), self.abstract(made.kwargs))
        spec = REGISTRY.layers.get(name)
        if spec is not None:
            thing.bound = bind_parameters(spec.init, "", thing.args, thing.kwargs)
        return thing

    def apply(self, step: Step) -> bool:
        """Run a step on both sides and compare; False when torch raised."""
        self.tally.counts["steps"] += 1
        applied, predicted = self._predict(step)
        try:
            result = self._run(step)
        except (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError, AssertionError, AttributeError):
            self.tally.counts["raised"] += 1
            self.tally.counts["predicted"] += bool(applied.conflicts)
            return False
        self.tally.counts["ran"] += 1
        if self._outside_of_the_assumption(step):
            return False
        wrong = [c for c in applied.conflicts if c.kind not in SILENT_KINDS]
        assert not wrong, f"torch ran what was said to raise: {wrong}"
        if step.spelling == "chunk" and isinstance(predicted, tuple) and len(result) < len(predicted):
            # An axis of unknown size is taken to be long enough for the chunks asked for.
            return False
        self._compare(predicted, result)
        self._check_silent(applied, step)
        return True

    def _outside_of_the_assumption(self, step: Step) -> bool:
        # A tensor of unknown shape in a convolution is taken to be batched; one that is not is no counterexample.
        first = step.args[0] if step.args else None
        return (
            bool(step.batched_rank)
            and isinstance(first, Ref)
            and self.syms[first.index].shape is None
            and self.tensors[first.index].dim() != step.batched_rank
        )

    def _predict(self, step: Step) -> tuple[Apply, Any]:
        args = self.abstract(step.args)
        layer = None
        if step.made is not None:
            thing = self._describe(step.made)
            if step.spelling:
                operation = REGISTRY.functions[f"torch.{step.made.cls}.{step.spelling}"]
                args = (thing, *args)
            else:
                operation, layer = REGISTRY.layers[f"torch.{step.made.cls}"].operation, thing
        elif step.method:
            operation = REGISTRY.methods[step.spelling]
        else:
            operation = REGISTRY.functions[f"torch.{step.spelling}"]
        bound = bind_parameters(operation.params, operation.variadic, args, self.abstract(step.kwargs))
        apply = Apply(operation.name, bound, None, layer)
        return apply, operation.transfer(apply)

    def _run(self, step: Step) -> Any:
        args, kwargs = self.concrete(step.args), self.concrete(step.kwargs)
        if step.made is not None:
            thing = self._build(step.made)
            found = getattr(thing, step.spelling) if step.spelling else thing
            return found(*args, **kwargs) if callable(found) else found
        if step.method:
            return getattr(args[0], step.spelling)(*args[1:], **kwargs)
        return attrgetter(step.spelling)(torch)(*args, **kwargs)

    def _compare(self, predicted: Any, result: Any) -> None:
        match predicted:
            case Facts() if isinstance(result, torch.Tensor):
                self._check(predicted, result)
                sym = Sym("step", (), {}, None, predicted.shape, predicted.last, predicted.range, predicted.kind, True)
                self.add(result.detach(), sym)
            case Facts():
                assert not predicted.tensor or not isinstance(result, (tuple, list)), f"one tensor for {type(result)}"
            case tuple() if isinstance(result, (tuple, list)):
                assert len(predicted) == len(result), f"{len(predicted)} results foretold, {len(result)} came"
                for one, other in zip(predicted, result, strict=True):
                    self._compare(one, other)

    def _check(self, facts: Facts, tensor: torch.Tensor) -> None:
        self.tally.counts["shapes"] += 1
        if facts.shape is not None:
            self.tally.counts["known"] += 1
            assert len(facts.shape) == tensor.dim(), f"rank of {facts.shape} against {tuple(tensor.shape)}"
            self._check_sizes(facts.shape, tuple(tensor.shape))
        assert len(facts.last) <= tensor.dim(), f"last sizes {facts.last} against {tuple(tensor.shape)}"
        self._check_sizes(facts.last, tuple(tensor.shape[tensor.dim() - len(facts.last) :]))
        check_kind(facts.kind, tensor)
        check_range(facts.range, tensor)

    def _check_sizes(self, sizes: tuple[Dim, ...], seen: tuple[int, ...]) -> None:
        for foretold, size in zip(sizes, seen, strict=True):
            assert self.evaluate(foretold, size) == size, f"{sizes} does not describe {seen}"

    def _check_silent(self, apply: Apply, step: Step) -> None:
        for conflict in apply.conflicts:
            if conflict.kind == "loss-broadcast":
                shapes = {tuple(self.tensors[a.index].shape) for a in step.args if isinstance(a, Ref)}
                concrete = [self._all_above_one(s) for s in conflict.facts["shapes"]]
                assert len(shapes) > 1 or not all(concrete), "a loss of equal shapes was said to broadcast"
            elif conflict.kind == "mixes-batch":
                self._check_mixture(conflict.facts)

    def _all_above_one(self, shape: tuple[Dim, ...]) -> bool:
        return all(isinstance(d, int) or self.evaluate(d, 1) > 1 for d in shape)

    def _check_mixture(self, facts: dict[str, Any]) -> None:
        shape = [self.evaluate(d, 1) for d in facts["shape"]]
        target = [self.evaluate(d, 1) for d in facts["target"]]
        axis = facts["axis"]
        row, sample = math.prod(target[1:]), math.prod(shape[axis + 1 :])
        if shape[axis] < 2 or sample % row == 0:
            # The claim is about all batches but those whose size happens to fit the features.
            return
        view = [1] * len(shape)
        view[axis] = shape[axis]
        samples = torch.arange(shape[axis]).view(view).expand(shape).reshape(target)
        rows = samples.reshape(target[0], -1)
        assert any(len(set(row.tolist())) > 1 for row in rows), f"{shape} as {target} mixes nothing"


def check_kind(kind: str | None, tensor: torch.Tensor) -> None:
    """The kind, where one was foretold, is the tensor's."""
    actual = "bool" if tensor.dtype == torch.bool else "float" if tensor.is_floating_point() else "int"
    assert kind in {None, actual}, f"{kind} was foretold, {actual} came"


def check_range(interval: Interval, tensor: torch.Tensor) -> None:
    """All finite values lie in the interval, up to rounding."""
    numbers = tensor.double()
    finite = numbers[torch.isfinite(numbers)]
    if not finite.numel():
        return
    low, high = finite.min().item(), finite.max().item()
    slack = 1e-6 * (1 + max(abs(low), abs(high)))
    assert interval.low - slack <= low, f"{low} is below {interval}"
    assert high <= interval.high + slack, f"{high} is above {interval}"


def symbolic(value: int, name: str, key: object, values: dict[object, int], form: int) -> Dim:
    """A size as a polynomial of a fresh unknown that has this value: n, 2*n or n + 1."""
    batch = name == "B"
    if form == 1 and value % 2 == 0:
        values[key] = value // 2
        return dims.mul(dims.atom(key, name, batch=batch), 2)
    if form == 2 and value > 1:
        values[key] = value - 1
        return dims.add(dims.atom(key, name), 1)
    values[key] = value
    return dims.atom(key, name, batch=batch)
