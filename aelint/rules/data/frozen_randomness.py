"""Random numbers of a data set are the same for every sample, worker or epoch.

## What it does

Reports a fixed seed inside `__getitem__`; a `worker_init_fn` that gives every worker, or every epoch,
the same seed; and a loader that shuffles with several workers and no such function, over a data set that draws from
a generator which it built beforehand (`self.rng = np.random.default_rng(0)`).

## Why is this bad?

Noise and augmentation repeat: a denoising autoencoder learns one noise pattern by heart, and augmentation
adds nothing after the first epoch. `np.random.get_state()[1][0]` is the same number in every worker and
epoch of a current loader, which seeds numpy from an array. A generator of the data set's own is copied into each
worker with its state, at the start of each epoch: torch seeds the global generators of a worker, and no others.

## Example

```python
import torch
from torch.utils.data import Dataset

class Noisy(Dataset):
    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        torch.manual_seed(0)
        clean = self.images[index]
        return clean + 0.1 * torch.randn_like(clean), clean
```

```python
import numpy as np
from torch.utils.data import DataLoader

def seed_worker(worker_id):
    np.random.seed(42)

loader = DataLoader(dataset, num_workers=4, worker_init_fn=seed_worker)
```

## Use instead

```python
import torch
from torch.utils.data import Dataset

class Noisy(Dataset):
    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        clean = self.images[index]
        return clean + 0.1 * torch.randn_like(clean), clean
```

```python
import numpy as np
import torch
from torch.utils.data import DataLoader

def seed_worker(worker_id):
    np.random.seed(torch.initial_seed() % 2**32)

loader = DataLoader(dataset, num_workers=4, worker_init_fn=seed_worker)
```

## Known limits

A seed that depends on the index is a deliberate, repeatable noise, and is left alone; so is one that
depends on a condition, as in a validation set.

## References

- https://docs.pytorch.org/docs/stable/notes/randomness.html#dataloader
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.data.batches import loaders
from aelint.semantics.data.copied_generators import copied_generators
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function
from aelint.semantics.explanation.wording import place
from aelint.semantics.interpreter.loaders import loader_argument
from aelint.syntax.signatures import positional
from aelint.syntax.walk import every, own_nodes, walk

RULE = Rule(
    code="AEL504",
    name="frozen-randomness",
    summary="a data set's random numbers repeat for every sample, worker or epoch",
    severity=Severity.WARNING,
    triggers=(("seed", "randomstate", "default_rng", "random.random", "generator"), ("__getitem__", "worker_init_fn")),
)

_SEEDS = frozenset(
    {"torch.manual_seed", "torch.random.manual_seed", "torch.cuda.manual_seed", "numpy.random.seed", "random.seed"}
)
_GENERATORS = frozenset({"numpy.random.RandomState", "numpy.random.default_rng", "random.Random"})
_DRAWS = ("rand", "normal", "choice", "shuffle", "uniform", "perm", "sample", "bernoulli", "integers", "binomial")


def check(program: Program) -> Iterator[Finding]:
    """Yield one finding for each seed that repeats."""
    yield from _in_samples(program)
    yield from _in_workers(program)
    told: set[int] = set()
    for copied in copied_generators(program):
        if id(copied.made.node) not in told:
            told.add(id(copied.made.node))
            message = (
                f"the data set draws from this generator ({place(copied.draw, copied.made)}), and each of the {copied.workers} workers of its "
                f"loader ({place(copied.loader, copied.made)}) gets a copy of it in the same state, in every epoch anew: they all draw the same "
                "numbers. Draw from torch's own generator, or seed this one in `worker_init_fn`, from `torch.initial_seed()`"
            )
            notes = (Note(copied.draw, "drawn for each sample"), Note(copied.loader, "copied to the workers"))
            yield Finding(copied.made, message, notes)


def _in_samples(program: Program) -> Iterator[Finding]:
    for call in program.calls:
        if call.name not in _SEEDS | _GENERATORS or not call.args or call.context.guards:
            continue
        function = call.context.function
        getter = next((a for a in call.context.stack if a.function.name == "__getitem__" and a.function.owner), None)
        if getter is None or function is None or not isinstance(call.args[0], int) or isinstance(call.args[0], bool):
            continue
        if _draws_later(program, call) and not _is_conditional(function, call.site.node):
            message = f"the seed {call.args[0]} is set for every sample: all of them get the same random numbers, in every epoch"
            yield Finding(call.site, message)


def _draws_later(program: Program, seed: Call) -> bool:
    """Whether the same visit to the sample draws random numbers afterwards."""
    visit = next(a for a in seed.context.stack if a.function.name == "__getitem__")
    later = (c for c in program.calls if c.order > seed.order and visit in c.context.stack)
    return any(any(word in (c.method or c.name).rsplit(".", 1)[-1] for word in _DRAWS) for c in later)


def _is_conditional(function: Function, node: ast.AST) -> bool:
    branches = (n for n in walk(function.node) if isinstance(n, (ast.If, ast.IfExp, ast.Try)))
    return any(inner is node for branch in branches for inner in walk(branch))


def _in_workers(program: Program) -> Iterator[Finding]:
    for loader in loaders(program):
        function = loader_argument(loader, "worker_init_fn")
        workers = loader_argument(loader, "num_workers", 0)
        if not isinstance(function, Function) or workers in {0, 1}:
            continue
        worker = positional(function.node)[:1]
        for node in own_nodes(function.node):
            match node:
                case ast.Call(func=ast.Attribute(attr="seed" | "manual_seed"), args=[seed, *_]):
                    fault = _worker_fault(seed, set(worker))
                case _:
                    continue
            if fault is not None:
                yield Finding(Site(function.module.unit, node), f"{fault}: derive it from `torch.initial_seed()`")


def _worker_fault(seed: ast.expr, worker: set[str]) -> str | None:
    text = ast.unparse(seed)
    if "get_state()[1][0]" in text:
        return (
            "in a current loader this number is the same in every epoch, so that all epochs get the same random numbers"
        )
    names = {n.id for n in every(ast.Name, seed)}
    if names & worker:
        return None
    if isinstance(seed, ast.Constant) and isinstance(seed.value, int):
        return f"the seed {text} is the same for every worker, and in every epoch"
    return None
