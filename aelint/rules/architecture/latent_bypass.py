"""The reconstruction holds its target without passing the code.

## What it does

Reports a prediction that is the sum of a network's output and the very tensor that it is compared with,
or that comes from a layer which gets that tensor concatenated to the code.

## Why is this bad?

The network can answer with its input and leave the code unused. The loss falls to nothing, and neither
the code nor samples from the decoder mean anything.

## Example

```python
import torch
import torch.nn as nn

encoder, decoder = nn.Linear(20, 4), nn.Linear(4, 20)
x = torch.randn(64, 20)
reconstruction = decoder(encoder(x)) + x
loss = nn.functional.mse_loss(reconstruction, x)
```

## Use instead

```python
import torch
import torch.nn as nn

encoder, decoder = nn.Linear(20, 4), nn.Linear(4, 20)
x = torch.randn(64, 20)
reconstruction = decoder(encoder(x))
loss = nn.functional.mse_loss(reconstruction, x)
```

## Known limits

Skip connections inside of the network, conditions, shifted targets and noisy inputs with a clean target
are left alone: only the target itself counts.

## References

- https://www.deeplearningbook.org/contents/autoencoders.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program, dims
from aelint.semantics.apply import syms_in
from aelint.semantics.comparisons import LEARNED, comparisons
from aelint.semantics.lineage import RESHAPES, ancestors, source, through_reshapes
from aelint.semantics.values import Sym, Value
from aelint.semantics.wording import place

RULE = Rule(
    code="AEL109",
    name="latent-bypass",
    summary="the reconstruction holds its target without passing the code",
    severity=Severity.WARNING,
    triggers=(("loss", "**", "pow"),),
)

_ACTIVATIONS = frozenset({"sigmoid", "tanh", "relu", "clamp", "dropout", "batch_norm", "leaky_relu"})


def check(program: Program) -> Iterator[Finding]:
    """Yield each place where the target joins the way to the reconstruction."""
    seen: set[int] = set()
    for comparison in comparisons(program):
        if comparison.prediction is None:
            continue
        target = through_reshapes(comparison.target)
        joined = _joined(comparison.prediction, target)
        if joined is None or joined.site is None or id(joined.site.node) in seen:
            continue
        seen.add(id(joined.site.node))
        yield _finding(joined.site, comparison.site)


def _joined(prediction: Sym, target: Value) -> Sym | None:
    """The sum or concatenation that takes the target itself, on the way from the reconstruction back to the code."""
    value: Value = prediction
    while isinstance(value, Sym):
        if value.op in {"add", "cat"} and isinstance(target, Sym):
            inputs = syms_in(value.inputs)
            holds = [i for i in inputs if through_reshapes(i) is target]
            others = [i for i in inputs if i not in holds and _is_code(i, target)]
            return value if holds and others else None
        narrow = value.op in LEARNED and not _holds_all(value, target)
        if narrow or value.op not in LEARNED | _ACTIVATIONS | RESHAPES:
            return None
        value = source(value)
    return None


def _holds_all(value: Sym, target: Value) -> bool:
    """Whether a layer's output is at least as large as the target; behind a narrower one lies the code."""
    if not isinstance(target, Sym) or not value.shape or not target.shape:
        return False
    size, wanted = dims.product(value.shape[1:]), dims.product(target.shape[1:])
    return isinstance(size, int) and isinstance(wanted, int) and size >= wanted


def _is_code(value: Sym, target: Sym) -> bool:
    """Whether layers computed the value from the target."""
    behind = list(ancestors(value))
    return any(one is target for one in behind) and any(one.op in LEARNED for one in behind)


def _finding(site: Site, compared: Site) -> Finding:
    message = (
        "the tensor that the loss compares the reconstruction with is joined here with what comes from the code "
        f"({place(compared, site)}): the network can copy it and ignore the code. Decode from the code alone."
    )
    return Finding(site, message, (Note(compared, "compared with itself here"),))
