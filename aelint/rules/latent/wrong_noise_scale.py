"""The noise of a posterior sample has a standard deviation other than one.

## What it does

Reports `mean + scale * noise` whose noise is drawn with a fixed standard deviation or mean other than 1 and 0, or is
multiplied by a number, where a KL formula in the program says what the standard deviation of the sample is. Also
`(noise + mean) * scale`, which scales the mean as well, and noise that is drawn with the scale and multiplied by it again,
`mean + scale * torch.normal(0, scale)`.

## Why is this bad?

The KL divergence accounts for noise with the standard deviation `scale`. With noise of 0.1 the decoder sees a code
that is ten times more precise than the one that is paid for: the model trains almost as a plain
autoencoder, and samples from the prior decode to nothing.

## Example

```python
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar = nn.Linear(784, 20), nn.Linear(784, 20)
        self.decoder = nn.Linear(20, 784)

    def forward(self, x):
        mean, logvar = self.mean(x), self.logvar(x)
        kl = -0.5 * torch.sum(1 + logvar - mean**2 - logvar.exp())
        noise = torch.normal(0.0, 0.1, size=mean.shape)
        return self.decoder(mean + torch.exp(0.5 * logvar) * noise), kl
```

## Use instead

```python
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean, self.logvar = nn.Linear(784, 20), nn.Linear(784, 20)
        self.decoder = nn.Linear(20, 784)

    def forward(self, x):
        mean, logvar = self.mean(x), self.logvar(x)
        kl = -0.5 * torch.sum(1 + logvar - mean**2 - logvar.exp())
        noise = torch.randn_like(mean)
        return self.decoder(mean + torch.exp(0.5 * logvar) * noise), kl
```

## Known limits

Factors that have a name (a temperature) are taken for intended, unless they are named after the noise (`epsilon_std`).
So are samples that are drawn without a gradient or in a branch of their own.

## References

- Kingma and Welling, Auto-Encoding Variational Bayes, 2014, section 2.4
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics.dataflow.graph import consumers
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.formulas.algebra import algebra_of, close
from aelint.semantics.formulas.formulas import Leaf
from aelint.semantics.latent.noise_settings import noise_setting
from aelint.semantics.latent.posteriors import Posterior, draw_of, law_of, posteriors
from aelint.semantics.latent.readings import Reading, readings
from aelint.semantics.latent.scaled_twice import scaled_twice
from aelint.semantics.operators.api import to_number
from aelint.syntax.walk import every

RULE = Rule(
    code="AEL206",
    name="wrong-noise-scale",
    summary="the noise of a posterior sample does not have a standard deviation of one",
    severity=Severity.WARNING,
    triggers=(("randn", "normal"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Samples whose noise is scaled by a number besides the scale that the divergence knows."""
    read = {r.law.head.id: r for r in readings(program) if r.law is not None and r.how == "formula"}
    for one in posteriors(program):
        reading = read.get(one.law.head.id) if one.law is not None and one.noise is not None else None
        if reading is None or one.law is None or _is_optional(program, one) or not _is_used(program, one):
            continue
        noise = one.noise
        assert noise is not None
        named = noise_setting(program, one)
        wrong = _wrong(one, noise, reading, spelled=named is not None or _is_written(one, one.law.factor))
        if wrong:
            drawn = noise.site if noise.op == "normal" and noise.site is not None else _factored(one) or one.site
            setting = named or _setting(program, drawn, noise)
            site = drawn if setting is None else setting
            message = (
                f"{wrong}, while the divergence on {place(reading.site, site)} expects noise of standard deviation 1 times the scale; "
                "draw the noise with `torch.randn_like` and leave it as it is"
            )
            notes = (Note(reading.site, "the divergence"),)
            yield Finding(site, message, notes if setting is None else (*notes, Note(drawn, "the noise is drawn here")))
    yield from _scaled_means(program, read)
    for twice in scaled_twice(program):
        scale = f"`{twice.draw.scale.name}`" if twice.draw.scale is not None and twice.draw.scale.name else "its scale"
        message = (
            f"this noise is drawn with the standard deviation {scale} and multiplied by it again "
            f"({place(twice.used, twice.draw.site)}): the sample's deviation is its square. Draw the noise with `torch.randn_like`"
        )
        yield Finding(twice.draw.site, message, (Note(twice.used, "multiplied here"),))


