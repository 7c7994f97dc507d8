"""The program reads a key from its own checkpoint that it never saves.

## What it does

Compares the keys with which `torch.load(...)["key"]` reads a checkpoint with those of the dictionaries that the program
gives to `torch.save`, through the functions that compose them. Reports a checkpoint that lacks a key which is read.

## Why is this bad?

Saving works for as long as the training runs. Resuming it ends with a `KeyError`, and what should have been saved (the
step, the best score, the state of the optimiser) is lost for good.

## Example

```python
import torch
from torch import nn

model = nn.Linear(8, 8)
optimizer = torch.optim.Adam(model.parameters())


def save(path):
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)


def resume(path):
    checkpoint = torch.load(path)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    return checkpoint["epoch"] + 1
```

## Use instead

```python
import torch
from torch import nn

model = nn.Linear(8, 8)
optimizer = torch.optim.Adam(model.parameters())


def save(path, epoch):
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}, path)


def resume(path):
    checkpoint = torch.load(path)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    return checkpoint["epoch"] + 1
```

## Known limits

Reader and writer must stand in one program, and name the same path or, where a state is loaded from what is read, share
two keys. A key that is looked for with `in` or
`get`, or that stands in any other dictionary of the program, is left alone.

## References

- https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.explanation.wording import place
from aelint.semantics.inference.checkpoint_keys import UnsavedKeys, unsaved_keys

RULE = Rule(
    code="AEL615",
    name="unsaved-key",
    summary="a key is read from the program's own checkpoint that no save writes",
    severity=Severity.WARNING,
    triggers=(("torch.save",), ("torch.load",)),
    absence=True,
)


_NAMED = 3
"""So many of the keys that are missing are told by their names."""


def check(program: Program) -> Iterator[Finding]:
    """Yield what is to be saved, and each key that is read under another name than it is saved."""
    for one in unsaved_keys(program):
        lost = {}
        for key, site in one.missing.items():
            written = _other_name(key, one.unread)
            if written is None:
                lost[key] = site
            else:
                yield _misnamed(one, key, site, written)
        if lost:
            yield _unsaved(one, lost)


def _other_name(key: str, unread: tuple[str, ...]) -> str | None:
    """The one key that is saved and not read, and that holds this one, or a word of it."""
    words = set(key.lower().split("_"))
    alike = [
        w for w in unread if words & set(w.lower().split("_")) or key.lower() in w.lower() or w.lower() in key.lower()
    ]
    return alike[0] if len(alike) == 1 else None


def _misnamed(one: UnsavedKeys, key: str, site: Site, written: str) -> Finding:
    message = (
        f"`{key}` is read here, but the checkpoint of {place(one.saved, site)} has no such key, and nothing reads its "
        f"`{written}`: loading ends with a KeyError. Use one name for both"
    )
    return Finding(site, message, (Note(one.saved, f"it is saved as `{written}`"),))


def _unsaved(one: UnsavedKeys, lost: dict[str, Site]) -> Finding:
    named = [f"`{key}` ({place(site, one.saved)})" for key, site in list(lost.items())[:_NAMED]]
    keys = " and ".join([*named, f"{len(lost) - _NAMED} more"] if len(lost) > _NAMED else named)
    written = ", ".join(f"`{key}`" for key in one.written)
    message = f"{keys} {'is' if len(lost) == 1 else 'are'} read from this checkpoint, which has {written} only: loading ends with a KeyError. Save what is read"
    return Finding(one.saved, message, tuple(Note(site, f"`{key}` is read here") for key, site in lost.items()))
