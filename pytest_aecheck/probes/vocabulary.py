"""Names of torch functions by what they do, for reading a trace."""

from __future__ import annotations

from typing import Any

__all__ = [
    "ADDITIONS",
    "INDEXED",
    "NORMAL",
    "RANDOM",
    "REDUCTIONS",
    "REJECTING",
    "SHAPE_ONLY",
    "TAKES_SHAPE_FROM_SECOND",
    "UNIFORM",
    "VIEWS",
    "function_name",
]

NORMAL = frozenset({"randn", "randn_like", "normal", "normal_", "_standard_normal"})
UNIFORM = frozenset({"rand", "rand_like", "uniform_"})
RANDOM = (
    NORMAL
    | UNIFORM
    | {
        "_sample_dirichlet",
        "_standard_gamma",
        "binomial",
        "bernoulli",
        "bernoulli_",
        "exponential_",
        "multinomial",
        "poisson",
        "randint",
        "randint_like",
        "random_",
        "randperm",
        "cauchy_",
        "geometric_",
        "log_normal_",
    }
)
"""Functions that draw."""

REJECTING = frozenset({"_sample_dirichlet", "_standard_gamma", "binomial", "poisson"})
"""Functions that draw until a draw is accepted: how many random numbers they use up depends on their arguments."""

SHAPE_ONLY = frozenset(
    {
        "zeros_like",
        "ones_like",
        "full_like",
        "empty_like",
        "new_zeros",
        "new_ones",
        "new_full",
        "new_empty",
        "new",
        "arange",
        "zeros",
        "ones",
        "full",
        "empty",
        "eye",
        "linspace",
        "new_tensor",
        "tensor",
    }
)
"""Functions whose result does not hold the values of their arguments."""

TAKES_SHAPE_FROM_SECOND = frozenset({"view_as", "expand_as", "reshape_as", "type_as"})

INDEXED = frozenset({"getitem", "gather", "index_select", "take_along_dim", "take", "embedding", "select", "index"})
"""Functions whose later tensor arguments choose elements and add no values."""

VIEWS = frozenset(
    {
        "view",
        "reshape",
        "flatten",
        "unflatten",
        "squeeze",
        "unsqueeze",
        "transpose",
        "permute",
        "t",
        "T",
        "mT",
        "expand",
        "expand_as",
        "view_as",
        "contiguous",
        "clone",
        "getitem",
        "select",
        "narrow",
        "chunk",
        "split",
        "unbind",
        "swapaxes",
        "movedim",
        "moveaxis",
        "squeeze_",
        "unsqueeze_",
        "to",
        "float",
        "double",
        "half",
        "bfloat16",
        "type",
        "type_as",
        "cpu",
        "cuda",
        "alias",
        "ravel",
        "unfold",
        "fold",
        "roll",
        "flip",
        "rearrange",
        "detach",
        "requires_grad_",
        "data",
        "reshape_as",
        "pixel_shuffle",
        "pixel_unshuffle",
        "swapdims",
        "tensor_split",
        "index_select",
        "gather",
        "repeat",
        "tile",
        "repeat_interleave",
        "broadcast_to",
        "as_strided",
        "diagonal",
        "movedim_",
        "identity",
        "retain_grad",
    }
)
"""Functions that move or choose values without changing them."""

REDUCTIONS = frozenset(
    {
        "mean",
        "sum",
        "mse_loss",
        "l1_loss",
        "smooth_l1_loss",
        "huber_loss",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "cross_entropy",
        "nll_loss",
        "kl_div",
        "norm",
        "nanmean",
        "nansum",
    }
)

ADDITIONS = frozenset({"add", "add_", "sub", "sub_", "rsub", "addcmul", "addcmul_"})

_SPELLINGS = {
    "__add__": "add",
    "__radd__": "add",
    "__iadd__": "add_",
    "__sub__": "sub",
    "__rsub__": "rsub",
    "__isub__": "sub_",
    "__mul__": "mul",
    "__rmul__": "mul",
    "__imul__": "mul_",
    "__truediv__": "div",
    "__rtruediv__": "rdiv",
    "__div__": "div",
    "__rdiv__": "rdiv",
    "__itruediv__": "div_",
    "__idiv__": "div_",
    "__pow__": "pow",
    "__rpow__": "rpow",
    "__ipow__": "pow_",
    "__neg__": "neg",
    "__getitem__": "getitem",
    "__setitem__": "setitem",
    "__matmul__": "matmul",
    "__rmatmul__": "rmatmul",
    "true_divide": "div",
    "multiply": "mul",
    "subtract": "sub",
    "divide": "div",
    "negative": "neg",
    "absolute": "abs",
    "special_expit": "sigmoid",
    "log_softmax": "log_softmax",
    "_softmax": "softmax",
    "__rmatmul": "rmatmul",
}


def function_name(func: Any) -> str:
    """One name for every spelling of a function: `a * b`, `torch.mul(a, b)` and `a.__rmul__(b)` are `mul`."""
    name = getattr(func, "__name__", str(func))
    if name == "__get__":
        # a property of Tensor: `x.T`, `x.data`, `x.grad`
        owner = getattr(func, "__self__", None)
        return str(getattr(owner, "__name__", "property"))
    return _SPELLINGS.get(name, name)
