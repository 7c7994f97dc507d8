"""An attribute is set, or a method named, that has no effect.

## What it does

Reports

- `requires_grad` misspelled (`require_grad`, `requires_gradient`, ...) on a parameter or module,
- `requires_grad = False` on a whole module, which is no switch,
- `optimizer.lr = ...`, which no optimiser reads,
- an update of a network's state that goes into a new attribute, beside a buffer of nearly that name which is read and never
  updated (`self._weight = self._ema_w / counts` for the buffer `_w`), and
- `model.eval`, `optimizer.step`, `loss.backward` and their like as a statement, without parentheses, `with torch.no_grad:`, and
  an optimiser that is given `model.parameters`.

## Why is this bad?

Python accepts all of them in silence. The layer is not frozen, the learning rate does not change, the
mode stays as it was.

## Example

```python
from torch import nn

encoder = nn.Linear(20, 4)
for parameter in encoder.parameters():
    parameter.require_grad = False
```

```python
from torch import nn

encoder = nn.Linear(20, 4)
encoder.requires_grad = False
```

## Use instead

```python
from torch import nn

encoder = nn.Linear(20, 4)
encoder.requires_grad_(False)
```

## Known limits

A class's own attributes and properties of these names are its own business.

## References

- https://pytorch.org/docs/stable/notes/autograd.html#locally-disabling-gradient-computation
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Applicability, Confidence, Severity
from aelint.rule import Finding, Note, Rewrite, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.memo import per_program
from aelint.semantics.domain.trace import Store
from aelint.semantics.domain.values import MISSING, Instance, Value
from aelint.semantics.interpreter.kinds import is_module
from aelint.semantics.optimization.parameters import is_optimizer, owner_of, weight_of
from aelint.semantics.optimization.unread_buffers import unread_buffers
from aelint.sources.unit import SourceUnit
from aelint.syntax.names import is_own_attribute
from aelint.syntax.walk import walk

RULE = Rule(
    code="AEL408",
    name="misspelled-attribute",
    summary="an attribute is set or a method named in a way that has no effect",
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    triggers=(
        ("grad", ".lr", ".eval", ".train", ".step", ".backward", "state_dict", "register_buffer", "optim"),
        ("torch",),
    ),
)

_MISSPELLED = frozenset(
    "require_grad required_grad requires_grads require_grads requires_gradient require_gradient required_gradient "
    "requries_grad requires_gard requiers_grad require_grads_".split()  # one line reads better than twelve
)
_CALLED = {"eval": "model", "train": "model", "zero_grad": "gradients", "step": "optimizer", "backward": "loss"}


def check(program: Program) -> Iterator[Finding]:
    """Report stores and statements that do nothing."""
    for store in program.stores:
        message = _message(store)
        if message:
            yield Finding(store.site, message)
    yield from _uncalled(program)
    for buffer in unread_buffers(program):
        message = (
            f"`{buffer.written}` is a new attribute that nothing reads, and the buffer `{buffer.meant}`, which is read in its place, is never "
            f"updated: assign to `{buffer.meant}`"
        )
        yield Finding(buffer.site, message, (Note(buffer.registered, "the buffer"),))


def _message(store: Store) -> str:
    node = store.site.node
    own = is_own_attribute(node)
    if store.name in _MISSPELLED and not own and _is_torchs(store.target):
        return f"`{store.name}` is a new attribute that nothing reads: the gradient is not switched; the name is `requires_grad`"
    if (
        store.name == "requires_grad"
        and not own
        and is_module(store.target)
        and not _has_own(store.target, "requires_grad")
    ):
        return (
            "`requires_grad` is no switch of a module: its parameters are not changed; call `requires_grad_"
            f"({store.value if isinstance(store.value, bool) else '...'})`"
        )
    if store.name in {"lr", "learning_rate", "weight_decay", "momentum"} and is_optimizer(store.target):
        return (
            f"`{store.name}` is a new attribute that the optimiser does not read; set it in each of its `param_groups`"
        )
    return ""


def _is_torchs(target: Value) -> bool:
    return (
        is_module(target)
        or weight_of(target) is not None
        or owner_of(target) is not None
        or getattr(target, "op", "") == "parameter"
    )


def _has_own(target: Value, name: str) -> bool:
    return isinstance(target, Instance) and target.cls.find(name) is not MISSING


def _uncalled(program: Program) -> Iterator[Finding]:
    for node in walk(program.tree):
        match node:
            case ast.Expr(value=ast.Attribute() as named) if _is_called_elsewhere(program, named):
                site = Site(program.unit, named)
                rewrite = Rewrite("call it", ((site, f"{ast.unparse(named)}()"),), Applicability.UNSAFE)
                yield Finding(
                    site, f"`{ast.unparse(named)}` names the method and does not call it; add `()`", rewrite=rewrite
                )
            case ast.With(items=items):
                for item in items:
                    if ast.unparse(item.context_expr) in _CONTEXTS:
                        yield _unentered(program.unit, item.context_expr)
            case ast.Call(func=ast.Attribute(attr="save"), args=[saved, *_]):
                yield from _unsaved(program.unit, saved)
    for call in program.calls:
        match call.site.node:
            case ast.Call(args=[ast.Attribute(attr="parameters") as named, *_]) if call.name.startswith("torch.optim."):
                site = Site(call.site.unit, named)
                text = ast.unparse(named)
                rewrite = Rewrite("call it", ((site, f"{text}()"),), Applicability.UNSAFE)
                message = f"`{text}` names the method and does not call it: the optimiser is given no parameters and raises; add `()`"
                yield Finding(site, message, rewrite=rewrite)


_CONTEXTS = frozenset({"torch.no_grad", "torch.inference_mode", "torch.enable_grad"})


def _unentered(unit: SourceUnit, named: ast.expr) -> Finding:
    site, text = Site(unit, named), ast.unparse(named)
    rewrite = Rewrite("call it", ((site, f"{text}()"),), Applicability.UNSAFE)
    return Finding(
        site, f"`{text}` is a class, and no context that can be entered before it is called; add `()`", rewrite=rewrite
    )


def _is_called_elsewhere(program: Program, named: ast.Attribute) -> bool:
    return named.attr in _CALLED and ast.unparse(named.value) in _receivers(program)


@per_program
def _receivers(program: Program) -> set[str]:
    """What methods are called on, as it is written."""
    called = (c.site.node for c in program.calls if isinstance(c.site.node, ast.Call))
    return {ast.unparse(node.func.value) for node in called if isinstance(node.func, ast.Attribute)}


def _unsaved(unit: SourceUnit, saved: ast.expr) -> Iterator[Finding]:
    """`torch.save(model.state_dict, path)`: the method goes into the file, not the state."""
    for value in saved.values if isinstance(saved, ast.Dict) else [saved]:
        if isinstance(value, ast.Attribute) and value.attr == "state_dict":
            site = Site(unit, value)
            rewrite = Rewrite("call it", ((site, f"{ast.unparse(value)}()"),), Applicability.UNSAFE)
            message = f"`{ast.unparse(value)}` names the method and does not call it: no weights are saved; add `()`"
            yield Finding(site, message, rewrite=rewrite)
