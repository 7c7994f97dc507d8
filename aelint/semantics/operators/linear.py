"""Linear layers, embeddings and matrix products."""

from __future__ import annotations

from aelint.semantics.domain import dims
from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.intervals import ANY, Interval
from aelint.semantics.domain.values import Object, Shape, Sym
from aelint.semantics.operators.api import Apply, Facts, facts_of, fresh, to_dim, unknown
from aelint.semantics.operators.axes import broadcast_dim, differ, items, trailing
from aelint.semantics.operators.ranges import NONNEGATIVE, sane
from aelint.semantics.operators.tables import REGISTRY

__all__ = ["check_features", "matrix_product"]


def check_features(apply: Apply, facts: Facts, expected: Dim | None) -> None:
    """Report a last axis that is not what a layer was built for."""
    sizes = trailing(facts)
    if expected is not None and sizes and differ(sizes[-1], expected):
        apply.conflict("features", expected=expected, actual=sizes[-1], shape=facts.shape or (..., *sizes))


def _replaced_last(facts: Facts, size: Dim | None, bounds: Interval = ANY) -> Facts:
    if size is None:
        size = fresh("features")
    if facts.shape is None:
        return Facts(None, (*facts.last[:-1], size), bounds)
    return Facts((*facts.shape[:-1], size), (), bounds)


@REGISTRY.layer("Linear", "in_features, out_features, bias=True, device=None, dtype=None", name="linear", stateful=True)
def _linear(apply: Apply) -> Facts:
    x = apply.tensor()
    if x.shape == ():
        apply.conflict("rank", expected=(1, 2), shape=())
        return unknown("float")
    outputs, inputs = _tied_sizes(apply) or (apply.dim("out_features"), apply.dim("in_features"))
    check_features(apply, x, inputs)
    return _replaced_last(x, outputs)


def _tied_sizes(apply: Apply) -> tuple[Dim, Dim] | None:
    """The sizes of the weight that took the place of the layer's own: it computes with those, whatever it was built for."""
    given = apply.layer.attrs.get("weight") if isinstance(apply.layer, Object) else None
    match facts_of(given).shape if isinstance(given, Sym) else None:
        case (outputs, inputs) if outputs is not None and inputs is not None:
            return outputs, inputs
        case _:
            return None


@REGISTRY.layer("LazyLinear", "out_features, bias=True, device=None, dtype=None", name="linear", stateful=True)
def _lazy_linear(apply: Apply) -> Facts:
    x = apply.tensor()
    return unknown("float") if x.shape == () else _replaced_last(x, apply.dim("out_features"))


@REGISTRY.operation("linear", "input, weight, bias=None", functions="nn.functional.linear")
def _functional_linear(apply: Apply) -> Facts:
    x, weight = apply.tensor(), apply.tensor("weight")
    if weight.shape is None or x.shape == () or not 1 <= len(weight.shape) <= 2:
        return unknown("float")
    check_features(apply, x, weight.shape[-1])
    if len(weight.shape) == 1:
        return Facts(x.shape[:-1]) if x.shape is not None else unknown("float")
    return _replaced_last(x, weight.shape[0])


@REGISTRY.layer(
    "Bilinear",
    "in1_features, in2_features, out_features, bias=True, device=None, dtype=None",
    "input1, input2",
    name="bilinear",
    stateful=True,
)
def _bilinear(apply: Apply) -> Facts:
    left, right = apply.tensor("input1"), apply.tensor("input2")
    check_features(apply, left, apply.dim("in1_features"))
    check_features(apply, right, apply.dim("in2_features"))
    return _replaced_last(left if left.shape is not None else right, apply.dim("out_features"))


@REGISTRY.operation("bilinear", "input1, input2, weight, bias=None", functions="bilinear nn.functional.bilinear")
def _functional_bilinear(apply: Apply) -> Facts:
    left, weight = apply.tensor("input1"), apply.tensor("weight").shape
    return _replaced_last(left, weight[0] if weight is not None and len(weight) == 3 else None)


@REGISTRY.layer("Identity", "*args, **kwargs", name="identity")
def _identity(apply: Apply) -> Facts:
    return apply.tensor()


