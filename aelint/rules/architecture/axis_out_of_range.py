"""An operation is given an axis that the tensor does not have, or sizes in the place of axes.

## What it does

Reports `dim=` arguments that

- name an axis beyond the tensor's, or one axis twice, where the tensor comes from a layer,
- are sizes of a tensor (`x.shape[1:]`, `x.size(0)`), which count elements and name no axis,

and an element taken of a tensor without axes (`loss.data[0]`), all places of a file together.

## Why is this bad?

torch raises `IndexError: Dimension out of range` or `dim 4 appears multiple times`. Where the sizes
happen to be small, it silently reduces other axes than were meant.

## Example

```python
import torch

def kl(mean: torch.Tensor, logvar: torch.Tensor):
    terms = mean.pow(2) + logvar.exp() - 1 - logvar
    return 0.5 * terms.sum(dim=list(mean.shape)[1:])
```

## Use instead

```python
import torch

def kl(mean: torch.Tensor, logvar: torch.Tensor):
    terms = mean.pow(2) + logvar.exp() - 1 - logvar
    return 0.5 * terms.sum(dim=list(range(1, mean.ndim)))
```

## Known limits

A tensor that was made by hand, such as an empty buffer that is filled later, is left alone.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.sum.html
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rewrite, Rule, Site
from aelint.semantics import Program
from aelint.semantics.architecture.contradictions import contradictions, last_layer
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.explanation.wording import shape_text

RULE = Rule(
    code="AEL121",
    name="axis-out-of-range",
    summary="an operation is given an axis that the tensor does not have",
    severity=Severity.ERROR,
    triggers=(("torch",),),
)

_AXES = ("dim", "axis", "dims", "axes")
_REDUCTIONS = tuple(
    "sum mean prod std var max min amax amin argmax argmin logsumexp norm softmax log_softmax all any median".split()
)


def check(program: Program) -> Iterator[Finding]:
    """Yield operations over axes that do not exist."""
    for call in program.calls_to(*_REDUCTIONS):
        node = call.site.node
        argument = _axis_argument(node, of=call.receiver) if isinstance(node, ast.Call) else None
        if argument is not None and _is_sizes(argument) and not _is_of_unbound(call):
            text = call.site.unit.text_of(argument)
            message = f"`{text}` holds sizes of a tensor, but `{call.name}` takes the numbers of axes. Use `range(1, x.ndim)` or write the axes"
            yield Finding(call.site, message)
    indexed: dict[str, list[Site]] = {}
    for found in contradictions(program, "axis"):
        facts = found.conflict.facts
        if last_layer(found.conflict.subject) is None or 0 in (facts["shape"] or ()):
            continue
        if facts.get("rank") == 0 and isinstance(found.site.node, ast.Subscript):
            indexed.setdefault(found.site.unit.path, []).append(found.site)
            continue
        fault = "is named twice for" if facts.get("repeated") else "does not exist in"
        shape = shape_text(facts["shape"] or ())
        message = (
            f"axis {facts['axis']} {fault} a tensor of shape {shape}, which has {facts['rank']} axes: torch raises here"
        )
        yield Finding(found.site, message)
    for places in indexed.values():
        yield _indexed_number(places)


def _is_of_unbound(call: Call) -> bool:
    """Whether the name before the dot is bound nowhere in sight: `np.prod(p.size())` behind a star import."""
    return isinstance(call.receiver, Sym) and call.receiver.op == "name"


def _indexed_number(places: list[Site]) -> Finding:
    """One finding for all places of a file: `loss.data[0]` comes from torch 0.3 and stands wherever a loss is read."""
    first, *others = sorted(places, key=lambda site: site.row)
    more = f" (and in {len(others)} more place{'s' if len(others) > 1 else ''})" if others else ""
    message = (
        f"`{first.text}`{more} takes an element of a tensor without axes: torch has raised here since version 0.5. "
        "Read the number with `item()`"
    )
    replacements = tuple((site, _as_item(site)) for site in (first, *others))
    rewrite = Rewrite("read the number with `item()`", replacements)
    return Finding(first, message, tuple(Note(site, "and here") for site in others), rewrite)


def _as_item(site: Site) -> str:
    assert isinstance(site.node, ast.Subscript)
    tensor = site.node.value
    if isinstance(tensor, ast.Attribute) and tensor.attr == "data":
        tensor = tensor.value
    return f"{site.unit.text_of(tensor)}.item()"


def _axis_argument(node: ast.Call, *, of: Value) -> ast.expr | None:
    """The axes: what a method takes first, and a function (`torch.sum(x, 1)`, `np.mean(x, 1)`) after the tensor."""
    named = [k.value for k in node.keywords if k.arg in _AXES]
    if named:
        return named[0]
    place = 1 if of is None else 0
    return node.args[place] if len(node.args) > place else None


def _is_sizes(node: ast.expr) -> bool:
    """Whether an expression is a tensor's sizes, or one or some of them: `x.shape[1:]`, `list(x.size())[1:]`."""
    match node:
        case ast.Attribute(attr="shape"):
            return True
        case ast.Call(func=ast.Attribute(attr="size")):
            return True
        case ast.Subscript(value=value):
            return _is_sizes(value)
        case ast.Call(func=ast.Name(id="list" | "tuple"), args=[inner]):
            return _is_sizes(inner)
        case _:
            return False
