"""An option of the command line that is on can never be switched off: `type=bool` takes every text for True.

## What it does

Reports `add_argument(..., type=bool, default=True)`.

## Why is this bad?

`argparse` calls `bool` on the text that was given, and `bool("False")` is `True`. Runs that are meant to compare a model
with and without a term, a normalisation or a schedule are the same run.

## Example

```python
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--annealing", type=bool, default=True)
```

## Use instead

```python
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--annealing", action=argparse.BooleanOptionalAction, default=True)
```

## Known limits

Options that are off by default can at least be switched on, and options about the machine and the log (`cuda`, `save`)
change no result: both are left alone.

## References

- https://docs.python.org/3/library/argparse.html#type
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule, Site
from aelint.semantics import Program
from aelint.syntax.options import flags
from aelint.syntax.walk import walk

RULE = Rule(
    code="AEL420",
    name="boolean-option",
    summary="an option of the command line with `type=bool` can never be switched off",
    severity=Severity.WARNING,
    triggers=(("argparse",), ("bool",)),
)

_MACHINE = re.compile(
    r"cuda|gpu|tpu|device|pin|worker|online|offline|save|render|verbose|debug|log|plot|print|show|wandb|download|vis|cache|resume|parallel|dist",
    re.IGNORECASE,
)


def check(program: Program) -> Iterator[Finding]:
    """Yield each option that every text switches on, and that is on already."""
    for node in walk(program.tree):
        name = max(flags(node), key=len, default="")
        stuck = isinstance(node, ast.Call) and _is_stuck(node) and "bool" not in program.entry.scope.names
        if name and stuck and not _MACHINE.search(name):
            message = (
                f"`{name} False` gives True: `bool` of any text but the empty one is True, and the default is True as well. "
                "Use `action=argparse.BooleanOptionalAction`, or an option that switches off"
            )
            yield Finding(Site(program.unit, node), message)


def _is_stuck(node: ast.Call) -> bool:
    given = {k.arg: k.value for k in node.keywords}
    match given.get("type"), given.get("default"):
        case ast.Name(id="bool"), ast.Constant(value=True):
            return "const" not in given and "choices" not in given
        case _:
            return False
