"""The loss takes the logarithm of something that can be zero or negative: a softmax, a distance, the bare output of a layer.

## What it does

Reports `log(softmax(x))`, `log(sigmoid(x))` and `log(1 - sigmoid(x))` that a loss is computed from, also where the
activation stands in another method, and where a part of its result is taken. Also the logarithm of what a linear layer or a
convolution gives, with nothing between them, and that of the distance between two rows of one tensor that layers computed.

## Why is this bad?

In single precision a softmax or sigmoid is exactly 0 for logits that are about 104 below the others, and `1 - sigmoid(x)`
from x = 17 on. The logarithm is then minus infinity, its gradient and `0 * log(0)` are NaN, and one such
value ends the training. Half of what a fresh layer gives is negative, and has no logarithm at all. Two
nodes with the same features and neighbours get the same embedding, and every row is its own neighbour: their distance is zero. `log_softmax`, `logsigmoid` and the losses on logits compute the same without that step.

## Example

```python
import torch
import torch.nn.functional as F

model = torch.nn.Linear(16, 10)
x, target = torch.randn(32, 16), torch.rand(32, 10)

probabilities = F.softmax(model(x), dim=1)
loss = -(target * torch.log(probabilities)).sum(1).mean()
loss.backward()
```

## Use instead

```python
import torch
import torch.nn.functional as F

model = torch.nn.Linear(16, 10)
x, target = torch.randn(32, 16), torch.rand(32, 10)

loss = -(target * F.log_softmax(model(x), dim=1)).sum(1).mean()
loss.backward()
```

## Known limits

The backward pass must be in sight. Probabilities that are picked out one by one (`gather`, `p[action]`), anything that
keeps the argument from zero (`+ 1e-9`, `clamp`), and logits that are bounded, or are learned numbers themselves as the
weights of a mixture are, are left alone.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors_of_any, source, through
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.objective.objectives import objectives
from aelint.semantics.objective.row_distances import is_distance_of_rows

RULE = Rule(
    code="AEL334",
    name="unstable-logarithm",
    summary="the loss takes the logarithm of a softmax, sigmoid or distance, which can be exactly zero, or of a bare output",
    severity=Severity.WARNING,
    triggers=(("softmax", "sigmoid", "linear", "conv"), ("log",), ("backward",)),
)

_KEPT = RESHAPES | {"narrow"}
_STABLE = {
    "softmax": "`log_softmax` of the logits",
    "sigmoid": "`logsigmoid` of the logits",
    "1 - sigmoid": "`logsigmoid` of the negated logits",
}
_ZERO_FROM = {"softmax": 80.0, "sigmoid": 80.0, "1 - sigmoid": 15.0}
"""How far apart logits are, or from zero, where single precision may round the result to zero."""


def check(program: Program) -> Iterator[Finding]:
    """Yield each logarithm of a vanishing probability that a backward pass goes through, once."""
    told: set[int] = set()
    called = [o.value for o in objectives(program) if o.called]
    for node in ancestors_of_any(called, frozenset({"detach"})):
        if node.op != "log" or node.site is None or id(node.site.node) in told:
            continue
        output = _free(source(node))
        if output is not None:
            told.add(id(node.site.node))
            yield Finding(node.site, _of_output(output, node.site), (Note(output.site or node.site, "the output"),))
        if is_distance_of_rows(_taken_from(source(node))):
            told.add(id(node.site.node))
            yield Finding(node.site, _OF_DISTANCE)
        for kind, activation in _vanishing(source(node)):
            told.add(id(node.site.node))
            yield _finding(node, kind, activation)
            break


def _free(value: Value) -> Sym | None:
    """The output of a layer that the value is, as it is: nothing keeps it from being negative."""
    match _taken_from(value):
        case Sym(op="item", inputs=(Sym(op="chunk" | "split", attrs={"input": Sym() as whole}), *_)):
            return _free(whole)
        case Sym(op=op) as output if op == "linear" or op.startswith("conv"):
            return output
        case _:
            return None


_OF_DISTANCE = (
    "this is the logarithm of a distance between rows of one tensor, which is exactly zero for a row and itself, and for rows "
    "that are made of equal inputs: the loss is infinite, its gradient NaN. Add a small number before the logarithm"
)


def _of_output(output: Sym, site: Site) -> str:
    return (
        f"this is the logarithm of what a layer gives ({place(output.site, site)}), and nothing keeps that from being negative: about "
        "every second value is NaN. If the layer is to give a logarithm, as of a variance, take its output as it is; else put a "
        "`softplus` between"
    )


def _vanishing(value: Value) -> Iterator[tuple[str, Sym]]:
    """The activations that the value is taken from, with nothing between that keeps it from zero."""
    for one in alternatives(_taken_from(value)):
        held = _taken_from(one)
        kind = ""
        if isinstance(held, Sym) and held.op in {"sub", "rsub"} and 1 in held.inputs:
            kind, held = "1 - ", _taken_from(next((i for i in held.inputs if isinstance(i, Sym)), None))
        if isinstance(held, Sym) and kind + held.op in _STABLE and _reaches_zero(kind + held.op, held):
            yield kind + held.op, held


def _taken_from(value: Value) -> Value:
    """What a value is a stretch of; one that was picked out is another matter: an action that was drawn had a chance."""
    value = through(value, _KEPT)
    while isinstance(value, Sym) and value.op == "getitem" and _is_stretch(value.attrs.get("index")):
        value = through(source(value), _KEPT)
    return value


def _is_stretch(index: Value) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(isinstance(part, slice) or part is None or part is Ellipsis for part in parts)


def _reaches_zero(kind: str, activation: Sym) -> bool:
    logits = source(activation)
    # Logits that are learned as they are, such as the weights of a mixture, move by one rate of learning a step.
    if not isinstance(logits, Sym) or getattr(through(logits, RESHAPES), "op", None) in {"parameter", "param"}:
        return False
    low, high, limit = logits.range.low, logits.range.high, _ZERO_FROM[kind]
    return {"softmax": high - low, "sigmoid": -low, "1 - sigmoid": high}[kind] > limit


def _finding(node: Sym, kind: str, activation: Sym) -> Finding:
    assert node.site is not None
    message = (
        f"this is the logarithm of `{kind}` ({place(activation.site, node.site)}), which single precision rounds to exactly "
        f"zero for large logits: the loss becomes infinite and its gradient NaN. Use {_STABLE[kind]}, or add a small number"
    )
    return Finding(node.site, message, (Note(activation.site, "computed here"),) if activation.site is not None else ())
