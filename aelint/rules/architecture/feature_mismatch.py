"""A layer is built for another number of features or channels than the tensor has that reaches it.

## What it does

Follows tensors through layers, functions and methods, and reports a layer whose `in_features`,
`in_channels` or `num_features` differ from the size that arrives, or stand on the first axis, as behind `x.view(784, -1)`.
Follows a `None` that a call passes, too, and reports it
where a layer would be built with it for a size.

## Why is this bad?

torch raises `mat1 and mat2 shapes cannot be multiplied` or `expected input to have 4 channels` on the
first batch. In a branch that only sampling or evaluation takes, that happens after the training.

## Example

```python
import torch.nn as nn

class AE(nn.Module):
    def __init__(self, code=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 2 * code))
        self.decoder = nn.Sequential(nn.Linear(code, 128), nn.ReLU(), nn.Linear(128, 784))

    def forward(self, x):
        return self.decoder(self.encoder(x))
```

## Use instead

```python
import torch.nn as nn

class AE(nn.Module):
    def __init__(self, code=8):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, code))
        self.decoder = nn.Sequential(nn.Linear(code, 128), nn.ReLU(), nn.Linear(128, 784))

    def forward(self, x):
        return self.decoder(self.encoder(x))
```

## Known limits

A size that passes a function outside of the project is unknown, and nothing is said behind it. An image
batch that reaches a linear layer unflattened is `unflattened-input-to-linear`.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html
- https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.contradictions import (
    Contradiction,
    contradictions,
    misuse,
    needless_exchange,
    owner_of,
    source_of_size,
    unflattened,
)
from aelint.semantics.architecture.features_first import features_first
from aelint.semantics.architecture.handed_sizes import handed_sizes, told_by_another
from aelint.semantics.architecture.missing_sizes import MissingSize, missing_sizes
from aelint.semantics.domain.values import Object, Sym
from aelint.semantics.explanation.wording import layer_title, place, shape_text, size_text
from aelint.syntax.walk import every

RULE = Rule(
    code="AEL103",
    name="feature-mismatch",
    summary="a layer gets another number of features or channels than it was built for",
    severity=Severity.ERROR,
    triggers=(("torch",),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each layer that cannot take what reaches it."""
    for found in contradictions(program, "features", "channels"):
        if not unflattened(found.conflict):
            yield _at_an_exchange(program, found) or _finding(program, found)
    for missing in missing_sizes(program):
        yield _missing(missing)
    for turned in features_first(program):
        message = (
            f"this puts the {size_text(turned.features)} features of {layer_title(program, turned.layer)} ({place(turned.run, turned.site)}) on the first "
            "axis and leaves the last one to the batch: the layer takes its features from the last. Exchange the two sizes"
        )
        yield Finding(
            turned.site, message, (Note(turned.run, f"takes {size_text(turned.features)} features on the last axis"),)
        )


def _missing(missing: MissingSize) -> Finding:
    layer = missing.layer
    kind = layer.name.rsplit(".", 1)[-1]
    message = (
        f"this `None` for `{missing.given}` arrives as the `{missing.size}` of a {kind} ({place(layer.site, missing.site)}), which is not "
        "built without a number. Pass the number that belongs here"
    )
    return Finding(missing.site, message, (Note(layer.site, "the layer that needs it"),))


def _at_an_exchange(program: Program, found: Contradiction) -> Finding | None:
    """A finding at the `transpose` in front of a layer that would get what it takes without it."""
    facts, moved = found.conflict.facts, needless_exchange(found.conflict)
    if moved is None or moved.site is None:
        return None
    size = f"{size_text(facts['expected'])} {found.conflict.kind}"
    message = (
        f"this `{moved.op}` takes the {size} away from axis {facts.get('axis', -1)}, where {layer_title(program, found.conflict.layer)} "
        f"takes them ({place(found.written, moved.site)}): the tensor has the shape {shape_text(facts['shape'])} behind it. Leave it out"
    )
    return Finding(moved.site, message, (Note(found.written, f"built for {size} here"),))


