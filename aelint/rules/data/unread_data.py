"""Data is loaded and never looked at: another tensor, or another loader, takes its place.

## What it does

Reports loops over a loader or over a range of numbers whose variable is never read although the body runs
a network, and loops without gradients over the training loader beside a loader that nothing reads. Reports functions that
never read the data that they are given, and compute with a tensor of the module that has the same shape. Reports settings,
such as a transform, that are assigned to a `Subset`, which never looks at them, and random orders that are drawn and never
followed. Reports training loaders with `drop_last=True` whose data does not fill one batch.

## Why is this bad?

Each round computes the same from a tensor that was left over from an earlier loop. A validation loss then
is the loss of the last training batch, and an interpolation is the same picture several times.

## Example

```python
import torch
from torch import nn
from torch.utils.data import DataLoader

model = nn.Linear(20, 20)
train, held_out = DataLoader(torch.rand(160, 20), 16), DataLoader(torch.rand(40, 20), 16)
for batch in train:
    loss = nn.functional.mse_loss(model(batch), batch)
with torch.no_grad():
    for test_batch in held_out:
        loss = nn.functional.mse_loss(model(batch), batch)
```

## Use instead

```python
import torch
from torch import nn
from torch.utils.data import DataLoader

model = nn.Linear(20, 20)
train, held_out = DataLoader(torch.rand(160, 20), 16), DataLoader(torch.rand(40, 20), 16)
for batch in train:
    loss = nn.functional.mse_loss(model(batch), batch)
with torch.no_grad():
    for test_batch in held_out:
        loss = nn.functional.mse_loss(model(test_batch), test_batch)
```

## Known limits

Variables with a leading underscore are meant to be unread, and so are loops that draw random numbers. A loader
that comes from outside of the program is not recognised.

## References

- https://docs.pytorch.org/docs/stable/data.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.data.batches import batched_loaders, samples_in, training_loaders
from aelint.semantics.data.lost_orders import lost_orders
from aelint.semantics.data.passed_over import passed_over
from aelint.semantics.data.subsets import unseen_settings
from aelint.semantics.dataflow.liveness import dead_stores, names_read
from aelint.semantics.domain.trace import Call, Loop
from aelint.semantics.domain.values import Function, Instance, Object, Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.interpreter.loaders import loader_argument
from aelint.semantics.operators.api import to_int
from aelint.syntax.walk import every, holds, walk

RULE = Rule(
    code="AEL512",
    name="unread-data",
    summary="data is loaded, and the program computes with other data in its place",
    severity=Severity.WARNING,
    triggers=(("dataloader", "linspace", "arange", "random_split", "subset", "def "),),
    absence=True,
)

_NUMBERS = frozenset({"linspace", "arange"})
_RANDOM = frozenset({"rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial"})


@dataclass(eq=False)
class _Seen:
    """One loop of the text and what its body called."""

    loop: Loop
    calls: list[Call] = field(default_factory=list)

    @property
    def is_over_data(self) -> bool:
        """Whether the loop goes over a loader, be it enumerated, or a range of numbers."""
        value = self.loop.iterable
        return bool(batched_loaders(self.loop)) or (isinstance(value, Sym) and value.op in _NUMBERS)

    @property
    def runs_network(self) -> bool:
        """Whether the body runs a model, and nothing in it is drawn anew."""
        return any(_is_model(c.callee) for c in self.calls) and not any(c.name in _RANDOM for c in self.calls)


def check(program: Program) -> Iterator[Finding]:
    """Yield each loop whose data is not what it computes with."""
    loops = _loops(program)
    for node in walk(program.tree):
        seen = loops.get(id(node))
        if not isinstance(node, ast.For) or seen is None or not (seen.is_over_data and seen.runs_network):
            continue
        if _unread(program.tree, node):
            yield _finding(Site(program.unit, node.target))
    yield from _replaced(program, list(loops.values()))
    yield from _dropped(program)
    for one in passed_over(program):
        message = (
            f"`{one.parameter}` is never read in this function, which is given other data for it ({place(one.call, one.read)}): every call "
            f"computes with the `{one.name}` of the module instead. Use `{one.parameter}`"
        )
        yield Finding(one.read, message, (Note(one.call, f"`{one.parameter}` is passed here"),))
    for order in lost_orders(program):
        message = (
            f"`{order.name}`, a random order ({place(order.drawn, order.read)}), is never followed: the rows come in the same order each "
            f"time. Read them at the places that `{order.name}` holds"
        )
        yield Finding(
            order.read or order.drawn, message, (Note(order.drawn, "the order is drawn here"),) if order.read else ()
        )
    for site, name, subset in unseen_settings(program):
        message = (
            f"a `Subset` never looks at its `{name}`: the samples still come from the data set behind it, as they are. Build a second data "
            "set for this part, with the same indices"
        )
        yield Finding(site, message, (Note(subset, "the subset"),))


def _dropped(program: Program) -> Iterator[Finding]:
    """Training loaders that leave out a last batch that is not full, and have no other one."""
    for loader, backward, _ in training_loaders(program):
        count, size = samples_in(loader), to_int(loader_argument(loader, "batch_size", 1))
        drawn = any(loader_argument(loader, name) is not None for name in ("sampler", "batch_sampler"))
        if drawn or count is None or size is None or loader.site is None or not 0 < count < size:
            continue
        if loader_argument(loader, "drop_last") is True:
            message = (
                f"{count} samples fill no batch of {size}, and `drop_last=True` leaves out what is not full: the loop over this loader has no "
                "round. Keep the last batch where it is the only one"
            )
            yield Finding(loader.site, message, (Note(backward.site, "this is never reached"),))


def _finding(site: Site) -> Finding:
    message = (
        f"`{site.text}` is never read in this loop, so every round runs the model on the same tensor. "
        "Use the variable of the loop"
    )
    return Finding(site, message)


def _loops(program: Program) -> dict[int, _Seen]:
    found: dict[int, _Seen] = {}
    for call in program.calls:
        for loop in call.context.loops:
            found.setdefault(id(loop.node), _Seen(loop)).calls.append(call)
    return found


def _is_model(callee: Value) -> bool:
    return isinstance(callee, Instance) or (isinstance(callee, Object) and callee.name.startswith("torch.nn."))


def _is_loader(value: Value) -> bool:
    return isinstance(value, Object) and value.name == "torch.utils.data.DataLoader"


def _unread(tree: ast.Module, node: ast.For) -> bool:
    """Whether the loop names its data, and nothing in its function reads any of these names."""
    names = {name.id for name in every(ast.Name, _data(node))}
    if not names or any(name.startswith("_") for name in names):
        return False
    functions = [n for n in walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    around = [f for f in functions if holds(f, node)]
    return names.isdisjoint(names_read(around[-1] if around else tree))


def _data(node: ast.For) -> ast.expr:
    """What a loop binds its data to, without the counter of `enumerate`."""
    match node:
        case ast.For(target=ast.Tuple(elts=[_, data]), iter=ast.Call(func=ast.Name(id="enumerate"))):
            return data
        case _:
            return node.target


def _replaced(program: Program, loops: list[_Seen]) -> Iterator[Finding]:
    """Loops without gradients over a loader that is trained on, beside a loader that is never read."""
    for binding in program.bindings:
        function = binding.context.function
        if (
            not _is_loader(binding.value)
            or binding.name.startswith("_")
            or not _is_dead(program, function, binding.name)
        ):
            continue
        here = [(s, found) for s in loops if _runs_in(s, function) and (found := _loaders_of(program, s))]
        trained = {one for s, found in here if any(c.name == ".backward" for c in s.calls) for one in found}
        for seen, found in here:
            if found <= trained and _only_looks(seen) and isinstance(seen.loop.node, ast.For):
                site = Site(binding.site.unit, seen.loop.node.iter)
                message = (
                    f"this loop without gradients goes over the loader that is trained on, and `{binding.name}` "
                    f"({place(binding.site, site)}) is never read. Loop over `{binding.name}`"
                )
                yield Finding(site, message, (Note(binding.site, "built here and never read"),))
                return


def _loaders_of(program: Program, seen: _Seen) -> set[int]:
    """The loaders that a loop goes over: itself, or in `enumerate`, or beside numbers in a `zip`."""
    node = seen.loop.node
    if _is_loader(seen.loop.iterable):
        return {id(seen.loop.iterable)}
    if not isinstance(node, (ast.For, ast.AsyncFor)) or not isinstance(node.iter, ast.Call):
        return set()
    function = seen.calls[0].context.function if seen.calls else None
    names = {name.id for name in every(ast.Name, node.iter)}
    bound = [b for name in names for b in program.bindings_of(name) if b.context.function in {function, None}]
    return {id(b.value) for b in bound if _is_loader(b.value)}


def _runs_in(seen: _Seen, function: Function | None) -> bool:
    tree = function.node if function is not None else None
    return tree is None or holds(tree, seen.loop.node)


def _only_looks(seen: _Seen) -> bool:
    models = [c for c in seen.calls if _is_model(c.callee)]
    return (
        bool(models) and all(c.context.no_grad for c in models) and not any(c.name == ".backward" for c in seen.calls)
    )


def _is_dead(program: Program, function: Function | None, name: str) -> bool:
    if function is None:
        return not any(name in names_read(unit.tree) and _reads_data(unit.tree, name) for unit in program.files)
    node = function.node
    if isinstance(node, ast.Lambda):
        return False
    return any(d.target.id == name for d in dead_stores(node)) or not _reads_data(node, name)


def _reads_data(node: ast.AST, name: str) -> bool:
    """Whether a loader is read for more than its length, `len(loader.dataset)`, which is not its data."""
    read = {id(n) for n in every(ast.Name, node) if n.id == name and not isinstance(n.ctx, ast.Store)}
    for call in every(ast.Call, node):
        match call:
            case ast.Call(
                func=ast.Name(id="len"),
                args=[(ast.Name() as measured) | ast.Attribute(value=ast.Name() as measured, attr="dataset")],
            ):
                read.discard(id(measured))
            case _:
                pass
    return bool(read)
