"""AEL722: tensors that are filled and never read."""

import pytest

from aelint.rules.variants import forgotten_mask as rule
from tests.rules.harness import rows

HEALTHY = {
    "read": "mask = torch.zeros(9)\n    mask[i] = 1\n    return x * mask",
    "returned": "mask = torch.zeros(9)\n    mask[i] = 1\n    return mask",
    "a view of the argument": "part = x[0]\n    part[i] = 0\n    return x",
    "an alias": "part = x\n    part[i] = 0\n    return x",
    "moved, perhaps not copied": "part = x.to('cpu')\n    part[i] = 0\n    return x",
    "read by a function inside": "mask = torch.zeros(9)\n    mask[i] = 1\n    return lambda: mask",
    "read in its own index": "mask = torch.zeros(9)\n    mask[mask == 0] = 1\n    return x",
    "changed by a method": "mask = torch.zeros(9)\n    mask[i] = 1\n    mask.add_(1)\n    return x",
    "never written to": "mask = torch.zeros(9)\n    return x",
    "kept elsewhere": "mask = torch.zeros(9)\n    mask[i] = 1\n    x.mask = mask\n    return x",
    "counts that nobody looks at": "counts = torch.zeros(9)\n    counts[i] += 1\n    return x",
    "global": "global mask\n    mask = torch.zeros(9)\n    mask[i] = 1\n    return x",
}


@pytest.mark.parametrize("body", HEALTHY.values(), ids=HEALTHY.keys())
def test_silent_on_healthy_neighbours(body):
    assert rows(rule, f"import torch\n\ndef f(x, i):\n    {body}\n\nf(torch.rand(9), 2)\n") == []


@pytest.mark.parametrize(
    "body",
    [
        "masked = x.clone()\n    masked[i] = 0.0\n    return x * 2",
        "mask = torch.zeros(9).bool()\n    mask[i] = True\n    return x",
        "noisy = copy.deepcopy(x)\n    noisy[i] += torch.rand(1)\n    noisy[0] = 1\n    return x",
        "mask = torch.ones_like(x)\n    for k in range(3):\n        mask[k] = 0\n    return x",
    ],
)
def test_fires(body):
    assert rows(rule, f"import copy, torch\n\ndef f(x, i):\n    {body}\n\nf(torch.rand(9), 2)\n") == [4]


def test_fires_in_a_method():
    source = """
        import torch

        class Masked(torch.nn.Module):
            def forward(self, x, hidden):
                kept = x.clone()
                kept[hidden] = self.token
                return self.encoder(x)
        """
    assert rows(rule, source) == [6]


DENOISER = """
import torch
from torch import nn

model = nn.Linear(9, 9)

def loss(x):
    {corrupt}
    return nn.functional.mse_loss(model({given}), x)

loss(torch.rand(8, 9))
"""


@pytest.mark.parametrize(
    ("corrupt", "given"),
    [
        ("noisy = x + torch.randn_like(x)", "noisy"),
        ("noisy = x + torch.randn_like(x); print(noisy.mean())", "x"),
        ("_noisy = x + torch.randn_like(x)", "x"),
        ("shifted = x + 1", "x"),
        ("mixed = x + model(torch.randn_like(x))", "x"),
    ],
)
def test_silent_where_the_corruption_is_used_or_is_none(corrupt, given):
    assert rows(rule, DENOISER.format(corrupt=corrupt, given=given)) == []


@pytest.mark.parametrize(
    "corrupt",
    [
        "noisy = x + 0.1 * torch.randn_like(x)",
        "noisy = (x + torch.randn(8, 9)).clamp(0, 1)",
        "masked = x * (torch.rand(8, 9) > 0.3)",
        "masked = x.masked_fill(torch.rand(8, 9) < 0.3, 0.0)",
    ],
)
def test_a_corruption_that_the_network_does_not_get_is_told_where_the_clean_one_is_given(corrupt):
    assert rows(rule, DENOISER.format(corrupt=corrupt, given="x")) == [9]


