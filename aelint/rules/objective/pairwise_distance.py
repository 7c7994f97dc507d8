"""A matrix of squared distances that is expanded wrongly.

## What it does

Reports `|x|^2 + |y|^2 - 2 x y` written over all pairs of two batches where a part does not fit the others: norms that
are not squared, inner products of something else than the vectors, a doubled term that is added or taken once. Also norms of the
first batch that are added along the axis of the second, or the other way round, in distances to a codebook, too.

## Why is this bad?

A kernel (MMD, Wasserstein autoencoder, t-SNE) or a clustering of codes is computed from the matrix. Without the
squares, or with another inner product, it holds no distances: entries become negative, the diagonal is not zero, and
codes are pulled to places that have nothing to do with the prior. Norms at the wrong axis raise no error where both
batches have the same size: each distance then holds the norm of another vector, and the nearest code is not found.

## Example

```python
import torch


def squared_distances(x=torch.randn(64, 8), y=torch.randn(64, 8)):
    norms_x = x.sum(1, keepdim=True)
    norms_y = y.sum(1, keepdim=True)
    return norms_x + norms_y.t() - 2 * x @ y.t()
```

```python
import torch


def nearest(z=torch.randn(64, 8), codes=torch.randn(64, 8)):
    return (z.pow(2).sum(1) + codes.pow(2).sum(1) - 2 * z @ codes.t()).argmin(1)
```

## Use instead

```python
import torch


def squared_distances(x=torch.randn(64, 8), y=torch.randn(64, 8)):
    norms_x = x.pow(2).sum(1, keepdim=True)
    norms_y = y.pow(2).sum(1, keepdim=True)
    return norms_x + norms_y.t() - 2 * x @ y.t()
```

## Known limits

The signs and factors of distances to a codebook are judged by `unreachable-code`. Products that are written with `einsum` are
left alone.

## References

- Tolstikhin et al., Wasserstein Auto-Encoders, 2018: https://arxiv.org/abs/1711.01558
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aelint.diagnostics import Severity
from aelint.rule import Finding, Note, Rule, Site
from aelint.semantics import Program
from aelint.semantics.dataflow.graph import consumers, nodes
from aelint.semantics.dataflow.lineage import ancestors, source, through_reshapes
from aelint.semantics.domain.values import Sym, Value
from aelint.semantics.explanation.wording import shape_text
from aelint.semantics.formulas.pairwise_norms import MisplacedNorm, misplaced_norms
from aelint.semantics.operators.api import to_number

RULE = Rule(
    code="AEL320",
    name="pairwise-distance",
    summary="a matrix of squared distances is expanded wrongly",
    severity=Severity.ERROR,
    triggers=(("@", "matmul", "mm("), ("sum",)),
)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One part of the sum: its factor, and what it is made of."""

    factor: float
    node: Sym


@dataclass(frozen=True, slots=True, eq=False)
class _Norm:
    """A sum over the features of `vector`, squared or not."""

    factor: float
    node: Sym
    vector: Value
    squared: bool


def check(program: Program) -> Iterator[Finding]:
    """Yield each expansion of a squared distance of which one part does not fit."""
    users = consumers(program)
    for node in nodes(program):
        if node.op not in {"add", "sub"} or node.site is None:
            continue
        if any(u.op in {"add", "sub"} for u in users.get(node.id, [])):
            continue
        fault = _fault(list(_parts(node, 1.0)))
        if fault is not None:
            what, where = fault
            place = where.site or node.site
            message = (
                f"this is no matrix of squared distances: {what}. For all pairs it is "
                "(x**2).sum(1, keepdim=True) + (y**2).sum(1) - 2 * x @ y.t()"
            )
            yield Finding(place, message, (Note(node.site, "the parts are added here"),))
    for one in misplaced_norms(program):
        if one.norm.site is not None:
            yield _misplaced(one, one.norm.site)


def _misplaced(one: MisplacedNorm, site: Site) -> Finding:
    mine, other, how = ("rows", "columns", "keepdim=True") if one.of_rows else ("columns", "rows", "keepdim=False")
    message = (
        f"these are the squared norms of the vectors in the {mine} of the inner products, and shape {shape_text(one.norm.shape or ())} adds "
        f"them along its {other}: each distance holds the norm of another vector. Sum with `{how}`"
    )
    return Finding(
        site, message, (Note(one.product.site, "the inner products"),) if one.product.site is not None else ()
    )


