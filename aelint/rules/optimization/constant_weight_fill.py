"""Every weight of a layer is set to one and the same number.

## What it does

Reports linear and convolution layers whose whole weight is overwritten by one constant: with `fill_`,
`torch.nn.init.constant_` or `ones_`, by assigning a constant tensor, in an initialiser given to
`apply`, or in a loop over `parameters()`.

## Why is this bad?

All units of such a layer compute the same weighted sum and receive the same gradient. As far as their
biases are equal too, they stay equal for ever: the layer has one unit, whatever its width. An encoder
filled this way gives a code of rank one, and an autoencoder whose layers are all filled trains to
little more than the mean of the data.

## Example

```python
import torch.nn as nn


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(784, 32)
        self.decoder = nn.Linear(32, 784)
        self.encoder.weight.data.fill_(0.001)
        self.decoder.weight.data.fill_(0.001)

    def forward(self, x):
        return self.decoder(self.encoder(x))
```

## Use instead

```python
import torch.nn as nn


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(784, 32)
        self.decoder = nn.Linear(32, 784)
        nn.init.xavier_uniform_(self.encoder.weight)
        nn.init.xavier_uniform_(self.decoder.weight)

    def forward(self, x):
        return self.decoder(self.encoder(x))
```

## Known limits

Zero is a sound start for the last layer of a residual branch and for many heads, so a zero fill is
not reported. Norm layers and embeddings, layers with one output, depthwise convolutions, frozen
weights and weights that are overwritten again are left alone.

## References

- Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010
- Goodfellow, Bengio and Courville, "Deep Learning", section 8.4 (breaking symmetry)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.domain.values import Instance, Object, Sym
from aelint.semantics.explanation.wording import layers_place
from aelint.semantics.interpreter.modules import submodules
from aelint.semantics.optimization.initialization import Filling, fillings, is_frozen, is_weighted
from aelint.syntax.walk import every, walk

RULE = Rule(
    code="AEL401",
    name="constant-weight-fill",
    summary="every weight of a layer is set to the same number, so its units stay equal",
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    triggers=(("fill_", "constant_", "zero", "ones", "full", "uniform_", "normal_", "copy_", "weight", "data"),),
)


def check(program: Program) -> Iterator[Finding]:
    """Report each statement that fills a trainable weight with a constant."""
    constant = [f for f in fillings(program) if _is_constant(f)]
    lasting = _lasting(program, constant)
    filled = {id(f.weight.layer) for f in lasting}
    tried = _by_place(constant)
    for place, together in _by_place(lasting).items():
        if len({f.constant for f in tried[place]}) > 1:
            continue  # a lesson that compares what different constants do
        if _is_a_fixture(program.tree, place) or _is_a_probe(program, together):
            continue
        # One layer among others that break the symmetry costs width; several in a row leave one unit in all.
        severity = Severity.ERROR if len(filled) > 1 else Severity.WARNING
        yield Finding(together[0].site, _message(together), severity=severity)


def _is_a_fixture(tree: ast.Module, place: ast.AST) -> bool:
    """Whether a network lives inside of one function, which does not train it: known weights give known numbers."""
    for function in (n for n in walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))):
        local = every(ast.ClassDef, function)
        if any(inner is place for cls in local for inner in walk(cls)):
            return not any(isinstance(n, ast.Attribute) and n.attr in _TRAINING for n in walk(function))
    return False


def _is_a_probe(program: Program, together: Sequence[Filling]) -> bool:
    """Whether a script sets the weights of what it built, and trains nothing: it looks where known weights reach."""
    outside = all(f.context.function is None for f in together)
    return outside and not program.method_calls(*_TRAINING)


_TRAINING = frozenset({"backward", "step", "fit", "run"})


def _is_constant(filling: Filling) -> bool:
    return (
        filling.constant is not None
        and not filling.context.guards
        and filling.weight.name == "weight"
        and _has_symmetric_units(filling.weight.layer)
    )


def _lasting(program: Program, constant: list[Filling]) -> list[Filling]:
    """What is trained from there; zeros only where they fill all layers of a network."""
    done = fillings(program)
    kept = [f for f in constant if not _is_overwritten(f, done) and not is_frozen(program, f.weight.layer)]
    zeroed = {id(f.weight.layer) for f in kept if f.constant == 0 and not _says_zero(f)}
    # Zeros in one layer are a way to start a branch at nothing; in all of a network they leave no gradient.
    parts = {id(one) for network in program.networks for path, one in submodules(network) if path}
    whole = (network for network in program.networks if id(network) not in parts)
    empty = (layers for network in whole if (layers := _all_zero(network, zeroed)) and _stand_in_a_row(program, layers))
    dead = {id(one) for layers in empty for one in layers}
    return [f for f in kept if f.constant or id(f.weight.layer) in dead]


def _by_place(done: list[Filling]) -> dict[ast.AST, list[Filling]]:
    found: dict[ast.AST, list[Filling]] = {}
    for filling in done:
        found.setdefault(filling.site.node, []).append(filling)
    return found


def _says_zero(filling: Filling) -> bool:
    """Whether a function of that name fills with zeros: `zero_module(nn.Conv2d(...))` starts a branch at nothing."""
    return any("zero" in activation.function.name.lower() for activation in filling.context.stack)


def _all_zero(network: Instance, zeroed: set[int]) -> list[Object]:
    """The weighted layers of a network, if there are several and all of them are filled with zeros."""
    weighted = [one for _, one in submodules(network) if isinstance(one, Object) and is_weighted(one)]
    attributes = (a for _, one in submodules(network) if isinstance(one, Instance) for a in one.attrs.values())
    if any(isinstance(a, Sym) and a.op == "parameter" for a in attributes):
        return []  # layers of the project's own making have weights too
    return weighted if len(weighted) > 1 and all(id(one) in zeroed for one in weighted) else []


def _stand_in_a_row(program: Program, layers: list[Object]) -> bool:
    """Whether one of the layers gets what another one gives: side by side, zeros are a sound start of a linear model."""
    zeroed = {id(one) for one in layers}
    given = [c.result for c in program.calls if id(c.receiver) in zeroed and isinstance(c.result, Sym)]
    passed = ({id(one.layer) for one in ancestors(value)} & zeroed for value in given)
    return not given or any(len(layers) > 1 for layers in passed)


def _message(together: Sequence[Filling]) -> str:
    filling = together[0]
    layers = list({id(f.weight.layer): f.weight.layer for f in together}.values())
    which = layers_place(layers, filling.site)
    if filling.constant == 0:
        return (
            f"every weight of {which} becomes 0, and so do all others of the network: no signal and no gradient passes "
            "a layer of zeros; draw the weights at random, for example with `nn.init.xavier_uniform_`"
        )
    return (
        f"every weight of {which} becomes {filling.constant:g}: its {_units(layers[0])} units compute the same sum and get the "
        "same gradient, so nothing but their biases can tell them apart; draw the weights at random, "
        "for example with `nn.init.xavier_uniform_`, or keep the layer's own initialisation"
    )


def _units(layer: Object) -> object:
    return layer.bound.get("out_features", layer.bound.get("out_channels", "")) or "several"


def _has_symmetric_units(layer: Object) -> bool:
    if not is_weighted(layer):
        return False
    if _units(layer) == 1:
        return False
    groups = layer.bound.get("groups", 1)
    # In a grouped convolution a unit sees inputs of its own, and a fixed filter is often meant.
    return groups == 1 and layer.bound.get("in_features", layer.bound.get("in_channels")) != 1


def _is_overwritten(filling: Filling, done: list[Filling]) -> bool:
    return any(
        f.order > filling.order
        and f.weight.layer is filling.weight.layer
        and f.weight.name == "weight"
        and f.constant is None
        for f in done
    )
