"""No transfer function raises, whatever it is given; and what torch has is either described or left out for a reason."""

from __future__ import annotations

import ast
import inspect
import random
from typing import Any

import pytest
import torch

from aelint.semantics.domain import dims
from aelint.semantics.domain.intervals import Interval
from aelint.semantics.domain.values import External, ListValue, Object, Sym
from aelint.semantics.operators import REGISTRY, Apply, LayerSpec, Operation
from aelint.semantics.operators.api import REQUIRED, UNKNOWN

H = dims.atom("h", "h")
B = dims.atom("B", "B", batch=True)


class _Spliced:
    """Something that no value domain knows, as `*rest` is in a call."""


def _odd_values() -> list[Any]:
    def tensor(shape: Any, **more: Any) -> Sym:
        return Sym("param", shape=shape, tensor=True, kind="float", **more)

    return [
        None, True, False, 0, 1, -1, 3, -7, 2.5, 10**400, float("nan"), float("inf"), "", "same", "mean", "b c -> c b", (), (0,),
        (1, 2), (None, 3), ("a",), (H, B), H, dims.add(dims.mul(H, 2), -1), ListValue([1, 2]), ListValue([], complete=False),
        ListValue([H, "x"]), External("torch.float32"), External("numpy"), Object("torch.nn.Linear"), Sym("call"),
        Sym("param", kind="size", tensor=False), tensor(None), tensor((), range=Interval(0, 0)), tensor((B, 3, H, H)), tensor((4, 5)),
        tensor((2, 3, 8, 8), range=Interval(-1, 1)), tensor(None, last=(7,)), tensor((0,)), slice(None), slice(1, H, -1), Ellipsis,
        UNKNOWN, _Spliced(), (_Spliced(), 2), {}, [1], b"x", (tensor((4, 5)), tensor((4, H))), ListValue([tensor((2,)), 3]),
    ]  # fmt: skip


def _operations() -> list[tuple[str, Operation, LayerSpec | None]]:
    found: list[tuple[str, Operation, LayerSpec | None]] = [(n, o, None) for n, o in REGISTRY.functions.items()]
    found += [(f".{n}", o, None) for n, o in REGISTRY.methods.items()]
    found += [(n, s.operation, s) for n, s in REGISTRY.layers.items()]
    return found


@pytest.mark.parametrize("seed", range(3))
def test_odd_arguments_never_raise(seed: int) -> None:
    chance = random.Random(seed)
    values = _odd_values()
    for name, operation, spec in _operations():
        for _ in range(6):
            args = {p: chance.choice(values) for p, _ in operation.params if chance.random() < 0.9}
            if operation.variadic and chance.random() < 0.8:
                args[operation.variadic] = tuple(chance.choice(values) for _ in range(chance.randint(0, 4)))
            layer = None
            if spec is not None:
                layer = Object(name, complete=chance.random() < 0.8)
                layer.bound = {p: chance.choice(values) for p, _ in spec.init if chance.random() < 0.9}
            try:
                operation.transfer(Apply(operation.name, args, None, layer))
            except Exception as error:
                error.add_note(f"{name} raised {error!r} for {args} {layer and layer.bound}")
                raise


@pytest.mark.parametrize("seed", range(2))
def test_one_odd_argument_among_defaults_never_raises(seed: int) -> None:
    chance = random.Random(seed)
    values = _odd_values()
    plain = Sym("param", shape=(2, 3, 8, 8), tensor=True, kind="float")
    for name, operation, spec in _operations():
        for _ in range(4):
            args = {p: plain if default is REQUIRED else default for p, default in operation.params}
            bound = {p: 3 if default is REQUIRED else default for p, default in spec.init} if spec else {}
            place = chance.choice([d for d in (args, bound) if d] or [args])
            if place:
                place[chance.choice(sorted(place))] = chance.choice(values)
            layer = Object(name, bound=bound) if spec else None
            try:
                operation.transfer(Apply(operation.name, args, None, layer))
            except Exception as error:
                error.add_note(f"{name} raised {error!r} for {args} {bound}")
                raise


LEFT_OUT_LAYERS = {
    "Container": "abstract, deprecated",
    "DataParallel": "calls what it wraps",
    "Module": "the base class",
    "ModuleDict": "a container: the interpreter keeps its children",
    "ModuleList": "a container: the interpreter keeps its children",
    "ParameterDict": "a container of parameters",
    "ParameterList": "a container of parameters",
    "RNNBase": "abstract",
    "RNNCellBase": "abstract",
    "Sequential": "a container: the interpreter runs its children",
    "Buffer": "not a layer",
    "UninitializedBuffer": "not a layer",
    "UninitializedParameter": "not a layer",
    "LinearCrossEntropyOptions": "not a layer",
    "LinearCrossEntropyLoss": "fuses a projection into a loss; no autoencoder code uses it yet",
}


