"""Layers are kept in a plain list, tuple or dict, where the network does not find them.

## What it does

Reports an attribute of a network that is set to a Python list, tuple or dict of layers which the
network builds itself and does not register in another way. Also a buffer of random numbers that scales the noise of a
sample: it is registered, but as something that no optimiser changes; and a plain tensor of random numbers from which the mean
of a posterior is subtracted and squared, the means of a mixture prior say. And layers that a method makes anew in each call and
runs at once.

## Why is this bad?

`parameters()`, `to(device)`, `train()`/`eval()` and `state_dict()` look into attributes that are modules
only. The layers in a plain list take part in the forward pass, but the optimiser never updates them and
a checkpoint does not hold them. Layers that `forward` or `encode` makes itself start with other random weights in each call.

## Example

```python
import torch.nn as nn

class AE(nn.Module):
    def __init__(self, sizes=(30, 16, 8)):
        super().__init__()
        self.layers = []
        for a, b in zip(sizes[:-1], sizes[1:]):
            self.layers.append(nn.Linear(a, b))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).relu()
        return x
```

```python
import torch.nn as nn

class Encoder(nn.Module):
    def forward(self, x):
        return nn.Linear(784, 20)(x).relu()
```

## Use instead

```python
import torch.nn as nn

class AE(nn.Module):
    def __init__(self, sizes=(30, 16, 8)):
        super().__init__()
        self.layers = nn.ModuleList()
        for a, b in zip(sizes[:-1], sizes[1:]):
            self.layers.append(nn.Linear(a, b))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).relu()
        return x
```

## Known limits

Modules that come from outside, such as a teacher that is hidden in a list on purpose, are left alone,
and so are layers that are also registered by `add_module`, a container or an attribute of their own.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeGuard

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.architecture.fixed_laws import fixed_means, fixed_scales
from aelint.semantics.architecture.made_anew import made_anew
from aelint.semantics.architecture.usage import has_parameters
from aelint.semantics.dataflow.graph import consumers, parts
from aelint.semantics.domain.values import DictValue, Instance, ListValue, Object, Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.interpreter.modules import children_of, submodules
from aelint.semantics.optimization.parameters import held_by
from aelint.semantics.optimization.training import optimizers
from aelint.syntax.names import last_name
from aelint.syntax.walk import every, walk

RULE = Rule(
    code="AEL114",
    name="unregistered-layers",
    summary="layers in a plain list, tuple or dict are no parameters of the network",
    severity=Severity.ERROR,
    triggers=(("module", "nn."),),
)

_MADE = frozenset({"rand", "randn", "zeros", "ones", "empty", "full", "tensor", "eye", "normal"})


def check(program: Program) -> Iterator[Finding]:
    """Yield the assignment of each attribute that hides layers from its network."""
    everything = _everything(program)
    registered = {id(child) for one in everything for child in children_of(one).values()}
    registered |= {owner for one in everything if _lists_parameters(one) for owner in held_by(one.args).owners}
    # Who hands their parameters to an optimiser by hand keeps them out of the network on purpose.
    registered |= {owner for optimizer in optimizers(program) for owner in held_by(optimizer).owners}
    for network in program.networks:
        if network.open:
            continue
        for name, value in network.attrs.items():
            if _is_kept_apart(value):
                continue
            found = (one for one in _modules_in(value) if id(one) not in registered and one is not network)
            hidden = [one for one in found if _is_own(network, one)]
            site = _set_at(program, network, name)
            if hidden and site is not None and not _may_be_handed_on(network, name):
                yield _finding(site, name, value, len(hidden))
    optimized = {v.id for c in program.calls if c.name.startswith("torch.optim.") for v in parts((c.args, c.kwargs))}
    for store in program.stores:
        value = store.value
        if _is_trained_tensor(value) and isinstance(store.target, Instance) and is_module(store.target):
            used = any(one.op not in {"phi", "to", "detach"} for one in consumers(program).get(value.id, []))
            if used and value.id not in optimized:
                yield _tensor_finding(store.site, store.name)
    for fixed in fixed_scales(program):
        message = (
            f"the buffer `{fixed.name}` is filled with random numbers and scales the noise of a sample ({place(fixed.sample, fixed.site)}): "
            "it keeps these numbers, since nothing trains a buffer. Register an `nn.Parameter`"
        )
        yield Finding(fixed.site, message, (Note(fixed.sample, "the sample"),), severity=Severity.WARNING)
    for prior in fixed_means(program):
        message = (
            f"the codes are held to `{prior.name}` ({place(prior.compared, prior.site)}), random numbers in a plain tensor: it is no "
            "parameter, so nothing trains, saves or moves it. Wrap it in `nn.Parameter`, or register a buffer if it is to stay"
        )
        yield Finding(prior.site, message, (Note(prior.compared, "the distance"),), severity=Severity.WARNING)
    for one in made_anew(program):
        many = "a layer" if one.layers == 1 else f"{one.layers} layers"
        message = (
            f"each call of `{one.method}` makes {many} with new random weights here, runs {'it' if one.layers == 1 else 'them'} and forgets "
            f"{'it' if one.layers == 1 else 'them'}: nothing can train or save these weights. Make them once, in `__init__`, as an attribute"
        )
        yield Finding(one.site, message, (Note(one.run, "run here"),), severity=Severity.WARNING)


def _is_trained_tensor(value: Value) -> TypeGuard[Sym]:
    """Whether a tensor is made from nothing and asked to collect a gradient."""
    return isinstance(value, Sym) and value.op in _MADE and value.attrs.get("requires_grad") is True


def _tensor_finding(site: Site, name: str) -> Finding:
    message = (
        f"`{name}` collects a gradient, but a plain tensor is no parameter of the network: no optimiser changes it, and "
        "it is neither saved nor moved. Wrap it in `nn.Parameter`"
    )
    return Finding(site, message)


def _everything(program: Program) -> list[Value]:
    """The networks and all that is registered below one of them, each once."""
    pending: list[Value] = list(program.networks)
    found: dict[int, Value] = {}
    while pending:
        one = pending.pop()
        if id(one) not in found:
            found[id(one)] = one
            pending.extend(children_of(one).values())
    return list(found.values())


def _lists_parameters(one: Value) -> TypeGuard[Object]:
    """Whether it registers parameters by themselves, and with them those of layers that a list holds."""
    return isinstance(one, Object) and one.name in {"torch.nn.ParameterList", "torch.nn.ParameterDict"}


def _modules_in(value: Value) -> list[Object | Instance]:
    match value:
        case tuple():
            items = list(value)
        case ListValue(items=items, kind="list"):
            pass
        case DictValue():
            items = list(value.items.values())
        case _:
            return []
    found = [one for item in items for one in ([item] if is_module(item) else _modules_in(item))]
    return [one for one in found if has_parameters(one)]


def _is_own(network: Instance, one: Object | Instance) -> bool:
    """Whether the network's own class builds the layer."""
    site = one.site
    return site is not None and any(site.lies_in(Site(c.module.unit, c.node)) for c in network.cls.mro())


