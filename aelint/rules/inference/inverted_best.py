"""The "best" model is kept when its score got worse.

## What it does

Looks at comparisons that keep a best value together with the model that reached it, or that set back the
counter of early stopping, and at `best = max(loss, best)`. Reports a loss that is kept when it grows, and a score (PSNR, SSIM, accuracy, a negated loss) that is kept when it
falls. What a number is follows from how it was computed, through helper functions and methods. Also
reports `ReduceLROnPlateau(mode="max")` that is stepped with a loss, and callbacks (`ModelCheckpoint`,
`EarlyStopping`) with `mode="max"` that monitor one.

## Why is this bad?

The saved model is the worst of the run, or the first: with the usual start value for the other
direction, the comparison holds once or never.

## Example

```python
import torch
from torch import nn

model = nn.Linear(20, 20)
best = 0.0
for epoch in range(10):
    x = torch.randn(32, 20)
    val_loss = nn.functional.mse_loss(model(x), x).item()
    if val_loss > best:
        best = val_loss
        torch.save(model.state_dict(), "best.pt")
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

Numbers whose computation is out of sight are not judged by their name.

## References

- https://pytorch.org/tutorials/beginner/saving_loading_models.html
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.domain.trace import Binding, Call, Guard, Store
from aelint.semantics.domain.values import Object, Sym
from aelint.semantics.inference.patience import restarts_waiting
from aelint.semantics.inference.scores import Better, Contest, better, contest, minimised_sums
from aelint.syntax.walk import every

RULE = Rule(
    code="AEL605",
    name="inverted-best",
    summary="the model is kept as the best one when its score got worse",
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    triggers=(("save", "state_dict", "deepcopy", "plateau", "checkpoint", "stopping", "best", "break"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Report the comparison that keeps the worse of two."""
    for event in program.assignments:
        guard = event.context.guards[-1] if event.context.guards else None
        if guard is None:
            continue
        compared = _compared(_condition(program, guard, event), guard, event)
        if compared is None:
            continue
        wanted = better(event.value, minimised_sums(program))
        if wanted is None or compared.keeps is wanted:
            continue
        if not _saves(program, guard) and not restarts_waiting(program, guard.test):
            continue
        site = Site(event.site.unit, compared.written)
        alone = guard.test is compared.written
        yield Finding(site, _message(site, event, wanted, alone), _notes(event))
    yield from _extremes(program)
    yield from _modes(program)


def _modes(program: Program) -> Iterator[Finding]:
    for call in program.method_calls("step"):
        if call.name.endswith("ReduceLROnPlateau.step") and isinstance(call.receiver, Object) and call.args:
            mode = call.receiver.args[1] if len(call.receiver.args) > 1 else call.receiver.kwargs.get("mode", "min")
            wanted = better(call.args[0], minimised_sums(program))
            if wanted is not None and mode in {"min", "max"} and (mode == "max") is (wanted is Better.LOWER):
                what = "falls when training succeeds" if wanted is Better.LOWER else "grows when training succeeds"
                message = f'the schedule waits with `mode="{mode}"` for a number that {what}; turn the mode round'
                yield Finding(call.receiver.site or call.site, message, (Note(call.site, "the number"),))
    for call in program.calls:
        if call.name.rsplit(".", 1)[-1] in {"ModelCheckpoint", "EarlyStopping"} and call.kwargs.get("mode") == "max":
            monitored = call.kwargs.get("monitor")
            if isinstance(monitored, str) and monitored.lower().rsplit("/", 1)[-1].endswith(("loss", "mse", "error")):
                message = f'`mode="max"` keeps the model with the largest `{monitored}`; a loss wants `mode="min"`'
                yield Finding(_keyword(call, "mode"), message)


def _keyword(call: Call, name: str) -> Site:
    """Where an argument is written, else the call."""
    keywords = call.site.node.keywords if isinstance(call.site.node, ast.Call) else []
    return next((Site(call.site.unit, k.value) for k in keywords if k.arg == name), call.site)


def _extremes(program: Program) -> Iterator[Finding]:
    """`best = max(loss, best)`: the name says best, the function keeps the worst."""
    for event in program.assignments:
        match event.value:
            case Sym(op="max" | "min" as extreme, inputs=(_, _) as compared) if "best" in event.name.lower():
                worst = Better.LOWER if extreme == "max" else Better.HIGHER
                if any(better(one, minimised_sums(program)) is worst for one in compared):
                    other = "min" if extreme == "max" else "max"
                    what = "losses" if worst is Better.LOWER else "scores"
                    yield Finding(
                        event.site,
                        f"`{event.name}` is the {extreme} of {what}, which is the worst of them; take the {other}",
                    )


def _condition(program: Program, guard: Guard, event: Binding | Store) -> ast.AST:
    """The condition itself, or what stands behind its name: `is_best = loss > best; if is_best:`."""
    if not isinstance(guard.test, ast.Name):
        return guard.test
    named = [b.site.node for b in program.bindings_of(guard.test.id) if b.order < event.order]
    given = (n for n in every(ast.Assign, event.site.unit.tree) if named and any(t is named[-1] for t in n.targets))
    return next((n.value for n in given), guard.test)


_EXTREME = re.compile("worst|max|hard|peak|high|upper|thresh")
"""Names of what is kept because it is large: the hardest sample, the threshold of an anomaly."""


def _compared(test: ast.AST, guard: Guard, event: Binding | Store) -> Contest | None:
    """The comparison after which the branch keeps one of two numbers in the variable that it compares with."""
    target = ast.unparse(event.site.node)
    if not guard.taken or _EXTREME.search(target):
        return None
    return contest(test, lambda text: text == target)


def _saves(program: Program, guard: Guard) -> bool:
    names = {"torch.save", "copy.deepcopy", ".state_dict", "save_checkpoint", ".save", ".save_checkpoint"}
    return any(
        (c.name in names or "save" in c.method) and any(g.test is guard.test and g.taken for g in c.context.guards)
        for c in program.calls
    )


def _message(site: Site, event: Binding | Store, wanted: Better, alone: bool) -> str:
    lower = wanted is Better.LOWER
    what, start = ("a loss, and less is better", "`inf`") if lower else ("a score, and more is better", "`-inf`")
    return (
        f"`{site.text}` keeps the worse model: what `{ast.unparse(event.site.node)}` receives is {what}; turn the comparison round"
        f"{f' and start from {start}' if alone else ''}"
    )


def _notes(event: Binding | Store) -> tuple[Note, ...]:
    callers = [a.site for a in event.context.stack[-1:] if a.site is not None]
    return tuple(Note(site, "the number comes from here") for site in callers)
