"""The reconstruction is compared with something that teaches it nothing: itself, or the corrupted input.

## What it does

Reports a loss whose two operands are the same tensor, or are written as the same expression in a branch or a function that
nothing calls (a cross-entropy, which then is an entropy, where the function is given another tensor and does not read it,
where the other branches compare the tensor with something else, or where the result is called a reconstruction error), and a denoising autoencoder whose target is the input
after the noise was put on it. Likewise data that is masked or noised in its own memory, and is then read as the target, a batch
that a function corrupts entry by entry where the caller takes its own for clean, and the
worse one of a pair as input and target, say a smaller picture, where nothing reads what it was made from. Also the rest
`x - decode(code)` that is compared with what the same decoder makes of another code: its bias then counts twice, and with the rest
turned round, `decode(code) - x`, the other code learns the negative; and a target that is made by a normalisation with weights of its
own, which the error trains.

## Why is this bad?

A tensor compared with itself gives zero, whatever the network does. A denoiser that is asked for its noisy
input learns the identity: the noise is what it reproduces.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

model = nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 784))


def training_loss(x: torch.Tensor):
    noisy = x + 0.3 * torch.randn_like(x)
    return F.mse_loss(model(noisy), noisy)
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

model = nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 784))


def training_loss(x: torch.Tensor):
    noisy = x + 0.3 * torch.randn_like(x)
    return F.mse_loss(model(noisy), x)
```

## Known limits

Noise that belongs to the data (made in a data set or generator, or as small as dequantisation) is left alone;
the corruption must be called noise, mask or corruption somewhere.

## References

- Vincent et al., Extracting and Composing Robust Features with Denoising Autoencoders, 2008
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, depends_on, source, through, through_reshapes
from aelint.semantics.dataflow.liveness import names_read
from aelint.semantics.dataflow.surroundings import functions_around, given_at
from aelint.semantics.domain.trace import Call, Guard
from aelint.semantics.domain.values import External, Function, Object, Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.formulas.equality import kept, same_values
from aelint.semantics.interpreter.apply import syms_in
from aelint.semantics.objective.comparisons import LEARNED, Comparison, comparisons, data_source, is_output
from aelint.semantics.objective.degraded_targets import degraded_targets
from aelint.semantics.objective.doubled_biases import doubled_biases, turned_rests
from aelint.semantics.objective.overwritten_targets import changed_targets, overwritten_targets
from aelint.semantics.objective.shared_batches import shared_batches
from aelint.semantics.objective.trained_targets import trained_targets
from aelint.semantics.objective.written_twice import is_tried_out, written_twice
from aelint.semantics.operators.api import is_number
from aelint.syntax.walk import holds

RULE = Rule(
    code="AEL307",
    name="wrong-target",
    summary="the reconstruction is compared with itself or with the corrupted input",
    severity=Severity.ERROR,
    triggers=(("loss", "entropy", "**", "pow", "abs", "square"),),
)

_NAMED = re.compile(r"nois|corrupt|mask|perturb|denois|drop", re.IGNORECASE)
_PREPARATION = re.compile(r"__getitem__|make|generat|load|synth|dataset|collate|sample|augment|simulat", re.IGNORECASE)
_NO_TARGET = re.compile(
    r"^(self|cls|_.*)$|step|epoch|idx|index|args|mask|weight|reduc|size|dim|beta|mu|var|sigma|std|mean|iter|^z$|kwargs",
    re.IGNORECASE,
)
_DRAWN = frozenset({"randn", "rand", "randint", "bernoulli", "normal", "uniform"})
DEQUANTISATION = 1 / 64
"""Noise of this size spreads integer pixels over their bins; it is part of the data."""


def check(program: Program) -> Iterator[Finding]:
    """Yield each loss whose target cannot teach."""
    found = comparisons(program)
    told: set[ast.AST] = set()
    for one in found:
        finding = _same(program, one) or _corrupted(program, one, found) or _noisy_rows(program, one)
        if finding is not None:
            told.add(one.site.node)
            yield finding
    for twice in written_twice(program):
        if twice.site.node not in told:
            message = f"`{twice.loss}` compares `{twice.text}` with itself: {twice.effect}. Compare it with the target"
            yield Finding(twice.site, message)
    for overwritten in overwritten_targets(program):
        message = (
            "this masks the data in its own memory, and the masked values serve as the target "
            f"({place(overwritten.compared, overwritten.site)}): the network learns to reproduce the mask. Write into a `clone()`"
        )
        yield Finding(overwritten.site, message, (Note(overwritten.compared, "read as the target here"),))
    for changed in changed_targets(program):
        if _clean(changed.made) is not None:
            message = (
                "this corrupts the tensor in its own memory, and under its other name it serves as the target "
                f"({place(changed.compared, changed.site)}): the network learns to reproduce the noise. Compute a new tensor"
            )
            yield Finding(changed.site, message, (Note(changed.compared, "read as the target here"),))
    for shared in shared_batches(program):
        message = (
            f"this corrupts the batch that the caller still has: `{shared.given}` and `{shared.returned}` are one, so the target "
            f"({place(shared.read, shared.site)}) is the corrupted input. Write into a copy of the batch"
        )
        yield Finding(shared.site, message, (Note(shared.read, "read as the target here"),))
    for degraded in degraded_targets(program):
        one, name = degraded.comparison, degraded.original.name
        message = (
            f"the reconstruction is compared with `{degraded.target.name}`, which the network is given and which was made from `{name}` "
            f"({place(degraded.original.site, one.site)}); nothing reads `{name}`. Compare with `{name}`"
        )
        note = Note(degraded.original.site, "unpacked here and never read")
        yield Finding(one.site, message, (note,), severity=Severity.WARNING)
    for trained in trained_targets(program):
        built = trained.layer.site or trained.used
        message = (
            f"the target of `{trained.comparison.kind}` ({place(trained.comparison.site, built)}) passes this layer, whose weights get the "
            "gradient of the error: it is smallest where they shrink the target to nothing. Build the layer without weights "
            "(`affine=False`, `elementwise_affine=False`), or detach the target"
        )
        notes = (Note(trained.used, "the target is made here"), Note(trained.comparison.site, "and compared here"))
        yield Finding(built, message, notes, severity=Severity.WARNING)
    for doubled in doubled_biases(program):
        site = given_at(program, doubled.decoded) or doubled.site
        message = (
            "the rest is decoded with the decoder's bias, which is in the reconstruction that was taken off already "
            f"({place(doubled.whole, site)}): what is left has a mean of zero, so leave the bias out"
        )
        yield Finding(site, message, (Note(doubled.site, "compared with the rest here"),), severity=Severity.WARNING)
    for turned in turned_rests(program):
        message = (
            "the data is taken from its reconstruction here, and what the same decoder gives for other units is to be like that "
            f"({place(turned.site, turned.rest)}): they learn the negative of what is missing. Take the reconstruction from the data"
        )
        yield Finding(turned.rest, message, (Note(turned.site, "compared here"),), severity=Severity.WARNING)


def _same(program: Program, one: Comparison) -> Finding | None:
    first, second = through_reshapes(one.first), through_reshapes(one.second)
    if one.kind in {"cross_entropy", "binary_cross_entropy"}:
        # An entropy of a distribution is its cross-entropy with itself.
        unread = _unread_target(program, one) if first is second else ""
        message = (
            f"`{one.kind}` compares {_said(one.first)} with itself, and nothing reads `{unread}`; compare with that"
        )
        return Finding(one.site, message) if unread else None
    if one.kind in {"squared", "absolute"}:
        return None
    if first is second and _is_meant(program, one):
        return None
    if first is second:
        site = _given_twice(program, one) or one.site
        message = f"`{one.kind}` ({place(one.site, site)})" if site is not one.site else f"`{one.kind}`"
        return Finding(
            site, f"{message} compares {_said(one.first)} with itself: it is zero whatever the network computes"
        )
    left, right = kept(first), kept(second)
    twice = isinstance(left, Sym) and isinstance(right, Sym) and left is not right
    if twice and is_output(left) and same_values(left, right) and not _are_told_apart(program, one):
        message = (
            f"`{one.kind}` compares two results of the same computation on the same input: it is zero whatever the "
            "network computes. Compute one of them from the target"
        )
        notes = tuple(Note(s.site, "computed here") for s in (left, right) if s.site is not None)
        return Finding(given_at(program, right) or one.site, message, (*notes, Note(one.site, "and compared here")))
    return None


def _is_meant(program: Program, one: Comparison) -> bool:
    return _are_told_apart(program, one) or _is_unfilled(program, one) or is_tried_out(program, one.site.node)


def _said(value: Sym) -> str:
    return f"`{value.name}`" if value.name else "a tensor"


def _are_told_apart(program: Program, one: Comparison) -> bool:
    """Whether the comparison runs only where the program finds two things to differ: `for a in z: for b in z: if a is not b`."""
    taken = (c for c in program.calls if c.result is one.node or any(v is one.node for v in (c.receiver, *c.args)))
    return any(_asks_for_another(guard) for call in taken for guard in call.context.guards)


def _is_unfilled(program: Program, one: Comparison) -> bool:
    """Whether a container without layers gave the operand: `self.decoder = nn.Sequential()` waits for a subclass to fill it."""
    given = {one.first.id, one.second.id}
    return any(
        isinstance(c.callee, Object) and c.callee.children == {} and isinstance(c.result, Sym) and c.result.id in given
        for c in program.calls
    )


def _asks_for_another(guard: Guard) -> bool:
    match guard.test:
        case ast.Compare(ops=[ast.IsNot() | ast.NotEq()], comparators=[other]):
            return guard.taken and not isinstance(other, ast.Constant)
        case ast.Compare(ops=[ast.Is() | ast.Eq()], comparators=[other]):
            return not guard.taken and not isinstance(other, ast.Constant)
        case _:
            return False


def _unread_target(program: Program, one: Comparison) -> str:
    """What the function with the comparison is given and does not read, where that may be the target."""
    innermost = next((f.node for f in functions_around(program, one.site.node)), None)
    if innermost is None:
        return ""
    placed = innermost.args
    asked = [a.arg for a in placed.args[: len(placed.args) - len(placed.defaults)]]
    unread = [name for name in asked if name not in names_read(innermost) and not _NO_TARGET.search(name)]
    return unread[0] if len(unread) == 1 else ""


def _given_twice(program: Program, one: Comparison) -> Site | None:
    """The call that passes one tensor for two parameters of the function in which the comparison stands."""
    for call in program.calls:
        if not isinstance(call.callee, Function) or call.callee.module.unit is not one.site.unit:
            continue
        given = [v for v in (*call.args, *call.kwargs.values()) if isinstance(v, Sym)]
        twice = any(a is b for i, a in enumerate(given) for b in given[:i] if a in {one.first, one.second})
        if twice and holds(call.callee.node, one.site.node):
            return call.site
    return None


def _corrupted(program: Program, one: Comparison, others: list[Comparison]) -> Finding | None:
    for output, target in ((one.first, one.second), (one.second, one.first)):
        held = through_reshapes(target)
        if not isinstance(held, Sym) or is_output(held) or not is_output(output) or not depends_on(output, held):
            continue
        for noisy in data_source(held):
            clean = _clean(_unclamped(noisy))
            called_so = clean is not None and (_is_called_so(program, noisy) or _hides_clean(program, noisy, clean))
            if clean is None or not called_so or _is_compared(clean, others):
                continue
            site = _written(program, noisy)
            if site is not None:
                message = (
                    f"the target of the reconstruction ({place(one.site, site)}) is the input after it was corrupted here: "
                    "the network learns to reproduce the noise. Keep the clean tensor under a name of its own and compare with that"
                )
                return Finding(site, message, (Note(one.site, "output and corrupted input are compared here"),))
    return None


def _noisy_rows(program: Program, one: Comparison) -> Finding | None:
    """Rows of a corrupted array that stand for input and target, where other corrupted data goes along with what it was made from."""
    if one.prediction is None or one.target is None:
        return None
    noisy = through(one.target, _ROWS)
    clean = _clean(noisy) if isinstance(noisy, Sym) and noisy is not one.target else None
    if clean is None or not isinstance(noisy, Sym) or not _is_called_so(program, noisy):
        return None
    call = next((c for c in program.calls if _is_given_twice(c, noisy) and _takes_pairs(c)), None)
    pair = next((c for c in program.calls if _is_denoised(c)), None)
    if call is None or pair is None or not depends_on(one.prediction, noisy):
        return None
    message = (
        f"`{noisy.name}` is both the input and the target here, noise included, so the network learns to reproduce the noise; "
        f"elsewhere the clean data is the target ({place(pair.site, call.site)}). Pass `{clean.name or 'the clean data'}` for the target"
    )
    return Finding(call.site, message, (Note(one.site, "output and corrupted input are compared here"),))


_ROWS = RESHAPES | {"tensor", "getitem", "index_select", "element", "batch"}


def _is_given_twice(call: Call, value: Sym) -> bool:
    given = [through(v, RESHAPES | {"tensor"}) for v in (*call.args, *call.kwargs.values())]
    return sum(one is value for one in given) > 1


def _takes_pairs(call: Call) -> bool:
    """Whether it hands its arguments to a function of the program, or row by row to a loader."""
    return isinstance(call.callee, Function) or call.name == "torch.utils.data.TensorDataset"


def _is_denoised(call: Call) -> bool:
    """Whether a corrupted array and the clean one that it was made from are handed over together."""
    given = (*call.args, *call.kwargs.values())
    flat = [through(s, RESHAPES | {"tensor"}) for v in given for s in syms_in(v)]
    clean = [c for s in flat if isinstance(s, Sym) and (c := _clean(s)) is not None]
    return any(one is c for one in flat for c in clean)


def _unclamped(value: Sym) -> Sym:
    """Corrupted data is often cut back to its range."""
    inner = source(value) if value.op == "clamp" else None
    return inner if isinstance(inner, Sym) and inner.op in {"add", "mul"} else value


def _clean(noisy: Sym) -> Sym | None:
    """What was corrupted, where the tensor is data plus a random tensor, or data times a random mask."""
    if noisy.op not in {"add", "mul"} or len(noisy.inputs) != 2:
        return None
    a, b = noisy.inputs
    for data, noise in ((a, b), (b, a)):
        if not isinstance(data, Sym) or not isinstance(noise, Sym):
            continue
        drawn = any(n.op in _DRAWN or _is_drawn_by_numpy(n) for n in _mixed(noise))
        if (
            drawn
            and not any(n.op in LEARNED for n in ancestors(data))
            and data.op not in _DRAWN
            and not _is_small(noise)
        ):
            return data
    return None


_ARITHMETIC = frozenset({"mul", "add", "sub", "truediv", "to", "gt", "lt", "ge", "le", "neg", "view", "expand"})


def _mixed(noise: Sym) -> Iterator[Sym]:
    """The noise and what it was scaled, shifted and thresholded from."""
    pending = [noise]
    while pending:
        one = pending.pop()
        yield one
        if one.op in _ARITHMETIC or one.attrs.get("method") == "astype":
            pending.extend(i for i in one.inputs if isinstance(i, Sym))


def _is_drawn_by_numpy(one: Sym) -> bool:
    callee = one.attrs.get("callee")
    drawn = isinstance(callee, External) and callee.name.startswith("numpy.random.")
    return one.op == "call" and (drawn or one.attrs.get("method") in {"normal", "standard_normal", "uniform"})


def _is_small(noise: Sym) -> bool:
    factors = [v for v in (*noise.attrs.values(), *noise.inputs) if is_number(v)]
    if noise.op == "truediv":
        return any(v >= 1 / DEQUANTISATION for v in factors)
    return noise.op == "mul" and any(0 < abs(v) <= DEQUANTISATION for v in factors)


def _is_called_so(program: Program, noisy: Sym) -> bool:
    names = {noisy.name, *noisy.names}
    calls = _calls(program, noisy)
    names |= {c.name for c in calls}
    functions = {a.function.name for c in calls for a in c.context.stack} | {c.name for c in calls}
    if any(_PREPARATION.search(n) for n in functions):
        return False
    return any(_NAMED.search(n) for n in names)


def _hides_clean(program: Program, noisy: Sym, clean: Sym) -> bool:
    """Whether a training function binds the name of the clean data anew, to its sum with what is called noise."""
    drawn = (one for i in noisy.inputs if i is not clean and isinstance(i, Sym) for one in _mixed(i))
    if not any(_NAMED.search(name) for one in drawn for name in (one.name, *one.names)):
        return False
    bound = [b for b in program.bindings if b.value is noisy and b.name in {clean.name, *clean.names}]
    stacks = [[a.function.name for a in b.context.stack] for b in bound]
    return bool(stacks) and all(names and not any(_PREPARATION.search(n) for n in names) for names in stacks)


def _calls(program: Program, noisy: Sym) -> list[Call]:
    return [c for c in program.calls if c.result is noisy and isinstance(c.callee, Function)]


def _written(program: Program, noisy: Sym) -> Site | None:
    calls = _calls(program, noisy)
    return calls[-1].site if calls else noisy.site


def _is_compared(clean: Sym, others: list[Comparison]) -> bool:
    held = through_reshapes(clean)
    return any(through_reshapes(side) is held for one in others for side in (one.first, one.second))
