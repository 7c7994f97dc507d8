"""The decoder gets quantised vectors through which no gradient passes back to the encoder.

## What it does

Follows the vectors that a quantiser takes from its codebook to the layer that consumes them, and reports

- vectors that go there as they were taken,
- straight-through expressions whose gradients cancel, or whose values do, or that take the difference the wrong way round,
- rounding applied on top of a straight-through expression, and
- the chosen entry of a straight-through one-hot code, which is 1, times the chosen vector: the gradient knows no other code.

## Why is this bad?

An index has no derivative. Without `z + (q - z).detach()` the reconstruction loss reaches the decoder and
the codebook only; the encoder learns from the commitment term alone, if there is one, and drifts to codes
that say nothing about the input.

## Example

```python
import torch
from torch import nn

class VQVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(64, 8), nn.Linear(8, 64)
        self.codebook = nn.Embedding(32, 8)

    def forward(self, x):
        z = self.encoder(x)
        index = torch.cdist(z, self.codebook.weight).argmin(-1)
        return self.decoder(self.codebook(index))
```

## Use instead

```python
import torch
from torch import nn

class VQVAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(64, 8), nn.Linear(8, 64)
        self.codebook = nn.Embedding(32, 8)

    def forward(self, x):
        z = self.encoder(x)
        index = torch.cdist(z, self.codebook.weight).argmin(-1)
        q = self.codebook(index)
        return self.decoder(z + (q - z).detach()), (q - z.detach()).pow(2).mean(), (q.detach() - z).pow(2).mean()
```

## Known limits

Speaks only where encoder, codebook and decoder are seen in one program, not under `no_grad`, and not
about a codebook that is used with a straight-through expression elsewhere; an expression whose vectors and latent are
exchanged is told wherever it stands.

## References

- van den Oord, Vinyals, Kavukcuoglu: Neural Discrete Representation Learning, 2017, section 3.2,
  https://arxiv.org/abs/1711.00937
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import consumers, nodes
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, source
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym
from aelint.semantics.formulas.linear_forms import Linear, linear
from aelint.semantics.variants.chosen_entries import chosen_entries
from aelint.semantics.variants.quantizers import Lookup, is_encoded, latent_gradient, lookups, marks_of
from aelint.semantics.variants.turned_estimators import turned_estimators

RULE = Rule(
    code="AEL701",
    name="missing-straight-through",
    summary="quantised vectors reach the decoder without a gradient for the encoder",
    severity=Severity.ERROR,
    triggers=(("argmin", "argmax", "round", ".min(", ".max("),),
)

_CONSUMERS = (
    "linear",
    "conv",
    "lstm",
    "gru",
    "rnn",
    "multihead",
    "transformer",
    "batch_norm",
    "group_norm",
    "layer_norm",
)
_STEPS = frozenset({"round", "floor", "ceil", "trunc", "sign"})


def check(program: Program) -> Iterator[Finding]:
    """Yield one finding for each quantiser whose encoder is cut off."""
    yield from _rounded(program)
    yield from _of_one_code(program)
    found = lookups(program)
    vectors = frozenset(one.node.id for one in found)
    taken = [one for one in found if any(is_encoded(z) and _is_trained(program, z, vectors) for z in one.latents)]
    passed = {
        mark
        for node in nodes(program)
        if taken and node.op in {"add", "sub"}
        for one in (*_passes(node, taken), *_passes_refined(node, taken))
        for mark in marks_of(program, one)
    }
    told: set[ast.AST] = set()
    for call in program.calls if taken else ():
        given = call.args[0] if call.args else None
        if call.context.no_grad or not call.name.startswith(_CONSUMERS) or not isinstance(given, Sym):
            continue
        form = linear(given)
        for one in taken if form else ():
            fault = _fault(form or {}, one)
            site = one.node.site
            if fault is not None and not marks_of(program, one) & passed and site is not None and site.node not in told:
                told.add(site.node)  # several consumers of one lookup are one fault
                yield _finding(one, given, fault, call)
    yield from _turned(program, told)


def _turned(program: Program, told: set[ast.AST]) -> Iterator[Finding]:
    """Straight-through expressions with vectors and latent exchanged: no decoder need be in sight, they quantise nothing."""
    for one, node in turned_estimators(program):
        site, taken = node.site, one.node.site
        if site is None or taken is None or taken.node in told:
            continue
        told.add(taken.node)
        message = (
            f"this has the value of the latent and the gradient of the vectors of `{one.node.name or 'the codebook'}`: nothing is "
            "quantised, and the encoder gets no gradient. Vectors and latent are exchanged; hand on `z + (q - z).detach()`"
        )
        yield Finding(site, message, (Note(taken, "the vectors are taken from the codebook here"),))


def _is_trained(program: Program, latent: Sym, vectors: frozenset[int]) -> bool:
    """Whether a gradient could reach the encoder: a decoder may also be fitted to an encoder that is done.

    What a residual quantiser computes from vectors, and takes from its latent, is no encoder's work.
    """
    layers = (one for cut in (frozenset({"detach"}), frozenset[str]()) for one in ancestors(latent, cut) if one.layer)
    encoded = next((one for one in layers if not any(a.id in vectors for a in ancestors(one))), latent)
    if any(c.context.no_grad for c in program.calls if c.result is encoded):
        return False
    users = consumers(program)
    pending = [encoded]
    for one in pending:  # grows while it is read
        for user in users.get(one.id, []):
            if user.op in RESHAPES:
                pending.append(user)
            elif user.op != "detach":
                return True
    return False


def _passes(node: Sym, taken: list[Lookup]) -> Iterator[Lookup]:
    """The look-ups that the node hands on as they should be: their value, with the latent's gradient."""
    form = linear(node) or {}
    for one in taken:
        mine = form.get(one.node.id)
        rest = sum(form[z.id].value for z in one.latents if z.id in form)
        if mine is not None and mine.value > 0 and not rest and latent_gradient(form, one) > 0:
            yield one


