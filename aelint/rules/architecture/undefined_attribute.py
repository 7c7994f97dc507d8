"""A network reads an attribute that nothing ever sets.

## What it does

Reports `self.name` in a network whose whole ancestry is in sight, where no class of it, no other code of
the program and `torch.nn.Module` itself define `name`; and `model.name` or `model.name()` in code that the program
runs under no condition, where it has built that model.

## Why is this bad?

torch raises `AttributeError` when the line runs. In a branch that only sampling or validation takes,
that is after the training.

## Example

```python
import torch.nn as nn

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 784)
        self.sigmoid = nn.Sigmoid()

    def forward(self, z):
        return self.tanh(self.fc(z))
```

## Use instead

```python
import torch.nn as nn

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 784)
        self.sigmoid = nn.Sigmoid()

    def forward(self, z):
        return self.sigmoid(self.fc(z))
```

## Known limits

Classes that others inherit from, that define `__getattr__`, or whose attributes are set under computed
names are left alone. So are names that any file of the program sets on any object.

## References

- https://docs.python.org/3/library/exceptions.html#AttributeError
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.architecture.definitions import local_namesake, names_of, undefined_attributes
from aelint.semantics.domain.values import Instance
from aelint.semantics.explanation.wording import place

RULE = Rule(
    code="AEL119",
    name="undefined-attribute",
    summary="a network reads an attribute that nothing ever sets",
    severity=Severity.ERROR,
    triggers=(("module", "nn."),),
)


def check(program: Program) -> Iterator[Finding]:
    """Yield the first read of each attribute that does not exist."""
    seen: set[tuple[int, str]] = set()
    for site, network, name in undefined_attributes(program):
        key = (id(network.cls), name)
        if key not in seen:
            seen.add(key)
            yield _finding(site, network, name)


def _finding(site: Site, network: Instance, name: str) -> Finding:
    local = local_namesake(network, name)
    if local is not None:
        message = (
            f"`{local.text}` is a local name that nothing reads, and `{network.cls.name}` has no attribute `{name}`, which "
            f"{place(site, local)} reads: that raises. Write `self.{name} = ...`"
        )
        return Finding(local, message, (Note(site, "read here"),))
    similar = difflib.get_close_matches(name, names_of(network), n=1)
    hint = f"; did you mean `{similar[0]}`?" if similar else ""
    return Finding(
        site, f"`{network.cls.name}` has no attribute `{name}`: nothing sets it, and reading it raises{hint}"
    )
