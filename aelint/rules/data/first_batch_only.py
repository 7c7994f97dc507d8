"""Every round of a loop starts the loader anew and takes its first batch.

## What it does

Reports `next(iter(loader))` for a loader that does not shuffle, inside a training loop where the batch takes
part in the loss, and inside a loop that has as many rounds as the loader has batches, or whose sum is divided by the
number of rounds.

## Why is this bad?

`iter(loader)` starts at the beginning. Without shuffling its first batch is the same each time, so the
model (or the noise, or the condition) never sees the rest of the data, and a score is that of one batch.

## Example

```python
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

model = nn.Linear(8, 8)
optimizer = torch.optim.Adam(model.parameters())
loader = DataLoader(TensorDataset(torch.randn(64, 8)), batch_size=16)
for step in range(100):
    (x,) = next(iter(loader))
    loss = nn.functional.mse_loss(model(x), x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## Use instead

```python
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

model = nn.Linear(8, 8)
optimizer = torch.optim.Adam(model.parameters())
loader = DataLoader(TensorDataset(torch.randn(64, 8)), batch_size=16, shuffle=True)
for epoch in range(25):
    for (x,) in loader:
        loss = nn.functional.mse_loss(model(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
```

## Known limits

With `shuffle=True` or a sampler the first batch differs each time, and the rule is silent; so it is about
batches that are only shown, and where one batch is taken before the loop to fit it on purpose.

## References

- https://docs.pytorch.org/docs/stable/data.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.data.batches import contributes, keeps_order, samples_in
from aelint.semantics.dataflow.backward_passes import backward_passes
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Sym
from aelint.semantics.interpreter.loaders import loader_argument
from aelint.semantics.operators.api import to_int
from aelint.semantics.optimization.training import Kind, actions
from aelint.syntax.walk import every, holds

RULE = Rule(
    code="AEL503",
    name="first-batch-only",
    summary="every round of a loop starts the loader anew and takes its first batch",
    severity=Severity.WARNING,
    triggers=(("next(",), ("iter(",), ("dataloader",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield one finding for each `next(iter(loader))` that repeats the first batch."""
    started = {id(c.result): c for c in program.calls_to("iter")}
    for call in program.calls_to("next"):
        loader, start = _restarted(call, started)
        if loader is None or start is None or not keeps_order(loader):
            continue
        if _is_renewal(start) or _is_whole(loader):
            continue
        if _trains(program, call, start) or _goes_through(program, start):
            note = Note(loader.site, "the loader does not shuffle") if loader.site is not None else None
            message = (
                "each round starts the loader anew, so that this is its first batch every time; make the iterator "
            )
            yield Finding(call.site, message + "before the loop, or loop over the loader", (note,) if note else ())


def _trains(program: Program, call: Call, start: Call) -> bool:
    """Whether the batch takes part in the loss of the round."""
    return any(
        _in_the_same_round(call, start, loss) and contributes(call.result, loss) and _is_trained(program, loss)
        for loss in backward_passes(program)
    )


def _goes_through(program: Program, start: Call) -> bool:
    """Whether the loop around is there to go through the loader, and trains nothing: by its number of rounds, or by the mean over them."""
    loop = start.context.loops[-1].node if start.context.loops else None
    if any(one.node is loop for loss in backward_passes(program) for one in loss.context.loops):
        return False  # what training does to one batch is looked at
    function = start.context.function
    scope = function.node if function is not None else start.site.unit.tree
    match loop, start.site.node:
        case ast.For(iter=rounds, body=body), ast.Call(args=[loader, *_]) if any(_takes(s, start) for s in body):
            return _is_length(rounds, f"len({ast.unparse(loader)})", scope) or _is_mean(loop, scope)
        case _:
            return False


def _takes(statement: ast.stmt, start: Call) -> bool:
    """Whether the iterator is made here in every round."""
    return isinstance(statement, (ast.Assign, ast.AnnAssign)) and holds(statement, start.site.node)


def _is_length(rounds: ast.expr, length: str, scope: ast.AST) -> bool:
    """Whether `length` is in the number of rounds, as it is written or under the name that it was given."""
    named = {n.id for n in every(ast.Name, rounds)}
    given = (n for n in every(ast.Assign, scope) if any(isinstance(t, ast.Name) and t.id in named for t in n.targets))
    return any(length in ast.unparse(one) for one in (rounds, *(n.value for n in given)))


def _is_mean(loop: ast.For, scope: ast.AST) -> bool:
    """Whether a sum over the rounds of `range(n)` is divided by `n`."""
    match loop.iter:
        case ast.Call(func=ast.Name(id="range"), args=[(ast.Name() | ast.Attribute()) as count]):
            sums = {ast.unparse(n.target) for n in every(ast.AugAssign, loop) if isinstance(n.op, ast.Add)}
            means = [n for n in every(ast.BinOp, scope) if isinstance(n.op, ast.Div)]
            return any(ast.unparse(n.left) in sums and ast.dump(n.right) == ast.dump(count) for n in means)
        case _:
            return False


def _restarted(call: Call, started: dict[int, Call]) -> tuple[Object | None, Call | None]:
    match call.args:
        case (Sym(op="iter", inputs=(Object() as loader, *_)) as iterator, *_) if loader.name.endswith("DataLoader"):
            return loader, started.get(id(iterator))
        case _:
            return None, None


def _is_whole(loader: Object) -> bool:
    """Whether the first batch holds every sample."""
    given = loader_argument(loader, "batch_size", 1)
    if isinstance(given, Sym) and given.op == "len":
        return any(one is loader_argument(loader, "dataset") for one in given.inputs)
    count, size = samples_in(loader), to_int(given)
    return count is not None and size is not None and size >= count


def _is_renewal(start: Call) -> bool:
    """Whether the iterator is only made when another one has come to its end."""
    return any(holds(handler, start.site.node) for handler in every(ast.ExceptHandler, start.site.unit.tree))


def _is_trained(program: Program, loss: Call) -> bool:
    """Whether a step of an optimiser follows in the round: gradients may be wanted for themselves, to look at."""
    loops = loss.context.loops
    return any(a.kind in _STEPS and a.context.loops[: len(loops)] == loops for a in actions(program))


_STEPS = frozenset({Kind.STEP, Kind.OPAQUE})


def _in_the_same_round(call: Call, start: Call, loss: Call) -> bool:
    """Whether the iterator is made, and asked once, in the round of the innermost loop that trains."""
    loops = loss.context.loops
    conditional = len(start.context.guards) > len(loss.context.guards)
    return (
        bool(loops)
        and not conditional
        and call.context.loops == loops
        and start.context.loops == loops
        and call.order < loss.order
    )
