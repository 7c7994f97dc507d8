"""A divergence receives a standard deviation where its formula takes a logarithm.

## What it does

Reports a KL divergence that exponentiates what is an exponential already, or that reads a head as a log-variance
although the sample uses it as a standard deviation or its logarithm; or the other way round, where the head bears the
name of what the sample takes it for. The formula is recognised by its terms, also inside of a function that is called; the
finding stands where the wrong tensor is passed. Weights that are drawn by way of their activations count as samples. Also a Gaussian density
with the scale itself beside the squared difference, where its logarithm belongs.

## Why is this bad?

With `std = exp(logvar / 2)` in the place of `logvar`, the formula computes `exp(std)` for the variance. It is zero
nowhere, its minimum lies at a standard deviation of 0 and its gradient pushes every posterior to a point.

## Example

```python
import torch
from torch import nn


def gaussian_kl(mean, logvar):
    return -0.5 * torch.sum(1 + logvar - mean**2 - torch.exp(logvar), dim=1).mean()


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar = nn.Linear(784, 20), nn.Linear(784, 20)

    def forward(self, x):
        mean, std = self.mean(x), torch.exp(0.5 * self.logvar(x))
        z = mean + std * torch.randn_like(std)
        return z, gaussian_kl(mean, std)
```

## Use instead

```python
import torch
from torch import nn


def gaussian_kl(mean, logvar):
    return -0.5 * torch.sum(1 + logvar - mean**2 - torch.exp(logvar), dim=1).mean()


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar = nn.Linear(784, 20), nn.Linear(784, 20)

    def forward(self, x):
        mean, logvar = self.mean(x), self.logvar(x)
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        return z, gaussian_kl(mean, logvar)
```

## Known limits

Divergences that are not Gaussian, and formulas that are wrong in themselves, are not judged here.

## References

- Kingma and Welling, Auto-Encoding Variational Bayes, 2014, appendix B
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function, Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.formulas.algebra import Algebra, algebra_of
from aelint.semantics.formulas.formulas import Exp
from aelint.semantics.latent.consistency import Contradiction, contradictions, spoken
from aelint.semantics.latent.posteriors import Posterior, posteriors
from aelint.semantics.latent.readings import Reading, plain_scales, readings
from aelint.syntax.signatures import positional
from aelint.syntax.walk import holds

RULE = Rule(
    code="AEL204",
    name="std-in-kl",
    summary="a divergence takes a standard deviation for a logarithm",
    severity=Severity.ERROR,
    triggers=(("exp", "softplus"), ("log", "kl", "sum", "mean")),
)

_BETWEEN = frozenset({"softplus", "clamp", "add", "mul", "truediv", "sub", "to", "relu", "elu"})


def check(program: Program) -> Iterator[Finding]:
    """Divergences whose logarithm is none."""
    algebra = algebra_of(program)
    for site, message, notes in (*_twice(program, algebra), *_contradicting(program, algebra)):
        yield Finding(site, message, notes)
    for plain in plain_scales(program):
        message = (
            f"this density holds {plain.name} itself where its logarithm belongs: beside the squared difference over the variance "
            "stands the logarithm of the scale"
        )
        yield Finding(plain.site, message)


def _twice(program: Program, algebra: Algebra) -> Iterator[tuple[Site, str, tuple[Note, ...]]]:
    for reading in readings(program):
        tensor = _exponential_in(program, algebra, reading)
        if tensor is not None:
            site = _passed(program, reading, tensor) or reading.site
            name = tensor.name or "the scale"
            made = f" ({place(tensor.site, site)})" if tensor.site is not None else ""
            message = (
                f"the divergence on {place(reading.site, site)} exponentiates `{name}`, which is an exponential already{made}; "
                "pass its logarithm: the head itself, halved where a log standard deviation is asked for"
            )
            yield site, message, (Note(reading.site, "the formula takes it for a logarithm"),)


def _exponential_in(program: Program, algebra: Algebra, reading: Reading) -> Sym | None:
    """The tensor that a formula takes for a logarithm and that is an exponential."""
    if reading.exponentiated_twice and reading.node is not None:
        same = (s for s in ancestors(reading.node) if len(form := algebra.form(s) or {}) == 1 and reading.inner in form)
        return next(iter(sorted(same, key=lambda s: s.id)), None)
    if (
        reading.how == "Normal"
        and reading.law is not None
        and reading.law.exponential
        and reading.law.head.op in _BETWEEN
    ):
        scales = {p.scale.id for p in _scaled(program) if p.scale is not None}
        return next((s for s in _chain(reading.law.head) if s.id in scales and _is_exponential(algebra, s)), None)
    return None


def _scaled(program: Program) -> Iterator[Posterior]:
    return (p for p in posteriors(program) if p.law is not None and p.law.exponential)


def _chain(value: Value) -> Iterator[Sym]:
    while isinstance(value, Sym) and value.op in _BETWEEN:
        tensors = [i for i in value.inputs if isinstance(i, Sym)]
        value = tensors[0] if len(tensors) == 1 else None
        if isinstance(value, Sym):
            yield value


def _is_exponential(algebra: Algebra, value: Sym) -> bool:
    return any(isinstance(g, Exp) for product in algebra.form(value) or {} for g, _ in product)


def _contradicting(program: Program, algebra: Algebra) -> Iterator[tuple[Site, str, tuple[Note, ...]]]:
    for one in contradictions(program):
        if not one.in_sample:
            yield _told(program, algebra, one)


def _told(program: Program, algebra: Algebra, one: Contradiction) -> tuple[Site, str, tuple[Note, ...]]:
    reading = one.reading.law
    assert reading is not None
    heads = (
        [s for s in ancestors(one.reading.node) if algebra.leaf(s) is reading.head]
        if one.reading.node is not None
        else []
    )
    passed = (p for h in heads if not _is_scale_name(h) and (p := _passed(program, one.reading, h)) is not None)
    # What is called a standard deviation there and here was passed as it should be: the formula is to be changed.
    site = next(passed, None) or _misnamed(program, one.reading, heads) or one.reading.site
    name = reading.head.name or "the head"
    message = (
        f"the divergence on {place(one.reading.site, site)} takes `{name}` for {spoken(reading.kind)}, "
        f"but the sample on {place(one.posterior.site, site)} uses it as {spoken(one.law.kind)}"
    )
    return site, message, (Note(one.posterior.site, f"`{name}` is {spoken(one.law.kind)} here"),)


def _misnamed(program: Program, reading: Reading, heads: list[Sym]) -> Site | None:
    """The call that passes a standard deviation, or its logarithm, for what the formula calls a variance."""
    for call in program.calls:
        if isinstance(call.callee, Function) and _contains(call.callee, reading.site):
            names = [n for h in heads if (n := _parameter_of(call, call.callee, h)) is not None]
            if any("var" in n.lower() for n in names) and not any("var" in h.name.lower() for h in heads):
                return call.site
    return None


def _is_scale_name(head: Sym) -> bool:
    return re.search(r"std|sigma", head.name, re.IGNORECASE) is not None


def _passed(program: Program, reading: Reading, tensor: Sym) -> Site | None:
    """The call that hands the tensor to the function in which the formula stands."""
    found: Site | None = None
    for call in program.calls:
        if isinstance(call.callee, Function) and _contains(call.callee, reading.site):
            name = _parameter_of(call, call.callee, tensor)
            if name is not None and not (_speaks_of_logarithm(name) and _speaks_of_logarithm(tensor.name)):
                found = call.site
                if _speaks_of_logarithm(name) and not _speaks_of_logarithm(tensor.name):
                    return found
    return found


def _contains(function: Function, site: Site) -> bool:
    if function.module.unit is not site.unit:
        return False
    return holds(function.node, site.node)


def _parameter_of(call: Call, function: Function, tensor: Sym) -> str | None:
    names = positional(function.node)
    if call.receiver is not None and len(names) > len(call.args):
        names = names[1:]
    given = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
    return next((n for n, v in given.items() if v is tensor), None)


def _speaks_of_logarithm(name: str) -> bool:
    return re.search(r"log|ln", name, re.IGNORECASE) is not None
