"""`backward` is called on a loss that no parameter takes part in.

## What it does

Reports `backward()` on a value that was made anew from numbers: `torch.tensor(loss.item())`, a sum of
`.item()` results, a loss that was computed from detached tensors alone.

## Why is this bad?

The graph ends where the tensor was made anew. torch raises that the value does not require a gradient, or,
with `requires_grad=True` to silence it, computes a gradient for nothing: no weight ever changes.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

model = nn.Linear(8, 8)
x = torch.rand(4, 8)
loss = torch.tensor(F.mse_loss(model(x), x).item(), requires_grad=True)
loss.backward()
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

model = nn.Linear(8, 8)
x = torch.rand(4, 8)
loss = F.mse_loss(model(x), x)
loss.backward()
```

## Known limits

A loss of which any part is not in sight is left alone.

## References

- https://docs.pytorch.org/docs/stable/notes/autograd.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.lineage import through
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.objective.comparisons import LEARNED
from aelint.semantics.objective.objectives import objectives

RULE = Rule(
    code="AEL317",
    name="constant-loss-gradient",
    summary="backward is called on a loss that no parameter takes part in",
    severity=Severity.ERROR,
    triggers=(("backward",), ("item", "detach", "tensor", "numpy", "data")),
    absence=True,
)

_CUTS = frozenset({"item", "detach", "tensor", "numpy"})
_KNOWN = frozenset(
    {"rand", "randn", "randint", "zeros", "ones", "full", "arange", "linspace", "batch", "element", "picture"}
)
FARTHEST = 2000


def check(program: Program) -> Iterator[Finding]:
    """Yield each loss whose every way to the weights is cut."""
    for objective in objectives(program):
        cut = _cut(objective.value) if objective.called else None
        if cut is None or cut.site is None:
            continue
        site = objective.value.site or cut.site
        message = (
            f"no weight takes part in this loss ({place(site, cut.site)}): `{cut.op}` ends the graph here, so backward "
            "changes nothing. Use the tensors themselves, and `.item()` for logging only"
        )
        yield Finding(cut.site, message, (Note(site, "the loss"),))


def _cut(loss: Sym) -> Sym | None:
    """The cut between the loss and its weights; None if a way is open, or not in sight."""
    found: Sym | None = None
    seen: set[int] = set()
    pending = [loss]
    while pending and len(seen) < FARTHEST:
        one = pending.pop()
        if one.id in seen:
            continue
        seen.add(one.id)
        if True in (one.attrs.get("requires_grad"), one.attrs.get(".requires_grad")) and not _hides_weights(one):
            # A tensor that is optimised itself: so it was made, or `t.requires_grad = True` followed.
            return None
        if one.op == "requires_grad" and _is_copy_of_weight(one):
            return None
        if _is_cut(one):
            found = found if found is not None else one
            continue
        if one.op in LEARNED or (not one.inputs and one.op not in _KNOWN):
            return None
        if one.op in {"call", "attr", "phi", "expression"}:
            return None
        pending.extend(i for i in one.inputs if isinstance(i, Sym))
    return found if found is not None and _hides_weights(found) else None


def _is_cut(one: Sym) -> bool:
    return one.op in _CUTS and "index" not in one.attrs


def _hides_weights(cut: Sym) -> bool:
    pending, seen = [cut], set[int]()
    while pending:
        one = pending.pop()
        if one.id not in seen:
            seen.add(one.id)
            if one.op in LEARNED:
                return True
            # `torch.tensor(0.0, device=out.device)` takes no value from the output.
            pending.extend(i for i in one.inputs if isinstance(i, Sym) and i.op not in {"device", "dtype"})
    return False


def _is_copy_of_weight(one: Sym) -> bool:
    """Whether a weight was copied, and the copy asks for a gradient of its own."""
    copied = through(one, frozenset({"requires_grad", "detach", "clone", "to"}))
    return isinstance(copied, Sym) and copied.op == "parameter"
