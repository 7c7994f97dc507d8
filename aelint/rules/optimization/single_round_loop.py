"""A loop ends in its first round, although its work is meant for every round, or counts each round twice.

## What it does

Reports a `return` or `break` as the last statement of a loop, where nothing goes on to the next round, and

- what the loop has added up is divided by the number of all rounds or samples, also in place, or
- the function returns only there, and returns what each round adds to, or something that is no matter of a single
  round: the model whose layers the loop initialises or whose epochs it runs.

Reports a `while epoch < epochs:` whose body adds 1 to the counter twice, at its own level or under a condition that does
more than count, with all the training on one side of both.

## Why is this bad?

One level of indentation too many, or a `break` that was left from debugging, and the first layer alone is
initialised, the first epoch alone is trained, or the loss of one batch is divided by the number of all. A round that is
counted twice, at its start and at its end, leaves half of the epochs untrained, and the log shows every other number.

## Example

```python
from torch import nn


def make_decoder():
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 64))
    for m in model.modules():
        if isinstance(m, nn.Linear):
            nn.init.xavier_uniform_(m.weight)
        return model
```

```python
from torch.nn import functional as F


def evaluate(model, loader):
    total = 0.0
    for x in loader:
        total += F.mse_loss(model(x), x).item()
        break
    return total / len(loader)
```

## Use instead

```python
from torch import nn


def make_decoder():
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 64))
    for m in model.modules():
        if isinstance(m, nn.Linear):
            nn.init.xavier_uniform_(m.weight)
    return model
```

```python
from torch.nn import functional as F


def evaluate(model, loader):
    total = 0.0
    for x in loader:
        total += F.mse_loss(model(x), x).item()
    return total / len(loader)
```

## Known limits

Loops that take the first element, or show the first batch, are left alone; so are those behind which the function
returns something else. Of `while` loops only counts are looked at: of a name for epochs, steps or iterations, which nothing
but a message reads in between.

## References

- https://docs.python.org/3/reference/simple_stmts.html#the-return-statement
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.optimization.counted_twice import counted_twice
from aelint.semantics.optimization.single_rounds import single_rounds

RULE = Rule(
    code="AEL426",
    name="single-round-loop",
    summary="a loop ends in its first round, although its work is meant for every round, or counts each round twice",
    severity=Severity.WARNING,
    triggers=(("for ", "while "), ("return", "break", "while ")),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each statement that ends a loop too soon, at once or by counting."""
    for one in single_rounds(program):
        change = "move it behind the loop" if one.ends == "return" else "remove it"
        message = (
            f"this `{one.ends}` ends the loop over `{one.loop.text}` in its first round, and {one.wanted}: {change}"
        )
        yield Finding(one.site, message, (Note(one.evidence, "the other rounds are missing here"),))
    for twice in counted_twice(program):
        message = (
            f"`{twice.name}` was advanced in this round already ({place(twice.first, twice.site)}), and all of the round's work is counted "
            f"twice: `{twice.test.text}` ends the loop as early as after half of its rounds; keep one of both"
        )
        yield Finding(twice.site, message, (Note(twice.first, "counted here"), Note(twice.test, "the rounds")))
