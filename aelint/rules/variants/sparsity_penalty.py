"""A sparsity penalty is taken over the wrong axis, or without absolute values.

## What it does

Reports

- a norm of activations over another axis than the units, for activations with three axes,
- an average activation (`rho_hat` in a KL sparsity penalty) that averages over units and not over samples,
- a penalty called L1 or sparsity that adds up signed activations,
- a penalty on activations that is subtracted from the reconstruction loss,
- the decoder of an overcomplete sparse code (`codes @ W`), or what is written into it for some latents, that is brought to
  unit norm along the latents and not for each of them,
- a KL divergence to a target rate, written out, in which one of the two logarithms has not its own weight,
- a KL divergence to a target rate that is taken of the reconstruction, too.

## Why is this bad?

Over the tokens of a sequence, the penalty depends on how tokens are grouped, and says nothing about how
many units are active. The sum of signed activations falls without end when they become negative.

## Example

```python
import torch
from torch import nn

def sparsity(activations):
    return activations.norm(p=2, dim=1).mean()

encoder = nn.Linear(16, 64)
loss = sparsity(torch.relu(encoder(torch.randn(8, 10, 16))))
```

```python
import torch
from torch import nn

encoder = nn.Linear(16, 64)
hidden = torch.sigmoid(encoder(torch.randn(8, 16)))
rho_hat = hidden.mean(dim=1)
penalty = (0.05 * torch.log(0.05 / rho_hat) + 0.95 * torch.log(0.95 / (1 - rho_hat))).sum()
```

## Use instead

```python
import torch
from torch import nn

def sparsity(activations):
    return activations.norm(p=2, dim=-1).mean()

encoder = nn.Linear(16, 64)
loss = sparsity(torch.relu(encoder(torch.randn(8, 10, 16))))
```

```python
import torch
from torch import nn

encoder = nn.Linear(16, 64)
hidden = torch.sigmoid(encoder(torch.randn(8, 16)))
rho_hat = hidden.mean(dim=0)
penalty = (0.05 * torch.log(0.05 / rho_hat) + 0.95 * torch.log(0.95 / (1 - rho_hat))).sum()
```

## Known limits

A norm is only taken for a sparsity penalty where a name says so. Feature maps of convolutions, whose units
lie along axis 1, are left alone.

## References

- Ng: Sparse Autoencoder, CS294A lecture notes, 2011
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import chain

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import nodes_of
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, source, through
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function, Sym, Value
from aelint.semantics.explanation.wording import shape_text
from aelint.semantics.objective.comparisons import LEARNED
from aelint.semantics.objective.objectives import objectives
from aelint.semantics.objective.terms import reconstructions
from aelint.semantics.operators.api import to_number
from aelint.semantics.variants.atom_norms import crossed_norms, norm_axis
from aelint.semantics.variants.bernoulli import broken_divergences, compared_rates
from aelint.semantics.variants.penalised_outputs import penalised_outputs
from aelint.syntax.signatures import parameters
from aelint.syntax.walk import every, holds

RULE = Rule(
    code="AEL731",
    name="sparsity-penalty",
    summary="a sparsity penalty is taken over the wrong axis, or without absolute values",
    severity=Severity.WARNING,
    triggers=(("spars", "l1", "rho", "kl", "lp_", "normalize", ".norm"),),
)

_NAMED = re.compile(r"spars|(^|_)l[01p](_|$)|l1_?(loss|norm|penalty|reg)", re.IGNORECASE)
_ELEMENTWISE = frozenset(
    {"relu", "sigmoid", "gelu", "silu", "leaky_relu", "elu", "softplus", "tanh", "topk", "mul", "abs", "clamp"}
)


def check(program: Program) -> Iterator[Finding]:
    """Yield findings for norms, for average activations, and for signed sums."""
    yield from chain(
        _norms(program),
        _averages(program),
        _signed(program),
        _rewarded(program),
        _atoms(program),
        _unlike(program),
        _outputs(program),
    )


def _units_axis(value: Value) -> int | None:
    """The axis of the units in activations of linear layers: the last one. None if it is no such activation."""
    for _ in range(8):
        if not isinstance(value, Sym) or value.shape is None:
            return None
        if value.op in {"linear", "matmul"}:
            return len(value.shape) - 1
        if value.op == "add" and isinstance(value.attrs.get("input"), Sym):
            value = value.attrs["input"]
        elif value.op in _ELEMENTWISE:
            value = source(value)
        else:
            return None
    return None


def _norms(program: Program) -> Iterator[Finding]:
    named = {id(b.value) for b in program.bindings if _NAMED.search(b.name)}
    for call in program.calls:
        value = call.result
        if not isinstance(value, Sym) or value.op != "norm":
            continue
        whole, axis = source(value), norm_axis(value)
        units = _units_axis(whole)
        if units is None or axis is None or axis == units or not isinstance(whole, Sym) or len(whole.shape or ()) != 3:
            continue
        if _is_penalty(call) or id(value) in named:
            yield Finding(
                call.site,
                f"the norm is taken over axis {axis} of activations of shape {shape_text(whole.shape or ())}, but the units lie "
                f"along axis {units}: use `dim=-1`",
            )


def _is_penalty(call: Call) -> bool:
    return any(_NAMED.search(a.function.name) for a in call.context.stack)


def _averages(program: Program) -> Iterator[Finding]:
    """`rho_hat = hidden.mean(1)` of (samples, units), used as `log(rho / rho_hat)`."""
    rates = {id(r) for node in nodes_of(program, "log") if (r := _rate(source(node))) is not None}
    for call in program.calls_to("mean"):
        value = call.result
        whole = source(value)
        if (
            not isinstance(value, Sym)
            or id(value) not in rates
            or not isinstance(whole, Sym)
            or len(whole.shape or ()) != 2
        ):
            continue
        if whole.op == "sigmoid" and norm_axis(value) == 1:
            message = (
                f"this averages over the units of each sample, axis 1 of {shape_text(whole.shape or ())}; the average activation "
                "of a unit is taken over the samples, `dim=0`"
            )
            yield Finding(call.site, message)
    singles = [(n, r) for n in nodes_of(program, "log") if (r := _rate(source(n))) is not None]
    singles += compared_rates(program)
    told: set[int] = set()
    for node, rate in singles:
        site = _given_at(program, node, rate)
        if rate.op == "sigmoid" and len(rate.shape or ()) == 2 and site is not None and id(rate.site) not in told:
            told.add(id(rate.site))
            message = (
                f"this compares every single activation, of shape {shape_text(rate.shape or ())}, with the target rate; the rate of "
                "a unit is its average over the samples: take `.mean(dim=0)` first"
            )
            yield Finding(site, message)


def _given_at(program: Program, node: Sym, rate: Sym) -> Site | None:
    """Where the activations are handed to the function that compares them with a rate; the comparison where none is.

    A function that gives them a second name, `rho_hat = activations`, was to take the average there.
    """
    for call in program.calls:
        given = isinstance(call.callee, Function) and any(a is rate for a in (*call.args, *call.kwargs.values()))
        if given and node.site is not None and holds(call.callee.node, node.site.node):
            passed = {p.arg for p in parameters(call.callee.node)}
            for renamed in every(ast.Assign, call.callee.node):
                if isinstance(renamed.value, ast.Name) and renamed.value.id in passed:
                    return Site(call.callee.module.unit, renamed)
            return call.site
    return node.site


def _unlike(program: Program) -> Iterator[Finding]:
    """Divergences written out in which one logarithm has lost its weight."""
    for one in broken_divergences(program):
        if one.node.site is not None:
            message = (
                f"this penalty is not smallest at the rate {one.rate:.3g} that it names: `log q` has the weight {one.on_average:.3g} and "
                f"`log(1 - q)` {one.on_rest:.3g}, where the divergence has {-one.rate:.3g} and {one.rate - 1:.3g}. Multiply each "
                "logarithm by its own probability"
            )
            yield Finding(one.node.site, message)


def _outputs(program: Program) -> Iterator[Finding]:
    """Penalties over all layers, the last of which gives the reconstruction."""
    for one in penalised_outputs(program):
        message = (
            "the penalty takes in the reconstruction, which a loss compares with data: its mean is drawn to the target rate. Hold only "
            "the code to it"
        )
        yield Finding(one.site, message, (Note(one.compared, "the reconstruction is compared here"),))


def _rate(value: Value) -> Sym | None:
    """`rho_hat` in `rho / rho_hat`."""
    match value:
        case Sym(op="truediv", attrs={"input": rho, "other": Sym() as rate}) if _is_number(rho):
            held = through(rate, RESHAPES | {"clamp"})
            return held if isinstance(held, Sym) else None
        case _:
            return None


def _is_number(value: Value) -> bool:
    if isinstance(value, Sym) and value.op in {"full", "full_like", "tensor"}:
        value = value.attrs.get("fill_value", value.attrs.get("data"))
    return to_number(value) is not None


def _signed(program: Program) -> Iterator[Finding]:
    for binding in program.bindings:
        value = binding.value
        if not re.search(r"(^|_)l1(_|$)|sparsity", binding.name, re.IGNORECASE) or not isinstance(value, Sym):
            continue
        # What a layer makes of a sum is no penalty, whatever its number is called.
        total = next((a for a in ancestors(value, LEARNED) if a.op in {"sum", "mean"}), None)
        whole = through(source(total), RESHAPES | {"sum", "mean"})
        if total is None or not isinstance(whole, Sym) or total.site is None:
            continue
        # Only what an activation of a layer is: anything else may have been made positive on the way.
        if _has_both_signs(whole) and whole.range.low < 0:
            made = (Note(whole.site, f"its values lie in {whole.range}"),) if whole.site is not None else ()
            yield Finding(
                total.site,
                "an L1 penalty is the sum of absolute values: this one falls without end; add `.abs()`",
                made,
            )


_MASKS = frozenset({"scatter", "gt", "ge", "lt", "le", "one_hot"})


def _has_both_signs(value: Value, depth: int = 0) -> bool:
    """Whether it is a layer's plain output, a product with weights and their bias, or such a thing below a mask."""
    if not isinstance(value, Sym) or depth > 4:
        return False
    operands = [i for i in value.inputs if isinstance(i, Sym)]
    match value.op:
        case "linear" | "tanh":
            return value.layer is not None
        case "matmul":
            return value.layer is not None or any(i.op == "parameter" for i in operands)
        case "add":
            weights = [i for i in operands if i.op == "parameter"]
            return len(weights) == 1 and any(_has_both_signs(i, depth + 1) for i in operands if i not in weights)
        case "mul":
            masks = [i for i in operands if any(a.op in _MASKS for a in _near(i))]
            return (
                len(operands) == 2
                and len(masks) == 1
                and any(_has_both_signs(i, depth + 1) for i in operands if i not in masks)
            )
        case _:
            return False


