"""A fixed seed is set each time a model is run.

## What it does

Reports `manual_seed` and `seed` with a constant in what a network executes when it is called: its `forward`, its
training step, and everything that they call; and in the loop over batches that trains it.

## Why is this bad?

Every batch then gets the same noise, the same dropout mask and the same permutation of the data, since the
generator is global. The decoder learns that one draw by heart.

## Example

```python
import torch
from torch import nn


class Posterior(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar = nn.Linear(784, 20), nn.Linear(784, 20)

    def forward(self, x):
        torch.manual_seed(0)
        mean, logvar = self.mean(x), self.logvar(x)
        return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)


class Posterior(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar = nn.Linear(784, 20), nn.Linear(784, 20)

    def forward(self, x):
        mean, logvar = self.mean(x), self.logvar(x)
        return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
```

## Known limits

Seeds that are computed or passed in, and seeds inside of `torch.random.fork_rng`, are taken for intended.

## References

- PyTorch documentation, Reproducibility
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function, Instance, Object
from aelint.semantics.interpreter.kinds import is_network
from aelint.semantics.optimization.training import Kind, actions
from aelint.syntax.walk import every, walk

RULE = Rule(
    code="AEL213",
    name="reseeded-noise",
    summary="a fixed seed is set each time a model is run",
    severity=Severity.WARNING,
    triggers=(("seed(", "seed_everything("),),
)

_GLOBAL = (
    "torch.manual_seed",
    "torch.random.manual_seed",
    "torch.cuda.manual_seed",
    "torch.cuda.manual_seed_all",
    "numpy.random.seed",
    "random.seed",
    "pytorch_lightning.seed_everything",
    "lightning.seed_everything",
)
_RUNS = frozenset({"forward", "__call__", "training_step", "encode", "reparameterize", "reparametrize"})


def check(program: Program) -> Iterator[Finding]:
    """Global seeds below the forward pass of a network."""
    for call in program.calls_to(*_GLOBAL):
        seed = call.args[0] if call.args else next(iter(call.kwargs.values()), None)
        runs = _run_of_network(call)
        if type(seed) is int and runs and not _is_forked(call):
            message = (
                f"this seed is set in every run of `{runs}`, so each batch gets the same noise; "
                "set it once at the start of the program, or pass a `torch.Generator`"
            )
            yield Finding(call.site, message)
        elif (
            type(seed) is int
            and not call.context.speculative
            and _is_round_of_training(program, call)
            and not _is_forked(call)
        ):
            message = (
                "this seed is set in every step of the training loop, so each batch gets the same noise and the same dropout; "
                "set it once at the start of the program"
            )
            yield Finding(call.site, message)


def _is_round_of_training(program: Program, call: Call) -> bool:
    """Whether each round of the innermost loop is one training step that goes on with what those before it have trained."""
    if not call.context.loops:
        return False
    around = call.context.loops[-1]
    steps = (a for a in actions(program) if a.kind is Kind.BACKWARD and a.context.loops)
    built = (c for c in program.calls if isinstance(c.result, Object) and c.result.name.startswith("torch.optim."))
    anew = any(loop.node is around.node for c in built for loop in c.context.loops) or _moves_on(call)
    return not anew and any(step.context.loops[-1] is around for step in steps)


def _moves_on(call: Call) -> bool:
    """Whether the seed reads something that a loop around sets."""
    set_in_loops = {
        n.id for loop in call.context.loops for n in every(ast.Name, loop.node) if isinstance(n.ctx, ast.Store)
    }
    return any(n.id in set_in_loops for n in every(ast.Name, call.site.node))


def _run_of_network(call: Call) -> str:
    for activation in reversed(call.context.stack):
        function, receiver = activation.function, activation.receiver
        if function.name in _RUNS and isinstance(receiver, Instance) and is_network(receiver.cls):
            return f"{receiver.cls.name}.{function.name}"
    return ""


def _is_forked(call: Call) -> bool:
    function = call.context.function
    return isinstance(function, Function) and any(
        isinstance(n, ast.Attribute) and n.attr in {"fork_rng", "get_rng_state"} for n in walk(function.node)
    )