def _embedded(apply: Apply, size: Dim | None, *, mean: bool) -> Facts:
    index = apply.tensor()
    width = size if size is not None else fresh("embedding_dim")
    if index.shape is None:
        return Facts(None, (width,))
    if not mean:
        return Facts((*index.shape, width))
    if apply["offsets"] is not None and len(index.shape) == 1:
        return Facts((fresh("bags", batch=True), width))
    return Facts((index.shape[0], width)) if len(index.shape) == 2 else unknown("float")


_TABLE = "padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False"


@REGISTRY.layer(
    "Embedding",
    f"num_embeddings, embedding_dim, {_TABLE}, sparse=False, _weight=None, _freeze=False, device=None, dtype=None",
    name="embedding",
    stateful=True,
)
def _embedding(apply: Apply) -> Facts:
    return _embedded(apply, apply.dim("embedding_dim"), mean=False)


@REGISTRY.operation("embedding", f"input, weight, {_TABLE}, sparse=False", functions="nn.functional.embedding")
def _functional_embedding(apply: Apply) -> Facts:
    sizes = trailing(apply.tensor("weight"))
    return _embedded(apply, sizes[-1] if sizes else None, mean=False)


@REGISTRY.layer(
    "EmbeddingBag",
    "num_embeddings, embedding_dim, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, mode='mean', sparse=False, "
    "_weight=None, include_last_offset=False, padding_idx=None, device=None, dtype=None",
    "input, offsets=None, per_sample_weights=None",
    name="embedding_bag",
    stateful=True,
)
def _embedding_bag(apply: Apply) -> Facts:
    return _embedded(apply, apply.dim("embedding_dim"), mean=True)


@REGISTRY.operation("matmul", "input, other", functions="matmul linalg.matmul", methods="matmul")
def matrix_product(apply: Apply) -> Facts:
    """The product of matrices, of stacks of them, and of vectors."""
    left, right = apply.tensor(), apply.tensor("other")
    kind = "float" if "float" in {left.kind, right.kind} else None
    if left.shape is None or right.shape is None:
        return _partial_product(apply, left, right, kind)
    a, b = left.shape, right.shape
    if not a or not b:
        apply.conflict("matmul", a=a, b=b)
        return unknown(kind)
    inner = b[-2] if len(b) > 1 else b[0]
    if differ(a[-1], inner):
        apply.conflict("matmul", a=a, b=b)
        return unknown(kind)
    stack = _stacked(apply, a, b)
    if stack is None:
        return unknown(kind)
    return Facts(
        (*stack, *a[-2:-1], *(b[-1:] if len(b) > 1 else ())), (), _inner_range(left.range, right.range, inner), kind
    )


def _stacked(apply: Apply, a: Shape, b: Shape) -> Shape | None:
    """The broadcast of the axes before the matrices."""
    left, right = a[:-2], b[:-2]
    width = max(len(left), len(right))
    left, right = (1,) * (width - len(left)) + left, (1,) * (width - len(right)) + right
    found = [broadcast_dim(x, y) for x, y in zip(left, right, strict=True)]
    if None in found:
        apply.conflict("matmul", a=a, b=b)
        return None
    return tuple(size for size in found if size is not None)


def _partial_product(apply: Apply, left: Facts, right: Facts, kind: str | None) -> Facts:
    rows, columns = trailing(left), trailing(right)
    if right.shape is not None and len(right.shape) >= 2 and rows and differ(rows[-1], right.shape[-2]):
        apply.conflict("matmul", a=(..., *rows), b=right.shape)
        return unknown(kind)
    # The left factor may be a vector, which leaves only the columns; the right one has two axes or more here.
    if right.shape is not None and len(right.shape) >= 2:
        return Facts(None, (columns[-1],), kind=kind)
    return unknown(kind)


def _inner_range(a: Interval, b: Interval, size: Dim) -> Interval:
    each = a * b
    if not isinstance(size, int):
        return NONNEGATIVE if each.low >= 0 else ANY
    total = each * Interval(size, size)
    return sane(total.low, total.high)


@REGISTRY.operation("matmul", "input, mat2", functions="mm bmm", methods="mm bmm")
def _mm(apply: Apply) -> Facts:
    inner = Apply(
        apply.name, {"input": apply["input"], "other": apply["mat2"]}, apply.site, apply.layer, apply.conflicts
    )
    a, b = apply.tensor().shape, apply.tensor("mat2").shape
    if a is not None and b is not None and (len(a) != len(b) or len(a) not in {2, 3}):
        apply.conflict("matmul", a=a, b=b)
        return unknown("float")
    return matrix_product(inner)