def _public_classes() -> list[str]:
    return [n for n, thing in vars(torch.nn).items() if inspect.isclass(thing) and not n.startswith("_")]


def test_every_public_class_of_torch_nn_is_described_or_left_out_for_a_reason() -> None:
    described = {n.rpartition(".")[2] for n in REGISTRY.layers}
    missing = [n for n in _public_classes() if n not in described and n not in LEFT_OUT_LAYERS]
    assert missing == []


def test_nothing_is_left_out_and_described_at_once() -> None:
    described = {n.rpartition(".")[2] for n in REGISTRY.layers}
    assert described.isdisjoint(LEFT_OUT_LAYERS)


def test_constructor_parameters_are_torchs_own() -> None:
    """By name and in order: positional arguments are bound by these tables."""
    for qualname, spec in REGISTRY.layers.items():
        cls = getattr(torch.nn, qualname.rpartition(".")[2], None)
        if not qualname.startswith("torch.nn.") or cls is None or issubclass(cls, torch.nn.RNNBase):
            continue
        actual = [p for p in inspect.signature(cls.__init__).parameters.values() if p.name != "self"]
        names = [p.name for p in actual if p.kind is p.POSITIONAL_OR_KEYWORD]
        ours = [n for n, _ in spec.init][: len(names)]
        assert ours == names[: len(ours)], qualname
        defaults = {p.name: p.default for p in actual}
        for name, default in spec.init:
            if name in defaults and default is not REQUIRED and not callable(defaults[name]):
                assert default == defaults[name], (qualname, name)


LEFT_OUT_FUNCTIONS = {
    "assert_int_or_pair": "internal",
    "conv_tbc": "a layout that nobody uses",
    "embedding_bag": "bags of indices: a function of many layouts, nowhere in autoencoder code",
    "feature_dropout": "an old spelling of dropout2d",
    "fractional_max_pool2d": "random windows; the layer is described",
    "fractional_max_pool3d": "random windows; the layer is described",
    "fractional_max_pool2d_with_indices": "random windows",
    "fractional_max_pool3d_with_indices": "random windows",
    "gelu_": "internal",
    "lp_pool3d": "newer than most code",
    "multi_head_attention_forward": "internal to MultiheadAttention",
    "pdist": "pairs of rows: the size is a binomial coefficient",
    "linear_cross_entropy": "fuses a projection into a loss; no autoencoder code uses it yet",
    "native_channel_shuffle": "internal",
    "grouped_mm": "products of quantised matrices; no autoencoder code uses them",
    "scaled_grouped_mm": "products of quantised matrices; no autoencoder code uses them",
    "scaled_mm": "products of quantised matrices; no autoencoder code uses them",
}


def test_every_public_function_of_functional_is_described_or_left_out_for_a_reason() -> None:
    tree = ast.parse(inspect.getsource(torch.nn.functional))
    defined = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
    defined |= {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
    public = {
        n for n in defined if n.islower() and not n.startswith("_") and callable(getattr(torch.nn.functional, n, None))
    }
    plain = {n for n in public if not n.endswith(("_with_indices", "_"))}
    described = {n.removeprefix("torch.nn.functional.") for n in REGISTRY.functions}
    assert sorted(plain - described - set(LEFT_OUT_FUNCTIONS)) == []


USED = (
    "abs add addcmul all amax any arange argmax argmin bernoulli bmm broadcast_to cat cdist chunk clamp clip clone concat cos "
    "cumsum detach diag diagonal einsum empty eq erf exp expm1 eye flatten flip from_numpy full gather ge gt index_select isnan "
    "le lerp linspace log log1p log_softmax logsumexp lt masked_select matmul max maximum mean median meshgrid min minimum mm "
    "movedim mul multinomial narrow ne neg nonzero norm normal numel ones ones_like outer permute poisson pow prod rand randint "
    "rand_like randn randn_like randperm relu repeat_interleave reshape roll round rsqrt sigmoid sign sin softmax sort split sqrt "
    "square squeeze stack std sub sum tanh tensor tensordot tile topk transpose tril triu unbind unique unsqueeze var vstack "
    "where zeros zeros_like"
).split()
LEFT_OUT_USED = {"numel": "a number, not a tensor: the interpreter knows sizes itself"}


def test_the_functions_that_autoencoder_code_uses_are_described() -> None:
    missing = [n for n in USED if f"torch.{n}" not in REGISTRY.functions and n not in LEFT_OUT_USED]
    assert missing == []


def test_registered_spellings_exist_in_torch() -> None:
    """A misspelled name would silently never match."""
    for name in REGISTRY.functions:
        if not name.startswith("torch.") or name.startswith(("torch.distributions.", "torch.cuda.")):
            continue
        thing: Any = torch
        for part in name.split(".")[1:]:
            thing = getattr(thing, part, None)
        assert thing is not None, name
    for name in REGISTRY.methods:
        assert hasattr(torch.Tensor, name) or hasattr(torch.Tensor, f"{name}_"), name
