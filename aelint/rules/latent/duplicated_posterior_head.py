"""Mean and scale of a posterior are one and the same tensor.

## What it does

Reports a sample whose mean and scale come from the same output of the same layer: one head that is called for
both, one slice that is taken twice, one tensor that is returned twice. Also reports a `return` that
hands out one head twice while another head that was computed beside it is used nowhere, and zeros that are joined to the
first half of a layer's output, to be its log-variance, while the second half is thrown away.

## Why is this bad?

The variance cannot be learned apart from the mean: where the code is large it is noisy, where it is small
it is exact. The head that was meant for it never receives a gradient.

## Example

```python
import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc_mean, self.fc_logvar = nn.Linear(128, 20), nn.Linear(128, 20)

    def forward(self, h):
        mean, logvar = self.fc_mean(h), self.fc_mean(h)
        return mean + torch.randn_like(mean) * torch.exp(0.5 * logvar)
```

## Use instead

```python
import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc_mean, self.fc_logvar = nn.Linear(128, 20), nn.Linear(128, 20)

    def forward(self, h):
        mean, logvar = self.fc_mean(h), self.fc_logvar(h)
        return mean + torch.randn_like(mean) * torch.exp(0.5 * logvar)
```

## Known limits

One layer that is applied to two different inputs is taken for intended sharing.

## References

- Kingma and Welling, Auto-Encoding Variational Bayes, 2014, appendix C
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import combinations

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics.dataflow import graph
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.program import Program
from aelint.semantics.domain.trace import Binding, Return
from aelint.semantics.domain.values import Instance, Object, Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.formulas.algebra import Algebra, algebra_of
from aelint.semantics.latent.discarded_heads import discarded_heads
from aelint.semantics.latent.posteriors import Posterior, posteriors, raw_head
from aelint.semantics.latent.repeated_heads import repeated_heads
from aelint.syntax.walk import walk

RULE = Rule(
    code="AEL209",
    name="duplicated-posterior-head",
    summary="mean and scale of a posterior are the same tensor",
    severity=Severity.ERROR,
    triggers=(("linear", "conv", "lstm", "gru"),),
)

_HEADS = frozenset({"linear", "conv1d", "conv2d", "conv3d", "item", "getitem"})


def check(program: Program) -> Iterator[Finding]:
    """One tensor in two roles."""
    algebra = algebra_of(program)
    seen: set[object] = set()
    returned = [*_returns(program), *_calls(program, algebra)]
    explained = {algebra.leaf(twice).id for twice, _ in returned}
    for found in (*(f for _, f in returned), *_samples(program, algebra, explained)):
        key = (found.site.unit.path, found.site.row)
        if key not in seen:
            seen.add(key)
            yield found
    for repeated in repeated_heads(program):
        key = (repeated.second.unit.path, repeated.second.row)
        if key not in seen:
            seen.add(key)
            message = (
                f"`self.{repeated.name}` is applied twice to the same, while `self.{repeated.idle}`, which is made like it, is never "
                f"applied: both results are one. Use `self.{repeated.idle}` for one of them"
            )
            yield Finding(repeated.second, message, (Note(repeated.first, "applied to the same here"),))
    for one in discarded_heads(program):
        message = (
            f"these zeros stand for the log-variance, and the half of the layer's output that was meant for it is thrown away "
            f"({place(one.halved, one.site)}): the scale is 1 for every input, and half of the layer is never trained. Hand on both halves"
        )
        yield Finding(one.site, message, (Note(one.halved, "halved here"),), severity=Severity.WARNING)


def _samples(program: Program, algebra: Algebra, explained: set[int]) -> Iterator[Finding]:
    for one in posteriors(program):
        if one.law is None or one.mean is None or not one.learned or algebra.leaf(one.mean).id in explained:
            continue
        head, through = raw_head(one.law)
        mean = algebra.leaf(one.mean)
        if (
            through in {"exp", "softplus"}
            and algebra.leaf(head) is mean
            and mean.op in _HEADS
            and one.law.kind != "unknown"
        ):
            yield _of_sample(algebra, one, mean)


def _of_sample(algebra: Algebra, one: Posterior, mean: Sym) -> Finding:
    twins = [s for s in ancestors(one.scale) if algebra.leaf(s) is mean] if one.scale is not None else []
    second = max(twins, key=lambda s: s.id, default=mean)
    site = second.site if second is not one.mean and second.site is not None else one.site
    name = second.name or "the scale's head"
    text = f"`{mean.site.text}`" if mean.site is not None and len(mean.site.text) < 60 else "one output"
    message = f"mean and `{name}` of this sample are the same tensor, {text}; the scale needs a head of its own"
    return Finding(site, message, (Note(one.site, "the sample"),))


def _returns(program: Program) -> Iterator[tuple[Sym, Finding]]:
    used = graph.consumers(program)
    kept = _handed_out(program)
    for ended in program.returns:
        twice = _repeated(ended.value) if isinstance(ended.value, tuple) else None
        statement = _statement(ended, twice.name) if twice is not None else None
        if twice is None or statement is None:
            continue
        for other in _bound_in(program, ended):
            if other.value.id not in used and other.value.id not in kept and _alike(twice, other.value):
                message = (
                    f"`{twice.name}` is returned twice, and `{other.name}` ({place(other.site, ended.site)}) is computed and used nowhere; "
                    f"return `{other.name}` in one of the two places"
                )
                yield twice, Finding(Site(ended.site.unit, statement), message, (Note(other.site, "never used"),))


def _calls(program: Program, algebra: Algebra) -> Iterator[tuple[Sym, Finding]]:
    """Results of one layer that are returned side by side, while a layer of the same kind is never called."""
    called = {n.layer.id for n in graph.nodes(program) if isinstance(n.layer, Object)}
    for ended in program.returns:
        activation = ended.context.stack[-1] if ended.context.stack else None
        receiver = activation.receiver if activation is not None else None
        if not isinstance(ended.value, tuple) or not isinstance(receiver, Instance):
            continue
        for first, second in combinations([v for v in ended.value if isinstance(v, Sym) and v.layer is not None], 2):
            if first is second or algebra.leaf(first) is not algebra.leaf(second) or second.site is None:
                continue
            idle = _idle_twin(receiver, first.layer, called)
            if idle is not None:
                message = (
                    f"`{first.name}` and `{second.name}` are the same output of one layer, while `self.{idle}` is never called; "
                    f"compute `{second.name}` with it"
                )
                yield second, Finding(second.site, message)


def _idle_twin(receiver: Instance, layer: object, called: set[int]) -> str | None:
    """The name of a layer of the same kind and size that nothing calls."""
    if not isinstance(layer, Object):
        return None
    twins = (
        n
        for n, o in receiver.attrs.items()
        if isinstance(o, Object) and o.name == layer.name and o.bound == layer.bound
    )
    return next((n for n in twins if receiver.attrs[n].id not in called), None)


def _repeated(values: tuple[Value, ...]) -> Sym | None:
    for index, value in enumerate(values):
        if isinstance(value, Sym) and value.op in _HEADS and any(value is v for v in values[index + 1 :]):
            return value
    return None


def _alike(left: Sym, right: Sym) -> bool:
    sizes = (left.shape, right.shape) if left.shape and right.shape else (left.last[-1:], right.last[-1:])
    return left.op == right.op and (sizes[0] == sizes[1] or not all(sizes))


def _handed_out(program: Program) -> set[int]:
    values: list[Value] = [*(e.value for e in program.returns), *(e.value for e in program.stores)]
    return set(graph.parts_of_all(values))


def _bound_in(program: Program, ended: Return) -> Iterator[Binding]:
    """The names that the function that returned has bound to a head; what is called `_` is dropped on purpose."""
    activation = ended.context.stack[-1] if ended.context.stack else None
    for binding in program.bindings:
        stack = binding.context.stack
        if binding.name == "_":
            continue
        if stack and stack[-1] is activation and isinstance(binding.value, Sym) and binding.value.op in _HEADS:
            yield binding


def _statement(ended: Return, name: str) -> ast.AST | None:
    """The `return` that names the tensor twice."""
    for node in walk(ended.function.node):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            names = [e.id for e in node.value.elts if isinstance(e, ast.Name)]
            if len(names) > len(set(names)) and (name in names or not name):
                return node
    return None