@REGISTRY.operation("matmul", "input, vec", functions="mv", methods="mv")
@REGISTRY.operation("matmul", "input, tensor", functions="dot inner", methods="dot inner")
def _mv(apply: Apply) -> Facts:
    name = "vec" if "vec" in apply.args else "tensor"
    a, b = apply.tensor().shape, apply.tensor(name).shape
    if a is None or b is None or len(b) != 1 or not a:
        return unknown(apply.tensor().kind)
    if differ(a[-1], b[0]):
        apply.conflict("matmul", a=a, b=b)
    return Facts(a[:-1], kind=apply.tensor().kind)


@REGISTRY.operation("addmm", "input, mat1, mat2, beta=1, alpha=1", functions="addmm", methods="addmm")
@REGISTRY.operation("baddbmm", "input, batch1, batch2, beta=1, alpha=1", functions="baddbmm", methods="baddbmm")
def _addmm(apply: Apply) -> Facts:
    names = ("mat1", "mat2") if "mat1" in apply.args else ("batch1", "batch2")
    if isinstance(apply[names[0]], (int, float)):
        # The weights in front, `addmm_(1, -2, x, y)`, as torch took them before version 1.5 and still takes them.
        return Facts(apply.tensor().shape, kind=apply.tensor().kind)
    product = Apply(
        apply.name, {"input": apply[names[0]], "other": apply[names[1]]}, apply.site, apply.layer, apply.conflicts
    )
    result = matrix_product(product)
    return Facts(result.shape, result.last, kind=result.kind)


@REGISTRY.operation("outer", "input, vec2", functions="outer ger", methods="outer ger")
def _outer(apply: Apply) -> Facts:
    a, b = apply.tensor(), apply.tensor("vec2")
    bounds = a.range * b.range
    kind = "float" if "float" in {a.kind, b.kind} else None
    if a.shape is None or b.shape is None or len(a.shape) != 1 or len(b.shape) != 1:
        return unknown(kind)
    return Facts((a.shape[0], b.shape[0]), (), sane(bounds.low, bounds.high), kind)


@REGISTRY.operation("cdist", "x1, x2, p=2.0, compute_mode=None", functions="cdist")
def _cdist(apply: Apply) -> Facts:
    a, b = apply.tensor("x1").shape, apply.tensor("x2").shape
    if a is None or b is None or len(a) < 2 or len(b) < 2:
        return unknown("float", NONNEGATIVE)
    if differ(a[-1], b[-1]):
        apply.conflict("matmul", a=a, b=b)
        return unknown("float", NONNEGATIVE)
    stack = _stacked(apply, a, b)
    return unknown("float", NONNEGATIVE) if stack is None else Facts((*stack, a[-2], b[-2]), (), NONNEGATIVE)


@REGISTRY.operation("tensordot", "a, b, dims=2", functions="tensordot")
def _tensordot(apply: Apply) -> Facts:
    a, b = apply.tensor("a").shape, apply.tensor("b").shape
    count = apply.int("dims")
    if a is None or b is None or count is None or not 0 <= count <= min(len(a), len(b)):
        return unknown()
    return Facts((*a[: len(a) - count], *b[count:]), kind=None)


@REGISTRY.operation("einsum", "equation, *operands", functions="einsum")
def _einsum(apply: Apply) -> Facts:
    equation = apply.text("equation")
    operands = items(apply["operands"]) or ()
    if len(operands) == 1 and items(operands[0]) is not None:
        operands = items(operands[0]) or ()
    if equation is None or "." in equation or not operands:
        return unknown()
    kind = "float" if any(isinstance(o, Sym) and o.kind == "float" for o in operands) else None
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    sizes = _letters(apply, parts, operands)
    if sizes is None:
        return unknown(kind)
    if not arrow:
        right = "".join(sorted(c for c in set(left) - {","} if left.count(c) == 1))
    return Facts(tuple(sizes.get(c, fresh(c)) for c in right), kind=kind)


