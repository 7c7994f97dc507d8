"""Padded steps count in the loss.

## What it does

Reports

- a cross-entropy on tokens that an `Embedding(padding_idx=...)` knows to be padded, without `ignore_index`,
- a mask of padded steps that a function with a loss computes, and that nothing uses,
- a mask that a network hands out beside its prediction, in a function that compares the prediction and never reads
  the mask,
- a loss function that is given a mask beside the prediction and the target, and never reads it,
- a loss over all steps of a tensor of zeros into which predictions are written from the second step on.

## Why is this bad?

Most steps of a padded batch are padding, which is easy to predict. The loss looks small, the gradient is
about padding, and short sequences are hardly learnt.

## Example

```python
import torch
from torch import nn
import torch.nn.functional as F

embed, rnn, head = nn.Embedding(100, 8, padding_idx=0), nn.GRU(8, 16, batch_first=True), nn.Linear(16, 100)
tokens = torch.randint(0, 100, (32, 20))
out, _ = rnn(embed(tokens[:, :-1]))
loss = F.cross_entropy(head(out).transpose(1, 2), tokens[:, 1:])
loss.backward()
```

## Use instead

```python
import torch
from torch import nn
import torch.nn.functional as F

embed, rnn, head = nn.Embedding(100, 8, padding_idx=0), nn.GRU(8, 16, batch_first=True), nn.Linear(16, 100)
tokens = torch.randint(0, 100, (32, 20))
out, _ = rnn(embed(tokens[:, :-1]))
loss = F.cross_entropy(head(out).transpose(1, 2), tokens[:, 1:], ignore_index=0)
loss.backward()
```

## Known limits

A loss without reduction, or with class weights, may leave padding out afterwards, and is not judged.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import chain

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import consumers, handed, parts, parts_of_all
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, source
from aelint.semantics.dataflow.liveness import names_read
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Function, Object, Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.objective.comparisons import Comparison, comparisons
from aelint.semantics.objective.losses import LOSSES, reduction_word
from aelint.semantics.variants.unwritten_steps import unwritten_steps
from aelint.syntax.signatures import positional

RULE = Rule(
    code="AEL713",
    name="padding-in-loss",
    summary="padded steps count in the loss",
    severity=Severity.WARNING,
    triggers=(("pad", "mask", "zeros"), ("loss", "entropy")),
)

_COMPARISONS = frozenset({"ne", "eq", "lt", "gt", "le", "ge"})


def check(program: Program) -> Iterator[Finding]:
    """Yield findings for losses that know of padding, and for unused masks."""
    yield from chain(
        _without_ignoring(program),
        _unused_masks(program),
        _masks_left_out(program),
        _masks_not_read(program),
        _never_predicted(program),
    )


def _never_predicted(program: Program) -> Iterator[Finding]:
    for one in unwritten_steps(program):
        message = (
            f"the predictions are written from step {one.first} on ({place(one.written, one.site)}), but the loss takes the zeros before them "
            f"for predictions as well: leave out the first step of both sides, `[{one.first}:]`"
        )
        yield Finding(one.site, message, (Note(one.written, "predictions are written here"),))


def _tokens(value: Value) -> Value:
    """The tokens before reshapes and shifts by a step; what a mask picks out of them are others."""
    while isinstance(value, Sym) and (value.op in RESHAPES or value.op in {"getitem", "to", "long"}):
        if value.op == "getitem" and any(True for _ in parts(value.attrs.get("index"))):
            return value
        value = source(value)
    return value


def _without_ignoring(program: Program) -> Iterator[Finding]:
    padded: dict[int, Call] = {}
    for call in program.calls_to("embedding"):
        layer = call.receiver
        tokens = _tokens(call.args[0]) if call.args else None
        if isinstance(layer, Object) and isinstance(layer.bound.get("padding_idx"), int) and isinstance(tokens, Sym):
            padded.setdefault(tokens.id, call)
    for call in program.calls_to("cross_entropy", "nll_loss") if padded else ():
        settings = {**getattr(call.receiver, "bound", {}), **{k: v for k, v in call.bound.items() if v is not None}}
        tokens = _tokens(settings.get("target"))
        known = padded.get(tokens.id) if isinstance(tokens, Sym) else None
        if known is None or not _is_of_steps(settings, tokens):
            continue
        if settings.get("ignore_index") not in {-100, None} or settings.get("weight") is not None:
            continue
        layer = known.receiver
        if isinstance(layer, Object) and layer.site is not None and reduction_word(call) in {"mean", "sum"}:
            index = layer.bound["padding_idx"]
            if not tokens.range.low <= index <= tokens.range.high:
                continue
            message = f"the embedding of these tokens takes {index} for padding, but the loss counts it: pass `ignore_index={index}`"
            yield Finding(call.site, message, (Note(layer.site, "the padding index"),))


def _is_of_steps(settings: dict[str, Value], tokens: Value) -> bool:
    """Whether the loss is taken over the steps of a sequence: one label for each sample has no padding."""
    given, target = settings.get("input"), settings.get("target")
    if isinstance(tokens, Sym) and len(tokens.shape or ()) > 1:
        return True
    listed = isinstance(given, Sym) and (given.op in _LAID_OUT or len(given.shape or ()) > 2)
    return listed or target is not tokens


_LAID_OUT = RESHAPES | {"transpose", "permute", "getitem", "pack"}


def _unused_masks(program: Program) -> Iterator[Finding]:
    named = [b for b in program.bindings if "mask" in b.name.lower()]
    if not named:
        return
    used = consumers(program)
    left = [*(r.value for r in program.returns), *(v for t in program.stores for v in (t.value, t.index))]
    given = {*handed(program), *parts_of_all(left)}
    losses = {c.context.function for c in program.calls_to(*LOSSES) if c.context.function is not None}
    for binding in named:
        value = binding.value
        if not isinstance(value, Sym) or value.op not in _COMPARISONS:
            continue
        function = binding.context.function
        if function in losses and not used.get(value.id) and value.id not in given and not binding.context.guards:
            message = f"`{binding.name}` says which steps count, but nothing uses it: padded steps are part of the loss"
            yield Finding(binding.site, message)


def _masks_left_out(program: Program) -> Iterator[Finding]:
    """`prediction, mask = model(x)` in a function that compares the prediction and never reads the mask."""
    made = parts_of_all(c.result for c in program.calls_to("network"))
    compared = {id(c.context.function): c for c in program.calls_to(*LOSSES) if c.context.function is not None}
    for binding in program.bindings:
        function, value = binding.context.function, binding.value
        loss = compared.get(id(function))
        if function is None or loss is None or isinstance(function.node, ast.Lambda) or not isinstance(value, Sym):
            continue
        if binding.context.no_grad:
            continue
        # Zeros and ones: where a network marks what it was shown.
        binary = value.range.low == 0 and value.range.high == 1 and (value.kind == "bool" or value.op not in _SOFT)
        if _is_mask(binding.name) and binary and value.id in made and binding.name not in names_read(function.node):
            message = (
                f"`{binding.name}` says which parts the model was not shown, and nothing reads it: the loss counts all of them, "
                "and copying what is shown pays most"
            )
            yield Finding(loss.site, message, (Note(binding.site, "the mask"),))


def _masks_not_read(program: Program) -> Iterator[Finding]:
    """`def loss(prediction, target, mask)`, which compares the first two, never reads the third, and is given one."""
    reported: set[int] = set()
    for call in program.calls:
        function = call.callee
        if not isinstance(function, Function) or call.site.node is function.node or id(function.node) in reported:
            continue
        given = _given(call, function)
        unread = [n for n in given if _is_mask(n) and n not in names_read(function.node) and isinstance(given[n], Sym)]
        if not unread or _is_one_of_several(program, function):
            continue
        rest = {id(v) for n, v in given.items() if n not in unread}
        body = Site(function.module.unit, function.node)
        inside = (c for c in comparisons(program) if c.site.lies_in(body))
        compared = next((c for c in inside if id(c.first) in rest and id(c.second) in rest), None)
        if compared is not None and not _is_applied_before(compared, [given[n] for n in unread]):
            reported.add(id(function.node))
            message = (
                f"all entries are compared here, and `{unread[0]}`, which the function is given with them, is never read: what "
                "it leaves out counts like the rest; multiply by it before the reduction"
            )
            yield Finding(compared.site, message, (Note(call.site, "the mask is handed over here"),))


def _is_applied_before(compared: Comparison, masks: list[Value]) -> bool:
    """Whether the operands were masked by the caller, or the network was told what is left out."""
    above = {one.id for side in (compared.first, compared.second) for one in ancestors(side)}
    return any(isinstance(mask, Sym) and mask.id in above for mask in masks)


def _given(call: Call, function: Function) -> dict[str, Value]:
    """What a call of a project function hands over, by name."""
    return {**dict(zip(positional(function.node), call.args, strict=False)), **call.kwargs}


def _is_mask(name: str) -> bool:
    return re.search(r"(^|_)masks?($|_)", name) is not None and not name.startswith("_")


def _is_one_of_several(program: Program, function: Function) -> bool:
    """Whether others of the same name share the signature: one that needs no mask takes it all the same."""
    inherits = function.owner is not None and len(function.owner.mro()) > 1
    return inherits or sum(f.name == function.name for f in program.functions) > 1


_SOFT = frozenset({"sigmoid", "softmax", "hardtanh", "clamp"})
