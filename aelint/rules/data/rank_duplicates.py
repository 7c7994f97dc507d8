"""Every process of a distributed training sees the same data, or the same order in every epoch.

## What it does

Reports

- a `DistributedSampler` whose `set_epoch` is never called, in a program that trains for several epochs,
- a `DataLoader` that gets a sampler together with `shuffle=True`,
- a training loader without a `DistributedSampler` in a program that wraps its model in
  `DistributedDataParallel`,
- a training loop that only ever calls the module inside of that wrapper (`model.module(x)`, `model.module.encode(x)`).

## Why is this bad?

Without a distributed sampler each process trains on all data, and a batch is a batch of near-duplicates.
Without `set_epoch` the order is shuffled once. A sampler together with `shuffle=True` raises.
The wrapper averages gradients when it is called itself: past it, every process trains a model of its own.

## Example

```python
import torch
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

def train(model, dataset, optimizer, epochs):
    sampler = DistributedSampler(dataset)
    loader = DataLoader(dataset, batch_size=32, sampler=sampler)
    for epoch in range(epochs):
        for x in loader:
            loss = model(x)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
```

## Use instead

```python
import torch
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

def train(model, dataset, optimizer, epochs):
    sampler = DistributedSampler(dataset)
    loader = DataLoader(dataset, batch_size=32, sampler=sampler)
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        for x in loader:
            loss = model(x)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
```

## Known limits

Frameworks that replace the sampler themselves (Lightning, Accelerate) keep the rule silent.

## References

- https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import chain

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.data.batches import loaders, training_loaders
from aelint.semantics.data.bypasses import bypasses
from aelint.semantics.domain.values import Object, Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.interpreter.loaders import loader_argument

RULE = Rule(
    code="AEL510",
    name="rank-duplicates",
    summary="processes of a distributed training see the same data or order, or train past the wrapper that keeps them alike",
    severity=Severity.WARNING,
    triggers=(("dataloader", "backward"), ("sampler", "distributeddataparallel")),
)

_FRAMEWORKS = ("lightning", "accelerat", "prepare_data_loader", "ignite", "deepspeed", "fabric")


def check(program: Program) -> Iterator[Finding]:
    """Yield findings for samplers and for loaders."""
    yield from chain(_with_shuffle(program), _fixed_order(program), _shared(program), _unsynchronized(program))


def _with_shuffle(program: Program) -> Iterator[Finding]:
    for loader in loaders(program):
        sampler = loader_argument(loader, "sampler")
        if isinstance(sampler, Object) and loader_argument(loader, "shuffle") is True and loader.site is not None:
            message = "a sampler together with `shuffle=True` raises: the sampler decides the order"
            yield Finding(loader.site, message, severity=Severity.ERROR)


def _is_distributed(sampler: object) -> bool:
    return isinstance(sampler, Object) and sampler.name.endswith("DistributedSampler")


def _fixed_order(program: Program) -> Iterator[Finding]:
    texts = [unit.text for unit in program.files]
    if any("set_epoch" in text for text in texts) or _has_framework(program):
        return
    for loader, loss, _ in training_loaders(program):
        sampler = loader_argument(loader, "sampler")
        shuffles = isinstance(sampler, Object) and sampler.kwargs.get("shuffle", True) is True
        if _is_distributed(sampler) and shuffles and len(loss.context.loops) > 1:
            assert isinstance(sampler, Object)
            epochs = loss.context.loops[-2].node
            site = Site(loss.site.unit, epochs.iter if isinstance(epochs, ast.For) else epochs)
            if sampler.site is not None:
                message = (
                    f"nothing tells the sampler ({place(sampler.site, site)}) which epoch begins, so every one goes through the data in the same order: "
                    "call its `set_epoch(epoch)` at the start of each round"
                )
                yield Finding(site, message, (Note(sampler.site, "the sampler"),))


def _shared(program: Program) -> Iterator[Finding]:
    if not _wraps(program) or _has_framework(program) or any("ampler" in u.text for u in program.files):
        return
    for loader, _, _ in training_loaders(program):
        data = loader_argument(loader, "dataset")
        if loader.site is not None and not isinstance(data, Sym):
            message = "every process goes through all of the data: a model in `DistributedDataParallel` needs a `DistributedSampler`"
            yield Finding(loader.site, message)


def _unsynchronized(program: Program) -> Iterator[Finding]:
    for one in bypasses(program):
        message = (
            f"`{ast.unparse(getattr(one.call.node, 'func', one.call.node))}` goes past `DistributedDataParallel`, and nothing else in the loop calls it: "
            "gradients are not averaged, and each process trains a model of its own. Call the wrapped model"
        )
        yield Finding(one.call, message, (Note(one.wrapped, "wrapped here"), Note(one.backward, "the backward pass")))


def _wraps(program: Program) -> bool:
    """Whether the file at hand wraps a model; what a library offers in files that it imports is not used by that."""
    return "DistributedDataParallel(" in program.unit.text or "DDP(" in program.unit.text


def _has_framework(program: Program) -> bool:
    return any(word in unit.text.lower() for unit in program.files for word in _FRAMEWORKS)
