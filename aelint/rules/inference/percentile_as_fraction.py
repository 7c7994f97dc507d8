"""A percentile is given as a fraction, so the threshold lies at the very bottom of the scores.

## What it does

Reports `numpy.percentile` and `numpy.nanpercentile` whose rank is a literal fraction of a half or more and
less than one, and `quantile` functions whose rank is more than one.

## Why is this bad?

Percentiles run from 0 to 100 and quantiles from 0 to 1. The 0.99th percentile is nearly the smallest score:
a detector with that threshold calls almost everything an anomaly.

## Example

```python
import numpy as np

errors = np.random.rand(1000)
threshold = np.percentile(errors, 0.99)
```

## Use instead

```python
import numpy as np

errors = np.random.rand(1000)
threshold = np.percentile(errors, 99)
```

## Known limits

Fractions below a half are taken for small percentiles, as they are used to stretch contrasts.

## References

- https://numpy.org/doc/stable/reference/generated/numpy.percentile.html
- https://docs.pytorch.org/docs/stable/generated/torch.quantile.html
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule
from aelint.semantics import Program
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Value
from aelint.semantics.operators.api import to_number

RULE = Rule(
    code="AEL609",
    name="percentile-as-fraction",
    summary="a percentile is given as a fraction, or a quantile as a percentage",
    severity=Severity.WARNING,
    triggers=(("percentile", "quantile"),),
)

_LEAST = 0.5


def check(program: Program) -> Iterator[Finding]:
    """Yield each rank that is given on the scale of the other function."""
    for call in program.calls:
        name = call.name.rsplit(".", 1)[-1]
        if name not in {"percentile", "nanpercentile", "quantile", "nanquantile"}:
            continue
        rank = to_number(_rank(call))
        if rank is None:
            continue
        if "percentile" in name and _LEAST <= rank < 1:
            yield Finding(
                call.site,
                f"percentiles run from 0 to 100: {rank:g} is close to the smallest value. Write {100 * rank:g}",
            )
        elif "quantile" in name and 1 < rank <= 100:
            yield Finding(call.site, f"quantiles run from 0 to 1, and {rank:g} raises an error. Write {rank / 100:g}")


def _rank(call: Call) -> Value:
    """The argument `q`: the second of a function, the first of a method of a tensor."""
    if "q" in call.kwargs:
        return call.kwargs["q"]
    if "q" in call.bound:
        return call.bound["q"]
    place = 1 if call.name.startswith(("numpy.", "torch.")) else 0
    return call.args[place] if len(call.args) > place else None
