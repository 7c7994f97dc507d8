"""`Unflatten` makes a shape that the features, the batch or the next convolution cannot use.

## What it does

Reports an `Unflatten` (layer, function or method)

- whose sizes do not multiply to the number of features that arrive,
- that has one size only, or too few, in front of a convolution,
- that splits axis 0, the batch, although its sizes multiply to the features.

## Why is this bad?

Sizes that do not multiply to the features raise. A one-element tuple changes nothing, so the
convolution behind it gets a tensor without spatial axes and raises. With one axis too few, the
convolution takes the batch for its channels: it runs for a batch of exactly that size, and then mixes
the samples.

## Example

```python
import torch.nn as nn

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(32, 2048),
            nn.Unflatten(1, (2048,)),
            nn.ConvTranspose2d(8, 3, 4, 2, 1),
        )

    def forward(self, z):
        return self.net(z)
```

```python
import torch.nn as nn

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(32, 2048)
        self.unflatten = nn.Unflatten(1, (8, 16, 8))

    def forward(self, z):
        return self.unflatten(self.fc(z))
```

## Use instead

```python
import torch.nn as nn

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(32, 2048),
            nn.Unflatten(1, (8, 16, 16)),
            nn.ConvTranspose2d(8, 3, 4, 2, 1),
        )

    def forward(self, z):
        return self.net(z)
```

## Known limits

Speaks only where the number of features is known. `(C, 1, 1)` in front of a transposed convolution is
a usual start of a decoder and is left alone.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.Unflatten.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.architecture.contradictions import contradictions, source_of_size
from aelint.semantics.domain import dims
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.explanation.wording import layer_title, place, shape_text, size_text

RULE = Rule(
    code="AEL102",
    name="degenerate-unflatten",
    summary="`Unflatten` makes a shape that cannot hold the features or feed the next layer",
    severity=Severity.ERROR,
    triggers=(("unflatten",),),
)

_CONVOLUTIONS = {f"conv{kind}{rank}d": rank for kind in ("", "_transpose") for rank in (1, 2, 3)}


def check(program: Program) -> Iterator[Finding]:
    """Yield each degenerate `Unflatten` once."""
    yield from _wrong_products(program)
    yield from _missing_axes(program)
    yield from _split_batches(program)


def _wrong_products(program: Program) -> Iterator[Finding]:
    for found in contradictions(program, "elements"):
        facts = found.conflict.facts
        if found.conflict.operation != "unflatten":
            continue
        have, want = facts["have"], facts["want"]
        message = (
            f"the sizes {shape_text(facts['target'])} hold {size_text(want)} elements, but {size_text(have)} features "
            f"arrive; torch raises. Make the product of the sizes {size_text(have)}"
        )
        source = source_of_size(found.conflict.subject, have)
        notes: tuple[Note, ...] = ()
        if source is not None and source.site is not None and source.layer is not None:
            site = source.layer.site or source.site
            notes = (Note(site, f"{layer_title(program, source.layer)} gives {size_text(have)} features"),)
        yield Finding(found.written, message, notes)


def _missing_axes(program: Program) -> Iterator[Finding]:
    for call in program.calls_to(*_CONVOLUTIONS):
        value = call.args[0] if call.args else None
        if not isinstance(value, Sym) or value.op != "unflatten" or value.shape is None:
            continue
        missing = _CONVOLUTIONS[call.name] + 2 - len(value.shape)
        if missing > 1 or (missing == 1 and _behind_the_batch(value)):
            yield _too_few(program, call, value, missing)


def _behind_the_batch(value: Sym) -> bool:
    """Whether the features of a batch of vectors were split."""
    flat = value.inputs[0] if value.inputs else None
    axis = value.layer.bound.get("dim") if isinstance(value.layer, Object) else value.attrs.get("dim")
    return axis in {1, -1} and isinstance(flat, Sym) and (len(flat.shape) == 2 if flat.shape is not None else axis == 1)


def _too_few(program: Program, call: Call, value: Sym, missing: int) -> Finding:
    layer = layer_title(program, call.receiver)
    shape = shape_text(value.shape or ())
    if missing == 1:
        what = f"{layer} takes the batch for its channels and raises, or mixes the samples"
    else:
        what = f"{layer} raises because the spatial axes are missing"
    message = f"the tensor has the shape {shape} after this `Unflatten`: {what}. Give the channels and every side a size of its own"
    return Finding(_written(value), message, (Note(call.site, f"used here ({place(call.site)})"),))


def _split_batches(program: Program) -> Iterator[Finding]:
    for call in program.calls_to("unflatten"):
        value = call.args[0] if call.args else None
        sizes = _sizes(call)
        axis = call.receiver.bound.get("dim") if isinstance(call.receiver, Object) else call.bound.get("dim")
        if axis != 0 or sizes is None or not isinstance(value, Sym):
            continue
        features = (value.shape if value.shape is not None else value.last)[-1:]
        # As many samples as features: axis 0 can be split as well, into views or clips.
        flat = value.shape is None or (len(value.shape) == 2 and value.shape[:1] != features)
        if flat and features == (dims.product(sizes),):
            message = (
                f"axis 0 is the batch; the sizes {shape_text(sizes)} multiply to the {size_text(features[0])} features of "
                "axis 1. Split axis 1"
            )
            yield Finding(
                call.receiver.site if isinstance(call.receiver, Object) and call.receiver.site else call.site, message
            )


def _sizes(call: Call) -> tuple[int, ...] | None:
    given: Value = call.bound.get("sizes")
    if isinstance(call.receiver, Object):
        given = call.receiver.bound.get("unflattened_size")
    return given if isinstance(given, tuple) and given and all(isinstance(s, int) for s in given) else None


def _written(value: Sym) -> Site:
    site = value.layer.site if isinstance(value.layer, Object) and value.layer.site is not None else value.site
    assert site is not None
    return site