def _parts(value: Value, factor: float) -> Iterator[_Part]:
    """The value as a sum of parts, each with its factor."""
    value = through_reshapes(value)
    if not isinstance(value, Sym):
        return
    match value.op:
        case "add" | "sub" if len(value.inputs) == 2:
            yield from _parts(value.inputs[0], factor)
            yield from _parts(value.inputs[1], factor if value.op == "add" else -factor)
        case "neg":
            yield from _parts(source(value), -factor)
        case "mul" if len(value.inputs) == 2 and any(to_number(i) is not None for i in value.inputs):
            number, rest = _number_and_rest(value)
            yield from _parts(rest, factor * number)
        case _:
            yield _Part(factor, value)


def _number_and_rest(value: Sym) -> tuple[float, Value]:
    first, second = value.inputs
    number = to_number(first)
    return (number, second) if number is not None else (to_number(second) or 0.0, first)


def _fault(parts: list[_Part]) -> tuple[str, Sym] | None:
    norms = [n for part in parts if (n := _norm(part)) is not None]
    products = [part for part in parts if part.node.op == "matmul" and len(part.node.inputs) == 2]
    if len(parts) != 3 or len(norms) != 2 or len(products) != 1 or norms[0].factor != norms[1].factor:
        return None
    unit, product = norms[0].factor, products[0]
    left, right = (_operand(i) for i in product.node.inputs[:2])
    factor = product.factor * left[0] * right[0] / unit
    vectors, multiplied = [n.vector for n in norms], [left[1], right[1]]
    if unit <= 0 or any(_is_table(v) for v in vectors):
        return None
    if _same(vectors, multiplied):
        return _of_factors(norms, factor, product.node)
    sums = [_summed(m) for m in multiplied]
    if factor == -2 and all(n.squared for n in norms) and _same(vectors, sums):
        return "the inner products are taken of the sums of the coordinates, not of the vectors", product.node
    return None


def _of_factors(norms: list[_Norm], factor: float, product: Sym) -> tuple[str, Sym] | None:
    if not any(n.squared for n in norms) and factor == -2:
        return "the coordinates are summed without being squared", norms[0].node
    if not all(n.squared for n in norms):
        return None
    if factor == 2:
        return "the inner products are added, which gives |x + y|^2", product
    if factor == -1:
        return "the inner products are subtracted once, not twice", product
    return None


def _norm(part: _Part) -> _Norm | None:
    if part.node.op != "sum":
        return None
    whole, axis = source(part.node), part.node.attrs.get("dim")
    if not isinstance(whole, Sym) or (axis not in {1, -1} and axis != (1,)) or len(whole.shape or (0, 0)) != 2:
        return None
    match whole:
        case Sym(op="square") | Sym(op="pow", attrs={"exponent": 2 | 2.0}):
            return _Norm(part.factor, part.node, through_reshapes(source(whole)), squared=True)
        case Sym(op="mul", inputs=(first, second)) if first is second:
            return _Norm(part.factor, part.node, through_reshapes(first), squared=True)
        case Sym(op="mul" | "abs" | "exp" | "pow" | "sub" | "truediv"):
            return None
        case _:
            return _Norm(part.factor, part.node, through_reshapes(whole), squared=False)


def _operand(operand: Value) -> tuple[float, Value]:
    """A factor written inside of a product's operand, and the operand."""
    value, factor = through_reshapes(operand), 1.0
    while isinstance(value, Sym) and value.op in {"mul", "neg"}:
        if value.op == "neg":
            factor, value = -factor, through_reshapes(source(value))
            continue
        if len(value.inputs) != 2 or all(to_number(i) is None for i in value.inputs):
            break
        number, rest = _number_and_rest(value)
        factor, value = factor * number, through_reshapes(rest)
    return factor, value


def _summed(value: Value) -> Value:
    """What a sum over the features was taken of."""
    return through_reshapes(source(value)) if isinstance(value, Sym) and value.op == "sum" else None


def _same(left: list[Value], right: list[Value]) -> bool:
    """Whether two pairs hold the same tensors, in either order."""
    pairs = (right, right[::-1])
    return all(isinstance(v, Sym) for v in (*left, *right)) and any(
        all(a is b for a, b in zip(left, pair, strict=True)) for pair in pairs
    )


def _is_table(value: Value) -> bool:
    return any(
        one.op in {"parameter", "embedding", "buffer", "attr"} for one in ancestors(value, frozenset({"linear"}))
    )
