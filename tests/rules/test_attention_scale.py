"""Scores of attention and their scale."""

from __future__ import annotations

import pytest

from aelint.rules.architecture import attention_scale as rule
from tests.rules.harness import rows

HEAD = """import math
import torch
from torch import nn
import torch.nn.functional as F

q, k = nn.Linear(64, 16)(torch.rand(4, 10, 64)), nn.Linear(64, 16)(torch.rand(4, 10, 64))
n, m = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("F.softmax(q @ k.transpose(1, 2) / math.sqrt(16), dim=-1)", id="divided"),
        pytest.param("F.softmax(q @ k.transpose(1, 2) * 16 ** -0.5, dim=-1)", id="multiplied-by-the-inverse"),
        pytest.param("F.softmax(n @ m.transpose(1, 2) * 4.0, dim=-1)", id="cosines"),
        pytest.param("F.softmax(q @ k.transpose(1, 2) * 3.0, dim=-1)", id="a-temperature"),
        pytest.param("F.softmax(q @ k.transpose(1, 2) * 7.0, dim=-1)", id="root-of-another-size"),
        pytest.param("F.softmax(q @ k.transpose(1, 2), dim=-1)", id="unscaled-on-purpose"),
        pytest.param("F.softmax(q * 4.0, dim=-1)", id="no-products"),
        pytest.param("F.softmax((q + k) * 4.0, dim=-1)", id="additive-scores"),
        pytest.param("F.softmax(0.25 / (q @ k.transpose(1, 2)), dim=-1)", id="a-number-over-the-products"),
        pytest.param("F.softmax(torch.tanh(q @ k.transpose(1, 2) * 4.0), dim=-1)", id="bounded-afterwards"),
        pytest.param("F.softmax(q @ k.transpose(1, 2) * 4.05, dim=-1)", id="nearly-the-root"),
        pytest.param("F.softmax(q @ k.transpose(1, 2) / 0.0, dim=-1)", id="divided-by-zero"),
        pytest.param("F.softmax(q[..., :1] @ k[..., :1].transpose(1, 2) * 1.0, dim=-1)", id="one-number-each"),
        pytest.param("F.softmax(q @ somebody.keys(16) * 4.0, dim=-1)", id="an-operand-of-unknown-size"),
        pytest.param("F.softmax(None, dim=-1)", id="no-tensor"),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("F.softmax(q @ k.transpose(1, 2) * math.sqrt(16), dim=-1)", id="operator"),
        pytest.param("torch.softmax(4 * torch.matmul(q, k.transpose(-1, -2)), -1)", id="number-in-front"),
        pytest.param("torch.einsum('b i d, b j d -> b i j', q, k).mul(16 ** 0.5).softmax(dim=-1)", id="einsum"),
        pytest.param("F.softmax(torch.bmm(q, k.transpose(1, 2)) / 16 ** -0.5 + torch.zeros(10, 10), 2)", id="masked"),
    ],
)
def test_fires(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == [8]


BLOCK = """import torch
from torch import nn
import torch.nn.functional as F

class Attention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.scale = {scale}
        self.q, self.k, self.v = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, x):
        q, k, v = self.q(x), self.k(x), self.v(x)
        return {attended}
"""


@pytest.mark.parametrize(
    ("scale", "attended"),
    [
        pytest.param("dim ** -0.5", "(self.scale * q @ k.mT).softmax(-1) @ v", id="read"),
        pytest.param("dim ** -0.5", "F.scaled_dot_product_attention(q, k, v)", id="scaled-by-torch"),
        pytest.param("dim ** -0.5", "(q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v", id="scaled-in-place"),
        pytest.param("2.0", "(q @ k.mT).softmax(-1) @ v", id="another-scale"),
        pytest.param("dim ** -0.5", "q + k + v", id="no-attention"),
        pytest.param("dim ** -0.5", "(F.normalize(q, dim=-1) @ k.mT).softmax(-1) @ v", id="cosines"),
        pytest.param("dim ** -0.5", "q.softmax(-1) * v", id="no-products"),
        pytest.param("dim ** -0.5", "q @ (k.mT @ v)", id="no-softmax"),
        pytest.param("dim ** -0.5", "(q * getattr(self, 'scale') @ k.mT).softmax(-1) @ v", id="read-by-name"),
        pytest.param(
            "dim ** -0.5",
            "F.scaled_dot_product_attention(q, k, v) if x.is_cuda else (q @ k.mT).softmax(-1) @ v",
            id="scaled-by-torch-on-one-device",
        ),
    ],
)
def test_silent_on_blocks(scale: str, attended: str) -> None:
    assert rows(rule, BLOCK.format(scale=scale, attended=attended)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("self.scale", "self.width", id="no-scale-by-its-name"),
        pytest.param("(nn.Module)", "", id="no-network"),
    ],
)
def test_silent_where_the_root_is_no_scale_of_attention(old: str, new: str) -> None:
    unread = BLOCK.format(scale="dim ** -0.5", attended="(q @ k.mT).softmax(-1) @ v")
    assert rows(rule, unread) == [8]
    assert rows(rule, unread.replace(old, new)) == []


@pytest.mark.parametrize(
    ("scale", "attended"),
    [
        pytest.param("dim ** -0.5", "(q @ k.mT).softmax(-1) @ v", id="operator"),
        pytest.param("1 / dim.sqrt()", "torch.bmm(F.softmax(torch.bmm(q, k.transpose(1, 2)), dim=2), v)", id="bmm"),
    ],
)
def test_fires_on_a_scale_that_nothing_reads(scale: str, attended: str) -> None:
    assert rows(rule, BLOCK.format(scale=scale, attended=attended)) == [8]
