"""Two arguments, or two results, of a function stand in each other's place.

## What it does

Compares the variables that a call passes with the names of the parameters that they arrive at, and the variables that
take the results of a function with the names that its `return` gives them. Reports two that are exchanged:
`decode(logvar, mu)` for `def decode(mu, logvar)`, `post, prior = rollout(x)` for `return prior, post`. Reports one variable that
is passed for two parameters, too, `loss(x, mu, mu)` for `def loss(x, mu, logvar)`, where another one has the name of the second.

## Why is this bad?

Both are tensors of the same shape, so that nothing raises. The mean becomes a scale, the divergence is taken the other
way round, and training goes on.

## Example

```python
import torch


def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


def sample(mu=torch.rand(4, 2), logvar=torch.rand(4, 2)):
    return reparameterize(logvar, mu)
```

## Use instead

```python
import torch


def reparameterize(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


def sample(mu=torch.rand(4, 2), logvar=torch.rand(4, 2)):
    return reparameterize(mu, logvar)
```

## Known limits

Names of one letter, numbered names, the two sides of a comparison (`source` and `target`, `left` and `right`), and
functions that are called in both orders are left alone.

## References

- Rice et al., Detecting Argument Selection Defects, 2017: https://doi.org/10.1145/3133928
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.doubled_arguments import doubled_arguments
from aelint.semantics.architecture.exchanged import Exchange, exchanged_arguments, exchanged_results, undone

RULE = Rule(
    code="AEL130",
    name="swapped-arguments",
    summary="two arguments or results of a function stand in each other's place",
    severity=Severity.WARNING,
    triggers=(("torch",), ("def ",)),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each call and each assignment whose names are exchanged, and each argument that was written twice."""
    yield from _doubled(program)
    given, taken = exchanged_arguments(program), exchanged_results(program)
    for one in (one for one in given if not undone(program, one, taken)):
        message = (
            f"`{one.first}` is passed for `{one.second}` and `{one.second}` for `{one.first}`: `{one.callee}` takes them the other "
            "way round. Exchange them, or pass them by name"
        )
        yield Finding(one.site, message, _notes(one))
    for one in (one for one in taken if not undone(program, one, given)):
        message = (
            f"`{one.callee}` returns `{one.second}` first and `{one.first}` second, and they are taken the other way round. "
            "Exchange the two names"
        )
        yield Finding(one.site, message, _notes(one))


def _doubled(program: Program) -> Iterator[Finding]:
    for one in doubled_arguments(program):
        message = f"`{one.name}` is passed for `{one.parameter}` as well, and `{one.meant}` is passed for nothing: was `{one.meant}` meant here?"
        yield Finding(one.site, message, (Note(one.defined, "the parameters of the function"),))


def _notes(one: Exchange) -> tuple[Note, ...]:
    return (Note(one.defined, "the order of the function"),) if one.defined is not None else ()
