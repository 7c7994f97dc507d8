"""Tables of sines and cosines."""

from __future__ import annotations

import pytest

from aelint.rules.architecture import uneven_positional_encoding as rule
from tests.rules.harness import rows

HEAD = """import math
import numpy as np
import torch

pe = torch.zeros(100, 64)
position = torch.arange(0, 100).unsqueeze(1)
"""

ARTICLE = """div = torch.exp(torch.arange(0, 64, 2).float() * (-math.log(10000.0) / 64))
pe[:, 0::2] = torch.sin(position * div)
pe[:, 1::2] = torch.cos(position * div)
"""

LOOP = """for pos in range(100):
    for i in range(0, 64, 2):
        pe[pos, i] = math.sin(pos / (10000 ** ({sine} / 64)))
        pe[pos, i + 1] = math.cos(pos / (10000 ** ({cosine} / 64)))
"""

TABLE = """table = np.array([[pos / np.power(10000, {exponent} / 64) for i in range(64)] for pos in range(100)])
table[:, 0::2] = np.sin(table[:, 0::2])
table[:, 1::2] = np.cos(table[:, 1::2])
"""


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(ARTICLE, id="article"),
        pytest.param(ARTICLE.replace("position * div)", "position * div[:32])"), id="odd-widths"),
        pytest.param(LOOP.format(sine="i", cosine="i"), id="loop"),
        pytest.param(LOOP.format(sine="(2 * i)", cosine="(2 * i)"), id="loop-with-another-base"),
        pytest.param(TABLE.format(exponent="2 * (i // 2)"), id="table"),
        pytest.param("pe = torch.cat([(position * 0.1).sin(), (position * 0.2).cos()], dim=-1)", id="halves"),
        pytest.param(
            "f = 2.0 ** torch.arange(8)\npe[:, 0::2] = torch.sin(position * f)\npe[:, 1::2] = torch.cos(position * f)",
            id="octaves",
        ),
        pytest.param("pe[:, 0::2] = torch.sin(wave(position))\npe[:, 1::2] = torch.cos(tide(position))", id="unknown"),
        pytest.param(
            "t = torch.rand(9)[:, None] / 10000 ** (torch.arange(64) / 64)\nt[:, ::2] = t[:, ::2].sin()",
            id="sine-alone",
        ),
        pytest.param("x = np.arange(9) ** 0.5\ny = np.sin(x) + np.cos(x)", id="a-root"),
    ],
)
def test_silent(body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == []


@pytest.mark.parametrize(
    ("row", "body"),
    [
        pytest.param(8, ARTICLE.replace("position * div", "position / div"), id="divided"),
        pytest.param(10, LOOP.format(sine="i", cosine="(i + 1)"), id="next-exponent"),
        pytest.param(10, LOOP.format(sine="(2 * i)", cosine="(2 * (i + 1))"), id="doubled-and-next"),
        pytest.param(
            8,
            "pe[:, 0::2] = torch.sin(position / torch.pow(1000, torch.arange(0, 64, 2) / 64))\n"
            "pe[:, 1::2] = torch.cos(position / torch.pow(1000, torch.arange(1, 64, 2) / 64))",
            id="odd-exponents",
        ),
        pytest.param(7, TABLE.format(exponent="2 * i"), id="columns"),
        pytest.param(
            7,
            "f = torch.tensor([1 / 10_000 ** (2 * j / 64) for j in range(64)])\n"
            "pe[:, ::2] = torch.sin(position * f[::2])\npe[:, 1::2] = torch.cos(position * f[1::2])",
            id="a-vector-of-frequencies",
        ),
        pytest.param(
            8, "e = torch.arange(32).float() / 32\ne = e ** 1e-4\ny = torch.cat([e.sin(), e.cos()])", id="flat"
        ),
        pytest.param(
            8,
            "t = torch.rand(9)[:, None] / 10000 ** (2 * torch.arange(64) / 64)\nt[::2] = t[::2].sin()\nt[1::2] = t[1::2].cos()",
            id="rows",
        ),
    ],
)
def test_fires(row: int, body: str) -> None:
    assert rows(rule, HEAD + body + "\n") == [row]


ADDED = """
import torch
from torch import nn

class Encoding(nn.Module):
    def __init__(self, table, offsets):
        super().__init__()
        self.register_buffer("table", table)
        self.offsets = offsets

    def forward(self, x, past):
        {before}
        {add}
        return x
"""


@pytest.mark.parametrize(
    ("before", "add"),
    [
        pytest.param("n = x.shape[1]", "x = x + self.table[:, :n]", id="cut"),
        pytest.param("n = x.shape[1]", "x = x + self.table[0, torch.arange(n)]", id="an index for each position"),
        pytest.param("n = past.shape[1]", "x = x + self.table[:, n]", id="the length of what came before"),
        pytest.param("n = x.shape[1]", "n = n - past.shape[1]; x = x + self.table[:, n]", id="the name is set again"),
        pytest.param("n = x.shape[-1]", "x = x + self.table[n]", id="a table for each width"),
        pytest.param("factors = past.tolist()", "x = x + factors[x.shape[0]]", id="a table of something else"),
        pytest.param("", "x = x + self.table[:, x.shape[1] - 1, 3]", id="one element"),
    ],
)
def test_silent_on_rows_of_a_table(before: str, add: str) -> None:
    assert rows(rule, ADDED.format(before=before, add=add)) == []


@pytest.mark.parametrize(
    ("before", "add"),
    [
        pytest.param("", "x = x + self.table[:, x.shape[1], :]", id="size as an attribute"),
        pytest.param("", "x = self.table[x.size(0)].to(x.device) + x * 8.0", id="size as a method"),
        pytest.param("n, length, _ = x.shape", "x += self.table[:, length].detach()", id="by a name"),
        pytest.param("pos_emb = self.table * 2", "x = x + pos_emb[:, x.size(1)]", id="of its own"),
    ],
)
def test_one_row_for_all_positions(before: str, add: str) -> None:
    assert rows(rule, ADDED.format(before=before, add=add)) == [13]