BLOCKS = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.attention = nn.MultiheadAttention(dim, 2, batch_first=True)

    def forward(self, x, padding_mask=None):
        return x + self.attention(x, x, x, key_padding_mask=padding_mask)[0]

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Block()
        self.layer = nn.TransformerEncoderLayer(16, 2, batch_first=True)
        self.smooth = nn.GRU(16, 16, batch_first=True)

    def forward(self, x, mask=None):
        {made}
        return {used}
"""
PADDING = "padding = ~mask if mask is not None else None"


@pytest.mark.parametrize(
    ("made", "used"),
    [
        pytest.param(PADDING, "self.block(x, padding_mask=padding)", id="handed on by name"),
        pytest.param(PADDING, "self.block(x, padding)", id="handed on by place"),
        pytest.param(PADDING, "self.smooth(x)[0]", id="nothing takes a mask"),
        pytest.param(PADDING, "self.layer(x, is_causal=True)", id="another kind of masking"),
        pytest.param("padding = mask == 0", "self.block(x) * mask[..., None]", id="the mask is used in another way"),
        pytest.param("length = mask.shape[1]", "self.block(x)[:, :3]", id="only its size was asked for"),
        pytest.param("padding_mask = x.sum(-1) == 0", "self.block(x, mask)", id="another mask is handed on by place"),
        pytest.param("_padding_mask = x.sum(-1) == 0", "self.block(x)", id="its name says that it is not used"),
        pytest.param("padding_mask = x.sum(-1) == 0", "self.block(*(x, mask))", id="who knows what is spread"),
    ],
)
def test_silent_where_no_mask_is_withheld(made, used):
    assert rows(rule, BLOCKS.format(made=made, used=used)) == []


@pytest.mark.parametrize(
    ("made", "used"),
    [
        pytest.param(PADDING, "self.block(x)", id="a block of the project"),
        pytest.param("hidden = mask.eq(0)", "self.layer(x)", id="a layer of torch"),
        pytest.param(
            "causal_mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])",
            "self.block.attention(x, x, x)[0]",
            id="made here",
        ),
    ],
)
def test_a_mask_is_computed_and_left_out(made, used):
    assert rows(rule, BLOCKS.format(made=made, used=used)) == [22]


TWO_MASKS = """
import torch
from torch import nn

class Layer(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.attention = nn.MultiheadAttention(dim, 2)

    def mix(self, x, attn_mask=None, padding=None):
        return self.attention(x, x, x, attn_mask=attn_mask, key_padding_mask=padding)

    def forward(self, x, padding=None, attn_mask=None):
        if attn_mask is not None:
            attn_mask = attn_mask.to(x.dtype).masked_fill(attn_mask, -1e8)
        return {used}[0]
"""


@pytest.mark.parametrize(
    ("used", "found"),
    [
        pytest.param("self.attention(x, x, x, padding, False, attn_mask)", [], id="by place"),
        pytest.param("self.attention(x, x, x, attn_mask=attn_mask)", [], id="by name"),
        pytest.param(
            "self.attention(x, x, x, key_padding_mask=padding, is_causal=True)", [], id="masked in another way"
        ),
        pytest.param("self.attention(x, x, x, **dict(attn_mask=attn_mask))", [], id="spread"),
        pytest.param("self.attention(x, x, x, key_padding_mask=padding, attn_mask=None)", [], id="left out on purpose"),
        pytest.param(
            "self.attention(x, x, x, key_padding_mask=padding, need_weights=False)", [16], id="by name, not it"
        ),
        pytest.param("self.attention(x, x, x, padding)", [16], id="by place, not it"),
        pytest.param("self.mix(x, padding=padding)", [16], id="a method of the network"),
    ],
)
def test_a_mask_is_left_out_beside_another_one(used, found):
    assert rows(rule, TWO_MASKS.format(used=used)) == found