def _passes_refined(node: Sym, taken: list[Lookup]) -> Iterator[Lookup]:
    """The look-ups from which the quantiser computes more before `(refined - z).detach() + z` hands it on."""
    pair = (node.attrs.get("input"), node.attrs.get("other"))
    for frozen, live in (pair, pair[::-1]) if node.op == "add" else ():
        difference = _attached(frozen)
        if isinstance(difference, Sym) and difference.op == "sub" and isinstance(live, Sym):
            refined, latent = difference.attrs.get("input"), difference.attrs.get("other")
            whole = difference is not frozen or _attached(refined) is not refined
            if whole and isinstance(refined, Sym) and _attached(latent) is live:
                used = {one.id for one in ancestors(refined)}
                yield from (one for one in taken if one.node.id in used)


def _attached(value: object) -> object:
    return value.attrs.get("input") if isinstance(value, Sym) and value.op == "detach" else value


def _fault(form: Linear, one: Lookup) -> str | None:
    mine = form.get(one.node.id)
    if mine is None:
        return None
    latents = [form[z.id] for z in one.latents if z.id in form]
    gradient = latent_gradient(form, one)
    if not latents and not gradient:
        return f"are consumed as they were taken, {_CUT}"
    if mine.value and gradient <= 0:
        cancels = "cancels" if gradient == 0 else "has the wrong sign"
        return f"are in a straight-through expression in which the latent's gradient {cancels}, {_CUT}"
    if not mine.value and gradient == 0 and sum(c.value for c in latents) > 0:
        return f"cancel out: the decoder gets the continuous latent, and its gradient goes to the codebook, {_CUT}"
    if mine.value < 0 and sum(c.value for c in latents) == -2 * mine.value:  # one latent alone leaves a residual
        return "are subtracted from twice their latent: the decoder gets the quantisation error with the wrong sign"
    return None


_CUT = "so that the encoder gets no gradient from the reconstruction"


def _finding(one: Lookup, given: Sym, fault: str, call: Call) -> Finding:
    site = _expression(given, one) or one.node.site
    assert site is not None
    notes = [Note(call.site, "the decoder starts here")]
    if one.chosen.site is not None:
        notes.insert(0, Note(one.chosen.site, "the index has no derivative"))
    name = one.node.name or "the quantised vectors"
    return Finding(site, f"the vectors of `{name}` {fault}; hand on `z + (q - z).detach()`", tuple(notes))


def _expression(given: Sym, one: Lookup) -> Site | None:
    """The expression that should have been a straight-through one, behind reshapes."""
    value: object = given
    while isinstance(value, Sym) and value is not one.node:
        if value.op in {"add", "sub"}:
            return value.site
        value = source(value)
    return None


def _rounded(program: Program) -> Iterator[Finding]:
    for call in program.calls_to(*_STEPS):
        given = source(call.result)
        form = linear(given) if isinstance(given, Sym) and given.op in {"add", "sub"} else None
        if not form or call.context.no_grad:
            continue
        # The mark of a straight-through estimator: a tensor that adds nothing to the value, but gets the gradient.
        if any(abs(c.value) < 1e-9 < c.gradient for c in form.values()):
            message = (
                f"`{call.name}` stands around a straight-through expression: its derivative is zero, so no gradient"
            )
            yield Finding(call.site, f"{message} passes; apply it inside of the part that is detached")


def _of_one_code(program: Program) -> Iterator[Finding]:
    for one in chosen_entries(program):
        site = one.taken.site or one.vectors.site
        if site is not None:
            message = (
                "only the chosen entry of this straight-through code is taken: its value is 1, and the gradient knows no code but "
                "the chosen one. Multiply the whole code with the codebook, `one_hot @ codebook`"
            )
            notes = (
                ()
                if one.vectors.site is None
                else (Note(one.vectors.site, "multiplied with the vectors of that code"),)
            )
            yield Finding(site, message, notes, severity=Severity.WARNING)