def _scaled_means(program: Program, read: dict[int, Reading]) -> Iterator[Finding]:
    """`(noise + mean) * scale`, where a divergence holds the square of the mean alone."""
    algebra, users = algebra_of(program), consumers(program)
    for one in posteriors(program):
        if one.scale is not None or one.law is not None or one.mean is None:
            continue
        for product in (u for u in users.get(one.sample.id, ()) if u.op == "mul" and u.site is not None):
            scale = next((i for i in product.inputs if isinstance(i, Sym) and i is not one.sample), None)
            law = law_of(algebra, scale)
            reading = read.get(law.head.id) if law is not None else None
            if reading is None or reading.node is None or product.site is None:
                continue
            squared = frozenset({(Leaf(algebra.leaf(one.mean)), 2.0)})
            if squared in (algebra.form(reading.node) or {}):
                message = (
                    "this scales the mean together with the noise, while the divergence on "
                    f"{place(reading.site, product.site)} takes the mean as it is: the sample is `mean + scale * noise`"
                )
                yield Finding(product.site, message, (Note(reading.site, "the divergence"),))


def _setting(program: Program, drawn: Site, noise: Sym) -> Site | None:
    """The assignment of the number that the draw names as its standard deviation; None where it is spelled in the draw."""
    spread = noise.attrs.get("std")
    if noise.op != "normal" or to_number(spread) is None:
        return None
    names = {n.id for n in every(ast.Name, drawn.node)}
    found = [b for b in program.bindings if b.name in names and b.value == spread and not b.context.stack]
    return found[-1].site if found else None


def _is_optional(program: Program, one: Posterior) -> bool:
    call = draw_of(program, one)
    return call is not None and (call.context.no_grad or bool(call.context.guards))


def _is_used(program: Program, one: Posterior) -> bool:
    """Whether something is computed from the sample: one that is only shown may be drawn closer to the mean."""
    return one.sample.id in consumers(program)


def _wrong(one: Posterior, noise: Sym, reading: Reading, *, spelled: bool) -> str:
    law, read = one.law, reading.law
    assert law is not None
    assert read is not None
    mean, spread = to_number(noise.attrs.get("mean", 0.0)), to_number(noise.attrs.get("std", 1.0))
    if noise.op == "normal" and spread is not None and not close(spread, 1.0):
        return f"the noise of this sample has a standard deviation of {spread:g}"
    if noise.op == "normal" and mean is not None and not close(mean, 0.0):
        return f"the noise of this sample has a mean of {mean:g}"
    same = law.exponential == read.exponential and close(law.power, read.power)
    factor = abs(law.factor / read.factor)
    if same and not close(factor, 1.0) and spelled:
        return f"the noise of this sample is multiplied by {law.factor:g}"
    return ""


def _is_written(one: Posterior, factor: float) -> bool:
    """Whether the factor is a literal of the sample's own expression or of a product that enters it, and no named setting."""
    return any(_spells(site.node, factor) for site in (one.site, _factored(one)) if site is not None)


def _spells(node: ast.AST, factor: float) -> bool:
    return any(_scales_by(one.value, factor) for one in every(ast.Constant, node))


def _scales_by(number: object, factor: float) -> bool:
    """Whether a number multiplies by the factor, or divides by its inverse."""
    if not isinstance(number, (int, float)) or isinstance(number, bool) or number == 0:
        return False
    return close(number, abs(factor)) or close(1 / number, abs(factor))


def _factored(one: Posterior) -> Site | None:
    """The product with the factor in front of the sample, `0.1 * noise` say, where it has a line of its own."""
    before = {a.id for a in ancestors(one.head)}
    products = (a for a in ancestors(one.sample) if a.op in {"mul", "truediv"} and a.id not in before)
    for product in products if one.law is not None else ():
        numbers = [n for n in map(to_number, product.inputs) if n is not None]
        factors = [n for n in numbers if one.law is not None and _scales_by(n, one.law.factor)]
        if factors and product.site is not None and _spells(product.site.node, factors[0]):
            return product.site
    return None
