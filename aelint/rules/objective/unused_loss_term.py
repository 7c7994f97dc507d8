"""A term of the loss is computed, and nothing adds it.

## What it does

Reports a value named as a loss, penalty or divergence that is computed with gradients in the function that
calls `backward`, and is used nowhere; and one that nothing reads in a function that returns a loss
made of other terms. A penalty of a gradient that is made to be differentiated (`create_graph=True`) is
also reported if it is only shown, and so is a term whose own weight (`latent_weight` of `latent_loss`) nothing reads, and a sum of which only the number is read,
where `backward` is called on one of its summands.

## Why is this bad?

The term has no effect on training. It was left out of the sum, or overwritten by a later line.

## Example

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(64, 8), nn.Linear(8, 64)


def step(x, optimizer):
    code = encoder(x)
    reconstruction_loss = F.mse_loss(decoder(code), x)
    sparsity_loss = code.abs().mean()
    loss = reconstruction_loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## Use instead

```python
import torch
import torch.nn as nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(64, 8), nn.Linear(8, 64)


def step(x, optimizer):
    code = encoder(x)
    reconstruction_loss = F.mse_loss(decoder(code), x)
    sparsity_loss = code.abs().mean()
    loss = reconstruction_loss + 0.01 * sparsity_loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

## Known limits

A term that is printed, stored or returned is taken to be a metric.

## References

- https://docs.pytorch.org/docs/stable/notes/autograd.html
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import chain

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule
from aelint.semantics import Program
from aelint.semantics.dataflow.backward_passes import backward_passes
from aelint.semantics.dataflow.graph import consumers, handed, parts_of_all
from aelint.semantics.dataflow.lineage import ancestors
from aelint.semantics.dataflow.liveness import dead_stores
from aelint.semantics.domain.trace import Binding, Call
from aelint.semantics.domain.values import Sym
from aelint.semantics.explanation.wording import place
from aelint.semantics.interpreter.joins import alternatives
from aelint.semantics.objective.bypassed_sums import bypassed_sums
from aelint.semantics.objective.comparisons import is_output
from aelint.semantics.objective.dead_terms import dead_terms
from aelint.semantics.objective.gradient_penalties import left_out_penalties
from aelint.semantics.objective.objectives import Objective, objectives
from aelint.semantics.objective.unweighed import unweighed_terms
from aelint.syntax.walk import every, once_per_node, walk

RULE = Rule(
    code="AEL314",
    name="unused-loss-term",
    summary="a term of the loss is computed and never added",
    severity=Severity.WARNING,
    triggers=(("backward", "return"), ("loss", "kl", "penalty")),
    absence=True,
)

_TERM = re.compile(
    r"(^|_)(loss|kl|kld|penalty|commitment|regulari[sz]er|divergence)($|_)|(loss|kld|penalty)$", re.IGNORECASE
)
_METRIC = re.compile(r"total|running|epoch|avg|mean|best|prev|last|log|val|test|eval|metric|sum|history", re.IGNORECASE)
_ELSEWHERE = re.compile(rf"{_METRIC.pattern}|infer|predict|plot|report", re.IGNORECASE)
_IN_EVALUATION = re.compile(r"(^|_)(val|valid|validation|test|eval)(_|$)")


def check(program: Program) -> Iterator[Finding]:
    """Yield each named term that nothing uses, beside a backward pass in the same function."""
    backward = backward_passes(program)
    yield from _beside_backward(program, backward)
    going_back = {id(c.context.function.node) for c in backward if c.context.function is not None}
    for dead in dead_terms(program, _TERM, _ELSEWHERE):
        if id(dead.function) in going_back:
            continue
        message = (
            f"`{dead.name}` is computed and then used nowhere: what this function returns ({place(dead.returned, dead.site)}) does not hold "
            "it. Add it to the loss, or remove it"
        )
        yield Finding(dead.site, message, (Note(dead.returned, "what is returned"),))


def _beside_backward(program: Program, backward: list[Call]) -> Iterator[Finding]:
    functions = {id(c.context.function) for c in backward}
    reached = {one.id for o in objectives(program) if o.called for one in ancestors(o.value)}
    first: dict[int, Finding] = {}
    queries = (
        _unused(program, reached, functions),
        _unweighed(program, reached),
        _left_out(program, reached),
        _bypassed(program),
    )
    for binding, finding in chain(*queries):
        first.setdefault(id(binding.site.node), finding)
    yield from first.values()


def _unused(program: Program, reached: set[int], functions: set[int]) -> Iterator[tuple[Binding, Finding]]:
    """Terms that are used nowhere, in whichever round of a loop they are computed."""
    used = _used(program)
    by_place: dict[int, list[bool]] = {}
    found: list[tuple[Binding, Sym]] = []
    for binding in program.bindings:
        value = binding.value
        if not isinstance(value, Sym) or not _is_term(binding, value) or id(binding.context.function) not in functions:
            continue
        # What may be one of several values is mostly a result of one of several networks, chosen by an option.
        idle = value.op != "phi" and value.id not in used and is_output(value) and not _is_in(value, reached)
        by_place.setdefault(id(binding.site.node), []).append(idle)
        found.append((binding, value))
    for binding, value in found:
        if all(by_place[id(binding.site.node)]) and value.site is not None:
            yield binding, _finding(binding, value, [o for o in objectives(program) if o.called])


def _unweighed(program: Program, reached: set[int]) -> Iterator[tuple[Binding, Finding]]:
    for binding, weight, held in unweighed_terms(program, reached):
        if binding.site.unit is program.unit:
            message = (
                f"`{binding.name}` is only logged: no loss that is backpropagated depends on it, and nothing reads its "
                f"weight `{weight}` ({place(held, binding.site)}); add `{weight}` times `{binding.name}` to the loss"
            )
            yield binding, Finding(binding.site, message, (Note(held, "the weight"),))


def _left_out(program: Program, reached: set[int]) -> Iterator[tuple[Binding, Finding]]:
    for binding in left_out_penalties(program, reached):
        if binding.site.unit is program.unit and not _IN_EVALUATION.search(binding.name):
            message = (
                f"`{binding.name}` is made of a gradient that can be differentiated (`create_graph=True`), and no loss that is "
                "backpropagated depends on it; add it to the loss"
            )
            yield binding, Finding(binding.site, message)


def _bypassed(program: Program) -> Iterator[tuple[Binding, Finding]]:
    for one in bypassed_sums(program):
        if one.site.unit is program.unit:
            seen, unseen = one.seen.name or "one summand", one.unseen.name or "the other summand"
            message = (
                f"`{one.binding.name}` ({place(one.binding.site, one.site)}) is only read off, and backward sees `{seen}` alone: "
                f"`{unseen}` trains nothing. Pass `{one.binding.name}` on instead"
            )
            yield one.binding, Finding(one.site, message, (Note(one.binding.site, "the whole loss"),))


def _is_in(value: Sym, reached: set[int]) -> bool:
    """Whether the term is the mean, say, of one that the loss holds, or came beside the loss from one function."""
    for one in alternatives(value):
        if not isinstance(one, Sym) or not one.inputs:
            continue
        inner = one.inputs[0]
        if one.op == "item" and isinstance(inner, Sym) and inner.id in reached:
            return True
        named = isinstance(inner, Sym) and _TERM.search(inner.name) is not None
        if (
            one.op in _REDUCING
            and isinstance(inner, Sym)
            and ((named and inner.id in reached) or _is_in(inner, reached))
        ):
            return True
        # The sum over rounds of what each round's backward sees.
        operands = [i for i in one.inputs if isinstance(i, Sym)] if one.op == "add" else []
        if operands and all(i.id in reached or _is_in(i, reached) for i in operands):
            return True
    return False


_REDUCING = frozenset({"mean", "sum", "mul", "truediv", "squeeze"})


def _is_term(binding: Binding, value: Sym) -> bool:
    named = _TERM.search(binding.name) is not None and _METRIC.search(binding.name) is None
    trained = not binding.context.no_grad and not binding.name.startswith("_") and value.tensor is True
    return named and trained and not _is_looked_at(binding)


def _is_looked_at(binding: Binding) -> bool:
    """Whether the name is read where no tensor comes of it: in a text, a comparison, or a function for later.

    What a sum takes, or `backward` is called on, is in use even where the branch that sets it was not followed.
    """
    function = binding.context.function
    root = function.node if function is not None else binding.site.unit.tree
    if binding.name in _names_looked_at(root):
        return True
    return (
        isinstance(root, (ast.FunctionDef, ast.AsyncFunctionDef))
        and not any(dead.target is binding.site.node for dead in dead_stores(root))
        and binding.name in _names_in_sums(root)
    )


@once_per_node
def _names_looked_at(root: ast.AST) -> frozenset[str]:
    """The names in texts and comparisons, of `loss[0]`, as it was once read off, and in the functions inside of a function."""
    kinds = (ast.JoinedStr, ast.Compare)
    later = () if isinstance(root, ast.Module) else (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    places = [n for n in walk(root) if n is not root and isinstance(n, (*kinds, *later))]
    places += [n.value for n in every(ast.Subscript, root) if isinstance(n.ctx, ast.Load)]
    return frozenset(name.id for place in places for name in every(ast.Name, place))


@once_per_node
def _names_in_sums(root: ast.AST) -> frozenset[str]:
    """The names that arithmetic takes, or whose `backward` is called."""
    ends = (n.value for n in every(ast.Attribute, root) if n.attr == "backward")
    return frozenset(name.id for place in (*every(ast.BinOp, root), *ends) for name in every(ast.Name, place))


def _used(program: Program) -> set[int]:
    """Ids of the values that some operation, call, return or attribute takes."""
    left = [*(ended.value for ended in program.returns), *(store.value for store in program.stores)]
    return {*consumers(program), *handed(program), *parts_of_all(left)}


def _finding(binding: Binding, value: Sym, called: list[Objective]) -> Finding:
    loss = next((o.value for o in called if o.value.site is not None), None)
    where = f" ({place(loss.site, binding.site)})" if loss is not None else ""
    message = (
        f"`{binding.name}` is computed and then used nowhere: it is no part of what backward sees{where}. "
        "Add it to the loss, or remove it"
    )
    site = value.site or binding.site
    notes = (Note(loss.site, "the loss"),) if loss is not None and loss.site is not None else ()
    return Finding(site, message, notes)
