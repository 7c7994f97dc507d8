"""Attention and transformer layers."""

from __future__ import annotations

from aelint.semantics.domain.dims import Dim
from aelint.semantics.domain.values import Shape
from aelint.semantics.operators.api import Apply, Facts, fresh, unknown
from aelint.semantics.operators.axes import trailing
from aelint.semantics.operators.linear import check_features
from aelint.semantics.operators.ranges import NONNEGATIVE, UNIT
from aelint.semantics.operators.tables import REGISTRY

__all__: list[str] = []


@REGISTRY.layer(
    "MultiheadAttention",
    "embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False, add_zero_attn=False, kdim=None, vdim=None, "
    "batch_first=False, device=None, dtype=None",
    "query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None, average_attn_weights=True, is_causal=False",
    name="multihead_attention",
    stateful=True,
)
def _multihead(apply: Apply) -> tuple[object, ...]:
    query = apply.tensor("query")
    check_features(apply, query, apply.dim("embed_dim"))
    _check_operand(apply, "key", "kdim")
    _check_operand(apply, "value", "vdim")
    output = Facts(query.shape, query.last)
    match apply["need_weights"]:
        case False:
            return output, None
        case True:
            return output, Facts(
                _weights(apply, query.shape, apply.tensor("key").shape),
                (),
                UNIT if apply.number("dropout") == 0 else NONNEGATIVE,
            )
        case _:
            return output, unknown("float", NONNEGATIVE)


def _check_operand(apply: Apply, name: str, width: str) -> None:
    expected = apply.dim("embed_dim") if apply[width] is None else apply.dim(width)
    check_features(apply, apply.tensor(name), expected)


def _weights(apply: Apply, query: Shape | None, key: Shape | None) -> Shape | None:
    """Batch, target length and source length; one more axis for heads unless they are averaged."""
    plain = apply["add_bias_kv"] is False and apply["add_zero_attn"] is False
    if query is None or key is None or len(query) != len(key) or apply["average_attn_weights"] is not True or not plain:
        return None
    if len(query) == 2:
        return (query[0], key[0])
    match len(query), apply.flag("batch_first"):
        case 3, True:
            return (query[0], query[1], key[1])
        case 3, False:
            return (query[1], query[0], key[0])
        case _:
            return None


_LAYER = (
    "d_model, nhead, dim_feedforward=2048, dropout=0.1, activation='relu', layer_norm_eps=1e-05, batch_first=False, "
    "norm_first=False, bias=True, device=None, dtype=None"
)


@REGISTRY.layer(
    "TransformerEncoderLayer",
    _LAYER,
    "src, src_mask=None, src_key_padding_mask=None, is_causal=False",
    name="transformer_encoder_layer",
    stateful=True,
)
@REGISTRY.layer(
    "TransformerDecoderLayer",
    _LAYER,
    "tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None, memory_key_padding_mask=None, "
    "tgt_is_causal=False, memory_is_causal=False",
    name="transformer_decoder_layer",
    stateful=True,
)
def _layer(apply: Apply) -> Facts:
    x = _running(apply)
    _check_model_width(apply, x, apply.dim("d_model"))
    return Facts(x.shape, x.last)


def _running(apply: Apply) -> Facts:
    """The sequence that runs through the layers."""
    return apply.tensor("tgt" if "tgt" in apply.args else "src")


def _check_model_width(apply: Apply, x: Facts, width: Dim | None) -> None:
    if x.shape is not None and len(x.shape) not in {2, 3}:
        apply.conflict("rank", expected=(2, 3), shape=x.shape)
        return
    check_features(apply, x, width)
    if apply["memory"] is not None:
        check_features(apply, apply.tensor("memory"), width)


@REGISTRY.layer(
    "TransformerEncoder",
    "encoder_layer, num_layers, norm=None, enable_nested_tensor=True, mask_check=True",
    "src, mask=None, src_key_padding_mask=None, is_causal=None",
    name="transformer_encoder",
    stateful=True,
)
@REGISTRY.layer(
    "TransformerDecoder",
    "decoder_layer, num_layers, norm=None",
    "tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None, memory_key_padding_mask=None, "
    "tgt_is_causal=None, memory_is_causal=False",
    name="transformer_decoder",
    stateful=True,
)
def _stack(apply: Apply) -> Facts:
    x = _running(apply)
    inner = apply["encoder_layer"] if apply["encoder_layer"] is not None else apply["decoder_layer"]
    bound = getattr(inner, "bound", {})
    width = Apply(apply.name, {"d_model": bound.get("d_model")}).dim("d_model")
    if getattr(inner, "name", "").startswith("torch.nn.Transformer"):
        _check_model_width(apply, x, width)
    # A layer of the project's own may do anything to the shape but usually nothing; the final norm keeps it.
    known = getattr(inner, "name", "").startswith("torch.nn.Transformer")
    return Facts(x.shape, x.last) if known else unknown("float")


@REGISTRY.layer(
    "Transformer",
    "d_model=512, nhead=8, num_encoder_layers=6, num_decoder_layers=6, dim_feedforward=2048, dropout=0.1, "
    "activation='relu', custom_encoder=None, custom_decoder=None, layer_norm_eps=1e-05, batch_first=False, "
    "norm_first=False, bias=True, device=None, dtype=None",
    "src, tgt, src_mask=None, tgt_mask=None, memory_mask=None, src_key_padding_mask=None, tgt_key_padding_mask=None, "
    "memory_key_padding_mask=None, src_is_causal=None, tgt_is_causal=None, memory_is_causal=False",
    name="transformer",
    stateful=True,
)
def _transformer(apply: Apply) -> Facts:
    target = apply.tensor("tgt")
    if apply["custom_encoder"] is None and apply["custom_decoder"] is None:
        check_features(apply, target, apply.dim("d_model"))
        check_features(apply, apply.tensor("src"), apply.dim("d_model"))
        return Facts(target.shape, target.last)
    return unknown("float")


@REGISTRY.operation(
    "scaled_dot_product_attention",
    "query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False",
    functions="nn.functional.scaled_dot_product_attention",
)
def _scaled_dot_product(apply: Apply) -> Facts:
    query, key, value = (apply.tensor(n) for n in ("query", "key", "value"))
    widths = trailing(query)
    # Each output is an average of values (with no mask that hides all of them).
    bounds = value.range if apply["dropout_p"] == 0 and apply["attn_mask"] is None else unknown().range
    if widths and trailing(key):
        check_features(apply, query, trailing(key)[-1])
    if query.shape is not None and value.shape is not None and len(query.shape) == len(value.shape) >= 2:
        same = query.shape[:-2] == value.shape[:-2]
        return Facts((*query.shape[:-1], value.shape[-1]), (), bounds) if same else unknown("float", bounds)
    last = trailing(value)[-1:]
    return Facts(None, last or (fresh("features"),), bounds)
