"""The code is compared with the input, and the reconstruction is compared with nothing.

## What it does

Reports a loss between the input and a tensor from which a decoder goes on to compute a tensor of the input's
size, where no loss looks at that reconstruction.

## Why is this bad?

The decoder gets no gradient, the encoder is taught to copy. Mostly the sizes do not even fit, and torch
raises or broadcasts; where they fit, training runs and the reconstruction stays noise.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(64, 16), nn.Linear(16, 64)


def training_loss(x: torch.Tensor):
    code = encoder(x)
    reconstruction = decoder(code)
    return F.mse_loss(code, x)
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(64, 16), nn.Linear(16, 64)


def training_loss(x: torch.Tensor):
    code = encoder(x)
    reconstruction = decoder(code)
    return F.mse_loss(reconstruction, x)
```

## Known limits

Where the code has the size of the input, it must be called a code.

## References

- Hinton and Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks, 2006
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import consumers
from aelint.semantics.dataflow.lineage import ancestors, depends_on, through_reshapes
from aelint.semantics.domain.dims import Dim, contradict
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.objective.comparisons import LEARNED, Comparison, comparisons, is_output

RULE = Rule(
    code="AEL306",
    name="loss-on-code",
    summary="the loss compares the code, not the reconstruction, with the input",
    severity=Severity.ERROR,
    triggers=(("loss", "entropy", "**", "pow", "abs", "square"),),
)

_CODE = re.compile(
    r"^(z|h|code|codes|latent|latents|encoded|embedding|embeddings|bottleneck|enc)$|latent|encod|bottleneck",
    re.IGNORECASE,
)
FARTHEST = 400
"""How many operations behind the code are looked at for the reconstruction."""


def check(program: Program) -> Iterator[Finding]:
    """Yield each comparison of the input with what a decoder takes, if nothing compares what the decoder gives."""
    found = comparisons(program)
    for one in found:
        for code, data in ((one.first, one.second), (one.second, one.first)):
            if not _is_code_of(code, data):
                continue
            reconstruction = _reconstruction(program, code, data, found)
            if reconstruction is not None:
                yield _finding(one, code, reconstruction)


def _is_code_of(code: Sym, data: Sym) -> bool:
    held = through_reshapes(data)
    return isinstance(held, Sym) and not is_output(held) and is_output(code) and depends_on(code, held)


def _features(value: Sym) -> Dim | None:
    shape = value.shape or value.last
    return shape[-1] if shape else None


def _input_features(data: Sym, code: Sym) -> Dim | None:
    """The size of the input: its own, or what the first layer that takes it asks for."""
    if _features(data) is not None:
        return _features(data)
    for one in ancestors(code):
        if one.op == "linear" and any(i is data for i in one.inputs):
            size = one.layer.bound.get("in_features") if one.layer is not None and hasattr(one.layer, "bound") else None
            return size if isinstance(size, int) else None
    return None


def _reconstruction(program: Program, code: Sym, data: Sym, others: list[Comparison]) -> Sym | None:
    held = through_reshapes(data)
    wanted = _input_features(held, code) if isinstance(held, Sym) else None
    own = _features(code)
    called = bool(_CODE.search(code.name))
    if (
        wanted is None
        or own is None
        or (own == wanted and not called)
        or (own != wanted and not contradict(own, wanted))
    ):
        return None
    behind = _behind(program, code)
    outputs = [
        n for n in behind if n.op not in {"sub", "add", "mul"} and _features(n) == wanted and _learned_since(n, code)
    ]
    if not outputs or any(_looks_at(one, behind, code) for one in others):
        return None
    return outputs[-1]


def _behind(program: Program, code: Sym) -> list[Sym]:
    users = consumers(program)
    found: dict[int, Sym] = {}
    pending = [code]
    while pending and len(found) < FARTHEST:
        for node in users.get(pending.pop().id, []):
            if node.id not in found:
                found[node.id] = node
                pending.append(node)
    return sorted(found.values(), key=lambda n: n.id)


def _learned_since(value: Sym, code: Sym) -> bool:
    return any(one.op in LEARNED and one is not code and depends_on(one, code) for one in ancestors(value))


def _looks_at(one: Comparison, behind: list[Sym], code: Sym) -> bool:
    """Whether a comparison has an operand that was decoded from the code."""
    decoded = {n.id for n in behind}
    return any(side.id in decoded and _learned_since(side, code) for side in (one.first, one.second))


def _finding(one: Comparison, code: Sym, reconstruction: Sym) -> Finding:
    name = f"`{code.name}`" if code.name else "the encoder's output"
    message = (
        f"the input is compared with {name}, which a decoder turns into a tensor of the input's size "
        f"({place(reconstruction.site, one.site)}) that no loss looks at. Compare the reconstruction with the input"
    )
    notes = (Note(reconstruction.site, "the reconstruction"),) if reconstruction.site is not None else ()
    return Finding(one.site, message, notes)
