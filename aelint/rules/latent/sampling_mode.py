"""A posterior is sampled in the wrong mode, or leaves its standard deviation in the code in the other.

## What it does

Reports noise that is drawn only when `self.training` is false, in a method that draws none in training; and a
code that is `mean + std * noise` in training and `mean + std` in evaluation, because the noise alone stands under
the condition.

## Why is this bad?

Without noise in training the variance is never used: the model is a plain autoencoder with a penalty, and
decodes noise badly. `mean + std` is a code that training hardly ever shows, shifted in every dimension.

## Example

```python
import torch
from torch import nn

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar = nn.Linear(784, 20), nn.Linear(784, 20)

    def forward(self, x):
        mean, std = self.mean(x), torch.exp(0.5 * self.logvar(x))
        if self.training:
            std = std * torch.randn_like(std)
        return mean + std

code = Encoder()(torch.rand(16, 784))
```

## Use instead

```python
import torch
from torch import nn

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar = nn.Linear(784, 20), nn.Linear(784, 20)

    def forward(self, x):
        mean, std = self.mean(x), torch.exp(0.5 * self.logvar(x))
        if self.training:
            return mean + std * torch.randn_like(std)
        return mean

code = Encoder()(torch.rand(16, 784))
```

## Known limits

Only conditions on `self.training` itself are understood. A method that draws in both modes is left alone.

## References

- Kingma and Welling, Auto-Encoding Variational Bayes, 2014: https://arxiv.org/abs/1312.6114
- https://github.com/Project-MONAI/MONAI/issues/8413
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow import graph
from aelint.semantics.domain.trace import Guard
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.latent.posteriors import draw_of, noise_of, posteriors
from aelint.syntax.names import last_name
from aelint.syntax.walk import every, holds, walk

RULE = Rule(
    code="AEL215",
    name="sampling-mode",
    summary="noise is drawn in evaluation instead of training, or leaves the standard deviation behind",
    severity=Severity.ERROR,
    triggers=((".training",), ("randn", "normal", "sample")),
)

_DRAWS = frozenset({"randn_like", "randn", "normal", "normal_", "rsample", "sample", "standard_normal"})


def check(program: Program) -> Iterator[Finding]:
    """Samples under the wrong condition, and sums that keep the scale without its noise."""
    yield from _inverted(program)
    yield from _shifted(program)


def _inverted(program: Program) -> Iterator[Finding]:
    for one in posteriors(program):
        call = draw_of(program, one) if one.learned else None
        if call is None or call.context.function is None:
            continue
        function = call.context.function.node
        # What a caller asks for chooses among its own ways, each of which may draw.
        guard = next((g for g in call.context.guards if _is_evaluation(g) and holds(function, g.test)), None)
        test = guard.test if guard is not None else _left_in_training(function, call.site.node)
        if test is not None and _draws_once(function):
            message = (
                "this noise is drawn in evaluation mode alone: in training the code is the mean, so the posterior's "
                "variance has no part in the reconstruction; draw it `if self.training`"
            )
            yield Finding(Site(call.site.unit, test), message, (Note(call.site, "the noise"),))


def _left_in_training(function: ast.AST, draw: ast.AST) -> ast.expr | None:
    """The test of an `if self.training: return mean` in front of the draw."""
    body = function.body if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) else []
    for position, statement in enumerate(body):
        match statement:
            case ast.If(test=test, body=[*_, ast.Return(value=ast.Name() | ast.Attribute())], orelse=[]) if (
                _is_training(test)
            ):
                return test if any(holds(one, draw) for one in body[position + 1 :]) else None
            case _:
                pass
    return None


def _is_evaluation(guard: Guard) -> bool:
    match guard.test:
        case ast.UnaryOp(op=ast.Not(), operand=test):
            return _is_training(test) and guard.taken
        case test:
            return _is_training(test) and not guard.taken


def _is_training(test: ast.AST) -> bool:
    return isinstance(test, ast.Attribute) and test.attr == "training" and isinstance(test.value, ast.Name)


def _draws_once(function: ast.AST) -> bool:
    """Whether the function draws in one place, so that nothing is drawn in the other mode."""
    drawn = [n for n in every(ast.Call, function) if last_name(n.func) in _DRAWS]
    return len(drawn) == 1


def _shifted(program: Program) -> Iterator[Finding]:
    for node in graph.nodes_of(program, "add"):
        if node.site is None or len(node.inputs) != 2:
            continue
        for joined, mean in (node.inputs, reversed(node.inputs)):
            if not isinstance(joined, Sym) or joined.op != "phi" or not isinstance(mean, Sym):
                continue
            noisy = _noisy(joined)
            if noisy is not None and noisy.site is not None and _asks_once(program, noisy):
                name = mean.name or "the mean"
                message = (
                    f"where no noise is drawn this is `{name}` plus one standard deviation, not `{name}`: only the product "
                    f"with the noise stands under the condition ({place(noisy.site, node.site)}); return the mean there"
                )
                yield Finding(node.site, message, (Note(noisy.site, "the noise"),))


def _asks_once(program: Program, noisy: Sym) -> bool:
    """Whether the method asks for the mode at this place alone: an earlier `return` may have dealt with the other mode."""
    drawn = {n.id for f in noisy.inputs if (n := noise_of(f)) is not None}
    for call in program.calls:
        if isinstance(call.result, Sym) and call.result.id in drawn and call.context.function is not None:
            asked = [n for n in walk(call.context.function.node) if _is_training(n)]
            return len(asked) == 1 and any(_is_training(g.test) for g in call.context.guards)
    return False


def _noisy(joined: Sym) -> Sym | None:
    """`scale * noise`, where the other branch is that very scale."""
    branches = [b for b in alternatives(joined) if isinstance(b, Sym)]
    for one in branches:
        if one.op == "mul" and len(branches) == 2 and any(noise_of(f) is not None for f in one.inputs):
            other = branches[1] if branches[0] is one else branches[0]
            if any(f is other for f in one.inputs) and other.op in {"exp", "softplus", "sqrt"}:
                return one
    return None