def _finding(program: Program, found: Contradiction) -> Finding:
    facts = found.conflict.facts
    kind, actual = found.conflict.kind, facts["actual"]
    taker = layer_title(program, found.conflict.layer)
    reached = f"{taker} takes {size_text(facts['expected'])} {kind}, but {size_text(actual)} arrive"
    source = source_of_size(found.conflict.subject, actual)
    shape = shape_text(facts["shape"])
    misused = misuse(program, found)
    if misused is not None:
        message = (
            f"{reached}: the tensor has the shape {shape}, and other calls give it what it takes. "
            "Pass the tensor that belongs here, or call another layer"
        )
        return Finding(misused, message, (Note(found.written, f"built for {size_text(facts['expected'])} here"),))
    giver = source.layer if found.conflict.layer is not None and source is not None else None
    giver = giver if isinstance(giver, Object) else None
    if giver is not None and giver.site is not None and _broke_its_word(program, giver, facts["expected"], actual):
        message = (
            f"{layer_title(program, giver)} gives {size_text(actual)} {kind}, but its block was built to give "
            f"{size_text(facts['expected'])}, which {taker} takes ({place(found.written, giver.site)})"
        )
        return Finding(giver.site, message, (Note(found.written, reached),))
    if source is not None and source.site is not None and _is_hard_coded(source, found):
        message = (
            f"this {source.op} writes {size_text(actual)} {kind} as a number, but {taker} ({place(found.written, source.site)}) takes "
            f"as many as it is told, here {size_text(facts['expected'])}. Use that size here, too"
        )
        return Finding(source.site, message, (Note(found.written, reached),))
    origin, notes = _origin(program, found, source)
    handed = handed_sizes(program, found.conflict.layer)
    others = f"; other `{handed.cls.name}`s get others" if handed is not None else ""
    handed = handed or told_by_another(program, found, source)
    if handed is not None:
        message = f"{reached}: the tensor has the shape {shape}{origin}. These sizes come from here{others}"
        assert handed.site is not None
        return Finding(handed.site, message, (Note(found.written, "the layer is built of them here"), *notes))
    return Finding(
        found.written, f"{reached}: the tensor has the shape {shape}{origin}. Make both sizes the same", notes
    )


def _is_hard_coded(source: Sym, found: Contradiction) -> bool:
    """Whether a change of shape spells the size that arrives as a number, while the layer's size is computed or handed on."""
    if source.op not in {"view", "unflatten"} or source.layer is not None or source.site is None:
        return False
    actual, expected = found.conflict.facts["actual"], found.conflict.facts["expected"]
    inside = {id(n.operand) for n in every(ast.UnaryOp, source.site.node)}  # the 1 of -1 is no size
    spelled = {n.value for n in every(ast.Constant, source.site.node) if id(n) not in inside}
    return actual in spelled and expected not in {n.value for n in every(ast.Constant, found.written.node)}


def _origin(program: Program, found: Contradiction, source: Sym | None) -> tuple[str, tuple[Note, ...]]:
    if source is None:
        return "", ()
    site = source.layer.site if source.layer is not None and source.layer.site is not None else source.site
    if site is None or site.node is found.written.node:
        return "", ()
    who = layer_title(program, source.layer) if source.layer is not None else f"`{source.op}`"
    where = place(site, found.written)
    return f" and comes from {who} ({where})", (Note(site, f"{who} gives this size"),)


def _broke_its_word(program: Program, giver: Object, expected: object, actual: object) -> bool:
    """Whether the block around `giver` was asked for the expected size by an argument, but gives another of its arguments."""
    owner = owner_of(program, giver)
    if owner is None or not isinstance(expected, int):
        return False
    asked = [v for v in owner.arguments.values() if isinstance(v, int) and not isinstance(v, bool)]
    return expected in asked and actual in asked