def _near(value: Sym) -> list[Sym]:
    """The value below casts."""
    found = [value]
    while found[-1].op in RESHAPES and isinstance(inner := source(found[-1]), Sym):
        found.append(inner)
    return found


def _rewarded(program: Program) -> Iterator[Finding]:
    """A penalty on activations that is subtracted where the reconstruction loss is added."""
    for objective in objectives(program):
        losses = [t for t in reconstructions(objective) if not t.by_name]
        if not losses or not all(t.factor > 0 for t in losses):
            continue
        # `(norm - 1) ** 2` written out holds `-2 * norm` beside the square, which keeps it in bounds.
        bounded = frozenset[object]().union(*(s.leaves for s in objective.summands if s.factor > 0))
        for summand in objective.summands:
            leaf = next(iter(summand.leaves), None) if len(summand.leaves) == 1 else None
            if summand.factor >= 0 or not summand.reductions or not isinstance(leaf, Sym) or leaf.site is None:
                continue
            if leaf.op in {"abs", "norm", "relu"} and leaf not in bounded and _is_activation(leaf):
                turned = [one.site for one in summand.path if one.op in {"sub", "neg", "mul"} and one.site is not None]
                yield Finding(
                    turned[0] if turned else leaf.site,
                    f"this penalty on the activations enters the loss with the factor {summand.factor:g}: training makes them large "
                    "instead of sparse; add it to the reconstruction loss",
                )


def _is_activation(leaf: Sym) -> bool:
    value: Value = leaf if leaf.op == "relu" else source(leaf)
    value = through(value, RESHAPES | {"relu", "topk", "sigmoid"})
    return isinstance(value, Sym) and value.op == "linear" and value.layer is not None


def _atoms(program: Program) -> Iterator[Finding]:
    """The decoder of an overcomplete sparse code brought to unit norm along the latents, not for each of them."""
    for one in crossed_norms(program):
        features = "feature" if one.features is None else f"of the {one.features} features"
        latents = (
            "latent, whose vector lies" if one.latents is None else f"of the {one.latents} latents, whose vectors lie"
        )
        yield Finding(
            one.site,
            f"each {features} is brought to length 1 here, not each {latents} along axis {one.axis} of the decoder: use `dim={one.axis}`",
            (Note(one.decoded, "the codes are decoded here"),) if one.decoded is not None else (),
        )
