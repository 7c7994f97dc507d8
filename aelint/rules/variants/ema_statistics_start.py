"""The moving averages of a codebook start with sums, but with counts of zero.

## What it does

Reports a codebook that is set to `average / count`, where the average starts as a copy of the codebook and
the count starts at zero; and one that a first batch sets, with the codes as sums beside the numbers of their samples as counts.
Reports averaged sums that are divided by the counts of a single batch, although a buffer holds the average of the counts.
Reports codes that are restarted, row by row, while the average of which the next update computes them keeps its rows.

## Why is this bad?

A code is the quotient of two moving averages. With the codebook as the first sum, the first count must be
one. Starting at zero, every code that the first batch does not use is divided by the tiny constant that
guards the division: it jumps by a factor of about 10⁵ in the first step and is never chosen again. Sums of many batches over
the counts of one make codes too long wherever a code was chosen rarely in this batch. A code that was put on a sample is drawn back
to where it was dead by the very next update.

## Example

```python
import torch
from torch import nn

class Quantize(nn.Module):
    def __init__(self, dim=8, codes=64):
        super().__init__()
        embed = torch.randn(codes, dim)
        self.register_buffer("embed", embed)
        self.register_buffer("cluster_size", torch.zeros(codes))
        self.register_buffer("embed_avg", embed.clone())

    def forward(self, z):
        index = torch.cdist(z, self.embed).argmin(-1)
        codes = self.embed[index]
        hot = nn.functional.one_hot(index, 64).float()
        self.cluster_size.mul_(0.99).add_(hot.sum(0), alpha=0.01)
        self.embed_avg.mul_(0.99).add_(hot.t() @ z, alpha=0.01)
        self.embed.copy_(self.embed_avg / (self.cluster_size + 1e-5).unsqueeze(1))
        return codes
```

## Use instead

```python
import torch
from torch import nn

class Quantize(nn.Module):
    def __init__(self, dim=8, codes=64):
        super().__init__()
        embed = torch.randn(codes, dim)
        self.register_buffer("embed", embed)
        self.register_buffer("cluster_size", torch.ones(codes))
        self.register_buffer("embed_avg", embed.clone())

    def forward(self, z):
        index = torch.cdist(z, self.embed).argmin(-1)
        codes = self.embed[index]
        hot = nn.functional.one_hot(index, 64).float()
        self.cluster_size.mul_(0.99).add_(hot.sum(0), alpha=0.01)
        self.embed_avg.mul_(0.99).add_(hot.t() @ z, alpha=0.01)
        self.embed.copy_(self.embed_avg / (self.cluster_size + 1e-5).unsqueeze(1))
        return codes
```

## Known limits

Silent where the codebook is set from data before the first step (as by k-means), and where unused codes
are restarted.

## References

- van den Oord, Vinyals, Kavukcuoglu: Neural Discrete Representation Learning, 2017, appendix A.1,
  https://arxiv.org/abs/1711.00937
"""

from __future__ import annotations

from collections.abc import Iterator

from aelint.diagnostics import Confidence, Severity
from aelint.rule import Finding, Note, Rewrite, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.buffers import registered_buffers
from aelint.semantics.dataflow.lineage import RESHAPES, ancestors, through, through_reshapes
from aelint.semantics.domain.trace import Call
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.explanation.wording import place
from aelint.semantics.variants.averaged_counts import unaveraged_counts
from aelint.semantics.variants.kept_averages import relapses

RULE = Rule(
    code="AEL705",
    name="ema-statistics-start",
    summary="the moving averages of a codebook start with sums, but with counts of zero",
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    triggers=(("register_buffer", "parameter"),),
)

_RESTARTS = ("kmeans", "k_means", "init_embed", "expire", "dead", "restart", "revive", "initted", "is_init", "replace")


def check(program: Program) -> Iterator[Finding]:
    """Yield one finding for each count that starts at zero beside a sum that does not."""
    buffers = registered_buffers(program)
    yield from _unscaled(program, buffers)
    yield from _unaveraged(program)
    yield from _relapsing(program)
    if any(word in function.name.lower() for function in program.functions for word in _RESTARTS):
        return
    for target, value in _updates(program) if buffers else ():
        roots = {a.id for a in ancestors(target)}
        sums = [a for a in ancestors(value.attrs.get("input")) if a.id in buffers and _copies(a, roots)]
        counts = [a for a in ancestors(value.attrs.get("other")) if a.id in buffers and a.op == "zeros"]
        for count in counts[:1] if sums else ():
            if _is_started(program, count):
                continue
            registered, total = buffers[count.id], buffers[sums[0].id]
            yield _finding(registered, total, count)


