"""The mean or the log-variance of a posterior ends in an activation that bounds it.

## What it does

Follows the mean and the log-variance of a reparameterised sample back to the layer that makes them, and reports
an activation in between: ReLU, sigmoid, tanh, softplus or softmax on the mean; ReLU, sigmoid, softplus
or softmax on the log-variance; and a clamp of either that lets no negative values through.

## Why is this bad?

The KL divergence pulls the posterior towards a standard normal, whose mean has both signs and whose log-variance is
mostly negative when the code carries information. A mean that is never negative uses half of the space, one in
[-1, 1] cannot leave the prior's bulk, and a log-variance that is never negative keeps the noise at 1 or more, so
that nothing can be encoded exactly.

## Example

```python
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = nn.Sequential(nn.Linear(784, 20), nn.ReLU())
        self.logvar = nn.Linear(784, 20)
        self.decoder = nn.Linear(20, 784)

    def forward(self, x):
        mean, logvar = self.mean(x), self.logvar(x)
        return self.decoder(mean + torch.exp(0.5 * logvar) * torch.randn_like(mean))
```

## Use instead

```python
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = nn.Linear(784, 20)
        self.logvar = nn.Linear(784, 20)
        self.decoder = nn.Linear(20, 784)

    def forward(self, x):
        mean, logvar = self.mean(x), self.logvar(x)
        return self.decoder(mean + torch.exp(0.5 * logvar) * torch.randn_like(mean))
```

## Known limits

Softplus for a standard deviation, and tanh or a clamp with a negative floor on a log-variance, are guards and stay unreported. Policies and other
samples that no KL formula concerns are judged only where the scale is `exp(h / 2)`.

## References

- Kingma and Welling, Auto-Encoding Variational Bayes, 2014, appendix C.2
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics.dataflow.builders import built_at
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, depends_on, source, through_reshapes
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Instance, Sym, Value
from aelint.semantics.formulas.algebra import Algebra, algebra_of
from aelint.semantics.formulas.formulas import Leaf
from aelint.semantics.formulas.projections import is_projection
from aelint.semantics.latent.posteriors import Posterior, feeds_layer, is_noise, posteriors
from aelint.semantics.latent.readings import readings
from aelint.semantics.objective.objectives import objectives
from aelint.semantics.operators.api import to_number
from aelint.syntax.walk import every, holds

RULE = Rule(
    code="AEL202",
    name="bounded-posterior-head",
    summary="the mean or log-variance of a posterior ends in an activation",
    severity=Severity.WARNING,
    triggers=(("relu", "sigmoid", "tanh", "softplus", "softmax", "clamp", "clip"), ("rand", "normal")),
)

_ON_MEAN = {
    "relu": "never negative",
    "relu6": "between 0 and 6",
    "sigmoid": "between 0 and 1",
    "tanh": "between -1 and 1",
    "softplus": "never negative",
    "softmax": "a distribution over the units",
}
_ON_LOG_VARIANCE = {k: v for k, v in _ON_MEAN.items() if k != "tanh"}
_SAME_VALUES = RESHAPES | {"item", "getitem", "chunk", "split", "tensor_split", "unbind", "narrow"}
"""What hands on values as they are, or some of them: one layer may make mean and log-variance side by side."""
_LAYERS = frozenset({"linear", "conv1d", "conv2d", "conv3d", "batch_norm", "item", "getitem"})


def check(program: Program) -> Iterator[Finding]:
    """Heads whose range a posterior does not have."""
    algebra = algebra_of(program)
    read = {r.law.head.id for r in readings(program) if r.law is not None and r.how == "formula"}
    samples = posteriors(program)
    drawn = {p.sample.id for p in samples if p.learned}
    for one in samples:
        if not one.learned or one.law is None or not one.law.exponential or not _is_code(program, one, drawn):
            continue
        if one.law.head.id not in read and one.law.kind != "logvar":
            continue
        yield from _heads(program, algebra, one)


def _is_code(program: Program, one: Posterior, drawn: set[int]) -> bool:
    """Whether a layer takes the sample, and it is drawn for data: not made from another sample, or from noise alone."""
    behind = list(ancestors(one.mean))
    from_noise = any(is_noise(s) for s in behind) and not any(s.op in _GIVEN for s in behind)
    # Noise may stand for data, but then a loss sees what comes of it.
    losses = [o for o in objectives(program) if o.called]
    generated = from_noise and losses and not any(depends_on(o.value, one.sample) for o in losses)
    return feeds_layer(program, one.sample) and not generated and not any(s.id in drawn for s in behind)


_GIVEN = frozenset({"param", "batch", "element", "call", "name"})
"""What may be data."""


def _heads(program: Program, algebra: Algebra, one: Posterior) -> Iterator[Finding]:
    assert one.law is not None
    mean = _activation(algebra, one.mean, _ON_MEAN)
    scale = _activation(algebra, one.law.head, _ON_LOG_VARIANCE) or _floored(one, one.law.head)
    name = {"logvar": "log-variance", "logstd": "log standard deviation"}.get(one.law.kind, one.law.kind)
    # One layer may make both, side by side.
    shared = ((mean, f"the mean and the {name} of this posterior end in", "they are"),)
    apart = (
        (mean, "the mean of this posterior ends in", "it is"),
        (scale, f"the {name} of this posterior ends in", "it is"),
    )
    for activation, subject, they_are in shared if mean is scale else apart:
        if activation is None or activation.site is None:
            continue
        message = (
            f"{subject} {activation.op}, so {they_are} {_bounds(activation, _ON_MEAN)}; "
            "a linear head can express every posterior"
        )
        built = built_at(program, activation) or _taken_over(program, activation, one)
        notes = (Note(activation.site, f"the {activation.op}"),) if built is not None else ()
        yield Finding(built or activation.site, message, (*notes, Note(one.site, "the sample that uses it")))


def _taken_over(program: Program, activation: Sym, one: Posterior) -> Site | None:
    """The call of another network whose last layer the activation is, in the class that draws the sample.

    That network may be right as it is: what is wrong is to take its features for the head.
    """
    around = next((c for c in every(ast.ClassDef, program.tree) if holds(c, one.site.node)), None)
    at = activation.site
    if around is None or at is None or holds(around, at.node):
        return None
    calls = (c for c in program.calls if c.result is activation and isinstance(c.callee, Instance))
    return next((c.site for c in calls if holds(around, c.site.node)), None)


def _activation(algebra: Algebra, head: Value, ranges: dict[str, str]) -> Sym | None:
    """The activation between a layer and the head, factors and copies left out."""
    value: Value = head
    for _ in range(12):
        if not isinstance(value, Sym):
            return None
        if _bounds(value, ranges):
            return value if _is_head(value.attrs.get("input")) else None
        form = algebra.form(value) or {}
        product = next(iter(form)) if len(form) == 1 else frozenset()
        match list(product):
            case [(Leaf(key=Sym() as leaf), 1.0)] if leaf is not value:
                value = leaf
            case _ if value.op in _SAME_VALUES:
                value = source(value)
            case _:
                return None
    return None


def _floored(one: Posterior, head: Sym) -> Sym | None:
    """The clamp of the head in front of the exponential; a clamp of the scale itself is a guard."""
    powers = [s.inputs[0] for s in ancestors(one.scale) if s.op == "exp"]
    clamps = (s for power in powers if isinstance(power, Sym) for s in ancestors(power) if s.op == "clamp")
    return next((s for s in clamps if _bounds(s, {}) and through_reshapes(s.attrs.get("input")) is head), None)


def _bounds(value: Sym, ranges: dict[str, str]) -> str:
    """Which values the operation gives; "" for one that leaves negative and positive ones."""
    floor = to_number(value.attrs.get("min")) if value.op == "clamp" else None
    return ranges.get(value.op, f"never below {floor:g}" if floor is not None and floor >= 0 else "")


def _is_head(value: Value) -> bool:
    """Whether a layer computed the value, or weights and a bias that are kept as parameters."""
    layer = isinstance(value, Sym) and (value.op in _LAYERS or value.op.startswith("batch_norm"))
    return layer or is_projection(value)
