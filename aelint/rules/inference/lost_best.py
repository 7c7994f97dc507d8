"""The best score that a model is compared with is forgotten, or can never be reached.

## What it does

Looks at comparisons that decide whether a model is saved as the best one. Reports a best score that is
overwritten in every round, whether or not it was beaten, one that begins anew in every round, one that nothing sets after its
start, and one that starts where no loss can beat it. Also a file that is named for the best model and is written in every round of a training loop that knows which round was the best.

## Why is this bad?

A best score that is overwritten is the score of the last round: every round that improves on its
predecessor replaces the best model. One that keeps its start, or goes back to it, is beaten by every round, and the last model
is kept. A loss is
never below zero, so with a start at zero nothing is saved.

## Example

```python
import torch
from torch import nn

model = nn.Linear(20, 20)
best = 0.0
for epoch in range(10):
    x = torch.randn(32, 20)
    val_loss = nn.functional.mse_loss(model(x), x).item()
    if val_loss < best:
        best = val_loss
        torch.save(model.state_dict(), "best.pt")
```

```python
import torch
from torch import nn

model = nn.Linear(20, 20)
best = float("inf")
for epoch in range(10):
    x = torch.randn(32, 20)
    val_loss = nn.functional.mse_loss(model(x), x).item()
    if val_loss < best:
        torch.save(model.state_dict(), "best.pt")
    best = val_loss
```

## Use instead

```python
import torch
from torch import nn

model = nn.Linear(20, 20)
best = float("inf")
for epoch in range(10):
    x = torch.randn(32, 20)
    val_loss = nn.functional.mse_loss(model(x), x).item()
    if val_loss < best:
        best = val_loss
        torch.save(model.state_dict(), "best.pt")
```

## Known limits

A name without "best" in it may be the score of the round before, which is meant to be overwritten. Rounds that each have a
network of their own, folds or trials, may begin with a best of their own.

## References

- https://pytorch.org/tutorials/beginner/saving_loading_models.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.domain.trace import Binding, Store
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.explanation.wording import place as place_of
from aelint.semantics.inference.best_files import written_every_round
from aelint.semantics.inference.fixed_bests import FixedBest, fixed_best
from aelint.semantics.inference.lost_states import kept_in_vain
from aelint.semantics.inference.restarted_bests import RestartedBest, restarted_best
from aelint.semantics.inference.scores import Better, Contest, contest
from aelint.syntax.blocks import blocks
from aelint.syntax.names import last_name
from aelint.syntax.walk import every

RULE = Rule(
    code="AEL608",
    name="lost-best",
    summary="the best score is overwritten in every round or can never be reached, or the best state is kept and never used",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    triggers=(("save", "state_dict", "deepcopy"),),
    absence=True,
)

_KEEPS = ("save", "state_dict", "deepcopy")


def check(program: Program) -> Iterator[Finding]:
    """Yield each best score that does not hold the best."""
    for block in blocks(program.tree):
        for place, statement in enumerate(block):
            if isinstance(statement, ast.If) and _keeps_model(statement):
                later = block[place + 1 :]
                if (forgotten := _forgotten(statement, later)) is not None:
                    yield _overwritten(Site(program.unit, forgotten), Site(program.unit, statement.test))
                elif (fixed := fixed_best(program, statement)) is not None:
                    yield _never_set(fixed)
                elif (restarted := restarted_best(program, statement, _contest(statement.test))) is not None:
                    yield _set_back(restarted)
                else:
                    yield from _unreachable(program, Site(program.unit, statement.test))
    for lost in kept_in_vain(program):
        message = (
            f"`{lost.name}` is kept and never read, so what runs afterwards has the weights of the last round; load it with "
            "`load_state_dict` before the model is used"
        )
        yield Finding(lost.site, message, (Note(lost.other, "chosen here"),))
    for one in written_every_round(program):
        message = (
            f"`{one.file}` is written in every round, whether or not `{one.flag}` ({place_of(one.asked, one.site)}) holds: in the end it holds the "
            f"last state, not the best. Save it under `if {one.flag}:`"
        )
        yield Finding(one.site, message, (Note(one.asked, "here the best round is found"),))


def _keeps_model(statement: ast.If) -> bool:
    """Whether the branch saves the state of a model."""
    called = [last_name(n.func) for s in statement.body for n in every(ast.Call, s)]
    return any(word in name for name in called for word in _KEEPS)


def _contest(test: ast.AST) -> Contest | None:
    found = contest(test, lambda text: "best" in text.lower())
    return found if found is not None and isinstance(found.best, (ast.Name, ast.Attribute)) else None


def _forgotten(statement: ast.If, later: list[ast.stmt]) -> ast.Assign | None:
    """The assignment that replaces the best score behind the branch, whether or not it was beaten."""
    compared = _contest(statement.test)
    if compared is None:
        return None
    score, best = ast.unparse(compared.score), ast.unparse(compared.best)
    for one in later:
        if isinstance(one, ast.Assign) and [ast.unparse(t) for t in one.targets] == [best]:
            return one if ast.unparse(one.value) == score else None
    return None


def _overwritten(site: Site, test: Site) -> Finding:
    assert isinstance(site.node, ast.Assign)
    name = ast.unparse(site.node.targets[0])
    message = (
        f"`{name}` is replaced in every round, so `{test.text}` compares with the round before and not with the best one. "
        "Move this line into the branch that keeps the model"
    )
    return Finding(site, message, (Note(test, "the model is kept here"),))


def _never_set(fixed: FixedBest) -> Finding:
    message = (
        f"nothing sets `{fixed.name}` after its start ({place_of(fixed.start, fixed.test)}), so this asks the same in every round and "
        f"the model that is kept is not the best one. Add `{fixed.name} = {fixed.score}` to the branch"
    )
    return Finding(fixed.test, message, (Note(fixed.start, "the start"),))


def _set_back(restarted: RestartedBest) -> Finding:
    message = (
        f"`{restarted.name}` begins anew in every round, so `{restarted.test.text}` ({place_of(restarted.test, restarted.start)}) asks the "
        "same as in the first one, and the model of the last round is kept as the best. Move this line in front of the loop"
    )
    return Finding(restarted.start, message, (Note(restarted.test, "compared here"),))


def _unreachable(program: Program, test: Site) -> Iterator[Finding]:
    compared = _contest(test.node)
    if compared is None:
        return
    score, best, smaller = ast.unparse(compared.score), ast.unparse(compared.best), compared.keeps is Better.LOWER
    outside = [
        event
        for event in program.assignments
        if event.site.unit is test.unit and not any(g.test is test.node for g in event.context.guards)
    ]
    starts = [event for event in outside if _text(event) == best]
    scores = [event for event in outside if _text(event) == score]
    numbers = [float(e.value) for e in starts if isinstance(e.value, (int, float)) and not isinstance(e.value, bool)]
    if not scores or not numbers or len(numbers) != len(starts):
        return
    if all(_never(s.value, start, smaller) for s in scores for start in numbers):
        what, start = ("less", "inf") if smaller else ("more", "-inf")
        message = (
            f"`{test.text}` is never true: `{best}` starts at {numbers[0]:g}, and `{score}` is never {what} than that. "
            f'No model is kept; start from `float("{start}")`'
        )
        yield Finding(test, message, (Note(starts[0].site, "the start"),))


def _text(event: Binding | Store) -> str:
    return ast.unparse(event.site.node)


def _never(value: Value, start: float, smaller: bool) -> bool:
    return isinstance(value, Sym) and (value.range.low >= start if smaller else value.range.high <= start)