def _unaveraged(program: Program) -> Iterator[Finding]:
    for one in unaveraged_counts(program):
        message = (
            "the sums here are averaged over batches and the counts are those of this batch alone, although their average is kept as "
            f"well ({place(one.average, one.site)}): the quotient is not the mean of a code's samples. Divide by the averaged counts"
        )
        yield Finding(one.site, message, (Note(one.average, "the counts are averaged here"),))


def _relapsing(program: Program) -> Iterator[Finding]:
    for one in relapses(program):
        message = (
            f"rows of `{one.codes}` are replaced here, but all of it is computed again from `{one.average}` ({place(one.rebuilt, one.site)}), "
            f"which keeps the old ones: the next update draws the replaced codes back to them. Replace the rows of `{one.average}` and their counts, too"
        )
        yield Finding(one.site, message, (Note(one.rebuilt, "every code is set here"),))


def _unscaled(program: Program, buffers: dict[int, Call]) -> Iterator[Finding]:
    """A first setting from data that copies the codes into the sums as well, and the numbers of their samples into the counts."""
    told: set[int] = set()
    set_from = [c for c in program.method_calls("copy_") if len(c.args) == 1 and isinstance(c.args[0], Sym)]
    for target, value in _updates(program) if buffers else ():
        codes, sums, counts = (
            _roots(one, buffers) for one in (target, value.attrs.get("input"), value.attrs.get("other"))
        )
        for call in (c for c in set_from if _roots(c.receiver, buffers) & (sums - codes - counts)):
            beside = [c for c in set_from if c is not call and c.context.function is call.context.function]
            held = through(call.args[0], _COPIES)
            same = any(_roots(c.receiver, buffers) & codes and through(c.args[0], _COPIES) is held for c in beside)
            counted = [c for c in beside if _roots(c.receiver, buffers) & (counts - sums) and _varies(c.args[0])]
            known = id(call.site.node) in told or not isinstance(held, Sym) or bool(_roots(held, buffers))
            if same and counted and not known:
                told.add(id(call.site.node))
                message = (
                    "a code is the quotient of these sums and the counts, but here the sums start as the codes themselves, and the counts as "
                    f"the numbers of their samples ({place(counted[0].site, call.site)}): after one update each code is divided by its count. "
                    "Start with the codes times the counts"
                )
                yield Finding(call.site, message, (Note(counted[0].site, "the counts start here"),))


_COPIES = RESHAPES | {"detach"}


def _roots(value: Value, buffers: dict[int, Call]) -> set[int]:
    """The buffers that a value was computed from."""
    return {one.id for one in ancestors(value) if one.id in buffers}


def _varies(count: Value) -> bool:
    """Whether the counts come from data: where each starts at one, the sums are the codes."""
    return not any(one.op in {"ones", "full"} for one in ancestors(count))


def _updates(program: Program) -> Iterator[tuple[Sym, Sym]]:
    """What is set to a quotient: `codebook.copy_(a / b)`, `codebook.data = a / b`."""
    for call in program.calls:
        match call:
            case Call(method="copy_", receiver=Sym() as target, args=(given, *_)):
                value = through_reshapes(given)
                if isinstance(value, Sym) and value.op == "truediv":
                    yield target, value
    for store in program.stores:
        match store.target, through_reshapes(store.value):
            case Sym() as target, Sym(op="truediv") as value if store.name == "data":
                yield target, value


_STARTS = frozenset({"add_", "copy_", "fill_"})


def _is_started(program: Program, count: Sym) -> bool:
    """Whether a function of its own fills the count, with what the first batch holds, say; an average scales it too."""
    written: dict[int, set[str]] = {}
    for call in program.calls:
        if call.method.endswith("_") and _depends(call.receiver, count):
            methods = written.setdefault(id(call.context.function), set())
            methods.add("mul_" if any(_depends(one, count) for one in call.args) else call.method)
    return any(methods & _STARTS and "mul_" not in methods for methods in written.values())


def _depends(value: Value, count: Sym) -> bool:
    return any(one is count for one in ancestors(value))


def _copies(tensor: Sym, roots: set[int]) -> bool:
    """Whether a buffer started as a copy of what the codebook started as."""
    start = through_reshapes(tensor)
    return isinstance(start, Sym) and start.id in roots and start.op not in {"zeros", "empty"}


def _finding(registered: Call, total: Call, count: Sym) -> Finding:
    name, other = registered.args[0], total.args[0]
    message = (
        f"`{name}` starts at zero although `{other}` starts as the codebook itself: codes that the first batch does not use "
        "are divided by almost nothing; start the count at one"
    )
    rewrite = None
    if count.site is not None and count.site.text.startswith("torch.zeros("):
        rewrite = Rewrite("start the counts at one", ((count.site, count.site.text.replace("zeros", "ones", 1)),))
    return Finding(registered.site, message, (Note(total.site, "the sums start here"),), rewrite)
