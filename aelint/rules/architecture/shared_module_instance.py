"""One layer object stands in several places of a container, so the places share their weights.

## What it does

Reports a `Sequential` or `ModuleList` that holds the same layer with parameters more than once, as
`[layer] * 3` or a loop that appends one object makes it.

## Why is this bad?

Multiplying a list copies references. The network has the parameters of one layer, applies it several
times and cannot learn what its depth promises.

## Example

```python
import torch.nn as nn

blocks = nn.Sequential(*[nn.Linear(16, 16)] * 3)
```

## Use instead

```python
import torch.nn as nn

blocks = nn.Sequential(*[nn.Linear(16, 16) for _ in range(3)])
```

## Known limits

Layers without parameters, and names that say that the weights are shared, tied or recurrent, are left
alone.

## References

- https://docs.python.org/3/faq/programming.html#how-do-i-create-a-multidimensional-list
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule, Site
from aelint.semantics import Program
from aelint.semantics.architecture.usage import has_parameters
from aelint.semantics.domain.values import Instance, Object, Value
from aelint.semantics.explanation.wording import layer_text

RULE = Rule(
    code="AEL115",
    name="shared-module-instance",
    summary="one layer object stands in several places of a container",
    severity=Severity.WARNING,
    triggers=(("sequential", "modulelist"),),
)

_ON_PURPOSE = re.compile(r"shar|tie[ds]?\b|tying|recurren|repeat|recursi|same|weight", re.IGNORECASE)


def check(program: Program) -> Iterator[Finding]:
    """Yield each container that repeats a layer."""
    for container in program.layers:
        layer, count = _repeated(list((container.children or {}).values()))
        if layer is None or layer.site is None or container.site is None:
            continue
        if container.complete and not _ON_PURPOSE.search(_line(container.site) + _line(layer.site)):
            yield Finding(
                layer.site,
                f"this one `{layer_text(layer)}` stands {count} times in a `{container.class_name}`: all "
                "places share its weights. Build a new layer for each place",
            )


def _repeated(children: list[Value]) -> tuple[Object | Instance | None, int]:
    for child in children:
        count = sum(1 for other in children if other is child)
        if count > 1 and isinstance(child, (Object, Instance)) and has_parameters(child):
            return child, count
    return None, 0


def _line(site: Site) -> str:
    """The statement's text around a site, with the comment behind it."""
    row = getattr(site.node, "lineno", 1)
    return "\n".join(site.unit.lines[max(row - 2, 0) : row])
