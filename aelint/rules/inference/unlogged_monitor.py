"""A callback watches a value that the module never logs.

## What it does

Collects the names that a Lightning module logs, and reports a `monitor` of `ModelCheckpoint`, `EarlyStopping` or a
scheduler's configuration that is not among them and occurs nowhere else.

## Why is this bad?

The callback finds no such value: it raises at the end of the first validation, or (for checkpoints with `monitor` and
a scheduler that is not strict) only warns and keeps whichever model came last.

## Example

```python
import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping


class Autoencoder(pl.LightningModule):
    def validation_step(self, x, index):
        self.log("validation_loss", (self(x) - x).pow(2).mean())


stopping = EarlyStopping(monitor="val_loss")
```

## Use instead

```python
import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping


class Autoencoder(pl.LightningModule):
    def validation_step(self, x, index):
        self.log("val_loss", (self(x) - x).pow(2).mean())


stopping = EarlyStopping(monitor="val_loss")
```

## Known limits

Where some name is only known when the program runs (`self.log(f"{split}_loss", ...)`, `log_dict(metrics)`), nothing is
reported. The module and the callback must be in files of one program.

## References

- https://lightning.ai/docs/pytorch/stable/extensions/logging.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Rule, Site
from aelint.semantics import Program
from aelint.syntax.names import last_name
from aelint.syntax.walk import walk

RULE = Rule(
    code="AEL613",
    name="unlogged-monitor",
    summary="a callback watches a value that the module never logs",
    severity=Severity.WARNING,
    triggers=(("monitor",), ("lightning",)),
)

_CALLBACKS = frozenset({"ModelCheckpoint", "EarlyStopping"})
_SUFFIXES = ("_epoch", "_step")
_BASES = frozenset({"LightningModule"})


def check(program: Program) -> Iterator[Finding]:
    """Yield each monitored name that no module of the program logs."""
    logged = _logged(program)
    if not logged or not _has_modules(program):
        return
    nodes = (n for m in program.machine.modules.values() for n in walk(m.tree))
    texts = [n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    for node, name in _monitored(program.tree):
        known = {name, *(name.removesuffix(s) for s in _SUFFIXES)}
        # A name that stands in the text again may be logged by code that is not understood.
        if not known & logged and texts.count(name) == 1:
            shown = ", ".join(f"`{one}`" for one in sorted(logged)[:4])
            message = f"nothing logs `{name}`: the module logs {shown}; watch one of these, or log under this name"
            yield Finding(Site(program.unit, node), message)


def _has_modules(program: Program) -> bool:
    """Whether every Lightning module in sight inherits from nothing that is out of sight."""
    modules = [c for c in program.classes if any(last_name(b) in _BASES for k in c.mro() for b in k.node.bases)]
    return bool(modules) and all(
        last_name(b) in _BASES | {k.name for k in c.mro()} for c in modules for k in c.mro() for b in k.node.bases
    )


def _logged(program: Program) -> set[str]:
    """The constant names that are logged; empty if some name is not constant."""
    found: set[str] = set()
    for module in program.machine.modules.values():
        for node in walk(module.tree):
            match node:
                case ast.Call(func=ast.Attribute(attr="log", value=ast.Name(id="self")), args=[first, *_]):
                    if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
                        return set()
                    found.add(first.value)
                case ast.Call(func=ast.Attribute(attr="log_dict"), args=[first, *_]):
                    keys = first.keys if isinstance(first, ast.Dict) else [None]
                    if not all(isinstance(k, ast.Constant) and isinstance(k.value, str) for k in keys):
                        return set()
                    found.update(str(k.value) for k in keys if isinstance(k, ast.Constant))
    return found


def _monitored(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    for node in walk(tree):
        match node:
            case ast.Call(func=func, keywords=keywords) if last_name(func) in _CALLBACKS:
                for keyword in keywords:
                    if keyword.arg == "monitor" and isinstance(keyword.value, ast.Constant) and keyword.value.value:
                        yield node, str(keyword.value.value)
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    named = isinstance(key, ast.Constant) and key.value == "monitor"
                    if named and isinstance(value, ast.Constant) and isinstance(value.value, str):
                        yield node, value.value
