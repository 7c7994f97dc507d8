"""The reconstruction holds its target without passing the code.

## What it does

Reports a prediction that is the sum of a network's output and the very tensor that it is compared with,
or that comes from a layer which gets that tensor concatenated to the code; and, in a variational model, features
of the encoder that join the decoder beside the sample, as in a U-Net.

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

Skip connections of models that draw no sample, conditions, shifted targets and noisy inputs with a clean target
are left alone: only the target itself counts.

## References

- https://www.deeplearningbook.org/contents/autoencoders.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import consumers
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, depends_on, source, through_reshapes
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.domain import dims
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.formulas.linear_forms import linear
from aelint.semantics.interpreter.apply import syms_in
from aelint.semantics.latent.posteriors import posteriors
from aelint.semantics.objective.comparisons import LEARNED, comparisons
from aelint.semantics.variants.quantizers import lookups

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
    # What a quantiser chooses the nearest code by is no loss.
    measured = {one.id for lookup in lookups(program) for one in ancestors(lookup.measure)}
    for comparison in comparisons(program):
        if comparison.prediction is None or comparison.node.id in measured:
            continue
        target = through_reshapes(comparison.target)
        held = _joined(comparison.prediction, target)
        joined = held or _around(program, comparison.prediction, target)
        if joined is None or joined.site is None or _carries_more(program, comparison.prediction, target):
            continue
        yield _finding(joined.site, comparison.site, _ITSELF if held is not None else _FEATURES)


def _carries_more(program: Program, prediction: Sym, target: Value) -> bool:
    """Whether a network reads other data out of the output: a message that is hidden in a picture may change it as little as it can."""
    for one in comparisons(program):
        read, wanted = one.prediction, through_reshapes(one.target)
        if read is None or read is prediction or wanted is target or not depends_on(read, prediction):
            continue
        if isinstance(wanted, Sym) and wanted.op not in _CONSTANTS:
            return True
    return False


_CONSTANTS = frozenset({"zeros", "ones", "full"})
"""What a critic is asked for."""


def _joined(prediction: Sym, target: Value) -> Sym | None:
    """The sum or concatenation that takes the target itself, on the way from the reconstruction back to the code."""
    value: Value = prediction
    while isinstance(value, Sym):
        if value.op in {"add", "cat"} and isinstance(target, Sym):
            inputs = syms_in(value.inputs)
            holds = [i for i in inputs if through_reshapes(i) is target and not _cancels(value, target)]
            others = [i for i in inputs if i not in holds and _is_code(i, target)]
            return value if holds and others else None
        narrow = value.op in LEARNED and not _holds_all(value, target)
        if narrow or value.op not in LEARNED | _ACTIVATIONS | RESHAPES:
            return None
        value = source(value)
    return None


def _cancels(joined: Sym, target: Sym) -> bool:
    """Whether the sum takes the target away again: `x + (q - x).detach()` has the value of `q` alone."""
    form = linear(joined) if joined.op == "add" else None
    return form is not None and target.id in form and form[target.id].value == 0


_FORWARD = RESHAPES | _ACTIVATIONS | {
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "linear", "max_pool1d",
    "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "interpolate", "instance_norm", "group_norm",
    "layer_norm", "elu", "gelu", "silu", "prelu", "add", "cat", "dropout2d",
}  # fmt: skip
"""What a plain encoder is made of: nothing that hides, selects or draws."""


def _around(program: Program, prediction: Sym, target: Value) -> Sym | None:
    """Where features of the input join what was decoded from a sample, and no sample lies between them and the input."""
    samples = _samples(program)
    behind = _behind_samples(program)
    if prediction.id not in behind or not isinstance(target, Sym):
        return None
    for node in _until(prediction, samples):
        if node.op not in {"add", "cat"}:
            continue
        inputs = syms_in(node.inputs)
        decoded = [i for i in inputs if i.id in behind]
        past = [i for i in inputs if i not in decoded and _comes_from(i, target)]
        if decoded and past:
            return node
    return None


@per_program
def _samples(program: Program) -> set[int]:
    return {p.sample.id for p in posteriors(program) if p.learned}


@per_program
def _behind_samples(program: Program) -> set[int]:
    """The samples and everything that was computed from one."""
    users = consumers(program)
    found = set(_samples(program))
    pending = list(found)
    while pending:
        for user in users.get(pending.pop(), []):
            if user.id not in found:
                found.add(user.id)
                pending.append(user.id)
    return found


def _until(value: Sym, samples: set[int]) -> Iterator[Sym]:
    """The value and what it was computed from, not beyond samples."""
    pending, seen = [value], {value.id}
    for one in pending:  # grows while it is read
        if one.id in samples:
            continue
        yield one
        for inner in syms_in(one.inputs):
            if inner.id not in seen:
                seen.add(inner.id)
                pending.append(inner)


def _comes_from(value: Sym, target: Sym) -> bool:
    """Whether a plain encoder computed it from the target: at least one layer, and nothing but layers."""
    pending, seen, learned = [value], {value.id}, False
    for one in pending:  # grows while it is read
        if through_reshapes(one) is target:
            return learned
        if one.op not in _FORWARD:
            continue
        learned = learned or one.op in LEARNED
        for inner in syms_in(one.inputs):
            if inner.id not in seen:
                seen.add(inner.id)
                pending.append(inner)
    return False


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


_ITSELF = (
    "the tensor that the loss compares the reconstruction with is joined here with what comes from the code "
    "({}): the network can copy it and ignore the code. Decode from the code alone"
)
_FEATURES = (
    "features of the input join what was decoded from the sample here, and reach the reconstruction, which is compared "
    "with that input ({}), without passing a sample: they carry everything, the code stays unused and its KL falls to "
    "zero. Decode from the sample alone"
)


def _finding(site: Site, compared: Site, text: str) -> Finding:
    return Finding(site, text.format(place(compared, site)), (Note(compared, "compared with the input here"),))
