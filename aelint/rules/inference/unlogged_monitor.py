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
from aelint.syntax.walk import every, walk

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
    monitored = list(_monitored(program.tree))
    logged = _logged(program) if monitored else set()
    if not logged or not _has_modules(program):
        return
    texts = [n.value for unit in program.files for n in every(ast.Constant, unit.tree) if isinstance(n.value, str)]
    for node, name in monitored:
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
    names = [name for unit in program.files for call in every(ast.Call, unit.tree) for name in _names_logged(call)]
    texts = [n.value for n in names if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return set(texts) if len(texts) == len(names) else set()


def _names_logged(call: ast.Call) -> list[ast.expr | None]:
    """The names that a call logs values under; None for names that are not written there."""
    match call:
        case ast.Call(func=ast.Attribute(attr="log", value=ast.Name(id="self")), args=[name, *_]):
            return [name]
        case ast.Call(func=ast.Attribute(attr="log_dict"), args=[values, *_]):
            return [*values.keys] if isinstance(values, ast.Dict) else [None]
        case _:
            return []


def _monitored(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """What callbacks, and dictionaries that configure them, say they watch."""
    for node in walk(tree):
        match node:
            case ast.Call(func=func, keywords=keywords) if last_name(func) in _CALLBACKS:
                watched = [k.value for k in keywords if k.arg == "monitor"]
            case ast.Dict(keys=keys, values=values):
                pairs = zip(keys, values, strict=True)
                watched = [v for k, v in pairs if isinstance(k, ast.Constant) and k.value == "monitor"]
            case _:
                continue
        named = (v.value for v in watched if isinstance(v, ast.Constant))
        yield from ((node, name) for name in named if isinstance(name, str) and name)
