"""The target stands where the prediction belongs in a loss that is not symmetric.

## What it does

Reports `binary_cross_entropy`, its variant with logits, `cross_entropy`, `nll_loss`, `gaussian_nll_loss` and
`poisson_nll_loss` whose first argument is data and whose second is the output of a network;
`kl_divergence(prior, posterior)`; and `kl_div` whose first argument is no logarithm.

## Why is this bad?

These losses read their first argument as the prediction. With the operands exchanged the logarithm is taken
of the data and the loss becomes linear in the prediction: it falls without limit, or is infinite.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

model = nn.Sequential(nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 784))


def loss(x: torch.Tensor):
    return F.binary_cross_entropy_with_logits(x, model(x))
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

model = nn.Sequential(nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 784))


def loss(x: torch.Tensor):
    return F.binary_cross_entropy_with_logits(model(x), x)
```

## Known limits

Both operands must be in sight. Where only names tell, they must be plain on both sides; a field of what is called the data
or the batch is taken for given. That is a warning.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy_with_logits.html
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Rewrite, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.lineage import RESHAPES, origins, source
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Object, Sym, Value
from aelint.semantics.objective.comparisons import Comparison, comparisons, is_output

RULE = Rule(
    code="AEL312",
    name="swapped-loss-operands",
    summary="an asymmetric loss receives the target first and the prediction second",
    severity=Severity.ERROR,
    triggers=(("cross_entropy", "crossentropy", "bceloss", "bcewithlogits", "nll", "kl_div", "kldiv"),),
)

_ASYMMETRIC = frozenset(
    {
        "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "nll_loss", "gaussian_nll_loss",
        "poisson_nll_loss",
    }
)  # fmt: skip
_PREDICTED = re.compile(r"recon|pred|x_?hat|logits|x_?tilde|(^|_)(outputs?|decoded|generated)($|_)|fake", re.IGNORECASE)
_GIVEN = re.compile(
    r"^(x|xs|y|target|targets|label|labels|gt|ground_truth|inputs?|images?|data|batch|img)$|(^|_)(target|labels?|gt|true|real)$",
    re.IGNORECASE,
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each asymmetric loss on (data, output)."""
    for one in comparisons(program):
        if one.kind not in _ASYMMETRIC:
            continue
        proven = one.prediction is one.second and one.prediction is not None and not _is_label(one.second)
        if proven or _named(one):
            yield _finding(one, proven=proven)
    for call in program.calls_to("kl_div", "distributions.kl_divergence"):
        message = _probabilities_first(call) if call.name == "kl_div" else _prior_first(call)
        if message:
            yield Finding(call.site, message)


def _is_label(value: Sym) -> bool:
    """Whether no gradient passes: what a teacher or another branch gives is a target."""
    one: Value = value
    while isinstance(one, Sym):
        if one.op in {"argmax", "argmin", "detach", "round", "gt", "ge", "lt", "le", "one_hot"}:
            return True
        if one.op not in RESHAPES and one.op not in {"to", "sigmoid", "softmax", "item"}:
            return False
        one = source(one)
    return False


def _probabilities_first(call: Call) -> str:
    found = origins(call.bound.get("input"))
    if not found or not all(isinstance(o, Sym) and o.op in {"softmax", "sigmoid"} for o in found):
        return ""
    return (
        "`kl_div` takes log-probabilities first and the target second, but its first argument holds probabilities. "
        "Use kl_div(log_q, p), which is the divergence of q from p"
    )


def _prior_first(call: Call) -> str:
    first, second = (_parameters(call.bound.get(name)) for name in ("p", "q"))
    if not first or not second or not all(_is_fixed(v) for v in first):
        return ""
    if not any(isinstance(v, Sym) and is_output(v) for v in second):
        return ""
    return (
        "`kl_divergence` receives the fixed distribution first and the learned one second. A VAE's bound has "
        "KL(posterior || prior): exchange them"
    )


def _parameters(distribution: object) -> list[Value]:
    if not isinstance(distribution, Object):
        return []
    values = [*distribution.args, *distribution.kwargs.values()]
    inner = [v for one in values if isinstance(one, Object) for v in _parameters(one)]
    return inner or values


def _is_fixed(value: Value) -> bool:
    return isinstance(value, (int, float)) or (
        isinstance(value, Sym) and value.op in {"zeros", "ones", "tensor", "full", "eye"}
    )


def _named(one: Comparison) -> bool:
    given = _is_plain(one.first, _GIVEN, _PREDICTED) or _is_of_batch(one.first)
    return given and one.prediction is not one.first and _is_plain(one.second, _PREDICTED, _GIVEN)


_UNKNOWN = frozenset({"param", "item", "element", "attr", "call", "getitem", "phi", "to", "cuda"})
"""Operations that say nothing of where a value comes from."""


def _is_plain(value: Sym, wanted: re.Pattern[str], other: re.Pattern[str]) -> bool:
    names = {value.name, *value.names} - {""}
    open_ended = value.op in _UNKNOWN or (wanted is _PREDICTED and is_output(value))
    return open_ended and bool(names) and all(wanted.search(n) and not other.search(n) for n in names)


def _is_of_batch(value: Sym) -> bool:
    """Whether it is a field of what is called the data: `data.adjacency`, `batch["x"]`."""
    match value:
        case Sym(op="attr" | "item", inputs=(Sym() as held, *_)):
            names = {value.name, *value.names} - {""}
            return bool(_BATCH.search(held.name)) and not any(_PREDICTED.search(n) for n in names)
        case _:
            return False


_BATCH = re.compile(r"^(data|batch|sample)$", re.IGNORECASE)


def _finding(one: Comparison, *, proven: bool) -> Finding:
    first = f"`{one.first.name}`" if one.first.name else "the first argument"
    second = f"`{one.second.name}`" if one.second.name else "the second"
    why = "comes from the data" if proven else "is named as the target"
    message = (
        f"`{one.kind}` takes the prediction first and the target second, but {first} {why} "
        f"and {second} {'is the output of a network' if proven else 'as the prediction'}. Exchange them"
    )
    rewrite = _exchange(one.site)
    return Finding(
        one.site,
        message,
        (),
        rewrite,
        None if proven else Severity.WARNING,
        Confidence.HIGH if proven else Confidence.MEDIUM,
    )


def _exchange(site: Site) -> Rewrite | None:
    match site.node:
        case ast.Call(args=[ast.expr() as first, ast.expr() as second, *_]):
            a, b = Site(site.unit, first), Site(site.unit, second)
            return Rewrite("exchange prediction and target", ((a, b.text), (b, a.text)))
        case _:
            return None