def _letters(apply: Apply, parts: list[str], operands: tuple[object, ...]) -> dict[str, Dim] | None:
    """Sizes by letter, as far as operands of known shape tell; None after a contradiction."""
    sizes: dict[str, Dim] = {}
    if len(parts) != len(operands):
        return None
    for letters, operand in zip(parts, operands, strict=True):
        shape = facts_of(operand).shape
        if shape is None:
            continue
        if len(shape) != len(letters):
            apply.conflict("rank", expected=(len(letters),), shape=shape)
            return None
        for letter, size in zip(letters, shape, strict=True):
            merged = broadcast_dim(sizes.get(letter, 1), size)
            if merged is None:
                apply.conflict("broadcast", a=(sizes[letter],), b=(size,))
                return None
            sizes[letter] = merged
    return sizes


@REGISTRY.layer("CosineSimilarity", "dim=1, eps=1e-08", "x1, x2", name="cosine_similarity")
@REGISTRY.operation(
    "cosine_similarity", "x1, x2, dim=1, eps=1e-08", functions="cosine_similarity nn.functional.cosine_similarity"
)
def _cosine_similarity(apply: Apply) -> Facts:
    return _between_rows(apply, Interval(-1, 1))


@REGISTRY.layer("PairwiseDistance", "p=2.0, eps=1e-06, keepdim=False", "x1, x2", name="pairwise_distance")
@REGISTRY.operation(
    "pairwise_distance",
    "x1, x2, p=2.0, eps=1e-06, keepdim=False",
    functions="pairwise_distance nn.functional.pairwise_distance",
)
def _pairwise_distance(apply: Apply) -> Facts:
    if apply["keepdim"] is not False:
        return unknown("float", NONNEGATIVE)
    return _between_rows(apply, NONNEGATIVE)


def _between_rows(apply: Apply, bounds: Interval) -> Facts:
    a, b = apply.tensor("x1").shape, apply.tensor("x2").shape
    axis = -1 if apply["dim"] is None else apply.int("dim")
    if a is None or b is None or axis is None or len(a) != len(b) or not -len(a) <= axis < len(a):
        return unknown("float", bounds)
    found = [broadcast_dim(x, y) for x, y in zip(a, b, strict=True)]
    if None in found:
        apply.conflict("broadcast", a=a, b=b)
        return unknown("float", bounds)
    sizes = [size for size in found if size is not None]
    del sizes[axis]
    return Facts(tuple(sizes), (), bounds)


@REGISTRY.operation("diag", "input, diagonal=0", functions="diag", methods="diag")
def _diag(apply: Apply) -> Facts:
    x = apply.tensor()
    bounds = x.range.hull(Interval(0, 0))
    if x.shape is not None and len(x.shape) == 1 and apply.int("diagonal") == 0:
        return Facts((x.shape[0], x.shape[0]), (), bounds, x.kind)
    return unknown(x.kind, bounds)


@REGISTRY.operation("tril", "input, diagonal=0", functions="tril", methods="tril")
@REGISTRY.operation("triu", "input, diagonal=0", functions="triu", methods="triu")
def _triangle(apply: Apply) -> Facts:
    x = apply.tensor()
    return Facts(x.shape, x.last, x.range.hull(Interval(0, 0)), x.kind)


@REGISTRY.operation("diag_embed", "input, offset=0, dim1=-2, dim2=-1", functions="diag_embed", methods="diag_embed")
def _diag_embed(apply: Apply) -> Facts:
    x = apply.tensor()
    offset = apply.int("offset")
    bounds = x.range.hull(Interval(0, 0))
    if x.shape and offset is not None and (apply["dim1"], apply["dim2"]) == (-2, -1):
        side = dims.add(x.shape[-1], abs(offset))
        return Facts((*x.shape[:-1], side, side), (), bounds, x.kind)
    return unknown(x.kind, bounds)


@REGISTRY.operation("one_hot", "tensor, num_classes=-1", functions="nn.functional.one_hot")
def _one_hot(apply: Apply) -> Facts:
    x = apply.tensor("tensor")
    classes = to_dim(apply["num_classes"])
    size = fresh("num_classes") if classes is None or classes == -1 else classes
    return Facts(
        None if x.shape is None else (*x.shape, size), (size,) if x.shape is None else (), Interval(0, 1), "int"
    )
