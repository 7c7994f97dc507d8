"""Binary cross-entropy on probabilities receives values that are none.

## What it does

Reports `binary_cross_entropy` and `BCELoss` whose input is the output of a linear or convolution layer, or of
an activation that leaves [0, 1], on every path; binary cross-entropy, with or without logits, whose target is data
beyond [0, 1], such as normalised images; `Bernoulli(...).log_prob` of grey levels; and likelihoods that are written out
with `log(y)` and `log(1 - y)` of such an output. An activation is reported itself, as that is what to exchange.

## Why is this bad?

torch raises `all elements of input should be between 0 and 1`, on a GPU as a device-side assertion that says
nothing. Where it does not raise by luck, the logarithm is undefined from the next step on. Targets are not checked: beyond
[0, 1] the loss has no lower bound, and outputs saturate.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 784))


def loss(z, x):
    return F.binary_cross_entropy(decoder(z), x)
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 784), nn.Sigmoid())


def loss(z, x):
    return F.binary_cross_entropy(decoder(z), x)
```

## Known limits

The network must be in sight.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.BCELoss.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.builders import decided_at
from aelint.semantics.dataflow.lineage import ancestors, origins
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.objective.attained import attained_range
from aelint.semantics.objective.comparisons import is_data
from aelint.semantics.objective.logarithms import AFFINE, undefined_logarithms
from aelint.semantics.objective.supports import unsupported_values

RULE = Rule(
    code="AEL309",
    name="probability-loss-on-unbounded-output",
    summary="a loss on probabilities or their logarithms receives an output that is neither",
    severity=Severity.ERROR,
    triggers=(("binary_cross_entropy", "bceloss", "nll", "kl_div", "kldiv", "log(", "bernoulli"),),
)

_ACTIVATIONS = frozenset(
    {"relu", "tanh", "leaky_relu", "elu", "gelu", "silu", "softplus", "selu", "log_softmax", "prelu"}
)

_NORMAL = frozenset({"randn", "normal"})
"""What stands in for data where code is only tried out."""
_SLACK = 0.1
"""Targets that leave [0, 1] by less are noisy or smoothed labels."""
_PROBABILITIES = frozenset({"softmax", "sigmoid"})
_QUOTIENTS = frozenset({"truediv", "mul", "pow"})


def check(program: Program) -> Iterator[Finding]:
    """Yield each loss on probabilities whose input, or target, is certainly none on all paths."""
    yield from _inputs(program)
    yield from _targets(program)
    yield from _logarithms(program)
    yield from _written_out(program)
    yield from _grey_levels(program)


def _grey_levels(program: Program) -> Iterator[Finding]:
    for one in unsupported_values(program):
        made = f" ({place(one.made, one.asked)})" if one.made is not None else ""
        message = (
            f"a `Bernoulli` knows 0 and 1 alone, but these are fractions{made}: `log_prob` raises a ValueError. Round the data, or take "
            "`-binary_cross_entropy` with `reduction='none'`, or a `ContinuousBernoulli`"
        )
        yield Finding(one.asked, message, (Note(one.made, "fractions are made here"),) if one.made is not None else ())


def _inputs(program: Program) -> Iterator[Finding]:
    for call in program.calls_to("binary_cross_entropy"):
        unbounded = _unbounded(call.bound.get("input"))
        if unbounded is None or call.context.speculative:
            continue
        decided = decided_at(program, unbounded) if unbounded.op not in AFFINE else None
        if decided is not None:
            message = (
                f"this {unbounded.op} gives values{_range(unbounded)}, but `binary_cross_entropy` ({place(call.site, decided)}) needs them "
                "in [0, 1], and raises otherwise. End the network in a sigmoid"
            )
            yield Finding(decided, message, (Note(call.site, "the loss"),))
            continue
        message = (
            f"`binary_cross_entropy` needs values in [0, 1], but its input is the output of {unbounded.op} "
            f"({place(unbounded.site, call.site)}){_range(unbounded)}. End the network in a sigmoid, or use "
            "binary_cross_entropy_with_logits"
        )
        notes = (Note(unbounded.site, "the last operation before the loss"),) if unbounded.site else ()
        yield Finding(call.site, message, notes)


def _targets(program: Program) -> Iterator[Finding]:
    for call in program.calls_to("binary_cross_entropy", "binary_cross_entropy_with_logits"):
        target = call.bound.get("target")
        given = isinstance(target, Sym) and is_data(target) and not any(a.op in _NORMAL for a in ancestors(target))
        reached = attained_range(target) if given else None
        if reached is None or call.context.speculative:
            continue
        if reached.low < -_SLACK or reached.high > 1 + _SLACK:
            message = (
                f"`{call.name}` compares with probabilities, but the target takes values in {reached}: beyond [0, 1] the loss "
                "has no minimum and falls below zero. Bring the data into [0, 1], or use `mse_loss`"
            )
            yield Finding(call.site, message)


def _logarithms(program: Program) -> Iterator[Finding]:
    for call in program.calls_to("nll_loss", "kl_div"):
        wrong = None if call.context.speculative else _no_logarithm(call)
        if wrong is not None:
            made = decided_at(program, wrong) if call.name == "nll_loss" and wrong.op == "softmax" else None
            if made is not None:
                yield _softmax_without_logarithm(call, made)
                continue
            notes = (Note(wrong.site, "the last operation before the loss"),) if wrong.site else ()
            yield Finding(call.site, _of_logarithms(call, wrong), notes)


def _softmax_without_logarithm(call: Call, made: Site) -> Finding:
    """The one operation to exchange: a softmax in front of `nll_loss` is right in nothing but its logarithm."""
    message = (
        f"this softmax gives probabilities themselves, but `nll_loss` ({place(call.site, made)}) takes their logarithms: the loss "
        "is the negative probability, never below -1, with hardly any gradient. Make it a log-softmax"
    )
    return Finding(made, message, (Note(call.site, "the loss"),))


def _written_out(program: Program) -> Iterator[Finding]:
    for one in undefined_logarithms(program):
        output, taken = one.output, one.call.site
        made = output.op in AFFINE
        site = taken if made else decided_at(program, output) or taken
        message = (
            f"`{'log(1 - y)' if one.complement else 'log(y)'}` ({place(taken, site)}) takes y for a probability, but it is "
            f"{'the plain output of' if made else 'what comes out of'} {output.op}{_range(output)}: beyond [0, 1] the logarithm "
            "is not a number. End the network in a sigmoid"
        )
        yield Finding(site, message, (Note(taken, "the logarithm"),))


def _no_logarithm(call: Call) -> Sym | None:
    """What the first operand certainly is instead of log-probabilities: a layer's plain output, or probabilities."""
    given = origins(call.bound.get("input"))
    found = [o for o in given if isinstance(o, Sym)]
    if not found or len(found) < len(given):
        return None
    if call.name == "nll_loss" and all(o.op in AFFINE for o in found):
        return found[0]
    # Logarithms of probabilities are never positive: what is never negative is none.
    nonnegative = all(o.op in _PROBABILITIES or (o.op in _QUOTIENTS and o.range.low >= 0) for o in found)
    return found[0] if nonnegative else None


def _of_logarithms(call: Call, wrong: Sym) -> str:
    if wrong.op in AFFINE:
        what, cure = f"the plain output of {wrong.op}", "apply `log_softmax` first, or use `cross_entropy`"
    else:
        what, cure = "probabilities themselves", "pass their logarithm"
    return (
        f"`{call.name}` takes log-probabilities as its first operand, but receives {what} "
        f"({place(wrong.site, call.site)}); {cure}"
    )


def _unbounded(value: Value) -> Sym | None:
    found = [o for o in origins(value) if isinstance(o, Sym)]
    if not found or len(found) != len(origins(value)):
        return None
    return found[0] if all(_leaves_unit(o) for o in found) else None


def _leaves_unit(value: Sym) -> bool:
    if value.op in AFFINE:
        return True
    return value.op in _ACTIVATIONS and (value.range.low < -0.01 or value.range.high > 1.01)


def _range(value: Sym) -> str:
    return "" if value.range.unknown else f", in {value.range}"
