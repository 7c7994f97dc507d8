"""The result of an operation that changes nothing in place is thrown away.

## What it does

Reports a statement that only calls a tensor operation such as `view`, `masked_fill`, `clamp`, `detach`
or `to`, and does nothing with the tensor that it returns; a layer or a block that a network runs in this way, while what
follows reads the tensor that it was given; and a dropout, an activation or a masking whose result is given
to a name that nothing reads, while what follows goes on with the tensor from before.

## Why is this bad?

These operations return a new tensor and leave the old one as it was. A mask that is applied in this
way masks nothing, and nothing raises.

## Example

```python
import torch

scores = torch.rand(2, 5, 5)
mask = torch.rand(2, 1, 5) > 0.5
scores.masked_fill(mask, -1e9)
weights = scores.softmax(dim=-1)
```

## Use instead

```python
import torch

scores = torch.rand(2, 5, 5)
mask = torch.rand(2, 1, 5) > 0.5
scores = scores.masked_fill(mask, -1e9)
weights = scores.softmax(dim=-1)
```

## Known limits

Objects that may not be tensors, calls with `out=`, and calls inside of `try` or a `with` statement that
expects an exception are left alone.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.Tensor.masked_fill.html
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rewrite, Rule
from aelint.semantics import Program
from aelint.semantics.architecture.discarded_layers import discarded_layers
from aelint.semantics.architecture.stranded_results import stranded_results
from aelint.semantics.architecture.usage import discarded_calls
from aelint.semantics.dataflow.lineage import through
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.interpreter.joins import alternatives

RULE = Rule(
    code="AEL118",
    name="discarded-result",
    summary="the result of a tensor operation is thrown away",
    severity=Severity.ERROR,
    triggers=(("torch",),),
)

_PURE = frozenset(
    {
        "view", "reshape", "flatten", "unflatten", "permute", "transpose", "squeeze", "unsqueeze", "movedim", "expand",
        "repeat", "tile", "contiguous", "masked_fill", "masked_scatter", "scatter", "index", "where", "clamp", "detach",
        "clone", "to", "cpu", "cuda", "cat", "stack", "add", "sub", "mul", "div", "pow", "exp", "log", "sqrt", "abs",
        "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "sigmoid", "tanh", "softmax", "log_softmax", "dropout",
        "normalize", "pad", "flip", "roll", "round", "floor", "ceil", "tril", "triu", "nan_to_num", "interpolate",
        "max_pool2d", "avg_pool2d", "layer_norm",
    }
)  # fmt: skip
_SHARED_WITH_OTHERS = frozenset(
    {
        "to", "cpu", "cuda", "float", "double", "half", "type", "view", "flatten", "squeeze", "transpose", "permute",
        "getitem", "element", "item",
    }
)  # fmt: skip

_MOVES = frozenset({"to", "cpu", "cuda"})
_CREATED = frozenset({"zeros", "ones", "empty", "full", "rand", "randn", "tensor"})


def check(program: Program) -> Iterator[Finding]:
    """Yield each statement that computes a tensor for nothing."""
    for call in discarded_calls(program):
        if call.name in _PURE and _computes_tensor(call) and not _ends_a_change(call.site.node):
            yield _finding(call)
    for lost in discarded_layers(program):
        message = (
            f"this runs a layer and throws its result away: `{lost.operand}` goes on without it "
            f"({place(lost.read, lost.call.site)}). Assign the result to `{lost.operand}`"
        )
        rewrite = Rewrite(
            f"assign the result to `{lost.operand}`", ((lost.call.site, f"{lost.operand} = {lost.call.site.text}"),)
        )
        yield Finding(lost.call.site, message, (Note(lost.read, "goes on without it"),), rewrite)
    for one in stranded_results(program):
        message = (
            f"`{one.name}` is given the {one.operation} of `{one.operand}` and never read: what follows reads `{one.operand}` "
            f"({place(one.read, one.site)}), without it. Assign it to `{one.operand}`, or remove it"
        )
        yield Finding(one.site, message, (Note(one.read, "goes on without it"),), severity=Severity.WARNING)


def _computes_tensor(call: Call) -> bool:
    """Whether the operand is a tensor for certain and stays as it was."""
    operand = call.receiver if isinstance(call.receiver, Sym) else call.args[0] if call.args else None
    if isinstance(operand, (tuple, list)) or not isinstance(call.result, Sym) or call.result.op == "call":
        return False  # a function of that name from elsewhere, `scatter(x=..., y=...)`, draws a figure
    in_place = call.method.endswith("_") or call.bound.get("inplace") is True or "out" in call.kwargs
    # `image.clip(0, 1, image)`: numpy writes into the last argument.
    in_place |= isinstance(call.receiver, Sym) and any(v is call.receiver for v in call.args)
    layer = call.result.layer
    in_place |= getattr(layer, "bound", {}).get("inplace") is True
    if call.name in _MOVES and isinstance(operand, Sym) and operand.op in _CREATED and operand.site is not None:
        node = call.site.node
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.value is operand.site.node:
            return False  # `torch.zeros(1).to(device)` wakes the device: there is no name that could have been meant
    is_function = not call.method and layer is None
    return not in_place and (is_function or (isinstance(operand, Sym) and _is_tensor(operand)))


def _ends_a_change(node: ast.AST) -> bool:
    """Whether the statement changes a tensor in place before: `y.scatter_(1, index, 1).float()` has done its work."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _IN_PLACE.search(node.func.attr):
            return True
    return False


_IN_PLACE = re.compile(r"[a-z]_$")


def _is_tensor(operand: Sym) -> bool:
    # What was moved or cast before may be a module, which these methods change in place; what was flattened or
    # indexed may be an array of other things, such as the axes of a figure.
    first = through(operand, _SHARED_WITH_OTHERS)
    if isinstance(first, Sym) and first.op == "phi":
        return all(isinstance(one, Sym) and one is not first and _is_tensor(one) for one in alternatives(first))
    return isinstance(first, Sym) and first.tensor is True


def _finding(call: Call) -> Finding:
    node = call.site.node
    assert isinstance(node, ast.Call)
    message = (
        f"`{call.method or call.name}` returns a new tensor and leaves its operand as it was; this result is thrown "
        "away. Assign it to a name"
    )
    rewrite = None
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and call.method:
        target = node.func.value.id
        text = f"{target} = {call.site.text}"
        rewrite = Rewrite(f"assign the result to `{target}`", ((call.site, text),))
    return Finding(call.site, message, (), rewrite)