def _may_be_handed_on(network: Instance, name: str) -> bool:
    """Whether the class goes through the list without running the layers, and holds a container that is not known to its end."""
    containers = (one for _, one in submodules(network) if isinstance(one, Object) and one.children is not None)
    if all(one.complete for one in containers):
        return False
    loops = (n for n in walk(network.cls.node) if isinstance(n, (ast.For, ast.ListComp, ast.GeneratorExp)))
    return any(_goes_through(loop, name) for loop in loops)


def _goes_through(loop: ast.For | ast.ListComp | ast.GeneratorExp, name: str) -> bool:
    over = [loop] if isinstance(loop, ast.For) else loop.generators
    taken = {last_name(one.target) for one in over if last_name(one.iter) == name}
    return bool(taken) and not any(last_name(call.func) in taken for call in every(ast.Call, loop))


def _is_kept_apart(value: Value) -> bool:
    """Whether a tuple of one module keeps it out of the network on purpose: `self.proxy = (model,)` is read as `proxy[0]`."""
    return isinstance(value, tuple) and len(value) == 1


def _set_at(program: Program, network: Instance, name: str) -> Site | None:
    stores = program.stores_to(network, name)
    return stores[-1].site if stores and not isinstance(stores[-1].value, Sym) else None


def _finding(site: Site, name: str, value: Value, count: int) -> Finding:
    kind = "dict" if isinstance(value, DictValue) else "tuple" if isinstance(value, tuple) else "list"
    container = "nn.ModuleDict" if kind == "dict" else "nn.ModuleList"
    layers = "1 layer with parameters" if count == 1 else f"{count} layers with parameters"
    return Finding(
        site,
        f"`{name}` is a plain {kind} with {layers}: `parameters()`, `to()` and `state_dict()` leave them out, so they "
        f"are never trained, moved or saved. Make it `{container}`",
    )
